"""What runs in `layer.py`: dense, masked dense, CSR and our topologies, each as a call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology
from gossamer.sparse.speed import Call, call_of

_BYTES = 4  # of a float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One layer in one of its forms.

    Attributes:
        call: does the work to be timed.
        n_weights: connections that exist, without bias.
        state_bytes: kernel weights, their gradients and Adam's two moments, float32.
    """

    call: Call
    n_weights: int
    state_bytes: int


class MaskedLinear(nn.Linear):
    """What Rasa and most pruning libraries do: a dense kernel times a mask, every time."""

    def __init__(self, like: RandomlyConnectedLinear) -> None:
        super().__init__(like.in_features, like.out_features)
        self.register_buffer("mask", (like.to_dense_weight() != 0).float())

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, out_features)."""
        return F.linear(x, self.weight * self.get_buffer("mask"), self.bias)


class CSRLinear(nn.Module):
    """A kernel in PyTorch's CSR layout; autograd gives it a gradient of the whole dense kernel."""

    def __init__(self, like: RandomlyConnectedLinear) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CSR is in beta, says torch
            kernel = like.to_dense_weight().detach().to_sparse_csr()
        self.weight = nn.Parameter(kernel)
        self.bias = nn.Parameter(torch.zeros(like.out_features))

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, out_features)."""
        return F.linear(x, self.weight, self.bias)


class Layers:
    """All layers of one shape and density; their connections are drawn once.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        density: wished share of connections.
    """

    def __init__(self, in_features: int, out_features: int, density: float) -> None:
        self.shape = (in_features, out_features)
        self._dense = nn.Linear(in_features, out_features)
        self._ours = {
            topology: RandomlyConnectedLinear(
                in_features, out_features, connection_density=density, topology=topology, seed=0
            )
            for topology in Topology
        }
        self._masked = MaskedLinear(self._ours[Topology.UNIFORM])
        self._csr = CSRLinear(self._ours[Topology.UNIFORM])

    def peers(self, tokens: int, backward: bool) -> dict[str, Peer]:
        """What is timed for each peer, dense first.

        Args:
            tokens: rows of the input.
            backward: the backward pass too; else an answer in evaluation mode, with no gradients.
        """
        n_in, n_out = self.shape
        x = torch.randn(tokens, n_in, requires_grad=backward)
        grad = torch.randn(tokens, n_out)
        n_all = n_in * n_out
        n_uniform = _n_weights(self._ours[Topology.UNIFORM])

        def peer(layer: nn.Module, n_weights: int, n_stored: float) -> Peer:
            call = _call(layer.__call__, x, grad, layer, backward)
            return Peer(call=call, n_weights=n_weights, state_bytes=int(4 * _BYTES * n_stored))

        found = {
            "dense": peer(self._dense, n_all, n_all),
            "masked dense": peer(self._masked, n_uniform, n_all),
            # Weights and moments of the connections, the gradient of everything.
            "torch CSR": peer(self._csr, n_uniform, (3 * n_uniform + n_all) / 4),
        }
        for topology, layer in self._ours.items():
            count = _n_weights(layer)
            found[topology.value] = peer(layer, count, count)
        return found


def _n_weights(layer: RandomlyConnectedLinear) -> int:
    return layer.connectivity.n_weights


def _call(
    function: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor, layer: nn.Module, backward: bool
) -> Call:
    # Products of CSR do not work in inference mode.
    no_gradients = torch.no_grad if isinstance(layer, CSRLinear) else torch.inference_mode
    return call_of(function, x, grad, layer, backward, no_gradients=no_gradients)
