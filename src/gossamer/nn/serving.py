"""The encoder in the form that answers one short message fastest.

With a handful of positions the number of operations costs time, not their size: a dense product
of eight rows takes less time than gathering the inputs of a sparse one. So here each layer is one
dense matrix, laid out as the product reads it, query, key and value share a single one, and one
sequence needs no packing. The numbers are those of `TransformerEncoder` in evaluation mode within
rounding; that is the readable form, and the one for longer sequences and for batches.
"""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.nn.encoder import TransformerEncoder, TransformerEncoderLayer, sinusoidal_positions
from gossamer.nn.ops.fitting import LEAST_ROWS_TO_ANSWER
from gossamer.sparse import RandomlyConnectedLinear, freeze

# Measured at density 0.2, width 256, two layers, tagging included: 0.7 ms instead of 1.8 with one
# token, 1.5 instead of 3.0 with 20, 5.7 instead of 9.4 with 120. Longer ones were not tried.
LONGEST = 128  # positions


Model = TypeVar("Model", bound=nn.Module)


class FrozenCopy(Generic[Model]):
    """The frozen copy of a trained network (see `gossamer.sparse.freeze`), made when first needed.

    It shares the network's tensors: after changing them, call `forget`.
    """

    def __init__(self) -> None:
        self._network: Model | None = None
        self._frozen: Model | None = None

    def forget(self) -> None:
        """Release the copy."""
        self._network = self._frozen = None

    def of(self, network: Model, n_rows: int = 1) -> Model:
        """What answers fastest: the copy, or the network itself.

        The network itself in training, and for many rows, for which its encoder has kernels.

        Args:
            network: the network; another one than before gets a copy of its own.
            n_rows: how many rows its encoder is to work on.
        """
        if network.training or n_rows >= LEAST_ROWS_TO_ANSWER:
            return network
        if self._frozen is None or self._network is not network:
            self._network, self._frozen = network, freeze(network, share_tensors=True)
        return self._frozen


class ServingEncoder:
    """A `TransformerEncoder`'s weights as they are now, ready for single short sequences.

    It takes no part in training, and later changes of the encoder's weights do not reach it.

    Args:
        encoder: what it computes; see `can_serve`.

    Raises:
        ValueError: `can_serve` does not accept the encoder.
    """

    def __init__(self, encoder: TransformerEncoder) -> None:
        if not self.can_serve(encoder):
            raise ValueError(
                "an encoder served message by message must be in float32 on the CPU and without "
                "relative attention. Try: the encoder itself"
            )
        with torch.no_grad():
            scale = math.sqrt(encoder.hidden_size)
            self._input = _matrix(encoder.input) * scale
            self._offsets = sinusoidal_positions(LONGEST, encoder.hidden_size)
            self._offsets += _bias(encoder.input) * scale
            self._layers = [
                _ServingLayer(layer)
                for layer in encoder.layers
                if isinstance(layer, TransformerEncoderLayer)
            ]
        self._norm = encoder.norm

    @staticmethod
    def can_serve(encoder: TransformerEncoder) -> bool:
        """Whether an encoder has this form."""
        return (
            all(
                part.attention.key_relative is None and part.attention.value_relative is None
                for part in encoder.layers
                if isinstance(part, TransformerEncoderLayer)
            )
            and all(
                each.dtype == torch.float32 and each.device.type == "cpu"
                for each in encoder.parameters()
            )
            and all(
                isinstance(part, nn.Linear | RandomlyConnectedLinear)
                for layer in encoder.layers
                if isinstance(layer, TransformerEncoderLayer)
                for part in (encoder.input, *_linears(layer))
            )
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Encode one sequence; call it without gradients.

        Args:
            x: at most `LONGEST` positions in order. *Shape:* (length, input_size).

        Returns:
            *Shape:* (length, hidden_size).
        """
        x = torch.addmm(self._offsets[: x.shape[0]], x, self._input)
        for layer in self._layers:
            x = layer(x)
        return F.layer_norm(
            x, self._norm.normalized_shape, self._norm.weight, self._norm.bias, self._norm.eps
        )


class _ServingLayer:
    """A `TransformerEncoderLayer` for one sequence."""

    def __init__(self, layer: TransformerEncoderLayer) -> None:
        attention = layer.attention
        mixed = (attention.query, attention.key, attention.value)
        self._num_heads = attention.num_heads
        self._is_causal = attention.is_causal
        self._mixed = torch.cat([_matrix(part) for part in mixed], dim=1)
        self._mixed_bias = torch.cat([_bias(part) for part in mixed])
        self._out, self._out_bias = _matrix(attention.out), _bias(attention.out)
        self._up, self._up_bias = _matrix(layer.feed_forward_in), _bias(layer.feed_forward_in)
        self._down, self._down_bias = (
            _matrix(layer.feed_forward_out),
            _bias(layer.feed_forward_out),
        )
        self._attention_norm = layer.attention_norm
        self._feed_forward_norm = layer.feed_forward_norm

    def __call__(self, x: Tensor) -> Tensor:
        """*Shape:* (length, hidden_size) -> (length, hidden_size)."""
        length, width = x.shape
        norm = self._attention_norm
        y = F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        together = torch.addmm(self._mixed_bias, y, self._mixed)
        heads = together.view(1, length, 3, self._num_heads, width // self._num_heads).permute(
            2, 0, 3, 1, 4
        )
        query, key, value = heads.unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self._is_causal)
        flat = mixed.transpose(1, 2).reshape(length, width)
        x = x + torch.addmm(self._out_bias, flat, self._out)
        norm = self._feed_forward_norm
        y = F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        y = F.gelu(torch.addmm(self._up_bias, y, self._up))
        return x + torch.addmm(self._down_bias, y, self._down)


def _linears(layer: TransformerEncoderLayer) -> tuple[nn.Module, ...]:
    attention = layer.attention
    return (
        *(attention.query, attention.key, attention.value, attention.out),
        *(layer.feed_forward_in, layer.feed_forward_out),
    )


def _matrix(layer: nn.Module) -> Tensor:
    """The kernel with zeros where nothing is connected. *Shape:* (in_features, out_features)."""
    if isinstance(layer, RandomlyConnectedLinear):
        weight = layer.to_dense_weight()
    else:
        weight = layer.get_parameter("weight")
    return weight.detach().t().contiguous()


def _bias(layer: nn.Module) -> Tensor:
    """The bias, zeros without one. *Shape:* (out_features,)."""
    bias = getattr(layer, "bias", None)
    if isinstance(bias, Tensor):
        return bias.detach()
    return torch.zeros(int(layer.out_features))  # type: ignore[arg-type]
