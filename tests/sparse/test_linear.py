"""The layer as a drop-in: counts, seeds, first weights, errors, building from what exists."""

from __future__ import annotations

import copy
import hashlib
import math

import numpy as np
import pytest
import torch
from torch import nn

from gossamer.sparse import (
    Connectivity,
    RandomlyConnectedLinear,
    Topology,
    count_weights,
    draw_connectivity,
)

# Recorded from this package with NumPy 2.4.6 and torch 2.13.0 (x86-64 Linux): seed 7, 24 inputs,
# 20 outputs, density 0.2, float32. They must not change: saved seeds would mean other models.
GOLDEN = {
    "uniform": ("b1aa0008ae982291", "60351301304fe1bf", [0, 6, 20, 21, 23, 24]),
    "fan_in": ("d47dcc441d215784", "bbdbaeb1e3604719", [0, 6, 20, 21, 23, 24]),
    "grouped": ("3e84e8dc0880fefa", "bbdbaeb1e3604719", [3, 6, 20, 21, 23, 27]),
}


@pytest.mark.parametrize("topology", list(GOLDEN))
def test_a_seed_means_the_same_layer_on_any_machine(topology: str) -> None:
    layer = RandomlyConnectedLinear(24, 20, topology=topology, seed=7, dtype=torch.float32)
    indices, weights, positions = GOLDEN[topology]
    assert layer.connectivity.positions()[:6].tolist() == positions
    assert layer.connectivity.fingerprint()[:16] == indices
    raw = layer.weight.detach().numpy().astype("<f4").tobytes()
    assert hashlib.sha256(raw).hexdigest()[:16] == weights


@pytest.mark.parametrize("topology", list(Topology))
def test_only_existing_weights_are_parameters(topology: Topology) -> None:
    layer = RandomlyConnectedLinear(50, 30, topology=topology, seed=0)
    assert sum(p.numel() for p in layer.parameters()) == 300 + 30
    assert count_weights(layer) == 330
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.randn(4, 50)).sum().backward()
    optimizer.step()
    moments = sum(
        value.numel()
        for state in optimizer.state.values()
        for name, value in state.items()
        if name != "step"
    )
    assert moments == 2 * 330


@pytest.mark.parametrize("topology", list(Topology))
def test_training_keeps_missing_connections_missing(topology: Topology) -> None:
    layer = RandomlyConnectedLinear(20, 12, topology=topology, seed=0)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(8, 20)).square().sum().backward()
        optimizer.step()
    dense = layer.to_dense_weight()
    assert torch.equal(dense != 0, torch.from_numpy(layer.connectivity.mask()))


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("bias", [True, False])
def test_density_one_equals_nn_linear_bit_for_bit(topology: Topology, bias: bool) -> None:
    linear = nn.Linear(37, 23, bias)
    layer = RandomlyConnectedLinear(37, 23, bias, connection_density=1.0, topology=topology)
    layer.load_state_dict(linear.state_dict())
    x = torch.randn(5, 4, 37)
    assert torch.equal(layer(x), linear(x))
    layer(x).square().sum().backward()
    linear(x).square().sum().backward()
    assert layer.weight.grad is not None
    assert linear.weight.grad is not None
    assert torch.equal(layer.weight.grad, linear.weight.grad)
    linear.load_state_dict(layer.state_dict())


def test_the_global_generator_fixes_a_layer_without_seed() -> None:
    torch.manual_seed(11)
    one = RandomlyConnectedLinear(16, 16)
    other = RandomlyConnectedLinear(16, 16)
    torch.manual_seed(11)
    again = RandomlyConnectedLinear(16, 16)
    assert one.seed == again.seed != other.seed
    assert torch.equal(one.weight, again.weight)
    assert one.connectivity.fingerprint() == again.connectivity.fingerprint()
    assert one.connectivity.fingerprint() != other.connectivity.fingerprint()


def test_a_given_seed_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    RandomlyConnectedLinear(16, 16, seed=3)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("density", [0.05, 0.2, 1.0])
def test_first_weights_are_glorot_for_the_real_fans(topology: Topology, density: float) -> None:
    layer = RandomlyConnectedLinear(300, 200, connection_density=density, topology=topology, seed=1)
    n_weights = layer.weight.numel()
    limit = math.sqrt(6 / (n_weights / 200 + n_weights / 300))
    values = layer.weight.detach()
    assert values.abs().max() <= limit
    assert values.abs().max() > 0.99 * limit
    assert values.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    assert abs(values.mean().item()) < 0.05 * limit
    assert layer.bias is not None
    assert not layer.bias.any()
    # The outputs' spread is that of a dense Glorot layer, whatever the density.
    y = layer(torch.randn(500, 300, generator=torch.Generator().manual_seed(0)))
    assert y.std().item() == pytest.approx(math.sqrt(2 * 300 / 500), rel=0.1)


def test_reset_gives_the_first_weights_again_or_others() -> None:
    layer = RandomlyConnectedLinear(30, 20, seed=4)
    first = layer.weight.detach().clone()
    before = layer.connectivity.fingerprint()
    with torch.no_grad():
        layer.weight.zero_()
        assert layer.bias is not None
        layer.bias.fill_(1.0)
    layer.reset_parameters()
    assert torch.equal(layer.weight, first)
    assert not layer.bias.any()
    layer.reset_parameters(seed=5)
    assert not torch.equal(layer.weight, first)
    assert layer.connectivity.fingerprint() == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device(dtype: torch.dtype) -> None:
    layer = RandomlyConnectedLinear(9, 5, seed=0, device="cpu", dtype=dtype)
    assert layer.weight.dtype == dtype
    assert layer.get_buffer("indices").dtype == torch.int32
    layer.double()
    assert layer.get_buffer("indices").dtype == torch.int32
    with torch.device("meta"):
        assert RandomlyConnectedLinear(9, 5).weight.is_meta


