"""Routes of looks into the model that answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from gossamer.serve.routes.documented import answers
from gossamer.serve.teaching.answers import LookAnswer
from gossamer.serve.teaching.teaching import Teaching


def look_routes(teaching: Teaching) -> APIRouter:
    """Routes of looks."""
    router = APIRouter(prefix="/teach/look", tags=["teaching"])
    looks = teaching.looks
    documented: dict[int | str, dict[str, Any]] = answers(
        LookAnswer, "The look, or that it is being worked out", 409
    )

    @router.get("/layers", summary="Get the sparse layers", responses=documented)
    async def layers() -> Response:
        """Each with its counts, and its kernel as a picture."""
        return JSONResponse(await looks.layers())

    @router.get("/confusion", summary="Get the confusion matrix", responses=documented)
    async def confusion() -> Response:
        """Of the project's test messages, with the messages of each cell."""
        return JSONResponse(await looks.confusion())

    @router.get("/coverage", summary="Get error against coverage", responses=documented)
    async def coverage() -> Response:
        """Of the project's test messages, with a suggested threshold for FallbackClassifier."""
        return JSONResponse(await looks.coverage())

    @router.get(
        "/learning-curve",
        summary="Get the learning curve of an intent",
        responses=answers(LookAnswer, "The look, or that it is being worked out", 501),
    )
    async def learning_curve(
        intent: Annotated[str, Query(max_length=1_000, description="Of the project.")],
    ) -> Response:
        """Whether more examples of it would help."""
        return JSONResponse(await looks.learning_curve(intent))

    return router
