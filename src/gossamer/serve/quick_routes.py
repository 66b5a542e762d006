"""Routes of each message, found before all others and without FastAPI's layers.

FastAPI describes them, and would do the same with more steps: it looks through the routers one by
one, and solves dependencies that these routes do not have.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match, Route
from starlette.types import Scope


def add_quick_route(app: FastAPI, router: APIRouter, path: str, prefix: str = "") -> None:
    """Let a route be found first.

    Args:
        app: the application, which has the router already.
        router: has the route `POST path`, whose function takes a request and gives an answer.
        path: as the route was declared.
        prefix: of the router in the application.
    """
    for route in router.routes:
        if isinstance(route, APIRoute) and route.path == path and "POST" in (route.methods or ()):
            app.router.routes.insert(0, _QuickRoute(prefix + path, route.endpoint))
            return
    raise ValueError(f"a router must have the route POST {path}")


class _QuickRoute(Route):
    def __init__(self, path: str, endpoint: object) -> None:
        super().__init__(path, endpoint, methods=["POST"], include_in_schema=False)  # type: ignore[arg-type]
        self._whole = path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Only the very path and method; what else there is to say the usual routes say."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != self._whole:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": {}, "route": self}
