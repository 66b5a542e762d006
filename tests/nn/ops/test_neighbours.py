"""Context windows and pooling against loops over texts and tokens, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gossamer.nn.ops.neighbours import context_windows, mean_and_max

LENGTHS = [[3, 1, 5], [1], [1, 1, 1], [0, 2, 0, 0, 4, 0], [2, 2], [], [0, 0]]


def lengths_of(numbers: list[int]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64)


def windows_by_loops(x: Tensor, lengths: list[int], size: int) -> Tensor:
    found, start = [], 0
    for length in lengths:
        for position in range(length):
            row = [
                x[start + place] if 0 <= place < length else torch.zeros_like(x[0])
                for place in range(position - size, position + size + 1)
            ]
            found.append(torch.cat(row))
        start += length
    return torch.stack(found) if found else x.new_zeros(0, (2 * size + 1) * x.shape[1])


@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_windows_are_those_of_each_text_alone(lengths: list[int], size: int, seed: int) -> None:
    x = torch.from_numpy(np.random.default_rng(seed).standard_normal((sum(lengths), 3)))
    found = context_windows(x, lengths_of(lengths), size)
    assert torch.equal(found, windows_by_loops(x, lengths, size))


def test_windows_by_hand() -> None:
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    found = context_windows(x, lengths_of([3, 1]), 1)
    assert found.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 0], [0, 4, 0]]


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("lengths", [[3, 1, 2], [0, 2, 0], []], ids=str)
def test_gradient_of_windows(lengths: list[int], size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(sum(lengths), 2, dtype=torch.float64, generator=generator, requires_grad=True)
    torch.autograd.gradcheck(lambda rows: context_windows(rows, lengths_of(lengths), size), (x,))


def test_mean_and_max_by_hand() -> None:
    x = torch.tensor([[1.0, -2.0], [3.0, -4.0], [-5.0, 0.5]])
    found = mean_and_max(x, lengths_of([2, 0, 1]))
    assert found.tolist() == [[2, -3, 3, -2], [0, 0, 0, 0], [-5, 0.5, -5, 0.5]]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_mean_and_max_equal_numpy(lengths: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((sum(lengths), 4))
    parts = np.split(x, np.cumsum(lengths)[:-1]) if lengths else []
    rows = [
        np.concatenate([part.mean(0), part.max(0)]) if len(part) else np.zeros(8) for part in parts
    ]
    found = mean_and_max(torch.from_numpy(x), lengths_of(lengths)).numpy()
    assert found.shape == (len(lengths), 8)
    np.testing.assert_allclose(found, np.array(rows).reshape(-1, 8), rtol=1e-12)


@pytest.mark.parametrize("lengths", [[3, 1, 2], [0, 2, 0, 4], [1]], ids=str)
def test_gradient_of_mean_and_max(lengths: list[int]) -> None:
    n = sum(lengths)
    order = torch.randperm(n * 3, generator=torch.Generator().manual_seed(n))
    x = order.view(n, 3).to(torch.float64).requires_grad_()  # no two numbers alike
    torch.autograd.gradcheck(lambda rows: mean_and_max(rows, lengths_of(lengths)), (x,))


def test_each_of_equal_maxima_has_the_whole_gradient() -> None:
    """And the one of another text, though it is as large, has its own text's."""
    x = torch.tensor([[2.0], [2.0], [1.0], [2.0]], dtype=torch.float64, requires_grad=True)
    found = mean_and_max(x, lengths_of([3, 1]))
    (gradient,) = torch.autograd.grad((found * torch.tensor([[3.0, 5.0], [7.0, 11.0]])).sum(), x)
    assert gradient.flatten().tolist() == [1 + 5, 1 + 5, 1, 7 + 11]


def test_no_gradient_flows_from_a_text_without_tokens() -> None:
    x = torch.zeros(0, 2, requires_grad=True)
    pooled = mean_and_max(x, lengths_of([0, 0]))
    (gradient,) = torch.autograd.grad(pooled.sum(), x)
    assert pooled.tolist() == [[0.0] * 4] * 2 and gradient.shape == (0, 2)
