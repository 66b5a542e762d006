"""What a server says of itself: version, health, its model, its domain."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from gossamer.data.text.yaml_writer import yaml_lines
from gossamer.serve.errors import ServeError, overloaded
from gossamer.serve.routes.documented import Answer, answers, content
from gossamer.serve.server import Server
from gossamer.version import __version__

_YAML = "application/x-yaml"
_READY_SECONDS: Final = 5.0
"""In which the database must answer: whoever asks whether a server is ready waits no longer."""


class VersionAnswer(Answer):
    """Versions."""

    version: str
    minimum_compatible_version: str


class HealthAnswer(Answer):
    """Nothing is wrong."""

    status: str


class StatusAnswer(Answer):
    """The model that answers."""

    model_file: str
    model_id: str
    num_active_training_jobs: int


def server_routes(server: Server) -> APIRouter:
    """`/`, `/version` and `/health`, which need neither token nor model."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/",
        summary="Say hello",
        response_class=PlainTextResponse,
        responses={200: {"description": "A greeting", "content": content(text="text/plain")}},
    )
    async def hello() -> Response:
        return PlainTextResponse(f"Hello from Gossamer: {__version__}")

    @router.get(
        "/version",
        summary="Get the version",
        responses=answers(VersionAnswer, "Versions"),
    )
    async def version() -> Response:
        return JSONResponse({"version": __version__, "minimum_compatible_version": __version__})

    @router.get(
        "/health/live",
        summary="Whether the server runs",
        responses=answers(HealthAnswer, "It runs"),
    )
    async def live() -> Response:
        return JSONResponse({"status": "ok"})

    @router.get(
        "/health/ready",
        summary="Whether the server can answer messages",
        responses=answers(HealthAnswer, "It has a model, and its database answers"),
    )
    async def ready() -> Response:
        if server.models.or_none is None:
            raise overloaded("no model is loaded")
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await server.in_thread(server.store.check)
        except TimeoutError:
            raise overloaded("the database does not answer") from None
        return JSONResponse({"status": "ok"})

    return router


def status_routes(server: Server) -> APIRouter:
    """`/status` and `/domain`, of the API."""
    router = APIRouter(tags=["server"])

    @router.get(
        "/status",
        summary="Get the model that answers",
        responses=answers(StatusAnswer, "The model, and how many trainings run", 409),
    )
    async def status() -> Response:
        model = server.models.get()
        return JSONResponse(
            {
                "model_file": model.path.name,
                "model_id": model.model_id,
                "num_active_training_jobs": server.jobs.n_training,
            }
        )

    @router.get(
        "/domain",
        summary="Get the model's domain",
        responses={
            **answers(None, "", 406, 409),
            200: {
                "description": "The domain, in JSON or as the header `Accept` asks",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    **content(yaml=_YAML),
                },
            },
        },
    )
    async def domain(request: Request) -> Response:
        found = server.models.get().runner.domain.content
        accepted = request.headers.get("accept", "*/*")
        kinds = [kind.partition(";")[0].strip() for kind in accepted.lower().split(",")]
        if any(kind.endswith(("json", "/*")) for kind in kinds):
            return JSONResponse(dict(found))
        if any(kind.endswith(("yaml", "yml")) for kind in kinds):
            return PlainTextResponse("\n".join([*yaml_lines(found), ""]), media_type=_YAML)
        raise ServeError(
            406,
            "NotAcceptable",
            f"the domain comes as JSON or YAML. Try: Accept: application/json, or Accept: {_YAML}",
        )

    return router
