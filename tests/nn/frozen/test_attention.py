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

from gossamer.nn.attention import MultiHeadSelfAttention
from gossamer.nn.frozen.attention import Attention, Layout
from gossamer.nn.frozen.weights import Weights
from gossamer.nn.packing import Packing, ranges
from gossamer.sparse import RandomlyConnectedLinear, Topology

WeightsOf = Callable[[nn.Module], Weights]
LENGTHS = st.lists(st.integers(0, 9) | st.just(40), min_size=0, max_size=5)


def numbers(lengths: list[int]) -> np.ndarray:
    return np.array(lengths, dtype=np.int64)


@given(LENGTHS)
def test_layout_of_sequences_one_after_the_other(lengths: list[int]) -> None:
    layout = Layout.one_after_the_other(numbers(lengths))
    places = [place for length in lengths for place in range(length)]
    assert layout.position.tolist() == places
    assert layout.rows.tolist() == list(range(len(places)))
    assert layout.starts.tolist() == [0, *np.cumsum(lengths, dtype=np.int64)]


@given(LENGTHS)
def test_layout_with_sentences(lengths: list[int]) -> None:
    layout = Layout.with_sentences(numbers(lengths))
    n_tokens = sum(lengths)
    rows: list[list[int]] = []
    place: list[int] = []
    first = 0
    for text, length in enumerate(lengths):
        rows.append([*range(first, first + length), n_tokens + text])
        place += range(length)
        first += length
    assert layout.position.tolist() == [*place, *lengths]
    found = [part.tolist() for part in np.split(layout.rows, layout.starts[1:-1])]
    assert (found if lengths else []) == rows
    assert layout.starts.tolist() == [0, *np.cumsum([n + 1 for n in lengths], dtype=np.int64)]


def attention_of(
    width: int, num_heads: int, topology: Topology, density: float, seed: int, **options: Any
) -> MultiHeadSelfAttention:
    torch.manual_seed(seed)
    linear = functools.partial(
        RandomlyConnectedLinear, connection_density=density, topology=topology
    )
    attention = MultiHeadSelfAttention(width, num_heads, linear=linear, dropout=0.4, **options)
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.4)
    return attention.eval()


@torch.no_grad()
def differs_by(
    attention: MultiHeadSelfAttention, frozen: Attention, lengths: list[int], seed: int
) -> float:
    """The largest difference, with rows in the order of DIET's batches and as they come."""
    generator = torch.Generator().manual_seed(seed)
    exact = copy.deepcopy(attention).double()
    largest = 0.0
    width = attention.out.get_parameter("bias").shape[0]
    for layout, sizes in (
        (Layout.one_after_the_other(numbers(lengths)), lengths),
        (Layout.with_sentences(numbers(lengths)), [length + 1 for length in lengths]),
    ):
        x = torch.randn(sum(sizes), width, generator=generator)
        sequence = torch.empty(len(x), dtype=torch.int64)
        sequence[torch.from_numpy(np.array(layout.rows))] = ranges(torch.tensor(sizes).long())[0]
        position = torch.from_numpy(np.array(layout.position))
        expected = exact(x.double(), Packing(sequence, position, len(sizes))).numpy()
        found = frozen.out(frozen(x.numpy(), layout))
        assert found.shape == expected.shape
        largest = max(largest, float(np.abs(found - expected).max(initial=0.0)))
    return largest


@given(
    heads=st.sampled_from([(32, 2), (16, 1), (32, 4), (6, 2)]),
    topology=st.sampled_from([Topology.BLOCKED, Topology.FAN_IN]),
    density=st.sampled_from([1.0, 0.2]),
    is_causal=st.booleans(),
    use_key_relative=st.booleans(),
    use_value_relative=st.booleans(),
    max_relative_position=st.sampled_from([1, 5]),
    lengths=LENGTHS,
    seed=st.integers(0, 2**20),
)
def test_equals_the_layer(
    weights_of: WeightsOf,
    heads: tuple[int, int],
    topology: Topology,
    density: float,
    lengths: list[int],
    seed: int,
    **options: Any,
) -> None:
    attention = attention_of(*heads, topology, density, seed, **options)
    weights = weights_of(attention)
    frozen = Attention.read(
        weights,
        heads[0],
        num_heads=heads[1],
        is_causal=options["is_causal"],
        max_relative_position=options["max_relative_position"],
        topology=topology,
    )
    weights.check_all_read()
    assert differs_by(attention, frozen, lengths, seed) < 5e-5


@pytest.mark.parametrize("is_causal", [False, True])
def test_a_long_sequence(weights_of: WeightsOf, is_causal: bool, seed: int) -> None:
    attention = attention_of(32, 2, Topology.BLOCKED, 0.2, seed, is_causal=is_causal)
    frozen = Attention.read(
        weights_of(attention),
        32,
        num_heads=2,
        is_causal=is_causal,
        max_relative_position=5,
        topology=Topology.BLOCKED,
    )
    assert differs_by(attention, frozen, [500, 1, 130], seed) < 5e-5


def test_logits_far_apart(weights_of: WeightsOf, way: str, seed: int) -> None:
    attention = attention_of(32, 2, Topology.BLOCKED, 0.2, seed)
    with torch.no_grad():
        for layer in (attention.query, attention.key):
            layer.get_parameter("weight").mul_(30)
    frozen = Attention.read(
        weights_of(attention),
        32,
        num_heads=2,
        is_causal=False,
        max_relative_position=5,
        topology=Topology.BLOCKED,
    )
    assert frozen._has_kernel is (way == "kernels")
    assert differs_by(attention, frozen, [20, 3], seed) < 2e-2  # of logits in the thousands


def test_tables_of_another_size(weights_of: WeightsOf) -> None:
    attention = attention_of(32, 2, Topology.BLOCKED, 0.2, 1, use_key_relative=True)
    with pytest.raises(ValueError, match=r"key_relative must .* \(2, 7, 16\): got .*\(2, 11, 16"):
        Attention.read(
            weights_of(attention),
            32,
            num_heads=2,
            is_causal=False,
            max_relative_position=3,
            topology=Topology.BLOCKED,
        )
