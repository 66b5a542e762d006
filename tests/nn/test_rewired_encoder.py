"""The encoder by kernels keeps up with layers whose connections change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gossamer.nn import attention
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.ops import activation, normalisation
from gossamer.nn.packing import Packing
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.sparse.kernels.build import is_available
from gossamer.sparse.rewire import (
    SET,
    GradualPruning,
    Rewiring,
    RigL,
    dense_gradients,
    optimizer_companions,
)

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")


def run(encoder: nn.Module, x: Tensor, packing: Packing) -> list[Tensor]:
    y = encoder(x, packing)
    return [y.detach(), *torch.autograd.grad(y.square().mean(), list(encoder.parameters()))]


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    ("method", "density"),
    [
        (SET(0.3, every=2, end=20, seed=0), 0.2),  # by kernels for few connections
        (RigL(0.3, every=2, end=20), 0.2),
        (RigL(0.3, every=2, end=20), 0.5),  # by the dense kernel matrix
        (GradualPruning(0.2, begin=0, end=4, every=1), 1.0),
    ],
)
def test_equals_the_readable_way_after_each_change(
    method: Rewiring, density: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)

    def linear(n_in: int, n_out: int, bias: bool) -> nn.Module:
        return RandomlyConnectedLinear(
            n_in, n_out, bias, connection_density=density, topology="uniform"
        )

    encoder = TransformerEncoder(32, 32, num_layers=1, num_heads=2, linear=linear)
    packing = Packing.from_lengths(torch.tensor([40, 3, 9]))
    x = torch.randn(52, 32)

    def loss(copied: nn.Module) -> Tensor:
        value: Tensor = copied(x, packing).square().mean()
        return value

    def compare() -> None:
        found = [*run(encoder, x, packing), *dense_gradients(encoder, loss).values()]
        with monkeypatch.context() as patch:
            for module in (attention, activation, normalisation):
                patch.setattr(module, "fits", lambda *_: False)
            wanted = [*run(encoder, x, packing), *dense_gradients(encoder, loss).values()]
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)

    method.begin(encoder)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
    changes = []
    for _ in range(5):
        optimizer.zero_grad()
        loss(encoder).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        method.step(encoder, loss, optimizer_companions(optimizer))
        changes.append(method.n_rewired)
        compare()
    assert changes[-1] > changes[1] > 0
    method.finish(encoder)
    compare()
