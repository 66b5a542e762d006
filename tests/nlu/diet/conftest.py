"""DIET's network of any options without training, and its frozen form.

All weights are random, so that no part of the network is left out by being zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.frozen.network import FrozenDIET
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nlu.diet.stored_weights import round_tables, weights_to_arrays
from gossamer.nlu.diet.tags import TagKind, TagSet
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Weights

Made = tuple[DIETNetwork, FrozenDIET, TextFeatures]
Widths = tuple[int, int]

SMALL: dict[str, Any] = {
    "transformer_size": 8,
    "number_of_attention_heads": 2,
    "dense_dimension": {"text": 16, "label": 8},
    "concat_dimension": {"text": 12, "label": 8},
    "embedding_dimension": 4,
}
TAGS = {
    TagKind.ENTITY: ("city", "dish", "size"),
    TagKind.ROLE: ("from", "to"),
    TagKind.GROUP: ("1", "2"),
}


@pytest.fixture(scope="session")
def random_diet() -> Callable[..., Made]:
    """Makes a network, its frozen form, and features of texts of the given lengths."""
    return _made


def _features(rng: np.random.Generator, n_rows: int, widths: Widths) -> Features:
    n_sparse, n_dense = widths
    counts = rng.poisson(0.5, (n_rows, n_sparse)).astype(np.float32)
    counts[-1:] = 0  # a row of unknown words
    return Features(
        CsrMatrix.of(sparse.csr_array(counts)) if n_sparse else None,
        rng.standard_normal((n_rows, n_dense)).astype(np.float32) if n_dense else None,
    )


def _texts(
    rng: np.random.Generator, lengths: list[int], sequence: Widths, sentence: Widths
) -> TextFeatures:
    return TextFeatures(
        _features(rng, sum(lengths), sequence),
        _features(rng, len(lengths), sentence),
        np.array(lengths),
    )


def _made(
    seed: int,
    *,
    lengths: list[int],
    sequence: Widths = (9, 0),
    sentence: Widths = (7, 0),
    all_columns: int = 0,
    n_labels: int = 3,
    label: Widths | str = (0, 5),
    kinds: tuple[TagKind, ...] = tuple(TagKind),
    is_rounded: bool = True,
    **options: Any,
) -> Made:
    rng = np.random.default_rng(seed)
    text = _texts(rng, lengths, sequence, sentence)
    if all_columns:
        text = replace(text, all_columns=_features(rng, len(lengths), (all_columns, 0)))
    labels: Features | TextFeatures | None
    widths: FeatureWidths | TextWidths | None
    if n_labels == 0:
        labels = widths = None
    elif label == "texts":
        labels = _texts(rng, [1 + number % 4 for number in range(n_labels)], sequence, sentence)
        widths = TextWidths.of(labels)
    else:
        assert not isinstance(label, str)
        labels = _features(rng, n_labels, label)
        widths = FeatureWidths.of(labels)
    chosen = DIETOptions(**{**SMALL, **options})
    prefixes = ("B-", "I-", "L-", "U-") if chosen.BILOU_flag else ("",)
    tags = {
        kind: TagSet(
            kind,
            ("O", *(prefix + name for name in TAGS[kind] for prefix in prefixes)),
            chosen.BILOU_flag,
        )
        for kind in kinds
        if any(sequence)
    }
    forbidden = {kind: each.forbidden() for kind, each in tags.items()}
    shape = NetworkShape(
        TextWidths.of(text),
        widths,
        n_labels,
        {kind: len(each.tags) for kind, each in tags.items()},
        {kind: rules for kind, rules in forbidden.items() if rules is not None},
        text.counts.n_sparse,
    )
    network = DIETNetwork(chosen, shape, labels)
    if network.wide is not None:
        n_counts = text.counts.n_sparse
        counts = replace(text.counts, parts=(3, n_counts - 3))
        network.wide.fit(counts, np.arange(len(lengths)) % n_labels)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    network.eval()
    if is_rounded:
        round_tables(network)
    weights = Weights(weights_to_arrays(network), "network.")
    return network, FrozenDIET(weights, chosen, shape, labels), text
