"""`/` and the page's files under /page.

The files are sent as they are in the package: there is no build step. They may load nothing from
other hosts and hold no inline script or style, and text cannot become HTML in them (Trusted Types);
the Content-Security-Policy sees to it. Only a picture that the assistant offers may come from
elsewhere, and only after the reader asks for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response

from gossamer.version import __version__

_HERE: Final = Path(__file__).parent
_INDEX: Final = "index.html"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: http: https:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

# "no-cache": kept by the browser, which asks each time whether it is still the same (ETag).
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    headers: dict[str, str]


def page_routes() -> APIRouter:
    """Routes of the page. They need no token: nothing of a conversation is in these files."""
    router = APIRouter(tags=["page"], include_in_schema=False)
    files = _read_files()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        """The page for browsers; for others a line of text, as Rasa's server answers."""
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(
                f"Hello from Gossamer: {__version__}", headers={"Vary": "Accept"}
            )
        return _answer(request, files[_INDEX], {"Vary": "Accept"})

    @router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "the page has no such file")
        return _answer(request, files[name])

    return router


def _read_files() -> dict[str, _File]:
    """All files, by their path under /page."""
    files = {}
    for path in sorted(_HERE.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            headers = _HEADERS | {"Content-Type": _TYPES[path.suffix], "ETag": tag}
            files[str(PurePosixPath(path.relative_to(_HERE)))] = _File(content, headers)
    return files


def _answer(request: Request, file: _File, more: dict[str, str] | None = None) -> Response:
    headers = file.headers | (more or {})
    known = request.headers.get("if-none-match", "")
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers)
