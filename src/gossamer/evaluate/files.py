"""What report files hold, in bytes; `gossamer.data.text.files` writes them, all or none."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def text_bytes(text: str) -> bytes:
    """A text in UTF-8; half a surrogate pair, which UTF-8 cannot express, is escaped."""
    return text.encode("utf-8", "backslashreplace")


def json_bytes(content: Any) -> bytes:
    """JSON, indented; what JSON does not have (dates in values) is written as text."""
    text = json.dumps(content, indent=4, ensure_ascii=False, default=str)
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which UTF-8 cannot express but JSON's escapes can.
        raw = json.dumps(content, indent=4, default=str).encode()
    return raw + b"\n"


def png_bytes(figure: Figure, *, dpi: int | None = None) -> bytes:
    """A figure as PNG.

    Args:
        figure: drawn.
        dpi: pixels an inch; None for the figure's own.
    """
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi="figure" if dpi is None else dpi)
    return file.getvalue()
