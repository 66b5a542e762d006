"""Every product equals the masked dense one: forward, backward, in every dtype and shape."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gossamer.sparse import RandomlyConnectedLinear, Topology

SHAPES = [(8, 8), (1, 1), (1, 5), (5, 1), (7, 13), (13, 7), (20, 31), (64, 64)]


def layer_of(
    n_in: int,
    n_out: int,
    density: float,
    topology: Topology,
    dtype: torch.dtype = torch.float64,
    bias: bool = True,
) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(
        n_in, n_out, bias, connection_density=density, topology=topology, seed=3, dtype=dtype
    )
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    return layer


def masked_dense(layer: RandomlyConnectedLinear, x: Tensor) -> tuple[Tensor, Tensor]:
    """The readable reference: the whole kernel times its mask, as Rasa's layer computes it."""
    kernel = layer.to_dense_weight().detach().clone().requires_grad_()
    mask = torch.from_numpy(layer.connectivity.mask())
    bias = None if layer.bias is None else layer.bias.detach()
    return F.linear(x, kernel * mask, bias), kernel


def assert_matches_reference(layer: RandomlyConnectedLinear, x: Tensor) -> None:
    x = x.detach().requires_grad_()
    expected, kernel = masked_dense(layer, x)
    got = layer(x)
    assert got.is_contiguous()
    torch.testing.assert_close(got, expected)
    torch.manual_seed(1)
    grad = torch.randn_like(expected)
    want_x, want_kernel = torch.autograd.grad(expected, (x, kernel), grad)
    got_x, got_weight = torch.autograd.grad(got, (x, layer.weight), grad, retain_graph=True)
    torch.testing.assert_close(got_x, want_x)
    places = torch.from_numpy(layer.connectivity.positions())
    torch.testing.assert_close(got_weight.reshape(-1), want_kernel.reshape(-1)[places])
    if layer.bias is not None:
        (got_bias,) = torch.autograd.grad(got, layer.bias, grad)
        torch.testing.assert_close(got_bias, grad.reshape(-1, layer.out_features).sum(0))


@pytest.mark.thinned(12)
@pytest.mark.parametrize("density", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("topology", list(Topology))
def test_equals_masked_dense(topology: Topology, density: float) -> None:
    for n_in, n_out in SHAPES:
        for bias in (True, False):
            layer = layer_of(n_in, n_out, density, topology, bias=bias)
            x = torch.randn(3, 2, n_in, dtype=torch.float64)
            assert_matches_reference(layer, x)


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(0, 5),
    st.floats(0, 1),
    st.sampled_from(list(Topology)),
)
def test_equals_masked_dense_anywhere(
    n_in: int, n_out: int, n_tokens: int, density: float, topology: Topology
) -> None:
    layer = layer_of(n_in, n_out, density, topology)
    x = torch.randn(n_tokens, n_in, dtype=torch.float64)
    assert_matches_reference(layer, x)


@pytest.mark.parametrize("topology", list(Topology))
def test_float32_is_within_rounding(topology: Topology) -> None:
    layer = layer_of(256, 96, 0.2, topology, dtype=torch.float32)
    assert_matches_reference(layer, torch.randn(50, 256))


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("n_out", [6, 7])
def test_gradcheck_and_twice(topology: Topology, n_out: int) -> None:
    layer = layer_of(6, n_out, 0.4, topology)
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)

    def token_major(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        parameters = {"weight": weight, "bias": bias}
        result: Tensor = torch.func.functional_call(layer, parameters, (x,))
        return result

    assert layer.bias is not None
    inputs = (x, layer.weight, layer.bias)
    assert torch.autograd.gradcheck(token_major, inputs)
    assert torch.autograd.gradgradcheck(token_major, inputs)


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (3, 0), (2, 3, 4)])
def test_any_leading_shape(topology: Topology, shape: tuple[int, ...]) -> None:
    layer = layer_of(10, 6, 0.3, topology)
    x = torch.randn(*shape, 10, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.shape == (*shape, 6)
    torch.testing.assert_close(y, masked_dense(layer, x)[0])
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    assert layer.weight.grad is not None
    assert layer.weight.grad.shape == layer.weight.shape


@pytest.mark.parametrize("topology", list(Topology))
def test_inputs_that_are_not_contiguous(topology: Topology) -> None:
    layer = layer_of(10, 6, 0.3, topology)
    x = torch.randn(10, 4, 3, dtype=torch.float64).permute(2, 1, 0)[:, ::2]
    assert_matches_reference(layer, x)


@pytest.mark.parametrize("topology", list(Topology))
def test_train_eval_and_inference_agree(topology: Topology) -> None:
    layer = layer_of(20, 12, 0.3, topology)
    x = torch.randn(5, 20, dtype=torch.float64)
    trained = layer.train()(x)
    evaluated = layer.eval()(x)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), trained)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), trained)
    torch.testing.assert_close(evaluated, trained)


@pytest.mark.parametrize("topology", list(Topology))
def test_a_layer_used_twice_gets_both_gradients(topology: Topology) -> None:
    layer = layer_of(9, 9, 0.3, topology)
    x = torch.randn(4, 9, dtype=torch.float64)
    layer(layer(x)).sum().backward()
    got = layer.weight.grad
    kernel = layer.to_dense_weight().detach().requires_grad_()
    assert layer.bias is not None
    bias = layer.bias.detach()
    expected = F.linear(F.linear(x, kernel, bias), kernel, bias)
    (want,) = torch.autograd.grad(expected.sum(), kernel)
    places = torch.from_numpy(layer.connectivity.positions())
    assert got is not None
    torch.testing.assert_close(got.reshape(-1), want.reshape(-1)[places])


@pytest.mark.parametrize("topology", list(Topology))
def test_frozen_weights_and_frozen_inputs(topology: Topology) -> None:
    layer = layer_of(9, 5, 0.3, topology).requires_grad_(False)
    x = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    layer.requires_grad_(True)
    layer(x.detach()).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize("topology", list(Topology))
def test_autocast(topology: Topology) -> None:
    layer = layer_of(64, 33, 0.2, topology, dtype=torch.float32)
    x = torch.randn(10, 64, requires_grad=True)
    exact = layer(x).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
        with torch.no_grad():
            torch.testing.assert_close(layer(x), y.detach(), atol=0.05, rtol=0.05)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.detach().float(), exact, atol=0.05, rtol=0.05)
    y.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.float32
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("topology", list(Topology))
def test_half_precision_modules(topology: Topology) -> None:
    exact = layer_of(32, 17, 0.2, topology, dtype=torch.float32)
    layer = copy.deepcopy(exact).to(torch.bfloat16)
    x = torch.randn(6, 32)
    y = layer(x.bfloat16())
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), exact(x), atol=0.1, rtol=0.1)
    y.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.bfloat16


@pytest.mark.slow
@pytest.mark.parametrize("density", [0.2, 1.0])
@pytest.mark.parametrize("topology", list(Topology))
def test_compile_and_export(topology: Topology, density: float) -> None:
    layer = layer_of(12, 7, density, topology)
    x = torch.randn(4, 12, dtype=torch.float64)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x))
    compiled(x).sum().backward()
    got = layer.weight.grad
    assert got is not None
    (want,) = torch.autograd.grad(layer(x).sum(), layer.weight)
    torch.testing.assert_close(got, want)
    n = torch.export.Dim("n", min=2)
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: n},))
    longer = torch.randn(9, 12, dtype=torch.float64)
    torch.testing.assert_close(program.module()(longer), layer(longer))
    torch._dynamo.reset()
