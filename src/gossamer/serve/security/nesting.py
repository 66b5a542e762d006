"""How deeply JSON is nested, found out before it is parsed."""

from __future__ import annotations

import re

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # or one that has no end
_OTHERS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def is_nested_deeper(content: bytes, limit: int) -> bool:
    """Whether arrays and objects lie in each other more than `limit` deep.

    Of what is no JSON it may say either; its parser refuses it.

    Args:
        content: JSON.
        limit: how deep they may lie.
    """
    if content.count(b"[") + content.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", content).translate(None, _OTHERS)
    for _ in range(limit):  # each round takes the innermost away
        brackets = brackets.replace(b"[]", b"-").replace(b"{}", b"-").replace(b"-", b"")
        if not brackets:
            return False
    return True
