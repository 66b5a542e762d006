"""How deeply JSON is nested, found out before it is parsed, or afterwards."""

from __future__ import annotations

import re
from typing import Any

from gossamer.serve.errors import ServeError, bad_request

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


def is_value_deeper(value: object, limit: int) -> bool:
    """Whether arrays and objects of JSON that is parsed lie in each other more than `limit` deep.

    Args:
        value: JSON.
        limit: how deep they may lie.
    """
    found: list[Any] = [value]
    for _ in range(limit + 1):  # each round goes one deeper
        found = [each for each in found if isinstance(each, dict | list)]
        if not found:
            return False
        found = [
            part for each in found for part in (each.values() if isinstance(each, dict) else each)
        ]
    return True


def too_deep(limit: int) -> ServeError:
    """400: JSON is nested more deeply than it may be."""
    return bad_request(f"JSON may be nested {limit} deep")
