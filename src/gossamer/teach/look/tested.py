"""What a model says of the project's test messages: what it confuses, and how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gossamer.assistant import Assistant
from gossamer.data.errors import Location
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.text.wording import counted
from gossamer.evaluate.fallback import advise_fallback, confidence_report
from gossamer.evaluate.intents import IntentEvaluation, evaluate_intents, without_fallback
from gossamer.evaluate.nlu import pipeline_fallback_threshold
from gossamer.nlu.pipeline.parse import Parse

_AT_A_TIME: Final = 64
_MOST_MESSAGES: Final = 50
_MOST_RANKED: Final = 5
_MOST_POINTS: Final = 200

_NOTHING: Final = {
    "state": "none",
    "text": "There are no messages with an intent to test on.",
    "hint": "examples with intents in the project's folder tests/",
}


@dataclass(frozen=True, kw_only=True)
class TestedMessages:
    """Messages with what a model says of them.

    Attributes:
        kind: "test", or "training": the project has no test messages, and figures are too good.
        text: which messages these are.
        examples: each once, with an intent.
        parses: of these.
        own_threshold: of the model's FallbackClassifier, or None.
    """

    __test__ = False  # no test of pytest's

    kind: str
    text: str
    examples: tuple[Example, ...]
    parses: tuple[Parse, ...]
    own_threshold: float | None

    @classmethod
    def of(
        cls,
        assistant: Assistant,
        tests: Path,
        training: Callable[[], TrainingData],
        on_share: Callable[[float], None] = lambda share: None,
        *,
        parse_many: Callable[[Sequence[str]], Sequence[Parse]] | None = None,
    ) -> TestedMessages:
        """Ask a model about the test messages of a project.

        Args:
            assistant: it understands texts.
            tests: the folder with the project's test data; it may be missing.
            training: gives what it was trained on, which is asked about if there are no test
                messages.
            on_share: told how much is done.
            parse_many: understands texts with this model where others use it, too; None: the
                assistant does.

        Raises:
            InputError: a file of test data cannot be read as meant.
        """
        kind, where = "test", f"{tests.name}/"
        examples = _with_intents(
            read_training_data(tests, is_required=False) if tests.is_dir() else TrainingData()
        )
        if not examples:
            kind, where = "training", "the training data"
            examples = _with_intents(training())
        parses: list[Parse] = []
        for start in range(0, len(examples), _AT_A_TIME):
            part = examples[start : start + _AT_A_TIME]
            parses += (parse_many or assistant.parse_many)([example.text for example in part])
            on_share(len(parses) / len(examples))
        return cls(
            kind=kind,
            text=f"{counted(len(examples), 'message')} of {where}",
            examples=examples,
            parses=tuple(parses),
            own_threshold=pipeline_fallback_threshold(assistant),
        )

    def evaluation(self) -> IntentEvaluation | None:
        """Right and wrong intents; None where there are no messages."""
        return evaluate_intents(self.examples, self.parses) if self.examples else None

    def told(self) -> dict[str, Any]:
        """What was tested on, as JSON."""
        return {"kind": self.kind, "n_messages": len(self.examples), "text": self.text}


def confusion_of(tested: TestedMessages, folder: Path) -> dict[str, Any]:
    """The confusion matrix with the messages of its cells.

    Fallbacks are undone, as in `gossamer test nlu`.

    Args:
        tested: messages.
        folder: of the project; places are told from there.

    Returns:
        JSON: `intents` in order of names; `cells` that are not empty, each with `n` and at most 50
        `messages`, off the diagonal the surest first, on it the least sure first.
    """
    if not tested.examples:
        return dict(_NOTHING)
    cells: dict[tuple[str, str | None], list[tuple[Example, Parse]]] = defaultdict(list)
    for example, parse in zip(tested.examples, tested.parses, strict=True):
        cells[example.base_intent or "", without_fallback(parse).name].append((example, parse))
    told = []
    for (expected, predicted), messages in sorted(
        cells.items(), key=lambda cell: (cell[0][0], cell[0][1] or "")
    ):
        sign = 1 if expected == predicted else -1
        messages.sort(key=lambda pair: sign * without_fallback(pair[1]).confidence)
        told.append(
            {
                "expected": expected,
                "predicted": predicted,
                "n": len(messages),
                "messages": [_message(*pair, folder) for pair in messages[:_MOST_MESSAGES]],
            }
        )
    names = {name for pair in cells for name in pair if name is not None}
    return {
        "state": "done",
        "tested_on": tested.told(),
        "intents": sorted(names),
        "n_right": sum(cell["n"] for cell in told if cell["expected"] == cell["predicted"]),
        "cells": told,
    }


def coverage_of(tested: TestedMessages) -> dict[str, Any]:
    """Error among the answered messages against their share, with a suggested threshold.

    Returns:
        JSON of `evaluate.fallback.confidence_report`, its `curve` thinned to 200 points.
    """
    intents = tested.evaluation()
    if intents is None:
        return dict(_NOTHING)
    advice = advise_fallback(intents, own_threshold=tested.own_threshold)
    if advice is None:
        return {"state": "none", "text": "A confidence is not a finite number: training diverged."}
    report = confidence_report(intents, advice)
    curve: dict[str, list[float]] = report["curve"]
    kept = np.unique(np.linspace(0, len(curve["threshold"]) - 1, _MOST_POINTS).round().astype(int))
    if len(curve["threshold"]) > _MOST_POINTS:
        report["curve"] = {name: [values[i] for i in kept] for name, values in curve.items()}
    return {"state": "done", "tested_on": tested.told(), **report}


def _with_intents(data: TrainingData) -> tuple[Example, ...]:
    return tuple(example for example in data.unique_examples() if example.base_intent)


def _message(example: Example, parse: Parse, folder: Path) -> dict[str, Any]:
    content = parse.to_dict()
    return {
        "text": example.text,
        "confidence": without_fallback(parse).confidence,
        "where": _place(example.where, folder),
        "parse": {
            "text": example.text,
            "intent": content["intent"],
            "intent_ranking": content["intent_ranking"][:_MOST_RANKED],
            "entities": content["entities"],
        },
    }


def _place(where: Location | None, folder: Path) -> str | None:
    if where is None:
        return None
    path, folder = where.path.resolve(), folder.resolve()
    shown = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return shown if where.line is None else f"{shown}, line {where.line}"
