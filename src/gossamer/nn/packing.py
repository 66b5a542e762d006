"""Sequences of different lengths in one tensor, with no padding.

A packed tensor has one row a position, whatever sequence the position belongs to. Everything that
treats positions alone (every matrix product, normalisation, dropout) runs on it as it is; only
what mixes the positions of a sequence (attention) lays it out in a padded rectangle for a moment.

Dimensions: `n_positions` rows, `n_seqs` sequences, `max_len` positions of the longest.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Packing:
    """Which row of a packed tensor is which position of which sequence.

    Rows may come in any order, so that tokens of all texts can stand before their sentence
    positions. Within a sequence the positions are 0, 1, ... without a gap.

    Args:
        sequence: the sequence of each row. *Shape:* (n_positions,), int64.
        position: its place in the sequence. *Shape:* (n_positions,), int64.
        n_seqs: how many sequences; some may have no row.
    """

    def __init__(self, sequence: Tensor, position: Tensor, n_seqs: int) -> None:
        self.position = position
        self.n_seqs = n_seqs
        self.n_positions = sequence.numel()
        self.max_len = int(position.max()) + 1 if self.n_positions else 0
        self.slot = sequence * self.max_len + position
        row = torch.zeros(n_seqs * self.max_len, dtype=torch.int64, device=sequence.device)
        mask = torch.zeros(n_seqs * self.max_len, dtype=torch.bool, device=sequence.device)
        self.row = row.index_copy_(
            0, self.slot, torch.arange(self.n_positions, device=sequence.device)
        )
        self.mask = mask.index_fill_(0, self.slot, True).view(n_seqs, self.max_len)
        self.is_full = self.n_positions == n_seqs * self.max_len

    @classmethod
    def from_lengths(cls, lengths: Tensor) -> Packing:
        """Sequences one after the other. `lengths` *Shape:* (n_seqs,), int64."""
        sequence, position = ranges(lengths)
        return cls(sequence, position, lengths.numel())

    def pad(self, x: Tensor) -> Tensor:
        """Lay out in a rectangle; what stands in the padding is arbitrary but finite.

        *Shape:* (n_positions, width) -> (n_seqs, max_len, width).
        """
        padded: Tensor = _Pad.apply(x, self.row, self.slot)  # type: ignore[no-untyped-call]
        return padded.view(self.n_seqs, self.max_len, -1)

    def unpad(self, x: Tensor) -> Tensor:
        """Back from the rectangle. *Shape:* (n_seqs, max_len, width) -> (n_positions, width)."""
        slots = x.reshape(self.n_seqs * self.max_len, -1)
        packed: Tensor = _Unpad.apply(slots, self.slot)  # type: ignore[no-untyped-call]
        return packed


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
