"""What a server with `--teach` answers under /teach, from a project of a few lines."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

Correction = dict[str, Any]

NLU, STORIES = "data/nlu.yml", "data/taught_stories.yml"
FILES = {
    NLU: """\
nlu:
- intent: greet
  examples: |
    - hello
    - hi there
- intent: book_trip
  examples: |
    - to [Ottersea]{"entity": "city", "role": "destination"}
"""
}


class FakeProject:
    """A project's files, and what was taught.

    Attributes:
        files: by path.
        taught: in the order of teaching, as the server tells it.
        teachers: the header X-Teacher of each request that changes something.
        is_on: False answers 404 to all, as without `--teach`.
        senders: the conversation from which each correction comes.
        previewed: corrections whose diff was asked for.
        problem: what the next request that sends something is refused with, or None.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As in the beginning, and off."""
        self.is_on = False
        self.files = dict(FILES)
        self.taught: list[dict[str, Any]] = []
        self.teachers: list[str | None] = []
        self.senders: list[str | None] = []
        self.previewed: list[Correction] = []
        self.problem: str | None = None

    def description(self) -> dict[str, Any]:
        """What `GET /teach/project` answers."""
        return {
            "intents": [
                {"name": name, "n_examples": self._n_examples(name)}
                for name in ("book_trip", "goodbye", "greet", "out_of_scope")
            ],
            "entities": [
                {
                    "name": "city",
                    "roles": ["departure", "destination"],
                    "groups": [],
                    "values": ["Ottersea"],
                },
                {"name": "date", "roles": [], "groups": ["1"], "values": []},
            ],
            "actions": ["action_search"],
            "responses": ["utter_ask_seats", "utter_goodbye", "utter_greet"],
            "forms": ["trip_form"],
            "slots": [
                {"name": "city", "type": "text", "values": []},
                {"name": "language", "type": "categorical", "values": ["en", "de"]},
            ],
            "out_of_scope": "out_of_scope",
            "has_out_of_scope": True,
            "has_test_messages": True,
            "has_test_stories": True,
        }

    def change(self, correction: Correction) -> tuple[str, str]:
        """The file that a correction changes and its new text."""
        if correction["kind"] == "story":
            lines = [f"- story: {correction['name']}", "  steps:"]
            lines += [f"  - {step}" for step in correction["steps"]]
            before = self.files.get(STORIES, "stories:\n")
            return STORIES, before + "\n".join(lines) + "\n"
        before = self.files[NLU]
        line = f"    - {annotated(correction)}\n"
        head = f"- intent: {correction['intent']}\n  examples: |\n"
        if line in before.partition(head)[2].partition("- intent")[0]:
            return NLU, before
        left = before.replace(f"    - {correction['text']}\n", "")  # it is moved
        return NLU, left.replace(head, head + line) if head in left else left + head + line

    def diff(self, path: str, after: str) -> str:
        """The unified diff of a file's change."""
        before = self.files.get(path)
        lines = difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            after.splitlines(keepends=True),
            "/dev/null" if before is None else f"a/{path}",
            f"b/{path}",
        )
        return "".join(lines)

    def teach(self, correction: Correction, who: str) -> dict[str, Any]:
        """Write a correction."""
        correction = dict(correction)
        self.senders.append(correction.pop("sender_id", None))
        path, after = self.change(correction)
        entry = {
            "id": len(self.taught) + 1,
            "when": time.time(),
            "who": who,
            "correction": correction,
            "diff": self.diff(path, after),
            "files": [{"path": path, "before": self.files.get(path), "after": after}],
            "is_undone": False,
            "is_trained": False,
        }
        self.files[path] = after
        self.taught.append(entry)
        return entry

    def undo(self, number: int, who: str) -> dict[str, Any]:
        """Take it out again."""
        entry = self.taught[number - 1]
        entry |= {"is_undone": True, "undone_by": who, "undone_when": time.time()}
        for file in entry["files"]:
            if file["before"] is None:
                del self.files[file["path"]]
            else:
                self.files[file["path"]] = file["before"]
        return entry

    def _n_examples(self, intent: str) -> int:
        block = self.files[NLU].partition(f"- intent: {intent}\n")[2].partition("- intent")[0]
        return block.count("    - ")


def annotated(correction: Correction) -> str:
    """A message with its entities in brackets. Their places count characters."""
    text: str = correction["text"]
    for entity in sorted(correction["entities"], key=lambda one: -one["start"]):
        covered = text[entity["start"] : entity["end"]]
        labels = {key: value for key, value in entity.items() if key not in ("start", "end")}
        named = f"[{covered}]{json.dumps(labels, ensure_ascii=False)}"
        text = text[: entity["start"]] + named + text[entity["end"] :]
    return text


def similar_to(text: str, intent: str | None = None) -> list[dict[str, Any]]:
    """Two stored messages; the model takes one for a greeting and one for a trip."""
    said = [(f"{text} again", "greet", 0.55), ("to Lowmarsh", "book_trip", 0.9)]
    return [
        {
            "text": like,
            "parse": {
                "text": like,
                "intent": {"name": name, "confidence": confidence},
                "intent_ranking": [{"name": name, "confidence": confidence}],
                "entities": [],
            },
            "agrees": name == intent,
        }
        for like, name, confidence in said
    ]


def include_teaching(app: FastAPI, project: FakeProject, refusal: Refusal) -> None:
    """Add the routes under /teach that correct; `refusal` answers requests without a token."""
    router = APIRouter(prefix="/teach")

    def refused(request: Request) -> JSONResponse | None:
        if not project.is_on:
            return JSONResponse({"message": "there is no such path"}, 404)
        if request.method == "POST" and not request.url.path.endswith("/preview"):
            project.teachers.append(request.headers.get("x-teacher"))
        if project.problem is not None and request.method == "POST":
            problem, project.problem = project.problem, None
            return JSONResponse({"message": problem}, 400)
        return refusal(request)

    def who_of(request: Request) -> str:
        return unquote(request.headers.get("x-teacher", "local"))

    @router.get("/project")
    async def description(request: Request) -> JSONResponse:
        return refused(request) or JSONResponse(project.description())

    @router.post("/preview")
    async def preview(request: Request) -> JSONResponse:
        no = refused(request)
        if no is not None:
            return no
        correction = await request.json()
        correction.pop("sender_id", None)
        project.previewed.append(correction)
        path, after = project.change(correction)
        text = correction.get("text")
        return JSONResponse(
            {
                "diff": project.diff(path, after),
                "files": [{"path": path, "before": project.files.get(path), "after": after}],
                "similar": [] if text is None else similar_to(text, correction["intent"]),
            }
        )

    @router.post("/corrections")
    async def teach(request: Request) -> JSONResponse:
        no = refused(request)
        if no is not None:
            return no
        return JSONResponse(project.teach(await request.json(), who_of(request)))

    @router.get("/corrections")
    async def corrections(request: Request) -> JSONResponse:
        return refused(request) or JSONResponse({"corrections": project.taught})

    @router.post("/corrections/{number}/undo")
    async def undo(number: int, request: Request) -> JSONResponse:
        return refused(request) or JSONResponse(project.undo(number, who_of(request)))

    app.include_router(router)


Refusal = Callable[[Request], JSONResponse | None]
