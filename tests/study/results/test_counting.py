"""Weights counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from torch import nn

from gossamer.dialogue.policies.ted.network import TEDNetwork
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.shape import TEDShape
from gossamer.nlu.diet.features import FeatureWidths, TextWidths
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.study import WeightCounts, count_network


def eye(n: int) -> Features:
    return Features(CsrMatrix.of(sparse.csr_array(np.eye(n, dtype=np.float32))))


def diet(density: float) -> DIETNetwork:
    options = DIETOptions(
        rasa_defaults=True,  # as in studies
        hidden_layers_sizes={"text": [7], "label": []},
        dense_dimension={"text": 6, "label": 5},
        transformer_size=8,
        number_of_transformer_layers=1,
        number_of_attention_heads=2,
        embedding_dimension=4,
        connection_density=density,
        topology="uniform",
        entity_recognition=False,
    )
    # 10 features of tokens, 4 of sentences, 3 of labels.
    widths = TextWidths(FeatureWidths(10, 0), FeatureWidths(4, 0))
    return DIETNetwork(options, NetworkShape(widths, FeatureWidths(3, 0), 3), eye(3))


# Feed-forward layer 6 -> 7, then into the transformer 7 -> 8; query, key, value and output 8 -> 8;
# the inner layer 8 -> 32 -> 8. Query, key and value have no bias.
DIET_WEIGHTS = 42 + 56 + 4 * 64 + 256 + 256
DIET_BIASES = 7 + 8 + 8 + 32 + 8
# Input tables with biases, three normalisations, the embeddings of text and label.
DIET_REST = (10 * 6 + 6) + (4 * 6 + 6) + (3 * 5 + 5) + 3 * 16 + (8 * 4 + 4) + (5 * 4 + 4)


def test_a_dense_diet() -> None:
    assert count_network(diet(1.0)) == WeightCounts(
        DIET_WEIGHTS, DIET_BIASES, DIET_WEIGHTS + DIET_BIASES + DIET_REST
    )


def test_a_sparse_diet() -> None:
    # A quarter of each layer, 10.5 rounded to even; nothing else changes.
    weights = 10 + 14 + 4 * 16 + 64 + 64
    assert count_network(diet(0.25)) == WeightCounts(
        weights, DIET_BIASES, weights + DIET_BIASES + DIET_REST
    )


def test_a_diet_with_as_few_connections_as_can_be() -> None:
    weights = 7 + 8 + 4 * 8 + 32 + 32  # the longer side of each layer
    assert count_network(diet(0.0)).sparse == weights


@pytest.mark.parametrize(
    ("density", "weights"),
    # Intent and label encoders 6 -> 5; into the transformer from intent (5) and slots (6), 11 -> 8;
    # then as in DIET.
    [(1.0, 30 + 30 + 88 + 4 * 64 + 256 + 256), (0.5, 15 + 15 + 44 + 4 * 32 + 128 + 128)],
)
def test_ted(density: float, weights: int) -> None:
    options = TEDOptions(
        dense_dimension=6,
        encoding_dimension=5,
        transformer_size=8,
        number_of_attention_heads=2,
        embedding_dimension=4,
        connection_density=density,
        topology="uniform",
    )
    network = TEDNetwork(options, TEDShape({"intent": 9, "slots": 2}, {}, None), eye(7))
    biases = 5 + 5 + 8 + 8 + 32 + 8
    tables = (9 * 6 + 6) + (2 * 6 + 6) + (7 * 6 + 6)
    rest = tables + 3 * 16 + (8 * 4 + 4) + (5 * 4 + 4)
    assert count_network(network) == WeightCounts(weights, biases, weights + biases + rest)


def test_frozen_weights_do_not_count() -> None:
    network = diet(1.0)
    before = count_network(network)
    assert network.encoder is not None
    layer = network.encoder.input
    assert isinstance(layer, RandomlyConnectedLinear)
    layer.weight.requires_grad_(False)
    assert count_network(network) == WeightCounts(
        before.sparse - 56, before.sparse_biases, before.whole - 56
    )
    assert layer.bias is not None
    layer.bias.requires_grad_(False)
    network.text_embedding.requires_grad_(False)
    assert count_network(network) == WeightCounts(
        before.sparse - 56, before.sparse_biases - 8, before.whole - 56 - 8 - 36
    )


def test_shared_weights_count_once() -> None:
    one = RandomlyConnectedLinear(4, 4, connection_density=0.5, topology="uniform", seed=0)
    tied = RandomlyConnectedLinear(4, 4, connection_density=0.5, topology="uniform", seed=0)
    tied.weight = one.weight
    network = nn.Sequential(one, nn.Linear(4, 4), one, tied)
    assert count_network(network) == WeightCounts(8, 8, 8 + 8 + 20)


def test_layers_without_bias_and_networks_without_layers() -> None:
    layer = RandomlyConnectedLinear(3, 5, bias=False, connection_density=1.0)
    assert count_network(layer) == WeightCounts(15, 0, 15)
    assert count_network(nn.Linear(3, 5)) == WeightCounts(0, 0, 20)
    assert count_network(nn.ReLU()) == WeightCounts(0, 0, 0)
