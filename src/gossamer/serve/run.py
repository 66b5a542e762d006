"""Start a server and let it run."""

from __future__ import annotations

import uvicorn

from gossamer.serve.app import create_app
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings


def serve(settings: ServerSettings) -> None:
    """Serve until the process is told to end.

    Args:
        settings: what the server is told.

    Raises:
        InputError: a file of the settings cannot be used; nothing was started.
    """
    server = Server(settings)
    try:
        server.models.swap(server.load(settings.model))
        app = create_app(server)
        uvicorn.run(app, host=settings.host, port=settings.port, log_level="info", access_log=False)
    finally:
        server.close()
