"""Rasa's routes under /conversations/ID: read, change, and go on with a conversation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import Field

from gossamer.dialogue.actions.action import stamped
from gossamer.dialogue.history.events import ActionExecuted, BotUttered, Event, SessionStarted
from gossamer.dialogue.history.situation import ACTION_SESSION_START
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import TurnRunner, latest_channel
from gossamer.serve.bodies import Body, schema_of
from gossamer.serve.channels.channel import message_json
from gossamer.serve.errors import bad_request, not_found
from gossamer.serve.reminders import entities_of
from gossamer.serve.routes.documented import (
    ActedAnswer,
    PredictionAnswer,
    TrackerAnswer,
    answers,
    content,
)
from gossamer.serve.routes.json_bodies import EVENTS_SCHEMA, events_of, free_body_of
from gossamer.serve.routes.parameters import (
    CHANNEL,
    ConversationId,
    Events,
    IncludeEvents,
    OutputChannel,
    Until,
)
from gossamer.serve.routes.stories import story_text
from gossamer.serve.routes.trackers import prediction_answer, tracker_answer, until
from gossamer.serve.server import Server

_LATEST = "latest"


class MessageBody(Body):
    """A message that is noted; nothing follows."""

    text: str | None = None
    sender: str = Field(description='"user", no other.', examples=["user"])
    parse_data: dict[str, Any] | None = Field(
        None, description="What was understood of it already; else it is parsed."
    )


class ActionBody(Body):
    """An action to do."""

    name: str = Field(min_length=1, examples=["utter_greet"])
    policy: str | None = Field(None, description="Who is noted as having chosen it.")
    confidence: float | None = Field(None, description="The confidence that is noted.")


class IntentBody(Body):
    """An intent that no user wrote."""

    name: str = Field(min_length=1, examples=["greet"])
    entities: list[dict[str, Any]] | dict[str, Any] | None = Field(
        None, description="With `entity` and `value` each; or values by entity."
    )


def conversation_routes(server: Server) -> APIRouter:
    """Rasa's routes under /conversations/ID."""
    router = APIRouter(prefix="/conversations/{conversation_id:path}", tags=["conversations"])
    get_router(router, server)
    change_router(router, server)
    return router


def get_router(router: APIRouter, server: Server) -> None:
    """Routes that change nothing."""

    @router.get(
        "/tracker",
        summary="Get a conversation",
        responses=answers(TrackerAnswer, "The conversation", 409),
    )
    async def tracker(
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
        until_time: Annotated[Until, Query(alias="until")] = None,
    ) -> Response:
        """A conversation that does not exist is shown as one that has just begun."""
        found = await server.tracker(conversation_id)
        if not found.events:
            runner = server.models.get().runner
            found, _ = await server.in_thread(lambda: runner.begin(found))
        return JSONResponse(tracker_answer(until(found, until_time), include_events))

    @router.get(
        "/story",
        summary="Get a conversation as a test story",
        response_class=PlainTextResponse,
        responses={
            **answers(None, "", 404, 409),
            200: {"description": "A story in YAML", "content": content(text="text/plain")},
        },
    )
    async def story(
        conversation_id: ConversationId,
        until_time: Annotated[Until, Query(alias="until")] = None,
        all_sessions: Annotated[
            bool, Query(description="One story for each session, rather than the last alone.")
        ] = False,
    ) -> Response:
        """`gossamer test core` reads it."""
        found = until(await _existing(server, conversation_id), until_time)
        text = await server.in_thread(lambda: story_text(found, all_sessions=all_sessions))
        return PlainTextResponse(text)

    @router.post(
        "/predict",
        summary="Predict the next action",
        responses=answers(PredictionAnswer, "What policies would do next", 404, 409),
    )
    async def predict(
        conversation_id: ConversationId, include_events: IncludeEvents = Events.AFTER_RESTART
    ) -> Response:
        """Nothing is done."""
        found = await _existing(server, conversation_id)
        runner = server.models.get().runner
        chosen = await server.in_thread(lambda: runner.predict(found))
        return JSONResponse(prediction_answer(chosen, runner.domain, found, include_events))


