"""What a parent and its workers say to each other, over a pipe for each worker.

A worker asks for something that all workers are to do, itself included. The parent passes it on,
collects what they answer, and gives that to the one that asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What all workers are to do."""

    MODEL = "model"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: it can answer, once it may."""


@dataclass(frozen=True, slots=True)
class Go:
    """To a worker: it may answer. At the beginning all others can, too.

    A worker that took connections before the others would keep them: clients hold them open.
    """


@dataclass(frozen=True, slots=True)
class Failed:
    """From a worker: it cannot start.

    Attributes:
        reason: what is wrong with what the server was told; None: a fault of the server.
    """

    reason: str | None


@dataclass(frozen=True, slots=True)
class Ask:
    """From a worker: all are to do something.

    Attributes:
        number: of the question, within the worker.
        kind: what.
        value: of a model the path of its file, or None for no model.
    """

    number: int
    kind: Kind
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Do:
    """To a worker: do something.

    Attributes:
        number: of the order.
        ask: the question that it is about.
        is_own: whether this worker asked it.
    """

    number: int
    ask: Ask
    is_own: bool


@dataclass(frozen=True, slots=True)
class Done:
    """From a worker: an order was carried out.

    Attributes:
        number: of the order.
        value: what it gave: metrics as text, or None.
        problem: why it was not, or None.
    """

    number: int
    value: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """To the worker that asked: what the workers answered.

    Attributes:
        number: of the question.
        values: what each gave, by the worker's number; those that did not answer are left out.
    """

    number: int
    values: dict[int, Any]
