"""Plain values as YAML 1.2 text that this package and Rasa read alike.

Texts are plain only where nothing could take them for something else, block texts (`|`) where they
have several ordinary lines, double-quoted otherwise.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from gossamer.data.errors import DataError
from gossamer.data.text.yaml_tree import ESCAPE

# Begins with a letter, and holds nothing that YAML gives a meaning to.
_PLAIN = re.compile(r"[^\W\d_][\w .,/()'+?!_-]*", re.ASCII)
_RESERVED = re.compile(r"(?i)true|false|null|yes|no|on|off|y|n")
# What YAML does not allow, or takes for a line break.
_UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def is_block_safe(text: str) -> bool:
    """Whether a text means itself as a line of a block (`|`): nothing in it is decoded."""
    return _UNPRINTABLE.search(text) is None and ESCAPE.search(text) is None


def double_quoted(text: str) -> str:
    """A text in double quotes, with escapes where YAML needs them.

    Raises:
        DataError: the text holds half a surrogate pair.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError("a text must not hold half a surrogate pair", got=text) from None
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def yaml_text(text: str) -> str:
    """A text on one line: plain or double-quoted."""
    if _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text) and not text.endswith(" "):
        return text
    return double_quoted(text)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return yaml_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            # YAML wants a point in the mantissa to tell a float: 1e+16 would be one, but 1e16 is
            # read by some as a text.
            digits = repr(value)
            return digits if "." in digits else digits.replace("e", ".0e")
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    raise DataError(
        "a value must be a text, a number, true, false, null, a list or a mapping to be written",
        got=value,
    )


def yaml_lines(value: object) -> list[str]:
    """A value as lines of YAML, not indented.

    Args:
        value: texts, numbers, truth values, None, and lists and mappings of these.

    Raises:
        DataError: another type, or a key that is a list or a mapping.
    """
    if isinstance(value, Mapping) and value:
        lines: list[str] = []
        for key, part in value.items():
            if isinstance(key, list | tuple | Mapping):
                raise DataError("a key must be a text or a number to be written", got=key)
            lines += yaml_entry(_scalar(key), part)
        return lines
    if isinstance(value, list | tuple) and value:
        lines = []
        for part in value:
            first, *rest = yaml_lines(part)
            lines.append(f"- {first}")
            lines += (f"  {line}" if line else line for line in rest)
        return lines
    if isinstance(value, Mapping):
        return ["{}"]
    if isinstance(value, list | tuple):
        return ["[]"]
    return [_scalar(value)]


def yaml_entry(key: str, value: object) -> list[str]:
    """A key, already written, with its value: on one line where the value has one."""
    if isinstance(value, str) and _reads_better_as_block(value):
        *lines, last = value.split("\n")
        header = "|" if last == "" else "|-"
        lines += [last] if last else []
        return [f"{key}: {header}", *(f"  {line}" if line else "" for line in lines)]
    lines = yaml_lines(value)
    if isinstance(value, list | tuple | Mapping) and value:
        # Lists may have the indentation of their key.
        indent = "" if isinstance(value, list | tuple) else "  "
        return [f"{key}:", *(f"{indent}{line}" if line else line for line in lines)]
    return [f"{key}: {lines[0]}"]


def _reads_better_as_block(text: str) -> bool:
    if "\n" not in text or not is_block_safe(text) or text[0] in " \t\n":
        return False
    body = text.removesuffix("\n")
    return not body.endswith("\n") and all(
        line == line.rstrip(" \t") and not line.startswith("\t") for line in body.split("\n")
    )
