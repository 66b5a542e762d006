"""The grouped product on token-major activations whose inputs come in blocks of neighbours.

Where each group's inputs are runs of neighbouring features, `block_size` at a time, gathering
them copies whole cache lines and nothing has to be turned round. Tokens go through in tiles small
enough for all that belongs to a tile to stay in the cache, from the gather to the result: without
them, rows a power of two apart would push each other out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gossamer.sparse.layout import GroupLayout, matrices_of

LEAST_BLOCK = 8  # smaller blocks are less than a cache line; turning the activations round wins
_TILE_ELEMENTS = 2**17  # of the widest of a tile's matrices: half a MiB in float32


def forward_tiles(x: Tensor, weight: Tensor, bias: Tensor | None, layout: GroupLayout) -> Tensor:
    """Multiply. Gradients do not flow through it; see `gradient_tiles`.

    Args:
        x: activations, contiguous. *Shape:* (n_tokens, in_features)
        weight: the existing weights. *Shape:* (out_features, k)
        bias: added to every token. *Shape:* (out_features,)
        layout: who is connected.

    Returns:
        The outputs. *Shape:* (n_tokens, out_features)
    """
    result = x.new_empty(x.shape[0], layout.out_features)
    parts = [
        (groups, outputs, size, matrices_of(weight, outputs, size).mT)
        for groups, outputs, size in layout.parts()
    ]
    for begin, end in _tiles(x, layout):
        gathered = _gathered(x[begin:end], layout)
        for groups, outputs, size, matrices in parts:
            target = _by_group(result[begin:end, outputs], size)
            torch.bmm(gathered[groups], matrices, out=target)
        if bias is not None:
            result[begin:end].add_(bias)
    return result


def gradient_tiles(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    layout: GroupLayout,
    *,
    needs_x: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of activations and weights.

    Args:
        grad: gradient of the outputs. *Shape:* (n_tokens, out_features)
        x: the activations. *Shape:* (n_tokens, in_features)
        weight: the existing weights. *Shape:* (out_features, k)
        layout: who is connected.
        needs_x: whether the gradient of `x` is wanted.
        needs_weight: whether that of `weight` is.

    Returns:
        The gradients, None for one that is not wanted.
    """
    grad_x = torch.empty_like(x) if needs_x else None
    grad_weight = torch.zeros_like(weight) if needs_weight else None
    for begin, end in _tiles(x, layout):
        gathered = _gathered(x[begin:end], layout) if needs_weight else None
        slots = x.new_empty(end - begin, layout.n_groups, layout.k) if needs_x else None
        for groups, outputs, size in layout.parts():
            by_group = _by_group(grad[begin:end, outputs], size)
            if grad_weight is not None and gathered is not None:
                matrices_of(grad_weight, outputs, size).baddbmm_(by_group.mT, gathered[groups])
            if slots is not None:
                target = slots.transpose(0, 1)[groups]
                torch.bmm(by_group, matrices_of(weight, outputs, size), out=target)
        if grad_x is not None and slots is not None:
            blocks = torch.unflatten(slots.flatten(1), 1, (-1, layout.block_size))
            grad_x[begin:end] = _summed(blocks, layout).flatten(1)
    return grad_x, grad_weight


def _tiles(x: Tensor, layout: GroupLayout) -> list[tuple[int, int]]:
    widest = max(layout.n_groups * layout.k, layout.out_features, x.shape[1])
    size = max(32, _TILE_ELEMENTS // widest)
    n_tokens = x.shape[0]
    return [(begin, min(begin + size, n_tokens)) for begin in range(0, n_tokens, size)]


def _gathered(x: Tensor, layout: GroupLayout) -> Tensor:
    """Each group's inputs. *Shape:* (n_groups, n_tokens, k), not contiguous."""
    blocks = torch.unflatten(x, 1, (-1, layout.block_size))
    chosen = blocks.index_select(1, layout.blocks.reshape(-1))
    return chosen.view(x.shape[0], layout.n_groups, layout.k).transpose(0, 1)


def _by_group(rows: Tensor, size: int) -> Tensor:
    """*Shape:* (n_tokens, n_groups * size) -> (n_groups, n_tokens, size), a view."""
    return torch.unflatten(rows, 1, (-1, size)).transpose(0, 1)


def _summed(slots: Tensor, layout: GroupLayout) -> Tensor:
    """Each input block's slots, added up. *Shape:* (n_tokens, n_slots, block_size)."""
    tables = layout.slots.unbind(0)
    if len(tables) == 0:
        shape = (slots.shape[0], layout.slots.shape[1], layout.block_size)
        total = slots.new_zeros(shape)
    else:
        total = slots.index_select(1, tables[0])
        for table in tables[1:]:
            total += slots.index_select(1, table)
    if layout.rest_slots.shape[0] > 0:
        total.index_add_(1, layout.rest_blocks, slots.index_select(1, layout.rest_slots))
    return total
