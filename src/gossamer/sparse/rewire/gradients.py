"""Gradients of connections that do not exist."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import complaint
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.rewire.interface import Loss
from gossamer.sparse.rewire.layers import become


def dense_gradients(module: nn.Module, loss: Loss) -> dict[str, Tensor]:
    """The gradient of a loss in every place of the layers' kernels, existing or not.

    It takes one more forward and backward pass, on a copy of the model in which missing connections
    are weights of zero. The model keeps its gradients, buffers and connections; noise (dropout) is
    drawn again from torch's generator. It costs the time and memory of a dense model.

    Args:
        module: the model, in the mode (training or evaluation) that is wanted.
        loss: computes the loss, a scalar, with the module it is given.

    Returns:
        The gradient of each `RandomlyConnectedLinear`'s kernel by the layer's name in
        `named_modules`; zeros for a layer that the loss does not use.
        *Shape:* (out_features, in_features) each.

    Raises:
        ValueError: there is no such layer, or the loss does not depend on the module given.
    """
    copied = copy.deepcopy(module)
    layers = {
        name: part
        for name, part in copied.named_modules()
        if isinstance(part, RandomlyConnectedLinear)
    }
    if not layers:
        raise ValueError(
            complaint(
                "the model must have a RandomlyConnectedLinear",
                got=type(module).__name__,
                hint="gossamer.sparse.sparsify",
            )
        )
    for layer in layers.values():
        everywhere = Connectivity(
            Topology.UNIFORM, layer.in_features, layer.out_features, indices=None
        )
        become(layer, everywhere, layer.to_dense_weight().detach().clone())
        layer.weight.requires_grad_(True)
    weights = [layer.weight for layer in layers.values()]
    with torch.enable_grad():
        value = loss(copied)
    found = (
        torch.autograd.grad(value, weights, allow_unused=True)
        if value.requires_grad
        else [None] * len(weights)
    )
    if all(grad is None for grad in found):
        raise ValueError(
            complaint(
                "loss must be computed with the module it is given",
                got="a loss that uses none of its layers",
                hint="lambda copied: criterion(copied(x), y)",
            )
        )
    return {
        name: torch.zeros_like(weight) if grad is None else grad
        for name, weight, grad in zip(layers, weights, found, strict=True)
    }
