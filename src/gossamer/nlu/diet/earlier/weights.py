"""An earlier network's weights in a new one, which may have more columns, labels and tags."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from gossamer.nlu.diet.earlier.before import Before
from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.stored_weights import weights_from_arrays
from gossamer.nlu.diet.tags import TagKind
from gossamer.nlu.learning.carrying import Move, as_before, carry_over
from gossamer.nlu.pipeline.starting_point import Was
from gossamer.nn.features import Features
from gossamer.nn.inputs import sparse_product

_ANEW = ("wide.",)  # what is fitted anew


def take_over(network: DIETNetwork, before: Before) -> None:
    """Give a new network what an earlier one has learnt.

    It then answers as the earlier one for texts whose features that one knew, but for its wide path
    and for labels and tags that are new: columns that are new have no effect yet. Departure from
    Rasa, which draws them like those of before.
    """
    weights = weights_from_arrays(before.weights)
    moves = {
        f"{part}_input.table.weight": Move(rows=was, is_silent=True)
        for part, was in zip(("sequence", "sentence"), before.columns, strict=True)
    }
    for kind, was in before.tags.items():
        moves |= tag_moves(f"entity_heads.{kind.value}.", was)
        moves[f"entity_heads.{kind.value}.embed_tag.weight"] = Move(
            columns=before.tags[TagKind.ENTITY]
        )
    solved: dict[str, Tensor] = {}
    now, was = network.labels, before.places
    if isinstance(now, Features) and isinstance(before.labels, Features):
        _solve(solved, weights, network, "label_input", now, before.labels, was)
        if now.dense is not None:  # a column for each label
            moves["label_embedding.weight"] = Move(columns=was)
    elif isinstance(now, TextFeatures) and isinstance(before.labels, TextFeatures):
        kept = np.flatnonzero(was >= 0)
        kept = kept[now.lengths[kept] == before.labels.lengths[was[kept]]]
        one, other = now.texts(kept), before.labels.texts(was[kept])
        for part in ("sequence", "sentence"):
            name = f"label_encoder.{part}_input"
            _solve(solved, weights, network, name, getattr(one, part), getattr(other, part))
    carry_over(network, weights, moves, solved=solved, left=_ANEW)


def tag_moves(prefix: str, was: Was) -> dict[str, Move]:
    """How the weights of a head for tags are carried over.

    Args:
        prefix: of their names.
        was: where each tag was.
    """
    return {
        f"{prefix}logits.weight": Move(rows=was),
        f"{prefix}logits.bias": Move(rows=was),
        f"{prefix}crf.transitions": Move(rows=was, columns=was),
    }


def _solve(
    solved: dict[str, Tensor],
    weights: Mapping[str, Tensor],
    network: DIETNetwork,
    name: str,
    now: Features,
    before: Features,
    was: Was | None = None,
) -> None:
    """Find the table of an input that reads labels; see `as_before`.

    Args:
        solved: gets it.
        weights: of the earlier network.
        network: the new one.
        name: of the input.
        now: features of the labels.
        before: features of the earlier ones.
        was: where each row was; None: where it is.
    """
    key = f"{name}.table.weight"
    table = network.state_dict().get(key)
    if now.sparse is None or before.sparse is None or table is None or key not in weights:
        return
    was = np.arange(now.sparse.shape[0]) if was is None else was
    kept = np.flatnonzero(was >= 0)
    wanted = sparse_product(weights[key], before.sparse[was[kept]])
    solved[key] = as_before(table, now.sparse[kept], wanted)
