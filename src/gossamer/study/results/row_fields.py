"""The fields a row of a study must have, for rows from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gossamer.data.errors import InputError, Location
from gossamer.sparse import Topology
from gossamer.study.run import InputLayer, Method, Task


class DataFields(BaseModel):
    """A row's data; see `StudyData`."""

    digest: str
    n_train: int
    n_test: int


class RowFields(BaseModel):
    """A row, as `perform` returns it and documents it; more fields may be there."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    key: str
    task: Task
    density: float
    size: int
    seed: int
    epochs: int
    topology: Topology
    method: Method
    input_layer: InputLayer
    options: dict[str, Any]
    data: DataFields
    f1: float
    scores: dict[str, float]
    sparse_weights: int
    sparse_biases: int
    weights: int
    train_seconds: float
    compile_seconds: float | None = None  # part of train_seconds in rows without it
    cpu_seconds: float
    warm_cpu_seconds: float
    test_seconds: float
    peak_memory_mib: float | None
    losses: list[float | None]
    threads: int
    versions: dict[str, str]
    commit: str | None
    machine: str
    finished: str


def check_row(row: Mapping[str, Any], path: Path) -> None:
    """Check that a row has all that reports read.

    Args:
        row: from a file.
        path: the file, for the message.

    Raises:
        InputError: a field is missing, or not of its type.
    """
    try:
        RowFields.model_validate(dict(row))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(
            f"the row {row.get('key')!r} must have {field} as this version writes it",
            got=first["msg"],
            where=Location(path),
            hint="running the study again into another folder, or removing the row",
        ) from error
