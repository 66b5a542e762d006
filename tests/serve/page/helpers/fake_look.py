"""What a server with `--teach` answers under /teach/look, of a small and made-up model."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

from fake_training import entity, parse
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

Json = dict[str, Any]
Refusal = Callable[[Request], JSONResponse | None]

MODEL = "20251120-090000-now"
INTENTS = ["book_trip", "cancel_booking_of_a_trip", "goodbye", "greet", "out_of_scope"]


class FakeLook:
    """Answers by look.

    Attributes:
        answers: each is given until it is the last one of its list.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As in the beginning: all is there, the curve after a while."""
        begun = {"state": "running", "fraction": 0.25, "text": "Training with 5 of 20 examples"}
        self.answers: dict[str, list[Json]] = {
            "layers": [layers()],
            "confusion": [{"state": "running", "fraction": None, "text": "Testing"}, confusion()],
            "learning-curve": [begun, curve()],
            "coverage": [coverage()],
        }

    def answer(self, name: str) -> Json:
        """The next answer."""
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def include_look(app: FastAPI, fake: FakeLook, refused: Refusal) -> None:
    """Add the routes; `refused` answers requests that are not let through."""
    router = APIRouter(prefix="/teach/look")

    @router.get("/{name}")
    async def look(name: str, request: Request) -> JSONResponse:
        return refused(request) or JSONResponse(fake.answer(name))

    app.include_router(router)


def png(n_out: int, n_in: int, density: float) -> str:
    """A picture of a kernel, with alpha, as an address."""
    row = bytearray()
    state = 12345
    for _ in range(n_out):
        row.append(0)
        for _ in range(n_in):
            state = (1103515245 * state + 12345) % 2**31
            row += bytes((0x1F, 0x9E, 0x95, 255 if state < density * 2**31 else 0))
    parts = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", n_in, n_out, 8, 6, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(bytes(row))),
        _chunk(b"IEND", b""),
    ]
    encoded = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()
    return f"data:image/png;base64,{encoded}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    whole = kind + data
    return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))


def layers() -> Json:
    """Three layers, one of them wide."""
    shapes = [("input layer of text", 96, 64, 1), ("feed-forward in", 64, 256, 1)]
    shapes.append(("sparse features of words", 2400, 64, 5))
    made = [_layer(*shape) for shape in shapes]
    return {
        "state": "done",
        "model": MODEL,
        "layers": made,
        "n_weights": sum(one["n_weights"] for one in made),
        "n_possible": sum(one["n_in"] * one["n_out"] for one in made),
    }


def _layer(name: str, n_in: int, n_out: int, cells: int) -> Json:
    return {
        "component": "DIETClassifier",
        "name": name,
        "n_in": n_in,
        "n_out": n_out,
        "n_weights": n_in * n_out // 5,
        "density": 0.2,
        "inputs_of_an_output": {"least": n_in // 8, "mean": n_in / 5, "most": n_in // 4},
        "outputs_of_an_input": {"least": n_out // 8, "mean": n_out / 5, "most": n_out // 4},
        "n_outputs_without_inputs": 0,
        "n_inputs_unused": 2 if cells > 1 else 0,
        "cells_per_pixel": cells,
        "picture": png(-(-n_out // cells), -(-n_in // cells), 0.2),
    }


TESTED = {"kind": "test", "n_messages": 44, "text": "44 messages of tests/test_nlu.yml"}


def confusion() -> Json:
    """Five intents, with three kinds of mistakes."""
    cells = [_cell(intent, intent, 8) for intent in INTENTS]
    cells += [_cell("book_trip", "cancel_booking_of_a_trip", 2), _cell("greet", "goodbye", 1)]
    cells.append(_cell("out_of_scope", None, 1))
    return {
        "state": "done",
        "model": MODEL,
        "tested_on": TESTED,
        "intents": INTENTS,
        "n_right": 40,
        "cells": cells,
    }


def _cell(expected: str, predicted: str | None, n: int) -> Json:
    texts = [f"from Ottersea, {expected} {i}" for i in range(n)]
    messages = [
        {
            "text": text,
            "confidence": 0.61,
            "where": f"tests/test_nlu.yml, line {12 + i}",
            "parse": parse(text, predicted, 0.61, entity(text, "Ottersea", "city")),
        }
        for i, text in enumerate(texts)
    ]
    return {"expected": expected, "predicted": predicted, "n": n, "messages": messages}


def curve() -> Json:
    """More examples help."""
    f1 = {5: 0.55, 10: 0.68, 15: 0.74, 20: 0.81}
    points = [
        {"n_examples": n, "f1": value, "spread": 0.06, "precision": value + 0.05, "recall": value}
        for n, value in f1.items()
    ]
    return {
        "state": "done",
        "intent": "greet",
        "n_examples": 20,
        "n_test_messages": 9,
        "points": points,
        "advice": "more_helps",
        "text": "From 15 to 20 examples F1 rose by 0.07: more examples will probably help.",
        "how": "Trained 8 times with a part of the examples of this intent and all of the others.",
    }


def coverage() -> Json:
    """As `confidence_report` has it."""
    thresholds = [i / 50 for i in range(50)]
    shares = [1 - i / 60 for i in range(50)]
    errors = [0.12 * (1 - i / 50) ** 2 for i in range(50)]

    def point(i: int) -> Json:
        n_answered = round(200 * shares[i])
        n_wrong = round(n_answered * errors[i])
        return {
            "threshold": thresholds[i],
            "coverage": shares[i],
            "error": errors[i],
            "n_answered": n_answered,
            "n_wrong": n_wrong,
            "n_right_withheld": 200 - n_answered - (24 - n_wrong),
        }

    return {
        "state": "done",
        "model": MODEL,
        "tested_on": TESTED | {"n_messages": 200, "text": "200 messages of tests/test_nlu.yml"},
        "calibration_error": 0.07,
        "n_messages": 200,
        "everything": point(0),
        "own": point(15),
        "suggested": point(31),
        "no_suggestion_because": None,
        "reaching": [
            {"target_error": 0.05, "point": point(18)},
            {"target_error": 0.01, "point": None},
        ],
        "curve": {"threshold": thresholds, "coverage": shares, "error": errors},
        "where": "config.yml, line 14",
    }
