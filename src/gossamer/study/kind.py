"""What every study is: a question, runs to answer it, and a reading of their rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from gossamer.study.grid import Grid
from gossamer.study.report.analysis import Analysis
from gossamer.study.report.summary import Row
from gossamer.study.run import Task


class Study(ABC):
    """A kind of study.

    Attributes:
        name: on the command line.
        summary: what it does, in a line.
        tasks: what it can be done on.
        varied: what its runs differ in besides the seed; names as in `Run`, `options.NAME` for
            options. Everything else must be the same in all rows that are read together.
        needed_options: options that each run must set, because the study compares their values.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]] = tuple(Task)
    varied: ClassVar[tuple[str, ...]]
    needed_options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def grid(self, task: Task) -> Grid:
        """The runs it makes by default."""

    @abstractmethod
    def question(self, task: Task) -> str:
        """What it asks."""

    @abstractmethod
    def protocol(self) -> str:
        """How it answers: what is varied, what is held, what is compared."""

    @abstractmethod
    def limits(self) -> Sequence[str]:
        """What it cannot show, whatever the result."""

    @abstractmethod
    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """What the rows show; at least one row."""


F1_NAMES = {
    Task.INTENT: "weighted F1 of intents",
    Task.ENTITY: "weighted F1 of entities, per token",
    Task.DIALOGUE: "weighted F1 of actions",
}
"""What `f1` is in the rows of each task."""
