"""What is asked of a process that trains or tests, and the files it is told by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

TASK_FILE: Final = "task.json"
RESULT_FILE: Final = "result.json"
BODY_FILE: Final = "body"
MODELS_FOLDER: Final = "models"


class Kind(StrEnum):
    """What is to be done."""

    TRAIN = "train"
    TEST_INTENTS = "test intents"
    CROSS_VALIDATE = "cross-validate"
    TEST_STORIES = "test stories"
    LEARNING_CURVE = "learning curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done with the data of a request.

    Attributes:
        kind: what.
        is_json: whether the data are JSON of NLU data, rather than YAML.
        model: the model file to test; for training, the folder of models whose parts may be taken.
        config: names the model's own components and policies, or None.
        save_to: the folder for a trained model; None: it is kept nowhere.
        force: whether all parts are trained, changed or not.
        augmentation: how many stories others are joined to.
        folds: of cross-validation.
        end_to_end: whether texts of test stories are understood.
    """

    kind: Kind
    is_json: bool = False
    model: str | None = None
    config: str | None = None
    save_to: str | None = None
    force: bool = False
    augmentation: int = 50
    folds: int = 0
    end_to_end: bool = False

    def write(self, folder: Path) -> None:
        """Write it where `read` finds it."""
        (folder / TASK_FILE).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Task:
        """The task of a folder."""
        content = json.loads((folder / TASK_FILE).read_text("utf-8"))
        return cls(**{**content, "kind": Kind(content["kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a task.

    Attributes:
        answer: of a test, JSON.
        model: the file of a trained model.
        status: of the HTTP answer.
        reason: a word for programs, when it failed.
        message: why it failed, for people.
        faults: each fault, with the line of the data it is in.
    """

    answer: Any = None
    model: str | None = None
    status: int = 200
    reason: str = ""
    message: str = ""
    faults: tuple[Mapping[str, Any], ...] = ()

    def write(self, folder: Path) -> None:
        """Write it where `read` finds it, whole or not at all."""
        unfinished = folder / f"{RESULT_FILE}.part"
        unfinished.write_text(json.dumps(asdict(self), default=str), "utf-8")
        unfinished.replace(folder / RESULT_FILE)

    @classmethod
    def read(cls, folder: Path) -> Result | None:
        """The result in a folder; None: the process ended without one."""
        try:
            text = (folder / RESULT_FILE).read_text("utf-8")
        except FileNotFoundError:
            return None
        # Infinite figures, of a training that diverged, have no JSON.
        content = json.loads(text, parse_constant=lambda _: None)
        return cls(**{**content, "faults": tuple(content["faults"])})
