"""Connections that lie one by one, by kernels: equal to the dense product, forward and back."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.sparse import RandomlyConnectedLinear
from gossamer.sparse.kernels.build import is_available
from gossamer.sparse.products.dispatch import kernel_product
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.product import KernelProduct
from gossamer.sparse.products.rows import RowProduct
from gossamer.sparse.products.tiles import TileProduct

SHAPES = [(256, 96, 0.05), (64, 48, 0.15), (16, 16, 0.1), (48, 320, 0.01)]


def layer_of(
    topology: str, n_in: int, n_out: int, density: float, *, bias: bool = True
) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(
        n_in, n_out, bias, connection_density=density, topology=topology, seed=3
    )
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    return layer


def kernel_product_of(topology: str, n_in: int, n_out: int, density: float) -> KernelProduct | None:
    return kernel_product(layer_of(topology, n_in, n_out, density).connectivity)


@pytest.fixture
def n_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def gradients(y: Tensor, x: Tensor, layer: RandomlyConnectedLinear, grad: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(y, [x, *layer.parameters()], grad))


@pytest.mark.thinned(8)
@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
@pytest.mark.parametrize("n_threads", [1, 2], indirect=True)
@pytest.mark.parametrize(
    ("topology", "shape"),
    [
        *[(topology, shape) for topology in ("uniform", "fan_in") for shape in SHAPES],
        ("grouped", (256, 96, 0.05)),
        ("grouped", (256, 96, 0.2)),
        ("blocked", (256, 1024, 0.01)),  # no tile is small enough
    ],
    ids=str,
)
@pytest.mark.parametrize("n_tokens", [32, 64, 65, 700])
def test_equals_dense(
    topology: str, shape: tuple[int, int, float], n_tokens: int, n_threads: int
) -> None:
    layer = layer_of(topology, *shape, bias=n_tokens != 65)
    x = torch.randn(n_tokens, shape[0], requires_grad=True)
    product = kernel_product(layer.connectivity)
    assert isinstance(product, RowProduct)
    assert product.pays(n_tokens), "else this test would not reach the kernels"
    assert may_run_kernel(x, layer.weight, layer.bias)
    grad = torch.randn(n_tokens, shape[1])
    expected = F.linear(x, layer.to_dense_weight(), layer.bias)
    y = layer(x)
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(layer(x), y)
    wanted = gradients(expected, x, layer, grad)
    for own, other in zip(gradients(y, x, layer, grad), wanted, strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
def test_second_derivatives() -> None:
    layer = layer_of("uniform", 64, 48, 0.1)
    x = torch.randn(40, 64, requires_grad=True)
    found = []
    for y in (layer(x), F.linear(x, layer.to_dense_weight(), layer.bias)):
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), [x, layer.weight]))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other, atol=1e-2, rtol=1e-3)


def test_where_the_dense_product_is_taken() -> None:
    assert kernel_product_of("uniform", 64, 48, 0.5) is None, "too many connections"
    assert kernel_product_of("uniform", 60, 48, 0.1) is None, "no whole vectors"
    assert isinstance(kernel_product_of("blocked", 256, 96, 0.2), TileProduct)
    layer = layer_of("uniform", 64, 48, 0.1)
    product = kernel_product(layer.connectivity)
    assert product is not None
    assert not product.pays(8), "few tokens"
    x = torch.randn(80, 64, dtype=torch.float64)
    double = copy.deepcopy(layer).double()
    assert torch.equal(double(x), F.linear(x, double.to_dense_weight(), double.bias))
    x = torch.randn(80, 64)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x), atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu"):
        assert layer(x).dtype == torch.bfloat16
