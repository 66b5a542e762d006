"""A server whose answers are written down: the page's routes, and those that the page calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fake_look import FakeLook, include_look
from fake_teaching import FakeProject, include_teaching
from fake_training import FakeTraining, include_training
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from gossamer.serve.page.routes import page_routes

Event = dict[str, Any]
NASTY = "<img src=x onerror=\"document.title='broken in'\"><b>bold</b>"
ELSEWHERE = "https://pictures.example/cat.png"
TOKEN = "open sesame"


class Script:
    """Conversations, what was asked, and what is to go wrong.

    Attributes:
        events: by conversation.
        slots: by conversation.
        asked: bodies of requests to say something.
        n_failures: how many of the next ones are answered with 503, after they were handled if
            `fails_late`.
        token: what requests must bring, or None.
        greeting: what the assistant says when a session begins.
        project, training, look: what is under /teach.
    """

    def __init__(self) -> None:
        self.project = FakeProject()
        self.training = FakeTraining(self.project)
        self.look = FakeLook()
        self.reset()

    def reset(self) -> None:
        """As it was in the beginning."""
        self.events: dict[str, list[Event]] = {}
        self.slots: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.n_failures = 0
        self.fails_late = False
        self.token: str | None = None
        self.greeting: list[Event] = []
        self.project.reset()
        self.training.reset()
        self.look.reset()

    def slots_of(self, sender: str) -> dict[str, Any]:
        """The slots of a conversation."""
        return self.slots.setdefault(sender, {"city": None, "date": None, "language": "en"})

    def session(self) -> list[Event]:
        """How a conversation begins."""
        start, started, listen = _session()
        return [start, started, *self.greeting, listen]

    def say(self, sender: str, text: str, message_id: str) -> dict[str, Any]:
        """What comes of a message, which is stored; of one that was there before only messages."""
        slots = self.slots_of(sender)
        stored = self.events.setdefault(sender, [])
        known = any(event.get("message_id") == message_id for event in stored)
        if known:
            return {"messages": [], "parse": {}, "actions": [], "slots": slots, "events": []}
        answer = ANSWERS.get(text, _greet)(text)
        user = _event("user", text=text, parse_data=answer["parse"], message_id=message_id)
        events = [] if stored else self.session()
        events.append(user)
        actions = [*answer["actions"], _action("action_listen")]
        for action in actions:
            chosen = {key: action[key] for key in ("name", "policy", "confidence")}
            events += [_event("action", **chosen), *action["events"]]
            slots |= {e["name"]: e["value"] for e in action["events"] if e["event"] == "slot"}
        stored += events
        return {
            "messages": [],
            "parse": answer["parse"],
            "actions": actions,
            "slots": dict(slots),
            "events": events,
        }


def scripted_app(script: Script) -> FastAPI:
    """The application."""
    app = FastAPI()
    app.include_router(page_routes())

    def refusal(request: Request) -> JSONResponse | None:
        given = request.headers.get("authorization")
        if script.token is None or given == f"Bearer {script.token}":
            return None
        return JSONResponse({"message": "the token is missing or wrong"}, 401)

    @app.post("/conversations/{sender}/turns")
    async def turns(sender: str, request: Request) -> JSONResponse:
        refused = refusal(request)
        if refused is not None:
            return refused
        body = await request.json()
        script.asked.append(body)
        if script.n_failures:
            script.n_failures -= 1
            if script.fails_late:
                script.say(sender, body["text"], body["message_id"])
            return JSONResponse({"message": "too many messages are waiting"}, 503)
        return JSONResponse(script.say(sender, body["text"], body["message_id"]))

    @app.get("/conversations/{sender}/tracker")
    async def tracker(sender: str, request: Request) -> JSONResponse:
        refused = refusal(request)
        if refused is not None:
            return refused
        assert request.query_params["include_events"] == "ALL"
        # As in Rasa, a session begins for who asks, and it is not stored.
        events = script.events.get(sender) or script.session()
        return JSONResponse({"events": events, "slots": script.slots_of(sender)})

    def refusal_to_teach(request: Request) -> JSONResponse | None:
        if not script.project.is_on:
            return JSONResponse({"message": "there is no such path"}, 404)
        return refusal(request)

    include_teaching(app, script.project, refusal)
    include_training(app, script.training, refusal_to_teach)
    include_look(app, script.look, refusal_to_teach)
    return app


# ---- what is said -----------------------------------------------------------------------------


def _event(kind: str, **more: Any) -> Event:
    return {"event": kind, "timestamp": time.time(), **more}


def _bot(text: str | None, **data: Any) -> Event:
    return _event("bot", text=text, data=data)


def _slot(name: str, value: Any) -> Event:
    return _event("slot", name=name, value=value)


def _session() -> list[Event]:
    return [
        _event("action", name="action_session_start", policy=None, confidence=1.0),
        _event("session_started"),
        _event("action", name="action_listen", policy=None, confidence=None),
    ]


def _parse(text: str, intent: str = "greet", entities: Any = ()) -> dict[str, Any]:
    ranking = [{"name": intent, "confidence": 0.96}, {"name": "goodbye", "confidence": 0.03}]
    return {
        "text": text,
        "intent": ranking[0],
        "intent_ranking": ranking,
        "entities": list(entities),
    }


def _action(name: str, *events: Event, problem: str | None = None) -> dict[str, Any]:
    """An action that RulePolicy chose and TEDPolicy would not have."""
    return {
        "name": name,
        "policy": "RulePolicy",
        "confidence": 1.0,
        "predictions": [
            _prediction("RulePolicy", 4, {name: 1.0}, rules=["always so"]),
            _prediction("TEDPolicy", 1, {"utter_goodbye": 0.71, name: 0.24, "utter_x": 0.0}),
        ],
        "events": list(events),
        "problem": problem,
    }


def _prediction(policy: str, priority: int, scores: dict[str, float], **why: Any) -> Any:
    best = max(scores.values())
    return {
        "policy": policy,
        "priority": priority,
        "scores": scores,
        "confidence": best,
        "reason": why,
    }


def _greet(text: str) -> dict[str, Any]:
    return {
        "parse": _parse(text),
        "actions": [_action("utter_greet", _bot(f"Hello! You said: {text}"))],
    }


def _entity(text: str, value: str, kind: str, **more: Any) -> dict[str, Any]:
    start = text.index(value)
    end = start + len(value)
    return {"entity": kind, "value": value, "start": start, "end": end} | more


def _trip(text: str) -> dict[str, Any]:
    diet = {"extractor": "DIETClassifier", "confidence_entity": 0.98}
    entities = [
        _entity(text, "New York City", "city", role="destination", **diet),
        _entity(text, "York", "city", extractor="RegexEntityExtractor"),
        _entity(text, "tomorrow", "date", group="1", **diet),
    ]
    events = [
        _slot("city", "New York City"),
        _slot("date", "tomorrow"),
        _bot(
            "How many seats?",
            buttons=[
                {"title": "One", "payload": '/seats{"n": 1}'},
                {"title": "Two", "payload": '/seats{"n": 2}'},
            ],
        ),
    ]
    return {
        "parse": _parse(text, "book_trip", entities),
        "actions": [_action("utter_ask_seats", *events)],
    }


def _nasty(text: str) -> dict[str, Any]:
    entity = {"entity": NASTY, "value": NASTY, "start": 0, "end": len(NASTY), "role": NASTY}
    said = _bot(
        NASTY,
        buttons=[{"title": NASTY, "payload": NASTY}, {"title": "go", "url": "javascript:alert(1)"}],
        image="javascript:alert(1)",
        custom={"html": NASTY},
    )
    return {
        "parse": _parse(text, NASTY, [entity]),
        "actions": [_action(NASTY, _slot(NASTY, NASTY), said, problem=NASTY)],
    }


def _pictures(text: str) -> dict[str, Any]:
    said = [_bot("Look:", image=ELSEWHERE), _bot(None, image="/page/icon.svg")]
    return {"parse": _parse(text), "actions": [_action("utter_cat", *said)]}


def _broken(text: str) -> dict[str, Any]:
    action = _action("action_search", problem="action_search: the action server does not answer")
    return {"parse": _parse(text), "actions": [action, _action("utter_sorry", _bot("Sorry!"))]}


TRIP = "\N{FERRY}\N{RAINBOW} to New York City tomorrow, please"
ANSWERS: dict[str, Callable[[str], dict[str, Any]]] = {
    TRIP: _trip,
    NASTY: _nasty,
    "a picture": _pictures,
    "search": _broken,
}
