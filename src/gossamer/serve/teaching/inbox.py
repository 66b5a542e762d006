"""Routes of the inbox: stored messages that are worth a look, and what is done with them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from gossamer.serve.bodies import Body, schema_of
from gossamer.serve.routes.documented import answers
from gossamer.serve.routes.json_bodies import free_body_of
from gossamer.serve.teaching.answers import InboxAnswer, TaughtAnswer, TextAnswer
from gossamer.serve.teaching.teaching import Teaching
from gossamer.serve.teaching.who import Teacher
from gossamer.teach.inbox import InboxGroup

_MOST_SHOWN: Final = 20


class TextBody(Body):
    """A text of the inbox."""

    text: str


def inbox_routes(teaching: Teaching) -> APIRouter:
    """Routes of the inbox."""
    router = APIRouter(prefix="/teach/inbox", tags=["teaching"])

    async def text_of(request: Request) -> str:
        body = await free_body_of(request, TextBody)
        teaching.server.check_text(body.text)
        return body.text

    @router.get(
        "",
        summary="Get stored messages that are worth a look",
        responses=answers(InboxAnswer, "The most useful first, near-duplicates grouped", 409),
    )
    async def inbox(
        limit: Annotated[int, Query(ge=1, le=200, description="Groups at most.")] = 50,
    ) -> Response:
        """Of the newest 5,000 messages. What was taught or dismissed is not among them."""
        groups, n_messages = await teaching.inbox(limit)
        return JSONResponse(
            {"groups": [group_json(group) for group in groups], "n_messages": n_messages}
        )

    @router.post(
        "/accept",
        summary="Take what the model says of a text as right",
        openapi_extra=schema_of(TextBody),
        responses=answers(TaughtAnswer, "It is an example of the project now", 409, 413),
    )
    async def accept(request: Request, who: Teacher) -> Response:
        """Of the model that answers now. 400 where it has no intent."""
        taught = await teaching.accept(await text_of(request), who=who)
        return JSONResponse(taught.to_json())

    @router.post(
        "/dismiss",
        summary="Leave a text out of the inbox",
        openapi_extra=schema_of(TextBody),
        responses=answers(TextAnswer, "It is not shown again", 413),
    )
    async def dismiss(request: Request) -> Response:
        """Only a hash of it is kept."""
        text = await text_of(request)
        await teaching.dismiss(text)
        return JSONResponse({"text": text})

    @router.post(
        "/restore",
        summary="Let a text be in the inbox again",
        openapi_extra=schema_of(TextBody),
        responses=answers(TextAnswer, "It is shown again", 413),
    )
    async def restore(request: Request) -> Response:
        """One that was dismissed."""
        text = await text_of(request)
        await teaching.restore(text)
        return JSONResponse({"text": text})

    return router


def group_json(group: InboxGroup) -> dict[str, Any]:
    """A group as the page shows it: of its messages the first ones, without all of their parses."""
    content = group.to_json()
    return content | {
        "n": len(group.messages),
        "usefulness": float(group.usefulness),
        "messages": [
            {
                "text": message.text,
                "when": message.when,
                "sender_id": message.sender_id,
                "intent": message.intent,
                "confidence": (message.parse.get("intent") or {}).get("confidence"),
            }
            for message in group.messages[:_MOST_SHOWN]
        ],
    }
