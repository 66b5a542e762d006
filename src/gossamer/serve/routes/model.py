"""`/model/parse` and what else is asked of the model."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gossamer.serve.bodies import Body, body_of, schema_of
from gossamer.serve.server import Server


class ParseBody(Body):
    """A text to understand."""

    text: str
    message_id: str | None = None


def model_routes(server: Server) -> APIRouter:
    """Routes under /model."""
    router = APIRouter(prefix="/model", tags=["model"])

    @router.post("/parse", openapi_extra=schema_of(ParseBody))
    async def parse(request: Request) -> JSONResponse:
        body = await body_of(request, ParseBody)
        result = (await server.parse(body.text)).to_dict()
        if body.message_id is not None:
            result["message_id"] = body.message_id
        return JSONResponse(result)

    return router
