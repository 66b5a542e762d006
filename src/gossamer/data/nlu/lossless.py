"""Nothing is lost silently: what a format cannot carry is refused before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import TrainingData


def refuse_losses(data: TrainingData, format_name: str, losses: Mapping[str, bool]) -> None:
    """Raise `DataError` naming what would be lost, if anything would.

    Args:
        data: what is to be written.
        format_name: the format, for the message.
        losses: what the format cannot carry, and whether the data has it.
    """
    lost = [what for what, is_there in losses.items() if is_there]
    if lost:
        raise DataError(
            f"{format_name} cannot carry {', '.join(lost)}",
            where=next((example.where for example in data.examples), None),
            hint="the format yaml",
        )


def check_same(data: TrainingData, read_back: TrainingData, format_name: str) -> None:
    """Refuse data that a written file would not give back.

    Args:
        data: what was meant.
        read_back: what the file says.
        format_name: the format, for the message.

    Raises:
        DataError: the two differ; the first difference is named.
    """
    parts: Iterable[tuple[str, Sequence[Any], Sequence[Any]]] = (
        ("an example", data.examples, read_back.examples),
        ("a synonym", data.synonyms, read_back.synonyms),
        ("a regex", data.regexes, read_back.regexes),
        ("a lookup table", data.lookups, read_back.lookups),
        ("a response", list(data.responses.items()), list(read_back.responses.items())),
    )
    for what, meant, found in parts:
        for position, item in enumerate(meant):
            if position >= len(found) or found[position] != item:
                raise DataError(
                    f"{format_name} must be able to carry {what}",
                    got=item,
                    where=getattr(item, "where", None),
                    hint="YAML, or JSON for texts with brackets and without metadata of intents",
                )
        if len(found) > len(meant):
            raise DataError(f"{format_name} must be able to carry {what}", got=found[len(meant)])
