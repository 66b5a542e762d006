"""Exceptions as answers. What a server's disk looks like is no client's business."""

from __future__ import annotations

import logging
import re
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gossamer.data.errors import InputError
from gossamer.data.installed import MissingPartError
from gossamer.nlu.own.failures import OwnPartError
from gossamer.serve.errors import ServeError, bad_request, overloaded
from gossamer.serve.settings import ServerSettings
from gossamer.serve.store.errors import StoreError

_log = logging.getLogger(__name__)
_RETRY_AFTER: Final = 2
_END_OF_PATH: Final = r"[^\s'\"`,;:()<>\[\]{}]*"


class FolderNames:
    """Takes the names of the server's folders out of messages.

    Args:
        settings: name files of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        files = [
            *(settings.model, settings.config, settings.endpoints, settings.credentials),
            settings.teach,
        ]
        folders = {Path.cwd(), Path(tempfile.gettempdir()), Path(__file__).parents[2]}
        for file in filter(None, files):
            resolved = file.resolve()
            folders |= {resolved, resolved.parent, *([file] if file.is_absolute() else [])}
        folders.discard(Path("/"))
        known = sorted((re.escape(str(folder)) for folder in folders), key=len, reverse=True)
        tops = "|".join(sorted(re.escape(path.name) for path in Path("/").iterdir()))
        self._known = re.compile(rf"(?:{'|'.join(known)})(?:/|(?=\W|$))")
        self._others = re.compile(rf"(?<![\w./])/(?:{tops})/{_END_OF_PATH}")

    def left_out_of(self, text: str) -> str:
        """The text with paths cut to the part below a known folder, or to the file's name."""
        text = self._known.sub("", text)
        return self._others.sub(lambda found: found[0].rstrip("/").rpartition("/")[2], text)


def add_fault_handlers(app: FastAPI, settings: ServerSettings) -> None:
    """Answer all exceptions in one JSON shape.

    Args:
        app: the application.
        settings: of its server.
    """
    names = FolderNames(settings)

    async def answer_input_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, InputError)
        if isinstance(error, OwnPartError | MissingPartError):  # no client can put it right
            _log.error("%s", error)
            return await _answer_fault(request, error)
        return _json(bad_request(names.left_out_of(error.message)))

    app.add_exception_handler(ServeError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    app.add_exception_handler(StoreError, _answer_store_error)
    app.add_exception_handler(InputError, answer_input_error)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServeError)
    return _json(error)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    reason = HTTPStatus(error.status_code).phrase.replace(" ", "")
    answer = ServeError(error.status_code, reason, str(error.detail))
    return JSONResponse(answer.to_dict(), error.status_code, headers=error.headers)


async def _answer_parameters(request: Request, error: Exception) -> JSONResponse:
    """A parameter of the path or the query cannot be used: 400, as in Rasa."""
    assert isinstance(error, RequestValidationError)
    faults = [fault for fault in error.errors() if len(fault["loc"]) > 1]
    told = "; ".join(f"{fault['loc'][1]}: {fault['msg']}" for fault in faults[:5])
    first = faults[0]["loc"] if faults else ("query", "")
    return _json(
        bad_request(f"a parameter cannot be used: {told}", parameter=first[1], **{"in": first[0]})
    )


async def _answer_store_error(request: Request, error: Exception) -> JSONResponse:
    _log.warning("a conversation could not be read or written: %s", error)
    return _json(
        overloaded(
            "the conversation cannot be read or written at the moment", retry_after=_RETRY_AFTER
        )
    )


async def _answer_fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of the server's own: the log has all of it, the client none."""
    return _json(ServeError(500, "InternalError", "the server has a fault; its log says more"))


def _json(error: ServeError) -> JSONResponse:
    return JSONResponse(error.to_dict(), error.status, headers=error.headers)
