"""The encoder by kernels equals the readable one: forward, backward, dropout, memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from gossamer.nn import attention
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.ops import activation, normalisation
from gossamer.nn.ops.fitting import fits
from gossamer.nn.packing import Packing
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.sparse.kernels.build import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
LENGTHS = torch.tensor([3, 1, 17, 0, 8, 33])


def make(
    topology: str = "blocked", density: float = 0.3, *, causal: bool = False, rate: float = 0.0
) -> TransformerEncoder:
    torch.manual_seed(0)

    def linear(n_in: int, n_out: int, bias: bool) -> nn.Module:
        return RandomlyConnectedLinear(
            n_in, n_out, bias, connection_density=density, topology=topology
        )

    encoder = TransformerEncoder(
        48, 64, num_layers=2, num_heads=2, linear=linear, dropout=rate, is_causal=causal
    )
    for parameter in encoder.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.3)
    return encoder


@pytest.fixture
def packing() -> Packing:
    return Packing.from_lengths(LENGTHS)


@pytest.fixture
def n_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (attention, activation, normalisation):
        monkeypatch.setattr(module, "fits", lambda *_: False)


def run(encoder: TransformerEncoder, x: Tensor, packing: Packing) -> list[Tensor]:
    """Output and gradients of input and parameters."""
    x = x.clone().requires_grad_()
    y = encoder(x, packing)
    torch.manual_seed(5)
    return [y.detach(), *torch.autograd.grad(y, [x, *encoder.parameters()], torch.randn_like(y))]


@pytest.mark.thinned(1)
@pytest.mark.parametrize("n_threads", [1, 2], indirect=True)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("topology", "density"),
    [
        ("blocked", 0.3),
        ("windowed", 0.3),
        ("grouped", 0.3),
        ("grouped", 0.04),
        ("uniform", 0.1),
        ("uniform", 0.4),
        ("uniform", 1.0),
    ],
)
def test_equals_the_readable_way(
    topology: str,
    density: float,
    causal: bool,
    n_threads: int,
    packing: Packing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = make(topology, density, causal=causal)
    x = torch.randn(packing.n_positions, 48)
    assert fits(torch.zeros(packing.n_positions, 64)), "else this compares one way with itself"
    quick = run(encoder, x, packing)
    without_kernels(monkeypatch)
    for own, other in zip(quick, run(encoder, x, packing), strict=True):
        torch.testing.assert_close(own, other, atol=2e-4, rtol=1e-4)


def test_the_table_of_rows_may_be_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    order = torch.randperm(int(LENGTHS.sum()), generator=torch.Generator().manual_seed(1))
    sequence = torch.repeat_interleave(LENGTHS)[order]
    position = torch.cat([torch.arange(n) for n in LENGTHS])[order]
    packing = Packing(sequence, position, len(LENGTHS))
    encoder, x = make(), torch.randn(packing.n_positions, 48)
    quick = run(encoder, x, packing)
    without_kernels(monkeypatch)
    for own, other in zip(quick, run(encoder, x, packing), strict=True):
        torch.testing.assert_close(own, other, atol=2e-4, rtol=1e-4)


def test_dropout_goes_the_same_way_forward_and_back(packing: Packing) -> None:
    """A directional derivative of the very function the seed fixes."""
    encoder = make(rate=0.3)
    x, along = torch.randn(2, packing.n_positions, 48)

    def value(step: float) -> Tensor:
        torch.manual_seed(7)
        moved = (x + step * along).requires_grad_()
        y = encoder(moved, packing)
        (grad,) = torch.autograd.grad(y.square().sum(), moved)
        return torch.stack([y.square().sum(), (grad * along).sum()]).detach()

    step = 1e-2
    difference = (value(step)[0] - value(-step)[0]) / (2 * step)
    torch.testing.assert_close(difference, value(0.0)[1], rtol=2e-2, atol=1e-1)
    torch.manual_seed(8)
    other = encoder(x.clone().requires_grad_(), packing)
    torch.manual_seed(7)
    assert not torch.equal(encoder(x.clone().requires_grad_(), packing), other)
    encoder.eval()
    torch.testing.assert_close(
        encoder(x.clone().requires_grad_(), packing), encoder(x.clone().requires_grad_(), packing)
    )


def test_two_forward_passes_before_the_backward_passes(packing: Packing) -> None:
    encoder = make()
    x, z = torch.randn(2, packing.n_positions, 48)
    expected = [run(encoder, part, packing)[1] for part in (x, z)]
    x, z = x.requires_grad_(), z.requires_grad_()
    first, second = encoder(x, packing), encoder(z, packing)
    torch.manual_seed(5)
    grad = torch.randn_like(first)
    found = [torch.autograd.grad(y, part, grad)[0] for y, part in ((first, x), (second, z))]
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other)


def test_a_second_backward_pass_gives_the_same(packing: Packing) -> None:
    x = torch.randn(packing.n_positions, 48, requires_grad=True)
    y = make()(x, packing).sum()
    (first,) = torch.autograd.grad(y, x, retain_graph=True)
    (second,) = torch.autograd.grad(y, x)
    assert torch.equal(first, second)


def test_hooks_of_parts_are_called(packing: Packing) -> None:
    encoder, x = make(), torch.randn(packing.n_positions, 48)
    before = encoder(x, packing)
    calls: list[str] = []
    for name, part in encoder.named_modules():
        if not list(part.children()) and not name.endswith("dropout"):
            part.register_forward_hook(lambda *_, name=name: calls.append(name))
    torch.testing.assert_close(encoder(x, packing), before, atol=1e-5, rtol=1e-5)
    parts = [name for name, part in encoder.named_modules() if not list(part.children())]
    assert sorted(calls) == sorted(name for name in parts if not name.endswith("dropout"))


def test_rows_that_belong_to_another_packing_are_refused(packing: Packing) -> None:
    with pytest.raises(ValueError, match="must have 62 rows, one for each position: got 61"):
        make()(torch.randn(packing.n_positions - 1, 48), packing)
