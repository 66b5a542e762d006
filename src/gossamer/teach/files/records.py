"""What records of the journal must look like: a project that was copied may bring any.

Records are checked whole as they are read, so that nothing else needs to doubt them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from gossamer.teach.corrections import correction_of

_KEPT_APART: Final = frozenset({".git", ".gossamer", ".hg", ".svn"})


def _path_below(path: str) -> str:
    """A path of a file in the project; not of one that programs keep there for themselves."""
    parts = [part.lower() for part in PurePosixPath(path).parts]
    if not parts or path.startswith("/") or "\0" in path or "\\" in path or ".." in parts:
        raise ValueError("a path must be of a file in the project")
    if not _KEPT_APART.isdisjoint(parts):
        raise ValueError("a path must be of a file that people write")
    return path


def _correction(content: dict[str, Any]) -> dict[str, Any]:
    correction_of(content)  # a ValueError where it is none
    return content


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


_Lines: TypeAlias = list[str]
_Number: TypeAlias = Annotated[int, Field(ge=1)]


_Hunk: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=0)], _Lines, _Lines, _Lines, _Lines],
    Field(strict=False),  # JSON has it as a list
]


class _Part(_Shape):
    path: Annotated[str, AfterValidator(_path_below)]
    before: str | None
    after: str | None
    hunks: list[_Hunk]


class _Entity(_Shape):
    model_config = ConfigDict(extra="forbid")
    start: int
    end: int
    entity: str
    value: Any = None
    role: str | None = None
    group: str | None = None


class _Example(_Shape):
    text: str
    intent: str | None
    entities: list[_Entity]


class _Rest(_Shape):
    is_added: bool
    replaced: list[_Example]
    fresh: list[list[str]]


class _Taught(_Rest):
    record: Literal["taught"]
    id: _Number
    when: float
    who: str
    senders: list[str] = []
    correction: Annotated[dict[str, Any], AfterValidator(_correction)]
    files: list[_Part]


class _Other(_Rest):
    files: list[_Part]


_Others: TypeAlias = dict[Annotated[str, Field(pattern="^[1-9][0-9]{0,15}$")], _Other]


class _Undone(_Shape):
    record: Literal["undone"]
    id: _Number
    when: float
    who: str
    files: list[_Part]
    others: _Others


class _Done(_Shape):
    """Who did something, and when."""

    when: float
    who: str


class _Erased(_Shape):
    record: Literal["erased"]
    id: _Number
    when: float
    who: str
    taught: _Done
    undone: _Done
    others: _Others


class _AllDone(_Shape):
    record: Literal["done"]


@cache
def _adapter() -> TypeAdapter[Any]:
    kinds = _Taught | _Undone | _Erased | _AllDone
    return TypeAdapter(Annotated[kinds, Field(discriminator="record")])


class RecordReader:
    """Reads the records of a journal, one after the other."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._standing: set[int] = set()

    def read(self, line: bytes) -> dict[str, Any]:
        """The next record.

        Raises:
            ValueError: it is none that this program writes, or does not follow from those before:
                something is taught twice, or undone that is not taught.
        """
        try:
            record: dict[str, Any] = json.loads(line)
            if b"\\ud" in line.lower():  # perhaps half a surrogate pair, which no file can hold
                json.dumps(record, ensure_ascii=False).encode()
        except RecursionError:
            raise ValueError("a record must not be nested so deeply") from None
        _adapter().validate_python(record)
        kind, number = record["record"], record.get("id", 0)
        if kind in ("taught", "erased"):
            if number in self._known:
                raise ValueError(f"number {number} must be taught once")
            self._known.add(number)
        if kind == "taught":
            self._standing.add(number)
        elif kind == "undone":
            if number not in self._standing:
                raise ValueError(f"number {number} must be taught to be undone")
            self._standing.discard(number)
        return record
