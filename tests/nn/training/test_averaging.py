from __future__ import annotations

import pytest
import torch
from torch import nn

from gossamer.nn.training.averaging import WeightAverage
from gossamer.nn.training.memory import release_free_memory


def walk(n_steps: int, decay: float) -> tuple[nn.Parameter, WeightAverage]:
    """A weight that is n after step n."""
    weight = nn.Parameter(torch.zeros(1))
    average = WeightAverage([weight], decay)
    for n in range(1, n_steps + 1):
        with torch.no_grad():
            weight.fill_(float(n))
        average.update()
    return weight, average


def test_before_it_begins_the_weights_stay() -> None:
    weight, average = walk(3, 0.9)
    assert not average.has_begun
    average.use()
    assert float(weight.detach()) == 3.0


def test_constant_weights_are_their_own_average() -> None:
    weight = nn.Parameter(torch.full((2, 3), 5.0))
    average = WeightAverage([weight], 0.99)
    for _ in range(50):
        average.update()
    average.use()
    assert torch.equal(weight, torch.full((2, 3), 5.0))


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_it_lags_behind_but_not_by_more_than_a_third(decay: float) -> None:
    weight, average = walk(800, decay)
    average.use()
    lag = 800 - float(weight.detach())
    assert 0 <= lag <= 800 / 3
    slower, faster = walk(800, 0.999), walk(800, 0.5)
    slower[1].use(), faster[1].use()
    assert float(slower[0].detach()) < float(faster[0].detach()) <= 800


def test_using_twice_gives_the_weights_back() -> None:
    weight, average = walk(100, 0.99)
    average.use()
    assert float(weight.detach()) < 100
    average.use()
    assert float(weight.detach()) == 100


def test_in_place_for_a_moment_even_when_it_fails() -> None:
    weight, average = walk(100, 0.99)
    with average.in_place():
        inside = float(weight.detach())
    assert inside < 100 and float(weight.detach()) == 100
    with pytest.raises(RuntimeError, match="in between"), average.in_place():
        raise RuntimeError("in between")
    assert float(weight.detach()) == 100


def test_the_parameter_stays_the_same_object() -> None:
    weight, average = walk(20, 0.9)
    where = weight.data_ptr()
    average.use()
    assert weight.data_ptr() == where and weight.requires_grad and weight.grad is None


def test_releasing_memory_does_no_harm() -> None:
    x = torch.arange(1000)
    release_free_memory()
    assert int(x.sum()) == 499_500
