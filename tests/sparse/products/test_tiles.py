"""The `blocked` topology and the product of its tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gossamer.sparse import RandomlyConnectedLinear, Topology, draw_connectivity
from gossamer.sparse.kernels import tiles
from gossamer.sparse.kernels.tables import find_block_size
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.tiles import TileProduct
from gossamer.sparse.topology import tile_of

SHAPES = [
    (256, 96, 0.2),
    (64, 48, 0.5),
    (128, 40, 0.3),
    (32, 8, 0.6),
    (1024, 1024, 0.01),
    (256, 256, 0.05),
    (48, 36, 0.5),
]


def layer_of(
    n_in: int, n_out: int, density: float, dtype: torch.dtype = torch.float64
) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(
        n_in, n_out, connection_density=density, topology="blocked", seed=3, dtype=dtype
    )
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    return layer


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def gradients(y: Tensor, x: Tensor, layer: RandomlyConnectedLinear, grad: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(y, [x, *layer.parameters()], grad))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_tokens", [0, 1, 33, 700])
def test_equals_dense_forward_and_backward(shape: tuple[int, int, float], n_tokens: int) -> None:
    layer = layer_of(*shape)
    assert TileProduct.of(layer.connectivity) is not None, "else there are no tiles here"
    x = torch.randn(n_tokens, shape[0], dtype=torch.float64, requires_grad=True)
    grad = torch.randn(n_tokens, shape[1], dtype=torch.float64)
    expected = F.linear(x, layer.to_dense_weight(), layer.bias)
    wanted = gradients(expected, x, layer, grad)
    y = layer(x)
    torch.testing.assert_close(y, expected)
    for own, other in zip(gradients(y, x, layer, grad), wanted, strict=True):
        torch.testing.assert_close(own, other)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.thinned(12)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_tokens", [0, 1, 5, 33, 700])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("registers", [tiles.WIDE, tiles.NARROW], ids=["wide", "narrow"])
def test_kernels_equal_dense(
    shape: tuple[int, int, float],
    n_tokens: int,
    n_threads: int,
    registers: tiles.Registers,
    threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads(n_threads)
    monkeypatch.setattr(tiles, "has_wide_registers", lambda: registers is tiles.WIDE)
    layer = layer_of(*shape, torch.float32)
    x = torch.randn(n_tokens, shape[0], requires_grad=True)
    assert TileProduct.of(layer.connectivity) is not None
    assert may_run_kernel(x, layer.weight, layer.bias), "else this test would not reach the kernels"
    grad = torch.randn(n_tokens, shape[1])
    expected = F.linear(x, layer.to_dense_weight(), layer.bias)
    y = layer(x)
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(layer(x), y)
    wanted = gradients(expected, x, layer, grad)
    for own, other in zip(gradients(y, x, layer, grad), wanted, strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-4)


def test_gradients_of_first_and_second_order() -> None:
    layer = layer_of(32, 8, 0.6)
    weight, bias = layer.weight.detach(), layer.get_parameter("bias").detach()
    x = torch.randn(5, 32, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        given = {"weight": weight, "bias": bias}
        y: Tensor = torch.func.functional_call(layer, given, (x,))
        return y.square()

    inputs = (x, weight.requires_grad_(), bias.requires_grad_())
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


def test_only_what_is_asked_for_is_computed() -> None:
    layer = layer_of(64, 48, 0.5)
    x = torch.randn(9, 64, dtype=torch.float64, requires_grad=True)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    layer.weight.requires_grad_(True)
    layer(x.detach()).sum().backward()
    assert layer.weight.grad is not None


def test_autocast_compiler_and_strides() -> None:
    layer = layer_of(64, 48, 0.5, torch.float32)
    x = torch.randn(3, 5, 64)
    expected = F.linear(x, layer.to_dense_weight(), layer.bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, atol=0.1, rtol=0.05)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)
    torch.testing.assert_close(layer(x.transpose(0, 1)).transpose(0, 1), expected)


@given(
    st.integers(1, 24).map(lambda n: 8 * n),
    st.integers(1, 20).map(lambda n: 4 * n),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_inputs_come_in_runs_used_evenly(n_in: int, n_out: int, density: float, seed: int) -> None:
    connectivity = draw_connectivity(
        n_in, n_out, connection_density=density, topology="blocked", seed=seed
    )
    assert connectivity.input_degrees().min() >= 1
    assert connectivity.output_degrees().min() >= 1
    tile = tile_of(n_in, n_out, density)
    if connectivity.indices is None or tile is None:
        return
    assert abs(tile.k - density * n_in) <= density * n_in / 4
    assert connectivity.indices.shape == (n_out // tile.group_size, tile.k)
    assert find_block_size(connectivity.indices, n_in) % tile.run == 0
    uses = np.bincount(connectivity.indices.reshape(-1), minlength=n_in)
    assert uses.max() - uses.min() <= 1


def test_where_no_block_fits_it_is_grouped() -> None:
    for n_in, n_out, density in ((10, 20, 0.5), (64, 30, 0.2), (8, 8, 0.25)):
        blocked, grouped = (
            draw_connectivity(n_in, n_out, connection_density=density, topology=kind, seed=1)
            for kind in (Topology.BLOCKED, Topology.GROUPED)
        )
        assert blocked.indices is not None
        assert grouped.indices is not None
        assert np.array_equal(blocked.indices, grouped.indices)


def test_block_sizes_found() -> None:
    assert find_block_size(np.array([[0, 1, 2, 3], [4, 5, 6, 7]]), 8) == 4
    assert find_block_size(np.array([[0, 1, 4, 5], [2, 3, 6, 7]]), 8) == 2
    assert find_block_size(np.array([[1, 2], [3, 4]]), 8) == 1
    assert find_block_size(np.array([[0, 1], [2, 4]]), 8) == 1
