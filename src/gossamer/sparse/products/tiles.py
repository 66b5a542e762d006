"""The product of layers that are made of tiles, by the kernels of `gossamer.sparse.kernels`.

What this computes is what `products` computes in plain PyTorch, which is also what runs wherever a
kernel cannot (see `guard`), and for second derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.kernels.tiles import TileKernels, TileShape, tile_kernels
from gossamer.sparse.products.grouped import dense_gradients, needs_grad
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.layout import GroupLayout, find_block_size

_LEAST_RUN, _MOST_RUN = 4, 16
_LEAST_WORK_OF_A_THREAD = 250_000  # products; less is done before another thread has woken up


@dataclass(frozen=True)
class TilePlan:
    """One layer's tiles, as the kernels read them; everything on the CPU.

    A *use* is one group's use of one run of inputs.

    Attributes:
        shape: sizes the kernels are compiled for.
        starts: first input of each run of each group. *Shape:* (n_groups, k / run), int32.
        offsets: first use of each run of inputs, and the number of uses.
            *Shape:* (in_features / run + 1,), int32.
        columns: first output of each use. *Shape:* (n_uses,), int32.
        places: where the weights of each use begin in the layer's. *Shape:* (n_uses,), int32.
    """

    shape: TileShape
    starts: Tensor
    offsets: Tensor
    columns: Tensor
    places: Tensor

    @classmethod
    def of(cls, connectivity: Connectivity) -> TilePlan | None:
        """The plan of a connectivity; None where it is not made of tiles."""
        indices = connectivity.indices
        if indices is None or not connectivity.topology.shares_inputs:
            return None
        n_groups, k = indices.shape
        run = min(_MOST_RUN, find_block_size(indices, connectivity.in_features))
        group_size, uneven = divmod(connectivity.out_features, n_groups)
        if run < _LEAST_RUN or uneven or group_size % 4:
            return None
        shape = TileShape(connectivity.in_features, connectivity.out_features, k, group_size, run)
        starts = indices[:, ::run]
        order = np.argsort(starts.reshape(-1) // run, kind="stable")
        n_uses = np.bincount(starts.reshape(-1) // run, minlength=shape.in_features // run)
        group, position = np.divmod(order, k // run)
        tables = (
            starts,
            np.concatenate([[0], np.cumsum(n_uses)]),
            group * group_size,
            group * group_size * k + position * run,
        )
        return cls(shape, *(torch.from_numpy(np.array(t, dtype=np.int32)) for t in tables))

    @property
    def is_real(self) -> bool:
        """Whether the tables have numbers; not so if made under a FakeTensorMode."""
        return type(self.starts) is Tensor

    @property
    def kernels(self) -> TileKernels:
        """The kernels, compiled when first asked for."""
        return tile_kernels(self.shape)

    def n_threads(self, n_tokens: int) -> int:
        """How many threads are worth it."""
        return threads_for(n_tokens * self.shape.out_features * self.shape.k)


def threads_for(n_products: int) -> int:
    """How many threads are worth it for so many products."""
    return max(1, min(torch.get_num_threads(), n_products // _LEAST_WORK_OF_A_THREAD))


def tile_product(
    x: Tensor, weight: Tensor, bias: Tensor | None, plan: TilePlan, layout: GroupLayout
) -> Tensor:
    """Multiply token-major activations; `may_run_kernel` must have said yes.

    Args:
        x: activations. *Shape:* (n_tokens, in_features)
        weight: the existing weights. *Shape:* (out_features, k)
        bias: added to every token. *Shape:* (out_features,)
        plan: the tiles.
        layout: the same connections, for second derivatives.

    Returns:
        The outputs. *Shape:* (n_tokens, out_features)
    """
    if needs_grad(x, weight, bias):
        result: Tensor = _TileProduct.apply(x, weight, bias, plan, layout)  # type: ignore[no-untyped-call]
        return result
    return multiply(x, turned(weight, plan), bias, plan)


def turned(weight: Tensor, plan: TilePlan) -> Tensor:
    """The weights as `multiply` reads them. *Shape:* (out, k) -> (n_groups, k, group_size)."""
    shape = plan.shape
    result = torch.empty(shape.n_groups, shape.k, shape.group_size)
    plan.kernels.turn(weight.contiguous(), result)
    return result


def multiply(x: Tensor, turned_weight: Tensor, bias: Tensor | None, plan: TilePlan) -> Tensor:
    """The product itself. *Shape:* as in `tile_product`; the weight as `turned` gives it."""
    shape, n_tokens = plan.shape, x.shape[0]
    result = torch.empty(n_tokens, shape.out_features)
    x = x.contiguous()
    bias = torch.zeros(shape.out_features) if bias is None else bias.contiguous()
    plan.kernels.forward(
        x,
        plan.starts,
        turned_weight,
        bias,
        result,
        n_tokens,
        n_threads=plan.n_threads(n_tokens),
    )
    return result


def gradient_of_input(grad: Tensor, weight: Tensor, plan: TilePlan) -> Tensor:
    """Gradient of the activations. *Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""
    grad, weight, n_tokens = grad.contiguous(), weight.contiguous(), grad.shape[0]
    result = torch.empty(n_tokens, plan.shape.in_features)
    kernels = plan.kernels
    in_order = torch.empty(weight.numel())
    kernels.in_order(weight, plan.places, in_order)
    kernels.input_gradient(
        grad,
        plan.offsets,
        plan.columns,
        in_order,
        result,
        n_tokens,
        n_threads=plan.n_threads(n_tokens),
    )
    return result


def gradients_of_parameters(grad: Tensor, x: Tensor, plan: TilePlan) -> tuple[Tensor, Tensor]:
    """Gradients of weights and bias.

    *Shape:* (n_tokens, out), (n_tokens, in) -> (out, k), (out,).
    """
    grad, x, n_tokens, shape = grad.contiguous(), x.contiguous(), grad.shape[0], plan.shape
    if n_tokens == 0:
        return torch.zeros(shape.out_features, shape.k), torch.zeros(shape.out_features)
    other_way = torch.empty(shape.n_groups, shape.k, shape.group_size)
    of_bias = torch.empty(shape.out_features)
    plan.kernels.weight_gradient(
        grad,
        x,
        plan.starts,
        other_way,
        of_bias,
        n_tokens,
        n_threads=plan.n_threads(n_tokens),
    )
    result = torch.empty(shape.out_features, shape.k)
    plan.kernels.turn_back(other_way, result)
    return result, of_bias


class _TileProduct(torch.autograd.Function):
    """The product with its backward pass; differentiable twice, then in plain operations."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        plan: TilePlan,
        layout: GroupLayout,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.plan, ctx.layout = plan, layout
        return multiply(x, turned(weight, plan), bias, plan)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        grad_x = grad_weight = grad_bias = None
        if torch.is_grad_enabled() or not may_run_kernel(grad, weight, x):
            gradients = dense_gradients(grad, x, weight, ctx.layout)
            return *gradients, grad.sum(0) if needs_bias else None, None, None
        if needs_x:
            grad_x = gradient_of_input(grad, weight, ctx.plan)
        if needs_weight:
            grad_weight, grad_bias = gradients_of_parameters(grad, x, ctx.plan)
        elif needs_bias:
            grad_bias = grad.sum(0)
        return grad_x, grad_weight, grad_bias if needs_bias else None, None, None
