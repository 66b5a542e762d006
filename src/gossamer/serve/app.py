"""The web application around a server."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gossamer.serve.channels.rest import RestChannel
from gossamer.serve.errors import ServeError, overloaded
from gossamer.serve.routes.model import model_routes
from gossamer.serve.routes.server import server_routes
from gossamer.serve.server import Server
from gossamer.serve.store.errors import StoreError
from gossamer.version import __version__

_log = logging.getLogger(__name__)


def create_app(server: Server) -> FastAPI:
    """The application, an ASGI one, of a server.

    Args:
        server: what answers.
    """
    app = FastAPI(title="Gossamer", version=__version__)
    app.state.server = server
    app.add_exception_handler(ServeError, _answer_error)
    app.add_exception_handler(StoreError, _answer_store_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_fault)
    app.include_router(server_routes(server))
    if server.settings.enable_api:
        app.include_router(model_routes(server))
    for channel in (RestChannel(server, {}),):
        app.include_router(
            channel.routes(), prefix=f"/webhooks/{channel.name}", tags=[channel.name]
        )
    return app


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServeError)
    return JSONResponse(error.to_dict(), error.status, headers=error.headers)


async def _answer_store_error(request: Request, error: Exception) -> JSONResponse:
    """Nothing of the turn is stored, or it is not known: to repeat it with its id is safe."""
    _log.warning("a conversation could not be read or written: %s", error)
    answer = overloaded("the conversation cannot be read or written at the moment", retry_after=2)
    return JSONResponse(answer.to_dict(), answer.status, headers=answer.headers)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = ServeError(error.status_code, "NotFound", str(error.detail))
    return JSONResponse(answer.to_dict(), error.status_code, headers=error.headers)


async def _answer_fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of the server's own: the log has all of it, the client none."""
    answer = ServeError(500, "InternalError", "the server has a fault; its log says more")
    return JSONResponse(answer.to_dict(), 500)
