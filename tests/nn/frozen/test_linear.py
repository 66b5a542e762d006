from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.weights import Weights
from gossamer.sparse import RandomlyConnectedLinear, Topology

WeightsOf = Callable[[nn.Module], Weights]
assert_close = functools.partial(np.testing.assert_allclose, atol=2e-5, rtol=1e-5)
SIZES = st.sampled_from([(64, 32), (32, 64), (48, 16), (17, 5), (1, 3), (30, 1), (100, 40)])
N_ROWS = st.sampled_from([0, 1, 5, 63, 64, 300])


def layer_of(
    topology: Topology, density: float, n_in: int, n_out: int, *, bias: bool, seed: int
) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(
        n_in, n_out, bias, connection_density=density, topology=topology, seed=seed
    )
    torch.manual_seed(seed)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def rows(n_rows: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n_rows, width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def exactly(layer: nn.Module, x: torch.Tensor) -> np.ndarray:
    found: np.ndarray = copy.deepcopy(layer).double()(x.double()).numpy()
    return found


@given(
    topology=st.sampled_from(Topology),
    density=st.sampled_from([1.0, 0.2, 0.05]),
    sizes=SIZES,
    bias=st.booleans(),
    n_rows=N_ROWS,
    seed=st.integers(0, 2**20),
)
def test_equals_the_layer(
    weights_of: WeightsOf,
    topology: Topology,
    density: float,
    sizes: tuple[int, int],
    bias: bool,
    n_rows: int,
    seed: int,
) -> None:
    layer = layer_of(topology, density, *sizes, bias=bias, seed=seed)
    weights = weights_of(layer)
    frozen = Linear.read(weights, *sizes, topology=topology, has_bias=bias)
    weights.check_all_read()
    x = rows(n_rows, sizes[0], seed)
    expected = exactly(layer, x)
    found = frozen(x.numpy())
    assert found.dtype == np.float32 and found.shape == (n_rows, sizes[1])
    assert_close(found, expected)
    assert_close(x.numpy() @ frozen.matrix + frozen._added, expected)
    assert_close(frozen.times(-3.0)(x.numpy()), -3.0 * expected)


@given(
    topology=st.sampled_from(Topology),
    density=st.sampled_from([1.0, 0.2, 0.05]),
    sizes=SIZES,
    n_rows=N_ROWS,
    seed=st.integers(0, 2**20),
)
def test_stacked_layers_stand_side_by_side(
    weights_of: WeightsOf,
    topology: Topology,
    density: float,
    sizes: tuple[int, int],
    n_rows: int,
    seed: int,
) -> None:
    layers = [
        layer_of(topology, density, *sizes, bias=number == 1, seed=seed + number)
        for number in range(3)
    ]
    frozen = [
        Linear.read(weights_of(layer), *sizes, topology=topology, has_bias=number == 1)
        for number, layer in enumerate(layers)
    ]
    joined = Linear.stacked(frozen)
    if joined is None:  # their groups are uneven
        assert topology.shares_inputs
        return
    x = rows(n_rows, sizes[0], seed)
    expected = np.concatenate([exactly(layer, x) for layer in layers], axis=1)
    assert_close(joined(x.numpy()), expected)


def test_layers_of_other_kinds_are_not_stacked(weights_of: WeightsOf) -> None:
    one, other = (
        Linear.read(
            weights_of(layer_of(topology, 0.2, 64, 32, bias=True, seed=1)),
            64,
            32,
            topology=topology,
        )
        for topology in (Topology.UNIFORM, Topology.BLOCKED)
    )
    assert Linear.stacked([one, other]) is None


def test_dense_layers_of_torch(weights_of: WeightsOf) -> None:
    layer = nn.Linear(24, 10)
    frozen = Linear.read(weights_of(layer), 24, 10)
    x = rows(70, 24, 2)
    assert_close(frozen(x.numpy()), exactly(layer, x))
    assert frozen.connectivity.is_dense


def test_the_input_is_left_alone(weights_of: WeightsOf) -> None:
    for topology in Topology:
        layer = layer_of(topology, 0.2, 64, 32, bias=True, seed=1)
        frozen = Linear.read(weights_of(layer), 64, 32, topology=topology)
        x = rows(80, 64, 3).numpy()
        before = x.copy()
        x.setflags(write=False)
        frozen(x), frozen(x[:2])
        assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("sizes", "has_bias", "error", "message"),
    [
        ((64, 31), True, ValueError, "indices"),
        ((64, 32), True, KeyError, "the stored weights must hold bias"),
    ],
)
def test_weights_that_do_not_fit(
    weights_of: WeightsOf,
    sizes: tuple[int, int],
    has_bias: bool,
    error: type[Exception],
    message: str,
) -> None:
    layer = layer_of(Topology.FAN_IN, 0.2, 64, 32, bias=False, seed=1)
    with pytest.raises(error, match=message):
        Linear.read(weights_of(layer), *sizes, topology=Topology.FAN_IN, has_bias=has_bias)


def test_a_weight_of_another_shape(weights_of: WeightsOf) -> None:
    with pytest.raises(ValueError, match=r"weight must be real numbers of shape \(10, 25\): got"):
        Linear.read(weights_of(nn.Linear(24, 10)), 25, 10)