def change_router(router: APIRouter, server: Server) -> None:
    """Routes after which the conversation is another one."""

    @router.post(
        "/messages",
        summary="Add a message, and do nothing",
        openapi_extra=schema_of(MessageBody),
        responses=answers(TrackerAnswer, "The conversation", 409, 413),
    )
    async def messages(
        request: Request,
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
    ) -> Response:
        """The message is understood and fills slots; no action follows."""
        body = await free_body_of(request, MessageBody)
        if body.sender != "user":
            raise bad_request(
                'messages of the sender "user" alone can be added',
                **{"parameter": "sender", "in": "body"},
            )
        parsed = body.parse_data
        text = body.text if body.text is not None else (parsed or {}).get("text")
        if not isinstance(text, str):
            raise bad_request("a message must have a text")
        server.check_text(text)
        message = text if parsed is None else {**parsed, "text": text}
        after, _ = await _changed(
            server, conversation_id, lambda r, t: r.hear(t, message, channel=CHANNEL)
        )
        return JSONResponse(tracker_answer(after, include_events))

    @router.post(
        "/tracker/events",
        summary="Add events",
        openapi_extra=dict(EVENTS_SCHEMA),
        responses=answers(TrackerAnswer, "The conversation", 409, 413),
    )
    async def append(
        request: Request,
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
        output_channel: OutputChannel = None,
        execute_side_effects: Annotated[
            bool, Query(description="Send the messages among them to the output channel.")
        ] = False,
    ) -> Response:
        """One event, or a list of them. Reminders among them are scheduled."""
        events = [stamped(event, time.time()) for event in await events_of(request)]
        after, _ = await _changed(server, conversation_id, lambda r, t: _appended(r, t, events))
        if execute_side_effects:
            said = [event for event in events if isinstance(event, BotUttered)]
            await server.send(after.sender_id, _channel_name(after, output_channel), said)
        return JSONResponse(tracker_answer(after, include_events))

    @router.put(
        "/tracker/events",
        summary="Replace all events",
        openapi_extra=dict(EVENTS_SCHEMA),
        responses=answers(TrackerAnswer, "The conversation", 409, 413),
    )
    async def replace(
        request: Request,
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
    ) -> Response:
        """Whatever the conversation was, these are its events now."""
        events = [stamped(event, time.time()).to_dict() for event in await events_of(request)]
        model = server.models.get()
        async with server.order.turn_of(conversation_id):
            after = await server.in_thread(
                lambda: server.conversations.replace(model, conversation_id, events)
            )
        return JSONResponse(tracker_answer(after, include_events))

    @router.post(
        "/execute",
        summary="Do an action",
        openapi_extra=schema_of(ActionBody),
        responses=answers(ActedAnswer, "The conversation, and what was said", 404, 409, 413),
    )
    async def execute(
        request: Request,
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
        output_channel: OutputChannel = None,
    ) -> Response:
        """Whatever policies say. The conversation must exist."""
        body = await free_body_of(request, ActionBody)

        def work(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
            if not tracker.events:
                raise _no_conversation()
            if body.name not in runner.domain.action_index:
                raise not_found(f"the domain must have the action (got '{body.name}')")
            return runner.execute(
                tracker,
                body.name,
                policy=body.policy,
                confidence=body.confidence,
                channel=_channel_name(tracker, output_channel),
            )

        after, turn = await _changed(server, conversation_id, work)
        return await _acted(request, after, turn, output_channel, include_events)

    @router.post(
        "/trigger_intent",
        summary="Do what follows an intent",
        openapi_extra=schema_of(IntentBody),
        responses=answers(ActedAnswer, "The conversation, and what was said", 404, 409, 413),
    )
    async def trigger(
        request: Request,
        conversation_id: ConversationId,
        include_events: IncludeEvents = Events.AFTER_RESTART,
        output_channel: OutputChannel = None,
    ) -> Response:
        """The conversation goes on as if a user had meant it, though none wrote."""
        body = await free_body_of(request, IntentBody)
        entities = entities_of(body.entities)

        def work(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
            if body.name not in runner.domain.intent_names:
                raise not_found(f"the domain must have the intent (got '{body.name}')")
            channel = _channel_name(tracker, output_channel)
            return runner.trigger(tracker, body.name, entities, channel=channel)

        after, turn = await _changed(server, conversation_id, work)
        return await _acted(request, after, turn, output_channel, include_events)


async def _changed(
    server: Server,
    conversation_id: str,
    work: Callable[[TurnRunner, Tracker], tuple[Tracker, Turn]],
) -> tuple[Tracker, Turn]:
    """The conversation after a turn, which is stored."""
    after: list[Tracker] = []

    def noted(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
        result = work(runner, tracker)
        after.append(result[0])
        return result

    turn = await server.turn(conversation_id, noted)
    return after[-1], turn


async def _existing(server: Server, conversation_id: str) -> Tracker:
    found = await server.tracker(conversation_id)
    if not found.events:
        raise _no_conversation()
    return found


def _no_conversation() -> Exception:
    return not_found("there is no conversation of that id")


def _appended(runner: TurnRunner, tracker: Tracker, events: list[Event]) -> tuple[Tracker, Turn]:
    """The conversation with some more events; it begins first, unless they begin it."""
    begun: tuple[Event, ...] = ()
    first = events[0]
    begins = isinstance(first, SessionStarted) or (
        isinstance(first, ActionExecuted) and first.name == ACTION_SESSION_START
    )
    after = tracker.fork()
    if not tracker.events and not begins:
        after, turn = runner.begin(tracker)
        begun = turn.events
    after.update_all(events)
    return after, Turn(events=(*begun, *events))


async def _acted(
    request: Request, after: Tracker, turn: Turn, output_channel: str | None, include: Events
) -> Response:
    answer: dict[str, Any] = {"tracker": tracker_answer(after, include)}
    channel = _channel_name(after, output_channel)
    if not await request.app.state.server.send(after.sender_id, channel, turn.messages):
        parts = [message_json(after.sender_id, message) for message in turn.messages]
        answer["messages"] = [part for message in parts for part in message]
    return JSONResponse(answer)


def _channel_name(tracker: Tracker, output_channel: str | None) -> str:
    """Where answers go, which also decides among variations of responses."""
    given = latest_channel(tracker) if output_channel == _LATEST else output_channel
    return CHANNEL if given is None else given
