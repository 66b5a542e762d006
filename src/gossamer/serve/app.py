"""The web application around a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from gossamer.serve.channels.including import include_channels, running_channels
from gossamer.serve.channels.registry import channels_of
from gossamer.serve.faults import add_fault_handlers
from gossamer.serve.observed import Observed
from gossamer.serve.page.routes import page_routes
from gossamer.serve.quick_routes import add_quick_route
from gossamer.serve.reminders import Reminders
from gossamer.serve.routes.conversations import conversation_routes
from gossamer.serve.routes.documented import describe
from gossamer.serve.routes.metrics import metrics_routes
from gossamer.serve.routes.model import model_routes
from gossamer.serve.routes.server import server_routes, status_routes
from gossamer.serve.routes.training import training_routes
from gossamer.serve.routes.turns import turn_routes
from gossamer.serve.security.guard import Guard
from gossamer.serve.security.identity import Gatekeeper
from gossamer.serve.security.loopback import OwnPagesOnly
from gossamer.serve.server import Server
from gossamer.version import __version__

if TYPE_CHECKING:
    from gossamer.serve.teaching.teaching import Teaching

API: Final = (status_routes, model_routes, training_routes, conversation_routes, turn_routes)
"""Routes that are there with --enable-api. Order counts: the last ones match what others do."""


def create_app(server: Server) -> FastAPI:
    """The application, an ASGI one, of a server.

    Args:
        server: what answers; it gets its channels.

    Raises:
        InputError: a channel, the token, the key, or the project to teach cannot be used.
    """
    channels = channels_of(server, server.credentials)
    server.channels = channels
    reminders = Reminders(server)
    teaching = _teaching_of(server)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with (
            running_channels(channels.values()),
            reminders.firing(),
            nullcontext() if teaching is None else teaching.running(),
        ):
            await server.started()
            yield

    app = FastAPI(title="Gossamer", version=__version__, lifespan=running)
    app.state.server = server
    add_fault_handlers(app, server.settings)
    if server.settings.enable_api:
        app.include_router(page_routes())  # first: its `/` answers browsers too
    app.include_router(server_routes(server))
    app.include_router(metrics_routes(server))
    if server.settings.enable_api:
        for routes in API:
            router = routes(server)
            app.include_router(router)
            if routes is model_routes:
                add_quick_route(app, router, "/model/parse")
    if teaching is not None:
        from gossamer.serve.teaching.routes import teaching_routes

        for router in teaching_routes(teaching):
            app.include_router(router)
    _protect(app, server, include_channels(app, channels))
    describe(app)
    return app


def _teaching_of(server: Server) -> Teaching | None:
    """What is taught, if a project is; other servers start without what that needs."""
    if server.settings.teach is None:
        return None
    from gossamer.serve.teaching.teaching import Teaching

    return Teaching(server)


def _protect(app: FastAPI, server: Server, channel_paths: Iterable[str]) -> None:
    """Put around the application, from the outside: what observes, other origins, the guard."""
    settings = server.settings
    gatekeeper = Gatekeeper(settings.auth_token, settings.jwt_secret, settings.jwt_method)
    own_pages = OwnPagesOnly(settings.cors) if settings.teach is not None else None
    app.add_middleware(
        Guard,
        gatekeeper=gatekeeper,
        limits=settings.limits,
        own_pages=own_pages,
        channel_paths=channel_paths,
    )
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=("*",),
            expose_headers=("filename", "Retry-After", "X-Request-ID"),
        )
    app.add_middleware(Observed, metrics=server.metrics)