@pytest.mark.parametrize("topology", list(Topology))
def test_deep_copies_stand_alone(topology: Topology) -> None:
    layer = RandomlyConnectedLinear(14, 10, topology=topology, seed=0)
    twin = copy.deepcopy(layer)
    x = torch.randn(3, 14)
    assert torch.equal(twin(x), layer(x))
    with torch.no_grad():
        twin.weight.add_(1)
    assert not torch.equal(twin(x), layer(x))
    assert twin.seed == layer.seed


def test_the_printed_form_says_what_it_is() -> None:
    layer = RandomlyConnectedLinear(8, 8, connection_density=0.25, topology="uniform", seed=1)
    assert repr(layer) == (
        "RandomlyConnectedLinear(in_features=8, out_features=8, bias=True, "
        "topology='uniform', weights=16 (0.25 of all), seed=1)"
    )
    assert layer.connection_density == 0.25
    assert layer.topology is Topology.UNIFORM


@pytest.mark.parametrize("topology", list(Topology))
def test_a_layer_from_a_connectivity(topology: Topology) -> None:
    connectivity = draw_connectivity(9, 6, connection_density=0.3, topology=topology, seed=8)
    layer = RandomlyConnectedLinear.from_connectivity(connectivity, bias=False, seed=8)
    built = RandomlyConnectedLinear(9, 6, False, connection_density=0.3, topology=topology, seed=8)
    assert torch.equal(layer.weight, built.weight)
    x = torch.randn(3, 9)
    assert torch.equal(layer(x), built(x))
    assert layer.seed is None
    assert layer.bias is None


def test_user_made_groups_may_leave_inputs_out_or_use_them_often() -> None:
    groups = np.array([[0, 1], [0, 1], [0, 3]])
    layer = RandomlyConnectedLinear.from_connectivity(
        Connectivity(Topology.GROUPED, 4, 5, groups), seed=0, dtype=torch.float64
    )
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    layer(x).sum().backward()
    assert x.grad is not None
    assert not x.grad[:, 2].any()


def test_a_layer_from_a_masked_dense_weight() -> None:
    weight = torch.randn(5, 7, dtype=torch.float64)
    mask = (torch.rand(5, 7) < 0.3).double()
    bias = torch.randn(5, dtype=torch.float64)
    layer = RandomlyConnectedLinear.from_masked_dense(weight, mask, bias)
    x = torch.randn(3, 7, dtype=torch.float64)
    torch.testing.assert_close(layer(x), x @ (weight * mask).t() + bias)
    assert torch.equal(layer.to_dense_weight(), weight * mask)
    assert layer.weight.numel() == int(mask.sum())
    without = RandomlyConnectedLinear.from_masked_dense(weight, torch.ones(5, 7))
    assert without.bias is None
    assert torch.equal(without.weight, weight)
    nothing = RandomlyConnectedLinear.from_masked_dense(weight, torch.zeros(5, 7), bias)
    torch.testing.assert_close(nothing(x), bias.expand(3, 5))


def test_masked_dense_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"weight and mask must both have the shape"):
        RandomlyConnectedLinear.from_masked_dense(torch.zeros(5, 7), torch.ones(7, 5))
    with pytest.raises(ValueError, match=r"bias must have the shape \(5,\)"):
        RandomlyConnectedLinear.from_masked_dense(
            torch.zeros(5, 7), torch.ones(5, 7), torch.zeros(7)
        )


@pytest.mark.parametrize("topology", list(Topology))
def test_a_wrong_input_width_is_refused(topology: Topology) -> None:
    layer = RandomlyConnectedLinear(8, 4, topology=topology, seed=0)
    message = r"last dimension must be in_features = 8 \(got \(3, 9\)\)\. Try: x\.t\(\)"
    with pytest.raises(ValueError, match=message):
        layer(torch.randn(3, 9))
    with pytest.raises(ValueError, match="in_features = 8"):
        layer(torch.tensor(1.0))


def test_replacing_connections_needs_the_same_layout() -> None:
    layer = RandomlyConnectedLinear(8, 4, seed=0)
    other = draw_connectivity(8, 5, connection_density=0.2, topology="grouped", seed=0)
    with pytest.raises(ValueError, match="topology, widths and weight count"):
        layer.replace_connectivity(other)


@pytest.mark.parametrize("topology", ["grouped", "blocked", "windowed"])
def test_a_layer_with_a_limit_on_groups(topology: str) -> None:
    layer = RandomlyConnectedLinear(
        64, 64, connection_density=0.25, topology=topology, max_group_size=4, seed=3
    )
    groups = layer.connectivity.group_of_output()
    assert max(list(groups).count(group) for group in set(groups)) <= 4
    free = RandomlyConnectedLinear(64, 64, connection_density=0.25, topology=topology, seed=3)
    assert layer.weight.shape == free.weight.shape
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    expected = x @ layer.to_dense_weight().T
    assert torch.allclose(layer(x), expected, atol=1e-5)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    with pytest.raises(ValueError, match="max_group_size"):
        RandomlyConnectedLinear(4, 4, topology=topology, max_group_size=0)
