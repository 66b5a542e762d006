"""Routes of our own: a turn with all that happened in it, conversations listed and deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.runtime.turn import Turn, TurnAction
from gossamer.dialogue.runtime.turn_runner import TurnRunner
from gossamer.serve.bodies import Body, schema_of
from gossamer.serve.channels.channel import message_json
from gossamer.serve.errors import not_found
from gossamer.serve.faults import FolderNames
from gossamer.serve.forgetting import kept_of
from gossamer.serve.routes.documented import Answer, answers
from gossamer.serve.routes.json_bodies import free_body_of
from gossamer.serve.routes.parameters import CHANNEL, ConversationId
from gossamer.serve.routes.trackers import scored
from gossamer.serve.server import Server
from gossamer.serve.store.tables import ID_LENGTH

_BEST_SCORES = 10
_MOST_LISTED = 1_000


class TurnBody(Body):
    """A user's message."""

    text: str
    message_id: str | None = Field(
        None, description="One that was answered is not handled again; the answer is the same."
    )
    metadata: dict[str, Any] | None = None


class PolicyAnswer(Answer):
    """What a policy said."""

    policy: str
    priority: int
    scores: dict[str, float] = Field(description="Of the ten best actions.")
    confidence: float
    reason: dict[str, Any]


class ActionAnswer(Answer):
    """An action, and why it was done."""

    name: str
    policy: str | None = Field(description="null: no policy chose it, an event asked for it.")
    confidence: float | None
    predictions: list[PolicyAnswer]
    events: list[dict[str, Any]]
    problem: str | None = Field(description="Why it failed.")


class TurnAnswer(Answer):
    """What came of a message."""

    messages: list[dict[str, Any]]
    parse: dict[str, Any] | None = Field(
        description="What was understood; null where the message was answered before."
    )
    actions: list[ActionAnswer]
    slots: dict[str, Any]
    events: list[dict[str, Any]]


class ConversationsAnswer(Answer):
    """Ids of conversations."""

    conversations: list[str]


class ExportAnswer(Answer):
    """What is kept of a conversation."""

    sender_id: str
    exported: str = Field(description="When, as in ISO 8601.")
    version: str = Field(description="Of Gossamer.")
    events: list[dict[str, Any]]
    reminders: list[dict[str, Any]] = Field(description="Those that are pending.")


def turn_routes(server: Server) -> APIRouter:
    """Our own routes under /conversations."""
    router = APIRouter(prefix="/conversations", tags=["conversations"])
    names = FolderNames(server.settings)

    @router.get(
        "",
        summary="List conversations",
        responses=answers(ConversationsAnswer, "Ids, sorted"),
    )
    async def conversations(
        limit: Annotated[int, Query(ge=1, le=_MOST_LISTED, description="At most.")] = 100,
        after: Annotated[
            str, Query(max_length=ID_LENGTH, description="The last id of the page before.")
        ] = "",
    ) -> Response:
        """Page by page: ask for those after the last one, until there are none."""
        after = after.replace("\0", "")
        found = await server.in_thread(lambda: server.store.senders(limit, after))
        return JSONResponse({"conversations": found})

    @router.post(
        "/{conversation_id:path}/turns",
        summary="Say something, and see all that happens",
        openapi_extra=schema_of(TurnBody),
        responses=answers(TurnAnswer, "What came of it", 409, 413),
    )
    async def turns(request: Request, conversation_id: ConversationId) -> Response:
        """As the channel `rest`, with what was understood and why each action was done."""
        body = await free_body_of(request, TurnBody)
        server.check_text(body.text)
        seen: list[tuple[TurnRunner, Tracker]] = []

        def work(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
            after, turn = runner.handle(
                tracker,
                body.text,
                channel=CHANNEL,
                metadata=body.metadata,
                message_id=body.message_id,
            )
            seen.append((runner, after))
            return after, turn

        turn = await server.turn(conversation_id, work, message_id=body.message_id)
        if seen:
            runner, after = seen[-1]
        else:  # it was answered before
            runner, after = server.models.get().runner, await server.tracker(conversation_id)
        return JSONResponse(_turn_answer(turn, after, runner.domain, names))

    @router.get(
        "/{conversation_id:path}/export",
        summary="Get all that is kept of a conversation",
        responses=answers(ExportAnswer, "Its events and reminders", 404),
    )
    async def export(conversation_id: ConversationId) -> Response:
        """For the person whose it is. No model is needed."""
        kept = await server.in_thread(lambda: kept_of(server.store, conversation_id))
        if not kept.is_anything:
            raise not_found("there is no conversation of that id")
        return JSONResponse(kept.to_json())

    @router.delete(
        "/{conversation_id:path}",
        summary="Delete a conversation",
        status_code=204,
        response_class=Response,
        responses=answers(None, "It is gone, with its reminders", 404, status=204),
    )
    async def delete(conversation_id: ConversationId) -> Response:
        """For good."""
        if await server.delete(conversation_id) == 0:
            raise not_found("there is no conversation of that id")
        return Response(status_code=204)

    return router


def _turn_answer(turn: Turn, after: Tracker, domain: Domain, names: FolderNames) -> dict[str, Any]:
    parts = [message_json(after.sender_id, message) for message in turn.messages]
    heard = [event for event in turn.events if isinstance(event, UserUttered)]
    return {
        "messages": [part for message in parts for part in message],
        "parse": heard[0].parse_data if heard else None,
        "actions": [_action_answer(action, domain, names) for action in turn.actions],
        "slots": dict(after.slots),
        "events": [event.to_dict() for event in turn.events],
    }


def _action_answer(action: TurnAction, domain: Domain, names: FolderNames) -> dict[str, Any]:
    chosen = action.prediction
    return {
        "name": action.name,
        "policy": None if chosen is None else chosen.prediction.policy,
        "confidence": None if chosen is None else chosen.confidence,
        "predictions": [] if chosen is None else _predictions(chosen, domain),
        "events": [event.to_dict() for event in action.events],
        "problem": None if action.problem is None else names.left_out_of(str(action.problem)),
    }


def _predictions(chosen: EnsemblePrediction, domain: Domain) -> list[dict[str, Any]]:
    return [
        {
            "policy": each.policy,
            "priority": each.priority,
            "scores": dict(
                sorted(scored(each.scores, domain), key=lambda pair: -pair[1])[:_BEST_SCORES]
            ),
            "confidence": each.confidence,
            "reason": dict(each.reason),
        }
        for each in chosen.all
    ]
