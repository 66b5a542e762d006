"""What the process that makes a candidate is asked, in a file of the candidate's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from gossamer.data.errors import DataError, Location
from gossamer.data.text.files import write_file
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION

TASK_FILE: Final = "task.json"
PROGRESS_FILE: Final = "progress"
LOG_FILE: Final = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTask:
    """What a candidate is made from; all paths are whole.

    Attributes:
        project: the project's folder.
        models: the folder of models.
        base: the model that answers, or None.
        config: pipeline and policies.
        domain: files and folders of the domain.
        data: files and folders of examples, stories and rules.
        tests: the folder of test data.
        augmentation: how many stories others are joined to.
        who: asked for it, or None.
        begun: when it was asked for, in seconds since 1970.
    """

    project: str
    models: str
    base: str | None
    config: str
    domain: tuple[str, ...]
    data: tuple[str, ...]
    tests: str
    augmentation: int = DEFAULT_AUGMENTATION
    who: str | None = None
    begun: float = 0.0

    def write(self, folder: Path) -> None:
        """Write it where `read` finds it.

        Raises:
            DataError: it cannot be written.
        """
        write_file(folder / TASK_FILE, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, folder: Path) -> CandidateTask:
        """The task of a folder.

        Raises:
            DataError: it has none, as one that was made without a server, or it is damaged.
        """
        path = folder / TASK_FILE
        try:
            content = json.loads(path.read_text("utf-8"))
            lists = {key: tuple(map(str, content[key])) for key in ("domain", "data")}
            task = cls(**{**content, **lists, "begun": float(content.get("begun", 0.0))})
            if task.who is None or isinstance(task.who, str):
                return task
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise DataError("the task of a training must be as it was written", where=Location(path))
