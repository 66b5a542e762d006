"""Layers that read the same input, multiplied as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.linear import RandomlyConnectedLinear


class SharedInput:
    """One product for several layers of the same input width, as query, key and value are.

    Made by `of`. It has no weights: it reads those of the layers at each call.

    Attributes:
        parameters: of the layers.
    """

    def __init__(
        self, layers: Sequence[RandomlyConnectedLinear], connectivity: Connectivity
    ) -> None:
        self._layers = list(layers)
        self._connectivities = [layer.connectivity for layer in layers]
        self.parameters = [layer.weight for layer in layers]
        self._all = RandomlyConnectedLinear.from_connectivity(
            connectivity,
            bias=False,
            seed=0,
            device=self.parameters[0].device,
            dtype=self.parameters[0].dtype,
        )

    @classmethod
    def of(cls, layers: Sequence[nn.Module]) -> SharedInput | None:
        """The product of these layers; None where they are not alike.

        Alike are randomly connected layers without bias whose connections can be stacked.
        """
        alike: list[RandomlyConnectedLinear] = []
        for layer in layers:
            if type(layer) is not RandomlyConnectedLinear or layer.bias is not None:
                return None
            alike.append(layer)
        connectivity = Connectivity.stacked([layer.connectivity for layer in alike])
        return None if connectivity is None else cls(alike, connectivity)

    def is_of(self, layers: Sequence[nn.Module]) -> bool:
        """Whether this was made for these layers, as they are connected now."""
        return all(
            one is other and one.connectivity is connectivity and one.weight is weight
            for one, other, connectivity, weight in zip(
                self._layers, layers, self._connectivities, self.parameters, strict=True
            )
        )

    def __call__(self, x: Tensor) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, sum of out_features)."""
        weight = torch.cat([layer.weight for layer in self._layers])
        return self._all.multiply(x, weight, None)
