from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gossamer.nn import packing as module
from gossamer.nn.packing import Packing, ranges

LENGTHS = st.lists(st.integers(0, 5), min_size=0, max_size=7)


def shuffled(lengths: list[int], seed: int) -> tuple[Packing, Tensor, Tensor]:
    """Rows in arbitrary order, with the sequence and the position of each."""
    sequence, position = ranges(torch.tensor(lengths, dtype=torch.int64))
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(sequence)))
    sequence, position = sequence[order], position[order]
    return Packing(sequence, position, len(lengths)), sequence, position


def masked(packing: Packing, x: Tensor) -> Tensor:
    """All rectangles with their padding at zero, flat."""
    parts = [
        rows if part.mask is None else rows * part.mask[..., None]
        for rows, part in zip(packing.pad(x), packing.rectangles, strict=True)
    ]
    return torch.cat([part.flatten() for part in parts])


@pytest.fixture
def no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rectangles cost nothing, so each length gets its own."""
    monkeypatch.setattr(module, "_COST_OF_A_RECTANGLE", 0)


@given(LENGTHS)
def test_ranges_count_within_each_sequence(lengths: list[int]) -> None:
    sequence, position = ranges(torch.tensor(lengths, dtype=torch.int64))
    assert sequence.tolist() == [i for i, length in enumerate(lengths) for _ in range(length)]
    assert position.tolist() == [p for length in lengths for p in range(length)]


@pytest.mark.parametrize("cost", [0, 3, 1500])
@given(LENGTHS.filter(any), st.integers(0, 2**16), st.integers(1, 3))
def test_rows_in_any_order_come_back(cost: int, lengths: list[int], seed: int, width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_COST_OF_A_RECTANGLE", cost)
        packing, sequence, position = shuffled(lengths, seed)
    x = torch.arange(packing.n_positions * width, dtype=torch.float32).view(-1, width) + 1
    padded = packing.pad(x)
    assert torch.equal(packing.unpad(padded), x)
    assert packing.max_len == max(lengths)
    laid_out = []
    for rows, part in zip(padded, packing.rectangles, strict=True):
        assert rows.shape == (part.n_seqs, part.length, width)
        mask = torch.ones(rows.shape[:2], dtype=torch.bool) if part.mask is None else part.mask
        assert bool(mask[:, 0].all()), "every sequence of a rectangle has a position"
        assert int(mask.sum(1).max()) == part.length, "no rectangle is longer than it must be"
        laid_out += [
            row[: int(length)].tolist() for row, length in zip(rows, mask.sum(1), strict=True)
        ]
    expected = [
        x[sequence == i][position[sequence == i].argsort()].tolist()
        for i, length in enumerate(lengths)
        if length
    ]
    assert sorted(laid_out) == sorted(expected)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 300))
def test_cuts_cost_least(lengths: list[int], cost: int) -> None:
    ordered = np.sort(np.array(lengths, dtype=np.int64))

    def price(cuts: list[tuple[int, int]]) -> int:
        return sum(cost + (end - begin) * int(ordered[end - 1]) ** 2 for begin, end in cuts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_COST_OF_A_RECTANGLE", cost)
        found = module._cuts(ordered)
    assert found[0][0] == 0 and found[-1][1] == len(ordered)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    inner = np.flatnonzero(np.diff(ordered)) + 1  # equal lengths stay together
    cheapest = min(
        price(list(itertools.pairwise([0, *chosen, len(ordered)])))
        for n in range(min(len(inner), 7) + 1)
        for chosen in itertools.combinations(inner.tolist(), n)
    )
    assert price(found) <= cheapest


def test_few_short_sequences_share_a_rectangle_and_a_long_one_stands_alone() -> None:
    packing = Packing.from_lengths(torch.tensor([2, 200, 3, 2]))
    assert [(part.n_seqs, part.length) for part in packing.rectangles] == [(3, 3), (1, 200)]
    assert packing.n_slots == 209
    assert packing.rectangles[1].mask is None


def test_from_lengths_is_one_sequence_after_the_other() -> None:
    packing = Packing.from_lengths(torch.tensor([2, 0, 3]))
    assert (packing.n_positions, packing.max_len) == (5, 3)
    (padded,) = packing.pad(torch.arange(5.0)[:, None])
    assert padded[0, :2, 0].tolist() == [0.0, 1.0]
    assert padded[1, :, 0].tolist() == [2.0, 3.0, 4.0]
    assert packing.rectangles[0].mask is not None
    assert packing.rectangles[0].mask.tolist() == [[True, True, False], [True] * 3]


@pytest.mark.parametrize("n_seqs", [0, 2])
def test_no_position_at_all(n_seqs: int) -> None:
    packing = Packing.from_lengths(torch.zeros(n_seqs, dtype=torch.int64))
    assert (packing.n_positions, packing.n_slots, packing.max_len) == (0, 0, 0)
    assert packing.rectangles == [] and packing.pad(torch.zeros(0, 4)) == []


def test_what_stands_in_the_padding_is_finite() -> None:
    (padded,) = Packing.from_lengths(torch.tensor([1, 4])).pad(torch.randn(5, 3))
    assert padded.shape == (2, 4, 3) and bool(padded.isfinite().all())


def test_gradients(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    for lengths in ([3, 0, 1, 2], [2, 2, 2], [6]):
        packing, _, _ = shuffled(lengths, seed)
        assert torch.autograd.gradcheck(lambda x, packing=packing: masked(packing, x), (x,))
        slots = [
            torch.randn(
                part.n_seqs,
                part.length,
                2,
                dtype=torch.float64,
                generator=generator,
                requires_grad=True,
            )
            for part in packing.rectangles
        ]
        assert torch.autograd.gradcheck(
            lambda *parts, packing=packing: packing.unpad(list(parts)), slots
        )


@pytest.mark.usefixtures("no_cost")
def test_gradients_over_several_rectangles(seed: int) -> None:
    packing, _, _ = shuffled([3, 1, 2, 1], seed)
    assert len(packing.rectangles) == 3
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: masked(packing, x), (x,))


def test_padding_gets_no_gradient() -> None:
    packing = Packing.from_lengths(torch.tensor([1, 2]))
    padded = torch.zeros(2, 2, 1, requires_grad=True)
    packing.unpad([padded]).sum().backward()  # type: ignore[no-untyped-call]
    assert padded.grad is not None
    assert padded.grad[..., 0].tolist() == [[1.0, 0.0], [1.0, 1.0]]
