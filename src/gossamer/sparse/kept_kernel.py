"""Weights in the form that answers quickest, made once and kept while they stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.native.build import is_available
from gossamer.sparse.tile_product import TilePlan, multiply, turned

if TYPE_CHECKING:
    from gossamer.sparse.linear import RandomlyConnectedLinear

# Up to so many tokens a dense kernel matrix, made once, is the quicker one for layers without
# tiles: a vector of the other kernels holds 16 tokens, and what they set up serves 64.
MOST_TOKENS = 64
_MOST_TOKENS_OF_FEW, _FEW = 31, 0.1  # where connections are few and have kernels of their own


def most_tokens(connectivity: Connectivity) -> int:
    """Up to how many tokens the dense matrix is quicker than the kernels of single connections."""
    return _MOST_TOKENS_OF_FEW if connectivity.density <= _FEW else MOST_TOKENS


class KeptKernel:
    """Answers of a layer in evaluation mode without gradients.

    Layers made of tiles keep their weights turned round; others a dense kernel matrix, for few
    tokens. Both are made again when the weight's version says that it has changed. What is
    written behind PyTorch's back (through `weight.data`) is not noticed before `forget`.

    Args:
        plan: the layer's tiles, if it is made of tiles.
        n_tokens: up to so many tokens it answers with the dense matrix.
    """

    def __init__(self, plan: TilePlan | None, n_tokens: int) -> None:
        self._plan = plan
        self._n_tokens = n_tokens
        self._weight: Tensor | None = None
        self._version = self._address = -1
        self._form = torch.empty(0)

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptKernel, (self._plan, self._n_tokens)  # a copy and a file begin with nothing

    def forget(self) -> None:
        """Let go of what is kept."""
        self._weight, self._form = None, torch.empty(0)

    def __call__(self, x: Tensor, layer: RandomlyConnectedLinear) -> Tensor | None:
        """The layer's answer, or None where it has to be had another way.

        Args:
            x: *Shape:* (..., in_features).
            layer: whose answer.
        """
        if (
            x.dtype is not torch.float32
            or not x.is_cpu
            or type(x) is not Tensor
            or torch.is_autocast_enabled("cpu")
            or torch._C._functorch.peek_interpreter_stack() is not None
        ):
            return None
        parameters = layer._parameters  # sooner than attributes, which counts for single tokens
        weight, plan = parameters["weight"], self._plan
        if weight is None or (plan is None and x.numel() > self._n_tokens * x.shape[-1]):
            return None
        if (
            self._weight is not weight
            or self._version != weight._version
            or self._address != weight.data_ptr()
        ) and not self._keep(weight, layer):
            return None
        if plan is None:
            return F.linear(x, self._form, parameters["bias"])
        tokens = x.reshape(-1, x.shape[-1])
        y = multiply(tokens, self._form, parameters["bias"], plan)
        return y if x.ndim == 2 else y.view(*x.shape[:-1], y.shape[1])

    def _keep(self, weight: Tensor, layer: RandomlyConnectedLinear) -> bool:
        """Make the form anew; False where there can be none."""
        if (
            weight.is_inference()
            or weight.dtype is not torch.float32
            or not weight.is_cpu
            or layer.connectivity.is_dense
            or (self._plan is not None and not is_available())
        ):
            return False
        with torch.inference_mode(False), torch.no_grad():
            detached = weight.detach()
            plan = self._plan
            self._form = layer.to_dense_weight() if plan is None else turned(detached, plan)
        self._weight, self._version = weight, weight._version
        self._address = weight.data_ptr()
        return True
