"""The product of layers whose connections lie one by one, by kernels, where that pays.

Beside the dense product over a kernel matrix full of zeros, which is what other densities, devices
and precisions get (see `guard`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.kernels import scattered
from gossamer.sparse.products.grouped import needs_grad
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.tiles import threads_for

# Above it the dense product is quicker. Measured by benchmarks/layer.py, forward plus backward,
# 1,024 tokens, 256 to 1,024 wide: at 25% the kernels are 1.1 to 1.2 times as fast as dense.
MOST_DENSITY = 0.26
# The same for layers whose groups of outputs share inputs: these can also be gathered, group by
# group, in plain PyTorch.
MOST_DENSITY_OF_GROUPS = 0.06
_LEAST_TOKENS = 32  # a tile holds 64; what is left of it is computed in vain


@dataclass(frozen=True)
class ScatteredPlan:
    """One layer's connections as compressed rows, and as compressed columns for the way back.

    Attributes:
        in_features: number of inputs.
        out_features: number of outputs.
        offsets: first connection of each output, and their number. int32.
        columns: input of each connection. *Shape:* (n_weights,), int32.
        back_offsets: the same for each input. int32.
        back_columns: output of each connection in that order. *Shape:* (n_weights,), int32.
        order: the connections in that order. *Shape:* (n_weights,), int64.
    """

    in_features: int
    out_features: int
    offsets: Tensor
    columns: Tensor
    back_offsets: Tensor
    back_columns: Tensor
    order: Tensor

    @classmethod
    def of(cls, connectivity: Connectivity) -> ScatteredPlan | None:
        """The plan of a connectivity; None where dense is as fast or widths do not fit."""
        n_in, n_out = connectivity.in_features, connectivity.out_features
        if n_in % 16 or n_out % 16 or not _is_scattered(connectivity):
            return None
        outputs, inputs = np.divmod(connectivity.positions(), n_in)
        order = np.argsort(inputs, kind="stable")

        def starts(numbers: Any, n: int) -> Tensor:
            counts = np.bincount(numbers, minlength=n)
            return torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))

        return cls(
            n_in,
            n_out,
            starts(outputs, n_out),
            torch.from_numpy(inputs.astype(np.int32)),
            starts(inputs, n_in),
            torch.from_numpy(outputs[order].astype(np.int32)),
            torch.from_numpy(order),
        )

    @property
    def is_real(self) -> bool:
        """Whether the tables have numbers; not so if made under a FakeTensorMode."""
        return type(self.offsets) is Tensor

    @property
    def n_weights(self) -> int:
        """The number of connections."""
        return self.columns.numel()

    def n_threads(self, n_tokens: int) -> int:
        """How many threads are worth it."""
        most = max(1, -(-n_tokens // scattered.TOKENS))
        return min(threads_for(n_tokens * self.n_weights), most)


def _is_scattered(connectivity: Connectivity) -> bool:
    is_shared = connectivity.topology.shares_inputs
    most = MOST_DENSITY_OF_GROUPS if is_shared else MOST_DENSITY
    return not connectivity.is_dense and connectivity.density <= most


def pays(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether the kernels can take these tensors, and are the quicker way for so many tokens.

    *Shape:* of `x` (..., in_features).
    """
    return x.numel() >= _LEAST_TOKENS * x.shape[-1] and may_run_kernel(x, weight, bias)


def scattered_product(
    x: Tensor, weight: Tensor, bias: Tensor | None, plan: ScatteredPlan
) -> Tensor:
    """Multiply; `pays` must have said yes.

    Args:
        x: activations. *Shape:* (n_tokens, in_features)
        weight: the existing weights, output by output; any shape of n_weights numbers.
        bias: added to every token. *Shape:* (out_features,)
        plan: the connections.

    Returns:
        The outputs. *Shape:* (n_tokens, out_features)
    """
    if needs_grad(x, weight, bias):
        result: Tensor = _ScatteredProduct.apply(x, weight, bias, plan)  # type: ignore[no-untyped-call]
        return result
    return multiply(x, weight, bias, plan)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, plan: ScatteredPlan) -> Tensor:
    """The product itself. *Shape:* as in `scattered_product`."""
    shape = (plan.in_features, plan.out_features)
    return _product(x, weight.reshape(-1), bias, plan.offsets, plan.columns, shape, plan)


def gradient_of_input(grad: Tensor, weight: Tensor, plan: ScatteredPlan) -> Tensor:
    """Gradient of the activations. *Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""
    weights = weight.reshape(-1).index_select(0, plan.order)
    shape = (plan.out_features, plan.in_features)
    return _product(grad, weights, None, plan.back_offsets, plan.back_columns, shape, plan)


def gradient_of_weight(grad: Tensor, x: Tensor, plan: ScatteredPlan) -> Tensor:
    """Gradient of the weights. *Shape:* (n_tokens, out), (n_tokens, in) -> (n_weights,)."""
    n_tokens, n_threads = x.shape[0], plan.n_threads(x.shape[0])
    sums = torch.zeros(n_threads, plan.n_weights)
    size = scattered.scratch_size(plan.in_features, plan.out_features)
    scattered.weight_gradient(plan.in_features, plan.out_features)(
        grad.contiguous(),
        x.contiguous(),
        plan.offsets,
        plan.columns,
        sums,
        plan.n_weights,
        torch.empty(n_threads * size),
        n_tokens,
        n_threads=n_threads,
    )
    return sums.sum(0)


def _product(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    offsets: Tensor,
    columns: Tensor,
    shape: tuple[int, int],
    plan: ScatteredPlan,
) -> Tensor:
    n_tokens, n_threads = x.shape[0], plan.n_threads(x.shape[0])
    result = torch.empty(n_tokens, shape[1])
    scattered.product(*shape)(
        x.contiguous(),
        offsets,
        columns,
        weights.contiguous(),
        torch.zeros(shape[1]) if bias is None else bias.contiguous(),
        result,
        torch.empty(n_threads * scattered.scratch_size(shape[0])),
        n_tokens,
        n_threads=n_threads,
    )
    return result


class _ScatteredProduct(torch.autograd.Function):
    """The product with its backward pass; differentiable twice, then over the dense kernel."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, plan: ScatteredPlan
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.plan = plan
        return multiply(x, weight, bias, plan)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        plan: ScatteredPlan = ctx.plan
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad_bias = grad.sum(0) if needs_bias else None
        if torch.is_grad_enabled() or not may_run_kernel(grad, weight, x):
            return *_plain_gradients(grad, x, weight, plan), grad_bias, None
        grad_x = gradient_of_input(grad, weight, plan) if needs_x else None
        grad_weight = None
        if needs_weight:
            grad_weight = gradient_of_weight(grad, x, plan).view(weight.shape)
        return grad_x, grad_weight, grad_bias, None


def _plain_gradients(
    grad: Tensor, x: Tensor, weight: Tensor, plan: ScatteredPlan
) -> tuple[Tensor, Tensor]:
    """Gradients of activations and weights over the dense kernel, in operations of PyTorch."""
    rows = torch.repeat_interleave(plan.offsets.diff().long())
    columns = plan.columns.long()
    dense = weight.new_zeros(plan.out_features, plan.in_features)
    dense = dense.index_put((rows, columns), weight.reshape(-1))
    grad_weight = F.linear(grad.t(), x.t())[rows, columns].view(weight.shape)
    return grad @ dense, grad_weight
