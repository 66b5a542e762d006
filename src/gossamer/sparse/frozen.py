"""A copy of a model for inference, its sparse layers in the form that is fastest for it."""

from __future__ import annotations

import copy
import math
from typing import Self, TypeVar, cast

import torch
from torch import Tensor, nn

from gossamer.sparse.checks import check_parameters
from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.convert import replaced
from gossamer.sparse.errors import complaint
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.product import KernelProduct, Product
from gossamer.sparse.products.tiles import TileProduct

# Up to this many tokens a dense kernel matrix, made once, is faster for layers without tiles: a
# vector of the other kernels holds 16 tokens, and their set-up serves 64.
_MOST_TOKENS = 64
_MOST_TOKENS_OF_FEW, _FEW = 31, 0.1  # where connections are few and have kernels of their own

Model = TypeVar("Model", bound=nn.Module)
_Kept = tuple[Product, Tensor, Tensor | None]


class FrozenLinear(RandomlyConnectedLinear):
    """A randomly connected layer that answers and does not learn; made by `freeze`.

    `weight` and `bias` are buffers, so that no optimiser finds them, and the state dict is the
    layer's. The first call makes, and keeps, the form that answers fastest: weights transposed for
    the kernels of tiles, a dense matrix for few tokens elsewhere. Moving, converting and
    `load_state_dict` make that form again; writing into `weight` by hand does not.

    Args:
        layer: what to freeze; its tensors are shared, not copied.
    """

    _kept: _Kept | None

    def __init__(self, layer: RandomlyConnectedLinear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.seed = layer.seed
        self.register_buffer("weight", layer.weight.detach())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())
        self._set_connectivity(layer.connectivity)
        self._kept = None
        self._most_tokens = _most_tokens(layer.connectivity, self._by_kernels)
        super().train(False)

    def train(self, mode: bool = True) -> Self:
        """Nothing: the layer stays in evaluation mode."""
        return super().train(False)

    def replace_connectivity(self, connectivity: Connectivity) -> None:
        """Refused.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            complaint(
                "the connections of a frozen layer must stay",
                got=connectivity,
                hint="changing the model that was frozen, and freezing it again",
            )
        )

    def reset_parameters(self, seed: int | None = None) -> None:
        """Refused.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            complaint(
                "the weights of a frozen layer must stay",
                got=f"reset_parameters({seed})",
                hint="changing the model that was frozen, and freezing it again",
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """As in `RandomlyConnectedLinear`; only `x` gets a gradient."""
        if (
            not may_run_kernel(x)
            or x.ndim == 0
            or x.shape[-1] != self.in_features
            or x.numel() > self._most_tokens * self.in_features
            or (x.requires_grad and torch.is_grad_enabled())
        ):
            return super().forward(x)
        kept = self._kept
        if kept is None:
            kept = self._keep()
            if kept is None:
                return super().forward(x)
        product, weight, bias = kept
        if x.ndim == 2:
            return product.answer(x, weight, bias)
        y = product.answer(x.reshape(-1, self.in_features), weight, bias)
        return y.view(*x.shape[:-1], self.out_features)

    @torch.no_grad()
    def _keep(self) -> _Kept | None:
        """What answers; None where kernels cannot read the tensors."""
        weight, bias = self.weight, self.bias
        if self.connectivity.is_dense or not may_run_kernel(weight, bias):
            return None
        check_parameters(weight, weight, bias, self.connectivity)
        tiles = self._by_kernels if isinstance(self._by_kernels, TileProduct) else None
        product = tiles or self._dense
        self._kept = product, product.frozen(weight), bias
        return self._kept

    def _settle_indices(self) -> None:
        super()._settle_indices()
        self._kept = None

    def extra_repr(self) -> str:
        """What the layer shows, and that it is frozen."""
        return f"{super().extra_repr()}, frozen"


def freeze(module: Model, *, share_tensors: bool = False) -> Model:
    """Copy a model for inference; its sparse layers then answer single inputs faster.

    A `RandomlyConnectedLinear` keeps nothing between calls, as its weights may change at any time
    in ways that PyTorch does not report. In the copy each becomes a `FrozenLinear`, which keeps
    its weights in the form the product reads. Later changes of the model do not reach the copy:
    freeze again after training.

    Sparse layers with hooks or parametrizations (as pruning makes them) stay as they are.

    Args:
        module: the model; it is left as it is.
        share_tensors: do not copy parameters and buffers but share them with the model. Saves
            memory; only for a model that does not change while the copy is in use.

    Returns:
        The copy, in evaluation mode; without `share_tensors` no parameter needs a gradient.
    """
    tensors = [*module.parameters(), *module.buffers()] if share_tensors else []
    frozen = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    new: dict[nn.Module, nn.Module] = {
        part: FrozenLinear(part)
        for part in frozen.modules()
        if type(part) is RandomlyConnectedLinear and not _has_hooks(part)
    }
    frozen = cast("Model", replaced(frozen, new)).eval()
    return frozen if share_tensors else frozen.requires_grad_(False)


def _most_tokens(connectivity: Connectivity, by_kernels: KernelProduct | None) -> float:
    """Up to how many tokens what is kept answers faster than the layer itself."""
    if isinstance(by_kernels, TileProduct):
        return math.inf
    is_sparse = by_kernels is not None and connectivity.density <= _FEW
    return _MOST_TOKENS_OF_FEW if is_sparse else _MOST_TOKENS


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_pre_hooks or module._forward_hooks)
