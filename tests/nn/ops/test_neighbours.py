"""Context windows against loops over texts and tokens, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gossamer.nn.ops.neighbours import context_windows

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
