"""The product of the grouped layer: one gather and one batched matrix product.

Activations are transposed once on the way in, which costs less than gathering columns, and the
batched product writes runs of a whole group's outputs for each token on the way out.

The backward pass is written out because autograd would make the gradient of a gather a slow
scatter-add. Every input is used almost equally often, so its gradient is the sum of a few
gathers instead. Only the inputs are kept for the backward pass; they are gathered again there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.sparse.products.guard import are_ordinary, is_watched
from gossamer.sparse.products.layout import GroupLayout, matrices_of, spread


def grouped_product(x: Tensor, weight: Tensor, bias: Tensor | None, layout: GroupLayout) -> Tensor:
    """Multiply activations.

    Args:
        x: activations. *Shape:* (n_tokens, in_features)
        weight: the existing weights. *Shape:* (out_features, k)
        bias: added to every token. *Shape:* (out_features,)
        layout: who is connected.

    Returns:
        The outputs, contiguous. *Shape:* (n_tokens, out_features)
    """
    return outside_autocast(_apply, x.t().contiguous(), weight, bias, layout)


def outside_autocast(
    product: Callable[..., Tensor], x: Tensor, weight: Tensor, bias: Tensor | None, *rest: object
) -> Tensor:
    """Do what autocast does to nn.Linear, once, so that forward and backward pass agree."""
    kind = x.device.type
    if x.is_meta or not torch.is_autocast_enabled(kind):
        return product(x, weight, bias, *rest)
    to = torch.get_autocast_dtype(kind)
    with torch.autocast(kind, enabled=False):
        cast_bias = None if bias is None else _cast(bias, to)
        return product(_cast(x, to), _cast(weight, to), cast_bias, *rest)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    eligible = tensor.is_floating_point() and tensor.dtype != torch.float64
    return tensor.to(dtype) if eligible else tensor


def needs_grad(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether gradients through the product may be asked for."""
    if torch.is_inference_mode_enabled() or not torch.is_grad_enabled():
        return False
    return x.requires_grad or weight.requires_grad or (bias is not None and bias.requires_grad)


def _apply(x: Tensor, weight: Tensor, bias: Tensor | None, layout: GroupLayout) -> Tensor:
    """The product of transposed activations, (in_features, n_tokens)."""
    # Compilers get plain operations and differentiate them themselves.
    if not torch.compiler.is_compiling() and needs_grad(x, weight, bias):
        result: Tensor = _GroupedProduct.apply(x, weight, bias, layout)  # type: ignore[no-untyped-call]
        return result
    return _forward(x, weight, bias, layout)


class _GroupedProduct(torch.autograd.Function):
    """The product with its written-out backward pass; differentiable twice."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, layout: GroupLayout
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.layout = layout
        return _forward(x, weight, bias, layout)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        layout = ctx.layout
        grad_x = grad_weight = None
        grad_bias = grad.sum(0) if ctx.needs_input_grad[2] else None
        if is_watched() or not are_ordinary(grad, x, weight):
            of_x, of_weight = dense_gradients(grad, x.t(), weight, layout)
            return of_x.t(), of_weight, grad_bias, None
        grad = grad.t()
        if ctx.needs_input_grad[0]:
            grad_x = input_gradient(grad, weight, layout)
        if ctx.needs_input_grad[1]:
            grad_weight = weight_gradient(grad, x, layout)
        return grad_x, grad_weight, grad_bias, None


def _gathered(x: Tensor, layout: GroupLayout) -> Tensor:
    """Each group's inputs. *Shape:* (n_groups, k, n_tokens)."""
    blocks = torch.unflatten(x, 0, (-1, layout.block_size)).flatten(1)
    gathered = blocks.index_select(0, layout.blocks.reshape(-1))
    return gathered.view(layout.n_groups, layout.k, x.shape[1])


def _forward(x: Tensor, weight: Tensor, bias: Tensor | None, layout: GroupLayout) -> Tensor:
    gathered = _gathered(x, layout)
    n_tokens = gathered.shape[2]
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        results = []
        for groups, outputs, size in layout.parts():
            product = torch.bmm(gathered[groups].mT, matrices_of(weight, outputs, size).mT)
            results.append(product.transpose(0, 1).flatten(1))
        result = _joined(results, dim=1)
        return result.contiguous() if bias is None else result + bias
    # Straight into the groups' slices: up to 1.4 times as quick as copying them there after.
    result = gathered.new_empty(n_tokens, layout.out_features)
    for groups, outputs, size in layout.parts():
        target = torch.unflatten(result[:, outputs], 1, (-1, size)).transpose(0, 1)
        torch.bmm(gathered[groups].mT, matrices_of(weight, outputs, size).mT, out=target)
    return result if bias is None else result.add_(bias)


def input_gradient(grad: Tensor, weight: Tensor, layout: GroupLayout) -> Tensor:
    """*Shape:* (out_features, n_tokens), (out_features, k) -> (in_features, n_tokens)."""
    n_tokens = grad.shape[1]
    results = []
    for _, outputs, size in layout.parts():
        by_group = torch.unflatten(grad[outputs], 0, (-1, size))
        product = torch.bmm(matrices_of(weight, outputs, size).mT, by_group)
        results.append(product.flatten(0, 1))
    slots = torch.unflatten(_joined(results, dim=0), 0, (-1, layout.block_size)).flatten(1)
    tables = layout.slots.unbind(0)
    if len(tables) == 0:
        total = slots.new_zeros(layout.slots.shape[1], slots.shape[1])
    else:
        total = slots.index_select(0, tables[0])
        for table in tables[1:]:
            total = total.add_(slots.index_select(0, table))
    if layout.rest_slots.shape[0] > 0:
        rest = slots.index_select(0, layout.rest_slots)
        total = total.index_add_(0, layout.rest_blocks, rest)
    return torch.unflatten(total, 1, (layout.block_size, n_tokens)).flatten(0, 1)


def weight_gradient(grad: Tensor, x: Tensor, layout: GroupLayout) -> Tensor:
    """*Shape:* (out_features, n_tokens), (in_features, n_tokens) -> (out_features, k)."""
    gathered = _gathered(x, layout)
    results = []
    for groups, outputs, size in layout.parts():
        by_group = torch.unflatten(grad[outputs], 0, (-1, size))
        product = torch.bmm(by_group, gathered[groups].mT)
        results.append(product.flatten(0, 1))
    return _joined(results, dim=0)


def dense_gradients(
    grad: Tensor, x: Tensor, weight: Tensor, layout: GroupLayout
) -> tuple[Tensor, Tensor]:
    """Gradients of token-major activations and of weights, over the dense kernel.

    In operations that everything of PyTorch knows: batched, traced or differentiated once more.

    *Shape:* (n_tokens, out_features), (n_tokens, in_features), (out_features, k) -> as `x` and
    `weight`.
    """
    inputs = layout.inputs()
    dense = spread(weight, inputs, (layout.out_features, x.shape[1]))
    return grad @ dense, F.linear(grad.t(), x.t()).gather(1, inputs)


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)
