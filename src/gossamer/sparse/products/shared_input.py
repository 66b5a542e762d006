"""Linear layers that read the same input, multiplied as one, with a backward pass to call.

For code that writes its own backward pass over many layers: nothing here is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from gossamer.sparse.checks import check_parameters
from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.products import scattered
from gossamer.sparse.products.tiles import (
    TilePlan,
    gradient_of_input,
    gradients_of_parameters,
    multiply,
    turned,
)

Linear = RandomlyConnectedLinear | nn.Linear


class JoinedLinear:
    """One product for one or more layers of the same input width.

    Layers made of tiles and layers of few connections go through their kernels, everything else
    through the dense kernel matrix.

    Args:
        layers: `nn.Linear` and `RandomlyConnectedLinear`, all with a bias or all without.

    Attributes:
        width: of the output, the sum of `out_features`.
        in_features: of the input.
        parameters: weights of all layers, then their biases; gradients come in this order.
    """

    def __init__(self, layers: Sequence[Linear]) -> None:
        self._layers = list(layers)
        self._connectivities = [getattr(layer, "connectivity", None) for layer in layers]
        self._plan = _joined_plan(self._layers)
        self._scattered = _scattered_plan(self._layers) if self._plan is None else None
        self._is_dense = self._plan is None and self._scattered is None
        self._places = [_places(layer) for layer in layers] if self._is_dense else []
        self._heights = [layer.out_features for layer in layers]
        biases = [layer.bias for layer in layers if layer.bias is not None]
        self._has_bias = len(biases) > 0
        self.width = sum(self._heights)
        self.in_features = layers[0].in_features
        self.parameters = [*(layer.weight for layer in layers), *biases]

    def is_current(self) -> bool:
        """Whether the layers still have the parameters and connections this was made for."""
        weights: list[Tensor] = [layer.weight for layer in self._layers]
        biases = [layer.bias for layer in self._layers if layer.bias is not None]
        own = [getattr(layer, "connectivity", None) for layer in self._layers]
        pairs = [
            *zip(self.parameters, [*weights, *biases], strict=True),
            *zip(self._connectivities, own, strict=True),
        ]
        return all(a is b for a, b in pairs)

    def weight(self) -> Tensor:
        """All weights, as `forward` and `input_gradient` take them.

        Raises:
            RuntimeError: those of a sparse layer do not have its shape.
        """
        for layer in self._layers:
            if isinstance(layer, RandomlyConnectedLinear):
                check_parameters(layer.weight, layer.weight, layer.bias, layer.connectivity)
        if self._is_dense:
            parts: list[Tensor] = [
                layer.weight if isinstance(layer, nn.Linear) else layer.to_dense_weight()
                for layer in self._layers
            ]
        elif self._scattered is not None:
            parts = [layer.weight.reshape(-1) for layer in self._layers]
        else:
            parts = [layer.weight for layer in self._layers]
        return parts[0].detach() if len(parts) == 1 else torch.cat(parts).detach()

    def forward(self, x: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
        """Multiply, into `out` if given.

        *Shape:* (n_tokens, in_features) -> (n_tokens, sum of out_features).
        """
        bias = self._bias()
        if self._plan is not None:
            return multiply(x, turned(weight, self._plan), bias, self._plan, out)
        if self._scattered is not None:
            return scattered.multiply(x, weight, bias, self._scattered, out)
        if bias is None:
            return torch.mm(x, weight.t(), out=out)
        return torch.addmm(bias, x, weight.t(), out=out)

    def input_gradient(self, grad: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
        """*Shape:* (n_tokens, sum of out_features) -> (n_tokens, in_features)."""
        if self._plan is not None:
            return gradient_of_input(grad, weight, self._plan, out)
        if self._scattered is not None:
            return scattered.gradient_of_input(grad, weight, self._scattered, out)
        return torch.mm(grad, weight, out=out)

    def gradients(self, grad: Tensor, x: Tensor) -> list[Tensor]:
        """Gradients of `parameters`.

        *Shape:* (n_tokens, sum of out_features), (n_tokens, in_features) -> as `parameters`.
        """
        heights = self._heights
        if self._plan is not None:
            of_weight, of_bias = gradients_of_parameters(grad, x, self._plan)
            parts = list(torch.split(of_weight, heights))
        elif self._scattered is not None:
            of_bias = grad.sum(0)
            of_weight = scattered.gradient_of_weight(grad, x, self._scattered)
            shapes = [layer.weight.shape for layer in self._layers]
            flat = torch.split(of_weight, [shape.numel() for shape in shapes])
            parts = [part.view(shape) for part, shape in zip(flat, shapes, strict=True)]
        else:
            of_bias = grad.sum(0)
            parts = list(torch.split(grad.t() @ x, heights))
            for i, (part, places) in enumerate(zip(parts, self._places, strict=True)):
                if places is not None:
                    shape = self._layers[i].weight.shape
                    parts[i] = part.reshape(-1).index_select(0, places).view(shape)
        if self._has_bias:
            parts += torch.split(of_bias, heights)
        return parts

    def _bias(self) -> Tensor | None:
        biases = self.parameters[len(self._layers) :]
        if len(biases) > 1:
            return torch.cat(list(biases)).detach()
        return biases[0].detach() if biases else None


def _joined_plan(layers: list[Linear]) -> TilePlan | None:
    """The tiles of all layers as those of one; None where they are not alike."""
    connectivities: list[Connectivity] = []
    for layer in layers:
        if not isinstance(layer, RandomlyConnectedLinear) or layer.plan is None:
            return None
        connectivities.append(layer.connectivity)
    if len(layers) == 1:
        return layers[0].plan if isinstance(layers[0], RandomlyConnectedLinear) else None
    first = connectivities[0]
    tables = [c.indices for c in connectivities if c.indices is not None]
    if (
        len(
            {
                (c.topology, c.out_features, t.shape)
                for c, t in zip(connectivities, tables, strict=True)
            }
        )
        > 1
    ):
        return None
    n_outputs = sum(c.out_features for c in connectivities)
    return TilePlan.of(
        Connectivity(
            first.topology,
            first.in_features,
            n_outputs,
            np.concatenate(tables).astype(np.int32),
        )
    )


def _scattered_plan(layers: list[Linear]) -> scattered.ScatteredPlan | None:
    """All layers as one of few connections; None where one of them is not such a layer."""
    connectivities: list[Connectivity] = []
    for layer in layers:
        if not isinstance(layer, RandomlyConnectedLinear):
            return None
        connectivities.append(layer.connectivity)
    return scattered.ScatteredPlan.joined(connectivities)


def _places(layer: Linear) -> Tensor | None:
    """Where in the dense kernel the stored weights sit; None where all of it is stored."""
    if isinstance(layer, nn.Linear) or layer.connectivity.is_dense:
        return None
    return torch.from_numpy(layer.connectivity.positions())
