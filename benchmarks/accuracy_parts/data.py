"""The public data sets of the accuracy benchmark, and what is cut from them.

The data lie outside the repository (`../shared/data`). Every set has two parts. With `dev`,
settings may be chosen: the model trains on a part of the training data and answers the rest of them
(Sara and NLU evaluation: a fifth; SNIPS and ATIS: their `val`). With `test` it trains on all of
them and answers the test file, which is read for this and for nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from gossamer.data import Example, TrainingData, read_training_data, split_examples
from gossamer.data.errors import InputError

Part = Literal["dev", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
DATA_FOLDER = Path("../shared/data")

JOINED = "#"
"""ATIS joins the intents of a message with several of them: `atis_flight#atis_airfare`."""

_HELD_OUT = 0.2
_HOLDOUT_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Where one data set lies.

    Attributes:
        name: as on the command line.
        family: what folds of one data set share; reports take the mean over a family.
        train: training file, below the data folder.
        test: test file.
        val: validation file; None where a fifth of the training data is held out instead.
    """

    name: str
    family: str
    train: str
    test: str
    val: str | None = None


def _marked_down(name: str) -> DataSet:
    return DataSet(
        name=name,
        family=name,
        train=f"{name}/train.md",
        val=f"{name}/val.md",
        test=f"{name}/test.md",
    )


def _fold(number: int) -> DataSet:
    folder = f"nlu-evaluation/fold_{number}"
    return DataSet(
        name=f"nlu{number}", family="nlu", train=f"{folder}/train.md", test=f"{folder}/test.md"
    )


DATA_SETS = {
    data.name: data
    for data in (
        DataSet(
            name="sara", family="sara", train="sara/split/train.yml", test="sara/split/test.yml"
        ),
        _marked_down("snips"),
        _marked_down("atis"),
        *(_fold(number) for number in (1, 2, 3)),
    )
}
DEFAULT_DATA = {
    "dev": ("sara", "snips", "atis", "nlu1"),
    "test": ("sara", "snips", "atis", "nlu1", "nlu2", "nlu3"),
}
"""Of the folds of NLU evaluation only the first is there to choose settings on."""

FAMILIES = {"sara": "Sara", "snips": "SNIPS", "atis": "ATIS", "nlu": "NLU evaluation"}
"""What reports call a family, in their order."""


def load(data: DataSet, part: Part, folder: Path) -> tuple[TrainingData, TrainingData]:
    """Training data and the data to answer.

    Args:
        data: which set.
        part: see the head of this module.
        folder: where the data sets lie.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    train = _read(folder / data.train)
    if part == "test":
        if data.val is not None:
            train = train.merge([_read(folder / data.val)])
        return train, _read(folder / data.test)
    if data.val is not None:
        return train, _read(folder / data.val)
    return split_examples(train, training_fraction=1 - _HELD_OUT, random_seed=_HOLDOUT_SEED)


def _read(path: Path) -> TrainingData:
    if not path.exists():
        raise InputError(
            "the data set must be there", got=str(path), hint="--data-folder with its folder"
        )
    return read_training_data([path])


def all_intents(intent: str) -> tuple[str, ...]:
    """The intents that a label joins, one for an ordinary label."""
    return tuple(intent.split(JOINED))


def first_intent(intent: str) -> str:
    """The first of the intents that a label joins."""
    return all_intents(intent)[0]


def at_most(data: TrainingData, n_examples: int, *, random_seed: int) -> TrainingData:
    """Data with at most this number of examples for each intent.

    The examples of an intent are shuffled and the first ones kept, so smaller sets are parts of
    larger ones of the same seed. Examples without an intent are left out; synonyms, regexes and
    lookup tables stay.

    Args:
        data: what to take from.
        n_examples: for each intent, at least 1.
        random_seed: the same seed gives the same examples.
    """
    by_intent: dict[str, list[Example]] = {}
    for example in data.unique_examples():
        if example.base_intent is not None:
            by_intent.setdefault(example.base_intent, []).append(example)
    kept: list[Example] = []
    for intent in sorted(by_intent):
        # A draw of its own, so that it does not depend on the other intents.
        examples = by_intent[intent]
        random.Random(f"{random_seed} {intent}").shuffle(examples)
        kept += examples[:n_examples]
    return replace(data, examples=tuple(kept))


def without_intent(data: TrainingData, intent: str) -> TrainingData:
    """Data without the examples of one base intent."""
    return replace(data, examples=tuple(e for e in data.examples if e.base_intent != intent))


def intents_to_leave_out(
    train: TrainingData, test: Sequence[Example], *, most: int, random_seed: int = 0
) -> list[str]:
    """Intents that occur on both sides, drawn with a seed, at most `most` of them; sorted."""
    known = {example.base_intent for example in train.examples}
    both = sorted({e.base_intent for e in test if e.base_intent in known and e.base_intent})
    random.Random(random_seed).shuffle(both)
    return sorted(both[:most])
