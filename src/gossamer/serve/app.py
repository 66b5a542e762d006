"""The web application around a server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gossamer.serve.channels.including import include_channels, running_channels
from gossamer.serve.channels.registry import channels_of
from gossamer.serve.errors import ServeError
from gossamer.serve.reminders import Reminders
from gossamer.serve.routes.model import model_routes
from gossamer.serve.routes.server import server_routes
from gossamer.serve.server import Server
from gossamer.version import __version__

_log = logging.getLogger(__name__)


def create_app(server: Server) -> FastAPI:
    """The application, an ASGI one, of a server.

    Args:
        server: what answers; it gets its channels.

    Raises:
        InputError: a channel cannot be used.
    """
    channels = channels_of(server, server.credentials)
    server.channels = channels
    reminders = Reminders(server)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with running_channels(channels.values()), reminders.firing():
            yield

    app = FastAPI(title="Gossamer", version=__version__, lifespan=running)
    app.state.server = server
    app.add_exception_handler(ServeError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_fault)
    app.include_router(server_routes(server))
    if server.settings.enable_api:
        app.include_router(model_routes(server))
    include_channels(app, channels)
    return app


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServeError)
    return JSONResponse(error.to_dict(), error.status, headers=error.headers)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = ServeError(error.status_code, "NotFound", str(error.detail))
    return JSONResponse(answer.to_dict(), error.status_code, headers=error.headers)


async def _answer_fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of the server's own: the log has all of it, the client none."""
    answer = ServeError(500, "InternalError", "the server has a fault; its log says more")
    return JSONResponse(answer.to_dict(), 500)
