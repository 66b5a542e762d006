"""What an earlier network has learnt, and which of the columns now it has read; without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.features import Columns, KeptColumns, TextFeatures, TextWidths
from gossamer.nlu.diet.tags import TagKind
from gossamer.nlu.pipeline.starting_point import Was
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Arrays


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier network has learnt, and where its inputs, labels and tags are now.

    Attributes:
        weights: as they are stored.
        labels: features of its labels; None without labels.
        temperature: that of its labels.
        columns: where the columns of sequence and sentence features were that are read now.
        places: of each label now its place before, or -1.
        tags: likewise, of each kind.
        epoch_fraction: how much of its epochs the new network is trained for.
    """

    weights: Arrays
    labels: Features | TextFeatures | None
    temperature: float
    columns: tuple[Was, Was]
    places: Was
    tags: Mapping[TagKind, Was]
    epoch_fraction: float


class ColumnsRead:
    """Which columns of a pipeline an earlier network has read, and where it had them.

    Args:
        columns: those that it chose.
        was: where the columns of sequence and sentence features now were in its pipeline.
    """

    def __init__(self, columns: Columns, was: tuple[Was, Was]) -> None:
        self._places = [
            where if kept is None else kept.places(where)
            for kept, where in zip(columns, was, strict=True)
        ]

    def added_to(self, columns: Columns) -> Columns:
        """Some columns, and those that the earlier network has read."""
        sequence, sentence = (
            None if kept is None else kept.and_those(np.flatnonzero(places >= 0))
            for kept, places in zip(columns, self._places, strict=True)
        )
        return sequence, sentence

    def of(self, columns: Columns) -> tuple[Was, Was]:
        """Where the earlier network had each of some columns."""
        sequence, sentence = map(_chosen, self._places, columns)
        return sequence, sentence


def _chosen(places: Was, kept: KeptColumns | None) -> Was:
    return places if kept is None else places[kept.kept]


def check_same_kinds(now: TextWidths, before: TextWidths, owner: str) -> None:
    """Refuse features of other kinds than an earlier network has read.

    Args:
        now: of the features.
        before: of those of the earlier network.
        owner: the component, for the message.

    Raises:
        ConfigError: there are sparse ones in place of none, or other dense ones.
    """
    kinds, known = (
        [{"sparse": n_sparse > 0, "dense": n_dense} for n_sparse, n_dense in each]
        for each in (now, before)
    )
    if kinds != known:
        raise ConfigError(
            f"{owner} can go on from a model only with features of the same kinds, of tokens and "
            f"of texts: {known}",
            got=kinds,
            hint="training without --finetune",
        )
