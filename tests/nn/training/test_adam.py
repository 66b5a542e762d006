"""Adam by the kernel gives what torch.optim.Adam gives, with Rasa's rule of L2 before it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gossamer.nn.training.adam import Adam
from gossamer.nn.training.fit import add_l2_gradient
from gossamer.sparse.kernels.build import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
SHAPES = [(1,), (5,), (16,), (33, 7), (300, 200)]


def parameters() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape)) for shape in SHAPES]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("strength", [0.0, 0.05])
def test_equals_torch(strength: float, n_threads: int) -> None:
    plain, quick = parameters(), parameters()
    adam = torch.optim.Adam(plain, lr=0.01, eps=1e-7)
    own = Adam(quick, learning_rate=0.01, epsilon=1e-7, regularization_constant=strength)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for number in range(30):
            adam.zero_grad()
            own.zero_grad()
            for i, (a, b) in enumerate(zip(plain, quick, strict=True)):
                if i == 1 and number % 3 == 0:
                    continue  # no gradient this time: it stays, and its step does not count
                grad = torch.randn_like(a) * (torch.rand_like(a) < 0.8)
                # One comes transposed, as a gradient can.
                a.grad, b.grad = grad, grad.t().contiguous().t() if i == 3 else grad.clone()
            for weight in plain[2:]:
                add_l2_gradient(weight, strength)
            adam.step()
            own.step({id(weight) for weight in quick[2:]})
    finally:
        torch.set_num_threads(before)
    for a, b in zip(plain, quick, strict=True):
        torch.testing.assert_close(b, a, atol=1e-5, rtol=1e-5)


def test_nothing_to_step() -> None:
    quick = parameters()
    Adam(quick, learning_rate=0.01, epsilon=1e-7).step()
    for a, b in zip(parameters(), quick, strict=True):
        assert torch.equal(a, b)


def test_what_it_cannot_step() -> None:
    assert Adam.can_step(torch.zeros(3, 4))
    assert not Adam.can_step(torch.zeros(3, 4, dtype=torch.float64))
    assert not Adam.can_step(torch.zeros(3, 4).t())
