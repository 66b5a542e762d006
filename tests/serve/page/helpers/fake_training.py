"""What a server with `--teach` answers of the inbox, of trainings and of models."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fake_teaching import FakeProject
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

Json = dict[str, Any]
Refusal = Callable[[Request], JSONResponse | None]

REASONS = {
    "low_confidence": "not sure: book_trip, 41%",
    "small_margin": "book_trip or goodbye",
    "fallback": "the assistant fell back: utter_rephrase",
    "disagreement": "the policies disagree: utter_greet or utter_goodbye",
    "unlike_training": "no training example is like it",
    "often": "said 7 times in this or nearly this form",
}

SUMMARY = {
    "taught": {"n": 3, "before": 1, "after": 3},
    "test_messages": {"n": 120, "before": 104, "after": 107},
    "test_stories": {"n": 8, "before": 8, "after": 7},
}


def parse(text: str, intent: str | None, confidence: float, *entities: Json) -> Json:
    """What the model says of a text."""
    ranking = [{"name": intent, "confidence": confidence}, {"name": "goodbye", "confidence": 0.08}]
    return {"text": text, "intent": ranking[0], "intent_ranking": ranking, "entities": [*entities]}


def entity(text: str, value: str, kind: str, **more: Any) -> Json:
    """An entity where its value is in the text."""
    start = text.index(value)
    end = start + len(value)
    return {"entity": kind, "value": value, "start": start, "end": end} | more


def group(text: str, n: int, reasons: str, answer: Json) -> Json:
    """A group of the inbox; `reasons` are kinds."""
    messages = [
        {
            "text": text if i == 0 else f"{text}{'!' * i}",
            "when": 1_760_000_000.0 + 3600 * i,
            "sender_id": f"sender-{i}",
            "intent": answer["intent"]["name"],
            "confidence": answer["intent"]["confidence"],
        }
        for i in range(min(n, 5))
    ]
    return {
        "text": text,
        "n_messages": n,
        "reasons": [{"kind": kind, "text": REASONS[kind]} for kind in reasons.split()],
        "usefulness": 0.5,
        "parse": answer,
        "messages": messages,
    }


LOWMARSH = "i wanna get 2 Lowmarsh on fri"


def groups() -> list[Json]:
    """The inbox in the beginning."""
    to = entity(LOWMARSH, "Lowmarsh", "city", role="destination")
    return [
        group(
            LOWMARSH, 7, "low_confidence small_margin often", parse(LOWMARSH, "book_trip", 0.41, to)
        ),
        group(
            "the thing from before", 1, "fallback unlike_training", parse("", "nlu_fallback", 0.3)
        ),
        group("see ya", 2, "disagreement", parse("see ya", "goodbye", 0.77)),
        group("hiya", 1, "unlike_training", parse("hiya", "greet", 0.62)),
    ]


def comparison() -> Json:
    """What a training came to."""
    text = "from Ottersea to Lowmarsh"
    cities = [
        entity(text, "Ottersea", "city", role="departure"),
        entity(text, "Lowmarsh", "city", role="destination"),
    ]
    right = {"intent": "book_trip", "entities": cities}
    wrong_role = [cities[0] | {"role": "destination"}, cities[1]]
    message = {
        "kind": "message",
        "text": text,
        "expected": right,
        "before": {"intent": "book_trip", "confidence": 0.66, "entities": wrong_role},
        "after": right | {"confidence": 0.97},
    }
    short = [
        {
            "kind": "message",
            "text": f"see ya {i}",
            "expected": {"intent": "goodbye", "entities": []},
            "before": {"intent": "greet", "confidence": 0.55, "entities": []},
            "after": {"intent": "goodbye", "confidence": 0.91, "entities": []},
        }
        for i in range(10)
    ]
    actions = ["utter_greet", "utter_ask_seats"]
    story = {
        "kind": "story",
        "text": "ask for a seat",
        "expected": {"actions": actions},
        "before": {"actions": actions, "errors": []},
        "after": {
            "actions": ["utter_greet", "utter_goodbye"],
            "errors": [{"expected": "utter_ask_seats", "found": "utter_goodbye"}],
        },
    }
    return {
        "summary": SUMMARY,
        "better": [message, *short],
        "worse": [story],
        "still_wrong": [],
        "seconds": {"reading": 0.42, "training": 12.3, "testing": 2.1},
        "trained": ["DIETClassifier: examples changed", "TEDPolicy: stories changed"],
    }


PROGRESS = [
    {"stage": "reading", "part": None, "fraction": 0.02, "text": "Reading the project"},
    {
        "stage": "training",
        "part": "DIETClassifier",
        "fraction": 0.4,
        "text": "Training DIETClassifier, epoch 40 of 100",
    },
]


class FakeTraining:
    """The inbox, trainings and models.

    Args:
        project: where what is accepted is taught.

    Attributes:
        groups: of the inbox.
        accepted, dismissed: texts, in the order in which they came.
        trainings: oldest first.
        outcome: what a training becomes once all of `progress` was told.
        progress: what a running training tells, one a question; the last is told while `is_held`.
        models: oldest first.
        next_problem: what the next request that changes something is refused with, or None.
    """

    def __init__(self, project: FakeProject) -> None:
        self.project = project
        self.reset()

    def reset(self) -> None:
        """As in the beginning."""
        self.groups = groups()
        self.accepted: list[str] = []
        self.dismissed: list[str] = []
        self.trainings: list[Json] = []
        self.progress = list(PROGRESS)
        self.is_held = False
        self.outcome: Json = {"state": "done", "comparison": comparison()}
        self.next_problem: str | None = None
        self.models = [_model("20251101-080000-old", 1_761_984_000.0, None)]
        self.models.append(_model("20251120-090000-now", 1_763_629_200.0, SUMMARY))
        self.use(self.models[-1]["name"])

    def take(self, text: str) -> Json | None:
        """Take a group out of the inbox."""
        found = next((one for one in self.groups if one["text"] == text), None)
        if found is not None:
            self.groups.remove(found)
        return found

    def use(self, name: str) -> None:
        """Put a model in service."""
        for model in self.models:
            model["is_in_service"] = model["is_latest"] = model["name"] == name

    def look_at(self, training: Json) -> Json:
        """A training a moment later."""
        if training["state"] == "running":
            told = training.pop("told", 0)
            if told < len(self.progress) or self.is_held:
                training["progress"] = self.progress[min(told, len(self.progress) - 1)]
                training["told"] = told + 1
            else:
                training |= self.outcome
        return {key: value for key, value in training.items() if key != "told"}


def _model(name: str, when: float, summary: Json | None) -> Json:
    return {"name": name, "when": when, "size": 3_214_567, "summary": summary}


def include_training(app: FastAPI, fake: FakeTraining, refused: Refusal) -> None:
    """Add the routes; `refused` answers requests that are not let through."""
    router = APIRouter(prefix="/teach")

    def no(request: Request) -> JSONResponse | None:
        if fake.next_problem is not None and request.method != "GET":
            problem, fake.next_problem = fake.next_problem, None
            return JSONResponse({"message": problem}, 409)
        return refused(request)

    @router.get("/inbox")
    async def inbox(request: Request) -> JSONResponse:
        return no(request) or JSONResponse({"groups": fake.groups, "n_messages": 321})

    @router.post("/inbox/{verb}")
    async def settle(verb: str, request: Request) -> JSONResponse:
        answer = no(request)
        if answer is not None:
            return answer
        text = (await request.json())["text"]
        if verb == "restore":
            fake.dismissed.remove(text)
            return JSONResponse({"text": text})
        found = fake.take(text)
        if found is None:
            return JSONResponse({"message": "the inbox has no such text"}, 404)
        if verb == "dismiss":
            fake.dismissed.append(text)
            return JSONResponse({"text": text})
        fake.accepted.append(text)
        said = found["parse"]
        correction = {"kind": "message", "text": text, "intent": said["intent"]["name"]}
        correction["entities"] = said["entities"]
        return JSONResponse(fake.project.teach(correction, "local"))

    @router.post("/trainings")
    async def start(request: Request) -> JSONResponse:
        answer = no(request)
        if answer is not None:
            return answer
        if any(one["state"] == "running" for one in fake.trainings):
            return JSONResponse({"message": "a training runs already"}, 503)
        training = {"id": str(len(fake.trainings) + 1), "state": "running", "when": time.time()}
        fake.trainings.append(training | {"progress": None, "comparison": None, "error": None})
        return JSONResponse({"id": training["id"]}, 201)

    @router.get("/trainings")
    async def trainings(request: Request) -> JSONResponse:
        found = [fake.look_at(one) for one in reversed(fake.trainings)]
        return no(request) or JSONResponse({"trainings": found})

    @router.get("/trainings/{number}")
    async def training(number: int, request: Request) -> JSONResponse:
        return no(request) or JSONResponse(fake.look_at(fake.trainings[number - 1]))

    @router.delete("/trainings/{number}")
    async def cancel(number: int, request: Request) -> JSONResponse:
        answer = no(request)
        if answer is not None:
            return answer
        found = fake.trainings[number - 1]
        if found["state"] == "running":
            found["state"] = "cancelled"
        else:
            found["is_discarded"] = True
        return JSONResponse(fake.look_at(found))

    @router.post("/trainings/{number}/swap")
    async def swap(number: int, request: Request) -> JSONResponse:
        answer = no(request)
        if answer is not None:
            return answer
        fake.trainings[number - 1]["is_in_service"] = True
        fake.models.append(_model("20251129-180000-new", time.time(), SUMMARY))
        fake.use("20251129-180000-new")
        for taught in fake.project.taught:
            taught["is_trained"] = True
        return JSONResponse({"model": "20251129-180000-new"})

    @router.get("/models")
    async def models(request: Request) -> JSONResponse:
        return no(request) or JSONResponse({"models": fake.models})

    @router.post("/models/{name}/use")
    async def use(name: str, request: Request) -> JSONResponse:
        answer = no(request)
        if answer is not None:
            return answer
        fake.use(name)
        return JSONResponse({"model": name})

    app.include_router(router)
