"""Sequences of different lengths in one tensor, with no padding.

A packed tensor has one row a position, whatever sequence the position belongs to. Everything that
treats each position by itself (every matrix product, normalisation, dropout) runs on it directly;
only what mixes the positions of a sequence (attention) lays it out in padded rectangles for a
moment, short sequences in one, long ones in another, so that little of them is padding.

Dimensions: `n_positions` rows, `n_seqs` sequences, `n_slots` places of all rectangles together.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# What one more rectangle costs in attention, in units of one pair of positions: about 0.3 ms
# against 0.2 us on one core, at width 256.
_COST_OF_A_RECTANGLE = 1500


class Rectangle(NamedTuple):
    """Some of the sequences, padded to one length.

    Attributes:
        n_seqs: how many sequences.
        length: the length of the longest.
        mask: True where a slot holds a position. *Shape:* (n_seqs, length), bool. None when all do.
    """

    n_seqs: int
    length: int
    mask: Tensor | None


class SequenceTable(NamedTuple):
    """The rows of each sequence.

    Attributes:
        rows: *Shape:* (n_positions,), int64.
        starts: where in `rows` each sequence begins, and the end. *Shape:* (n_seqs + 1,), int64.
    """

    rows: Tensor
    starts: Tensor


class _Layout(NamedTuple):
    """Rectangles, the slot of each row, and the row of each slot."""

    rectangles: list[Rectangle]
    slot: Tensor
    row: Tensor


class Packing:
    """Maps rows of a packed tensor to positions of sequences.

    Rows may come in any order, so that tokens of all texts can come before their sentence
    positions. Within a sequence the positions are 0, 1, ... without a gap.

    Args:
        sequence: the sequence of each row. *Shape:* (n_positions,), int64.
        position: its place in the sequence. *Shape:* (n_positions,), int64.
        n_seqs: how many sequences; some may have no row, and are then in no rectangle.

    Attributes:
        max_len: length of the longest sequence.
    """

    def __init__(self, sequence: Tensor, position: Tensor, n_seqs: int) -> None:
        self.position = position
        self.n_positions = sequence.numel()
        self._sequence = sequence
        self._lengths = np.bincount(sequence.cpu().numpy(), minlength=n_seqs)
        self.max_len = int(self._lengths.max(initial=0))

    @property
    def rectangles(self) -> list[Rectangle]:
        """The rectangles that `pad` lays the sequences out in."""
        return self._layout.rectangles

    @property
    def n_slots(self) -> int:
        """Places of all rectangles together."""
        return self._layout.row.numel()

    @functools.cached_property
    @torch.inference_mode(False)  # what is kept here may be used in training later
    def table(self) -> SequenceTable:
        """The rows of each sequence, one sequence after the other."""
        starts = np.concatenate([[0], np.cumsum(self._lengths)])
        rows = np.empty(self.n_positions, dtype=np.int64)
        places = starts[self._sequence.numpy()] + self.position.numpy()
        rows[places] = np.arange(self.n_positions)
        return SequenceTable(torch.from_numpy(rows), torch.from_numpy(starts))

    @functools.cached_property
    @torch.inference_mode(False)
    def _layout(self) -> _Layout:
        lengths, sequence = self._lengths, self._sequence
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        base = np.zeros(len(lengths), dtype=np.int64)  # the first slot of each sequence
        rectangles: list[Rectangle] = []
        n_slots = 0
        for begin, end in _cuts(lengths[order]):
            chosen = order[begin:end]
            length = int(lengths[chosen[-1]])
            base[chosen] = n_slots + np.arange(len(chosen)) * length
            mask = None
            if lengths[chosen[0]] != length:
                mask = torch.from_numpy(np.arange(length) < lengths[chosen][:, None])
                mask = mask.to(sequence.device)
            rectangles.append(Rectangle(len(chosen), length, mask))
            n_slots += len(chosen) * length
        slot = torch.from_numpy(base).to(sequence.device)[sequence] + self.position
        row = torch.zeros(n_slots, dtype=torch.int64, device=sequence.device)
        row[slot] = torch.arange(self.n_positions, device=sequence.device)
        return _Layout(rectangles, slot, row)

    @classmethod
    def from_lengths(cls, lengths: Tensor) -> Packing:
        """Sequences one after the other. `lengths` *Shape:* (n_seqs,), int64."""
        sequence, position = ranges(lengths)
        return cls(sequence, position, lengths.numel())

    def pad(self, x: Tensor) -> list[Tensor]:
        """Lay out in rectangles; what is in the padding is arbitrary but finite.

        No gradient may come from the padding: whoever uses it has to mask it.

        *Shape:* (n_positions, width) -> (n_seqs, length, width) for each rectangle.
        """
        slots: Tensor = _Pad.apply(x, self._layout.row, self._layout.slot)  # type: ignore[no-untyped-call]
        parts = torch.split(slots, [part.n_seqs * part.length for part in self.rectangles])
        return [
            rows.view(part.n_seqs, part.length, -1)
            for rows, part in zip(parts, self.rectangles, strict=True)
        ]

    def unpad(self, x: list[Tensor]) -> Tensor:
        """Back from the rectangles.

        *Shape:* (n_seqs, length, width) for each rectangle -> (n_positions, width).
        """
        flat = [rows.reshape(-1, rows.shape[-1]) for rows in x]
        slots = torch.cat(flat) if len(flat) > 1 else flat[0]
        packed: Tensor = _Unpad.apply(slots, self._layout.slot)  # type: ignore[no-untyped-call]
        return packed


def _cuts(lengths: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where to split sequences, sorted by length, so that attention costs least.

    A rectangle of n sequences of length l costs n l^2 and a constant; the best cuts are found from
    the shortest sequences upward, one length at a time.
    """
    if len(lengths) == 0:
        return []
    sizes, counts = np.unique(lengths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    best = np.zeros(len(sizes) + 1)
    cut = np.zeros(len(sizes) + 1, dtype=np.int64)
    for last, size in enumerate(sizes, start=1):
        costs = best[:last] + (ends[last] - ends[:last]) * float(size) ** 2
        cut[last] = int(costs.argmin())
        best[last] = costs[cut[last]] + _COST_OF_A_RECTANGLE
    cuts = []
    last = len(sizes)
    while last > 0:
        cuts.append((int(ends[cut[last]]), int(ends[last])))
        last = int(cut[last])
    return cuts[::-1]


def ranges(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For sequences laid one after the other: each row's sequence and its position in it.

    *Shape:* (n_seqs,) -> (n_positions,), (n_positions,), all int64.
    """
    sequence = torch.repeat_interleave(lengths)
    starts = torch.cumsum(lengths, 0) - lengths
    position = torch.arange(sequence.numel(), device=lengths.device) - starts[sequence]
    return sequence, position


class _Pad(torch.autograd.Function):
    """Gather rows into slots. Backward reads each row's one slot: no scatter is needed.

    The gradient that reaches padding slots is dropped; consumers mask padding, so it is zero.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, row: Tensor, slot: Tensor) -> Tensor:
        ctx.save_for_backward(slot)
        return x.index_select(0, row)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (slot,) = ctx.saved_tensors
        return grads[0].index_select(0, slot), None, None


class _Unpad(torch.autograd.Function):
    """Gather slots into rows. Backward copies each row to its slot and leaves padding at zero."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slot: Tensor) -> Tensor:
        ctx.save_for_backward(slot)
        ctx.n_slots = x.shape[0]
        return x.index_select(0, slot)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (slot,) = ctx.saved_tensors
        padded = grads[0].new_zeros(ctx.n_slots, grads[0].shape[1])
        return padded.index_copy_(0, slot, grads[0]), None
