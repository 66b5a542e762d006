"""Answers in evaluation mode: the same numbers, and never those of weights that have changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.nn.adam import Adam
from gossamer.sparse import RandomlyConnectedLinear, Topology
from gossamer.sparse.native.build import is_available

needs_kernels = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")


def layer_of(topology: str = "blocked", density: float = 0.2) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(256, 96, connection_density=density, topology=topology, seed=1)
    torch.nn.init.normal_(layer.get_parameter("bias"))
    return layer.eval()


def expected(layer: RandomlyConnectedLinear, x: Tensor) -> Tensor:
    return F.linear(x, layer.to_dense_weight(), layer.bias)


@pytest.mark.parametrize("topology", [t.value for t in Topology])
@pytest.mark.parametrize("density", [1.0, 0.5, 0.2, 0.05, 0.01])
@pytest.mark.parametrize("shape", [(0, 256), (256,), (1, 256), (3, 7, 256), (64, 256), (200, 256)])
@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_equals_dense(
    topology: str, density: float, shape: tuple[int, ...], guard: Callable[[], torch.no_grad]
) -> None:
    layer, x = layer_of(topology, density), torch.randn(shape)
    with guard():
        for _ in range(2):  # made, and kept
            torch.testing.assert_close(layer(x), expected(layer, x), atol=1e-5, rtol=1e-4)


def scale_in_place(layer: RandomlyConnectedLinear) -> None:
    with torch.no_grad():
        layer.weight.mul_(2)


def load(layer: RandomlyConnectedLinear) -> None:
    state = layer.state_dict()
    layer.load_state_dict({**state, "weight": state["weight"] + 1})


def replace(layer: RandomlyConnectedLinear) -> None:
    layer.weight = torch.nn.Parameter(layer.weight.detach() + 1)


def step(layer: RandomlyConnectedLinear) -> None:
    layer.weight.grad = torch.ones_like(layer.weight)
    torch.optim.SGD([layer.weight], lr=0.5).step()


def step_by_kernel(layer: RandomlyConnectedLinear) -> None:
    layer.weight.grad = torch.ones_like(layer.weight)
    Adam([layer.weight], learning_rate=0.5, epsilon=1e-7).step()


def behind_its_back(layer: RandomlyConnectedLinear) -> None:
    layer.weight.data.mul_(2)
    layer.eval()


def draw_again(layer: RandomlyConnectedLinear) -> None:
    layer.reset_parameters(7)


@needs_kernels
@pytest.mark.parametrize("topology", ["blocked", "uniform"])
@pytest.mark.parametrize(
    "change", [scale_in_place, load, replace, step, step_by_kernel, behind_its_back, draw_again]
)
def test_a_change_of_weights_is_noticed(
    topology: str, change: Callable[[RandomlyConnectedLinear], None]
) -> None:
    layer, x = layer_of(topology), torch.randn(2, 256)
    with torch.no_grad():
        before = layer(x)
    change(layer)
    with torch.no_grad():
        after = layer(x)
        torch.testing.assert_close(after, expected(layer, x), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(before, after)


@needs_kernels
def test_copies_keep_nothing_of_the_original() -> None:
    layer, x = layer_of("uniform"), torch.randn(2, 256)
    with torch.no_grad():
        layer(x)
    assert layer._kept._form.numel() > 0
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
        assert other._kept._form.numel() == 0
        with torch.no_grad():
            other.weight.mul_(3)
            torch.testing.assert_close(other(x), expected(other, x), atol=1e-5, rtol=1e-4)
    assert layer.train()._kept._form.numel() == 0


@pytest.mark.parametrize("topology", ["blocked", "uniform"])
def test_other_ways_are_left_alone(topology: str) -> None:
    layer, x = layer_of(topology), torch.randn(2, 256)
    with torch.no_grad():
        wanted = layer(x)
        with torch.autocast("cpu"):
            assert layer(x).dtype == torch.bfloat16
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), wanted, atol=1e-5, rtol=1e-4)
        mapped = torch.func.vmap(layer)(x[:, None])
        torch.testing.assert_close(mapped[:, 0], wanted, atol=1e-5, rtol=1e-4)
        layer.double()
        torch.testing.assert_close(layer(x.double()), wanted.double(), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="in_features = 256"):
        layer(torch.randn(2, 255))
