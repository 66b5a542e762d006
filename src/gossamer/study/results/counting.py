"""How many trainable weights a network has, and how many of them in its sparse layers."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from gossamer.sparse import RandomlyConnectedLinear, count_weights


class WeightCounts(NamedTuple):
    """Trainable weights of a network.

    Attributes:
        sparse: connections of the randomly connected layers (also where their density is 1.0),
            without biases: the horizontal axis of the article's figures.
        sparse_biases: biases of these layers.
        whole: everything that is trained: these, and input tables, embeddings, normalisation, CRF.
    """

    sparse: int
    sparse_biases: int
    whole: int


def count_network(network: nn.Module) -> WeightCounts:
    """Count the weights of a network, each shared one once.

    Args:
        network: any; frozen parameters do not count.
    """
    weights: dict[int, int] = {}
    biases: dict[int, int] = {}
    for part in network.modules():
        if not isinstance(part, RandomlyConnectedLinear):
            continue
        if part.weight.requires_grad:
            weights[id(part.weight)] = part.weight.numel()
        if part.bias is not None and part.bias.requires_grad:
            biases[id(part.bias)] = part.bias.numel()
    return WeightCounts(sum(weights.values()), sum(biases.values()), count_weights(network))
