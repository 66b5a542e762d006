"""The form of a randomly connected layer that `torch.jit.script` compiles."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


class ScriptableLinear(nn.Module):
    """The dense product of a layer, on the same parameters, in operations TorchScript knows.

    Args:
        weight: the existing weights, of any shape, in order; a parameter or, frozen, a constant.
        bias: *Shape:* (out_features,); None without.
        places: where each weight sits in the dense kernel, `output * in_features + input`.
            *Shape:* (n_weights,)
        shape: (out_features, in_features).
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        places: NDArray[np.int64],
        shape: tuple[int, int],
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = shape
        self.weight, self.bias = weight, bias
        self.register_buffer("places", torch.tensor(places, device=weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (..., in_features) -> (..., out_features)."""
        places: Tensor = self.places  # type: ignore[assignment]
        flat = torch.zeros(
            self.out_features * self.in_features, dtype=self.weight.dtype, device=self.weight.device
        ).scatter(0, places, self.weight.reshape(-1))
        dense = flat.reshape(self.out_features, self.in_features)
        return F.linear(x, dense, self.bias)
