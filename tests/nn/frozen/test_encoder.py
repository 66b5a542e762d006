from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gossamer.nn import encoder as readable
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.frozen.attention import Layout
from gossamer.nn.frozen.encoder import Encoder, sinusoidal_positions
from gossamer.nn.frozen.weights import Weights
from gossamer.nn.packing import Packing
from gossamer.sparse import RandomlyConnectedLinear, Topology

WeightsOf = Callable[[nn.Module], Weights]


class Pair:
    """An encoder and its frozen form."""

    def __init__(
        self,
        weights_of: WeightsOf,
        *,
        sizes: tuple[int, int, int] = (20, 32, 2),
        num_layers: int = 2,
        topology: Topology = Topology.BLOCKED,
        density: float = 0.2,
        is_causal: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> None:
        torch.manual_seed(seed)
        self.input_size, hidden_size, num_heads = sizes
        linear = functools.partial(
            RandomlyConnectedLinear, connection_density=density, topology=topology
        )
        encoder = TransformerEncoder(
            self.input_size,
            hidden_size,
            num_layers=num_layers,
            num_heads=num_heads,
            linear=linear,
            dropout=0.3,
            attention_dropout=0.3,
            is_causal=is_causal,
            **options,
        )
        for parameter in encoder.parameters():  # biases start at zero, norms at one
            nn.init.normal_(parameter, std=0.3)
        weights = weights_of(encoder)
        self.frozen = Encoder.read(
            weights,
            self.input_size,
            hidden_size,
            num_layers=num_layers,
            num_heads=num_heads,
            topology=topology,
            max_relative_position=5,
            is_causal=is_causal,
        )
        weights.check_all_read()
        self.exact = copy.deepcopy(encoder).double().eval()
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def check(self, lengths: list[int], wanted: list[int] | None = None) -> None:
        x = torch.randn(sum(lengths), self.input_size, generator=self.generator)
        packing = Packing.from_lengths(torch.tensor(lengths, dtype=torch.int64))
        rows = None if wanted is None else np.array(wanted, dtype=np.int64)
        expected = self.exact(
            x.double(), packing, None if rows is None else torch.from_numpy(rows)
        ).numpy()
        layout = Layout.one_after_the_other(np.array(lengths, dtype=np.int64))
        before = x.clone()
        found = self.frozen(x.numpy(), layout, rows)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(x, before)


@given(
    sizes=st.sampled_from([(20, 32, 2), (16, 16, 2), (5, 6, 3)]),
    num_layers=st.integers(1, 3),
    topology=st.sampled_from([Topology.BLOCKED, Topology.UNIFORM]),
    density=st.sampled_from([1.0, 0.2]),
    is_causal=st.booleans(),
    use_key_relative=st.booleans(),
    use_value_relative=st.booleans(),
    lengths=st.lists(st.integers(0, 9) | st.just(70), max_size=4),
    data=st.data(),
    seed=st.integers(0, 2**20),
)
def test_equals_the_encoder(
    weights_of: WeightsOf, lengths: list[int], data: st.DataObject, **options: Any
) -> None:
    pair = Pair(weights_of, **options)
    pair.check(lengths)
    rows = st.lists(st.integers(0, sum(lengths) - 1), unique=True) if sum(lengths) else st.just([])
    pair.check(lengths, data.draw(rows))


def test_beyond_the_first_positions(weights_of: WeightsOf) -> None:
    pair = Pair(weights_of)
    for lengths in ([3], [64], [65], [500, 2], [200], [1]):
        pair.check(lengths)


@pytest.mark.parametrize("width", [1, 2, 7, 32])
def test_positions_equal_the_encoders(width: int) -> None:
    expected = readable.sinusoidal_positions(300, width).numpy()
    np.testing.assert_allclose(sinusoidal_positions(300, width), expected, atol=1e-7)


def test_weights_that_do_not_fit(weights_of: WeightsOf) -> None:
    encoder = Pair(weights_of).exact.float()
    read = functools.partial(
        Encoder.read,
        input_size=20,
        hidden_size=32,
        num_heads=2,
        topology=Topology.BLOCKED,
        max_relative_position=5,
        is_causal=False,
    )
    with pytest.raises(KeyError, match=r"must hold layers\.2\.attention_norm\.weight"):
        read(weights_of(encoder), num_layers=3)
    weights = weights_of(encoder)
    read(weights, num_layers=1)
    with pytest.raises(ValueError, match=r"a place for each stored weight: got layers\.1\."):
        weights.check_all_read()
    encoder.norm = nn.LayerNorm(16)
    with pytest.raises(ValueError, match=r"norm\.weight must be real numbers of shape \(32\): got"):
        read(weights_of(encoder), num_layers=2)
