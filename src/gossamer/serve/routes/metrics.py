"""`/metrics`, which Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gossamer.serve.metrics import CONTENT_TYPE
from gossamer.serve.server import Server


def metrics_routes(server: Server) -> APIRouter:
    """`/metrics`; it needs the token, if there is one."""
    router = APIRouter(tags=["server"])

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        content = await server.all_metrics()
        return Response(content, headers={"Content-Type": CONTENT_TYPE})

    return router
