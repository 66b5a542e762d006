"""How a grouped layer's connections are laid out for its products: blocks, slots, groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LARGEST_BLOCK = 64


@dataclass(frozen=True)
class GroupLayout:
    """Index tensors of one grouped layer.

    Inputs are told apart by blocks of `block_size` neighbours, which a group has whole or not at
    all. A *slot* is one place of the gathered blocks: block number `i` of group `j` is slot
    `j * (k / block_size) + i`.

    Attributes:
        blocks: the blocks of each group. *Shape:* (n_groups, k / block_size)
        slots: for every block, slots that hold it; each row of this table is one gather of the
            backward pass. *Shape:* (least_use, in_features / block_size)
        rest_slots: slots that are not in the table. *Shape:* (n_rest,)
        rest_blocks: the blocks they hold. *Shape:* (n_rest,)
        block_size: inputs in a block.
        out_features: number of outputs.
    """

    blocks: Tensor
    slots: Tensor
    rest_slots: Tensor
    rest_blocks: Tensor
    block_size: int
    out_features: int

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self.blocks.shape[0]

    @property
    def k(self) -> int:
        """Inputs of each group."""
        return self.blocks.shape[1] * self.block_size

    def inputs(self) -> Tensor:
        """The inputs of each output. *Shape:* (out_features, k), int64."""
        steps = torch.arange(self.block_size, device=self.blocks.device)
        inputs = (self.blocks.long()[:, :, None] * self.block_size + steps).flatten(1)
        return by_output(inputs, self.n_groups, self.out_features)

    def parts(self) -> list[tuple[slice, slice, int]]:
        """Runs of groups of one size: the groups, their outputs, and the size. At most two."""
        small, n_larger = divmod(self.out_features, self.n_groups)
        if n_larger == 0:
            return [(slice(0, self.n_groups), slice(0, self.out_features), small)]
        edge = n_larger * (small + 1)
        return [
            (slice(0, n_larger), slice(0, edge), small + 1),
            (slice(n_larger, self.n_groups), slice(edge, self.out_features), small),
        ]


def by_output(inputs: Tensor, n_groups: int, out_features: int) -> Tensor:
    """The inputs of each output, from those of each group.

    *Shape:* (n_groups, k) -> (out_features, k). The first groups are the larger ones.
    """
    small, n_larger = divmod(out_features, n_groups)
    first = inputs[:n_larger].repeat_interleave(small + 1, dim=0)
    return torch.cat([first, inputs[n_larger:].repeat_interleave(small, dim=0)])


def spread(weight: Tensor, inputs: Tensor, shape: tuple[int, int]) -> Tensor:
    """The dense kernel, zeros where nothing is connected. *Shape:* (out, k) -> `shape`."""
    return weight.new_zeros(shape).scatter(1, inputs, weight)


def matrices_of(weight: Tensor, outputs: slice, size: int) -> Tensor:
    """One matrix for each group of a part, a view. *Shape:* (n_groups, size, k)."""
    return torch.unflatten(weight[outputs], 0, (-1, size))


def find_block_size(inputs: NDArray[np.integer], in_features: int) -> int:
    """The largest power of two, up to 64, in whose blocks all groups' inputs come.

    Args:
        inputs: the ascending inputs of each group. *Shape:* (n_groups, k)
        in_features: number of inputs.
    """
    size = _LARGEST_BLOCK
    while size > 1:
        if in_features % size == 0 and inputs.shape[1] % size == 0:
            runs = inputs.reshape(-1, size)
            first = runs[:, :1]
            if not (first % size).any() and (runs == first + np.arange(size)).all():
                return size
        size //= 2
    return 1


def backward_tables(
    blocks: NDArray[np.integer], n_blocks: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Turn "which blocks has a slot" into "which slots has a block".

    Args:
        blocks: the blocks of each group. *Shape:* (n_groups, k / block_size)
        n_blocks: number of different blocks.

    Returns:
        `slots`, `rest_slots` and `rest_blocks` of `GroupLayout`.
    """
    flat = blocks.reshape(-1)
    uses = np.bincount(flat, minlength=n_blocks)
    by_block = np.argsort(flat, kind="stable")
    rank = np.arange(len(flat)) - np.repeat(np.cumsum(uses) - uses, uses)
    least_use = int(uses.min())
    in_table = rank < least_use
    table = by_block[in_table].reshape(n_blocks, least_use).T
    rest = np.sort(by_block[~in_table])
    return (
        np.ascontiguousarray(table, dtype=np.int32),
        rest.astype(np.int32),
        flat[rest].astype(np.int32),
    )
