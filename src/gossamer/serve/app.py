"""The web application around a server."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from gossamer.serve.channels.rest import RestChannel
from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.observed import Observed
from gossamer.serve.routes.metrics import metrics_routes
from gossamer.serve.routes.model import model_routes
from gossamer.serve.routes.server import server_routes
from gossamer.serve.security.guard import Guard
from gossamer.serve.security.identity import Gatekeeper
from gossamer.serve.server import Server
from gossamer.version import __version__


def create_app(server: Server) -> FastAPI:
    """The application, an ASGI one, of a server.

    Args:
        server: what answers.

    Raises:
        ConfigError: the token or the key cannot be used.
    """
    app = FastAPI(title="Gossamer", version=__version__)
    app.state.server = server
    app.add_exception_handler(ServeError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    _protect(app, server)
    app.include_router(server_routes(server))
    app.include_router(metrics_routes(server))
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


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    reason = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
    answer = ServeError(error.status_code, reason, str(error.detail))
    headers = answer.headers | dict(error.headers or {})
    return JSONResponse(answer.to_dict(), error.status_code, headers=headers)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:5]
    ]
    answer = bad_request("the request must be as documented: " + "; ".join(faults))
    return JSONResponse(answer.to_dict(), answer.status)


def _protect(app: FastAPI, server: Server) -> None:
    """Put around the application, from the outside: what observes, other origins, the guard."""
    settings = server.settings
    gatekeeper = Gatekeeper(settings.auth_token, settings.jwt_secret, settings.jwt_method)
    app.add_middleware(Guard, gatekeeper=gatekeeper, limits=settings.limits)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=("*",),
            expose_headers=("filename", "Retry-After", "X-Request-ID"),
        )
    app.add_middleware(Observed, metrics=server.metrics)
