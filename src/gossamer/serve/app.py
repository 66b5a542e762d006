"""The web application around a server."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from gossamer.serve.channels.rest import RestChannel
from gossamer.serve.faults import add_fault_handlers
from gossamer.serve.page.routes import page_routes
from gossamer.serve.routes.conversations import conversation_routes
from gossamer.serve.routes.documented import describe
from gossamer.serve.routes.model import model_routes
from gossamer.serve.routes.server import server_routes, status_routes
from gossamer.serve.routes.training import training_routes
from gossamer.serve.routes.turns import turn_routes
from gossamer.serve.server import Server
from gossamer.version import __version__

API: Final = (status_routes, model_routes, training_routes, conversation_routes, turn_routes)
"""Routes that are there with --enable-api. Order counts: the last ones match what others do."""


def create_app(server: Server) -> FastAPI:
    """The application, an ASGI one, of a server.

    Args:
        server: what answers.
    """
    app = FastAPI(title="Gossamer", version=__version__)
    app.state.server = server
    add_fault_handlers(app, server.settings)
    if server.settings.enable_api:
        app.include_router(page_routes())  # first: its `/` answers browsers too
    app.include_router(server_routes(server))
    if server.settings.enable_api:
        for routes in API:
            app.include_router(routes(server))
    app.state.channels = {channel.name: channel for channel in (RestChannel(server, {}),)}
    for channel in app.state.channels.values():
        app.include_router(
            channel.routes(), prefix=f"/webhooks/{channel.name}", tags=[channel.name]
        )
    describe(app)
    return app
