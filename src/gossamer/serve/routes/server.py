"""What a server says of itself: version, health."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from gossamer.serve.errors import overloaded
from gossamer.serve.server import Server
from gossamer.version import __version__


def server_routes(server: Server) -> APIRouter:
    """`/version` and `/health`, which need neither token nor model."""
    router = APIRouter(tags=["server"])

    @router.get("/version")
    async def version() -> JSONResponse:
        return JSONResponse({"version": __version__, "minimum_compatible_version": __version__})

    @router.get("/health/live")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        if server.models.or_none is None:
            raise overloaded("no model is loaded")
        await server.in_thread(server.store.check)
        return JSONResponse({"status": "ok"})

    return router
