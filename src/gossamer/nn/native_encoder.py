"""The encoder's quick way: a forward and a backward pass written out over few, large kernels.

`TransformerEncoder` computes the same in readable steps; what this does beside it is to keep
autograd and small operations out of the way. Products are joined where they read the same input
(query, key, value), everything between two products is one pass over the rows, attention looks at
real positions only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.native import attention, rows
from gossamer.nn.packing import Packing
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.sparse.joined import JoinedLinear
from gossamer.sparse.native.build import is_available

if TYPE_CHECKING:
    from gossamer.nn.encoder import TransformerEncoder

_WIDTH = 16
_LEAST_ROWS_TO_ANSWER = 256  # for fewer the readable way is as quick, and compiles nothing
_LEAST_ELEMENTS_OF_A_THREAD = 8_000
_ONE = torch.ones(1)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Dropout of one forward pass: a seed and a rate."""

    seed: int
    levels: int
    scale: Tensor

    @classmethod
    def draw(cls, rate: float) -> _Noise:
        """From torch's global generator; nothing is drawn for rate 0."""
        if rate == 0.0:
            return cls(0, 0, _ONE)
        levels = min(round(rate * 2**32), 2**32 - 1)
        seed = int(torch.randint(2**31, ()).item())
        return cls(seed, levels, torch.tensor([1 / (1 - levels / 2**32)]))

    def words(self, site: int) -> tuple[int, int, Tensor]:
        """What a kernel takes; every site has a seed of its own."""
        seed = (self.seed * 0x2545F491 + site * 0x9E3779B9) % 2**32
        return seed, self.levels, self.scale


class _Layer:
    """The products of one transformer layer, joined, and its two normalisations."""

    def __init__(self, layer: Any) -> None:
        attend = layer.attention
        self.qkv = JoinedLinear([attend.query, attend.key, attend.value])
        self.out = JoinedLinear([attend.out])
        self.inner = JoinedLinear([layer.feed_forward_in])
        self.outer = JoinedLinear([layer.feed_forward_out])
        self.norms = (layer.attention_norm, layer.feed_forward_norm)

    @property
    def products(self) -> list[JoinedLinear]:
        return [self.qkv, self.out, self.inner, self.outer]


class NativeEncoder:
    """Runs a `TransformerEncoder` by kernels.

    Args:
        encoder: whose weights to use; `fits` must hold.
    """

    def __init__(self, encoder: TransformerEncoder) -> None:
        first: Any = encoder.layers[0]
        self.width = encoder.hidden_size
        self.inner_width = first.feed_forward_in.out_features
        self.n_heads = first.attention.num_heads
        self.is_causal = first.attention.is_causal
        self.input = JoinedLinear([encoder.input])  # type: ignore[list-item]
        self.layers = [_Layer(layer) for layer in encoder.layers]
        self.norms: list[nn.LayerNorm] = [n for layer in self.layers for n in layer.norms]
        self.norms.append(encoder.norm)
        products = [self.input, *(p for layer in self.layers for p in layer.products)]
        self._products = products
        self.parameters: list[nn.Parameter] = [p for part in products for p in part.parameters]
        for norm in self.norms:
            self.parameters += [norm.weight, norm.bias]
        self._factor = torch.tensor([math.sqrt(self.width)])

    def is_current(self) -> bool:
        """Whether the encoder still has the layers this was made for."""
        return all(product.is_current() for product in self._products)

    def __call__(self, x: Tensor, packing: Packing, positions: Tensor, rate: float) -> Tensor:
        """Encode, as `TransformerEncoder.forward`; `positions` is the table of positions."""
        noise = _Noise.draw(rate)
        if torch.is_grad_enabled():
            result: Tensor = _Encode.apply(  # type: ignore[no-untyped-call]
                x, self, packing, positions, noise, *self.parameters
            )
            return result
        return self.forward(x, packing, positions, noise, None)

    def forward(
        self,
        x: Tensor,
        packing: Packing,
        positions: Tensor,
        noise: _Noise,
        saved: list[Tensor] | None,
    ) -> Tensor:
        """The forward pass; what the backward pass needs is added to `saved`."""
        n, width = x.shape[0], self.width
        threads = self._threads(n)
        keep: Callable[..., None] = _forget if saved is None else lambda *t: saved.extend(t)
        x = x.detach().contiguous()
        weight = self.input.weight()
        projected = self.input.forward(x, weight)
        total = torch.empty(n, width)
        rows.embed(width)(
            projected,
            positions,
            packing.position,
            self._factor,
            total,
            n,
            *noise.words(0),
            n_threads=threads,
        )
        keep(x, weight)
        places = self._places(packing)
        norm = self.norms[0]
        total, normal, statistics = self._normalise(total, None, norm, noise.words(0))
        keep(total, statistics)
        for number, layer in enumerate(self.layers):
            weight = layer.qkv.weight()
            qkv = layer.qkv.forward(normal, weight)
            mixed = torch.empty(n, width)
            weights = torch.empty(int(places[-1]))
            table = packing.table
            attention.attend(self.n_heads, width // self.n_heads, self.is_causal)(
                qkv,
                table.rows,
                table.starts,
                places,
                weights,
                mixed,
                table.starts.numel() - 1,
                n_threads=threads,
            )
            out_weight = layer.out.weight()
            update = layer.out.forward(mixed, out_weight)
            keep(normal, weight, qkv, weights, mixed, out_weight)
            total, normal, statistics = self._normalise(
                total, update, self.norms[2 * number + 1], noise.words(3 * number + 1)
            )
            keep(total, statistics)
            weight = layer.inner.weight()
            inner = layer.inner.forward(normal, weight)
            active = torch.empty_like(inner)
            rows.gelu_dropped(self.inner_width)(
                inner,
                active,
                n,
                *noise.words(3 * number + 2),
                n_threads=self._threads(4 * n),
            )
            outer_weight = layer.outer.weight()
            update = layer.outer.forward(active, outer_weight)
            keep(normal, weight, inner, active, outer_weight)
            total, normal, statistics = self._normalise(
                total, update, self.norms[2 * number + 2], noise.words(3 * number + 3)
            )
            keep(total, statistics)
        return normal

    def backward(
        self, grad: Tensor, packing: Packing, noise: _Noise, saved: list[Tensor], needs_x: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Gradients of the input and of `parameters`."""
        n, width = grad.shape[0], self.width
        threads = self._threads(n)
        places = self._places(packing)
        of_products: list[list[Tensor]] = []
        of_norms: list[Tensor] = []

        def back_through_norm(
            number: int, grad: Tensor, residual: Tensor | None
        ) -> tuple[Tensor, Tensor]:
            statistics, total = saved.pop(), saved.pop()
            result, update = torch.empty(n, width), torch.empty(n, width)
            sums = torch.zeros(threads, 2, width)
            has_update = number > 0
            rows.back_through_normalise(width, residual is not None)(
                grad,
                grad if residual is None else residual,
                total,
                statistics,
                self.norms[number].weight,
                result,
                update if has_update else 0,
                sums,
                n,
                *noise.words(_site(number)),
                n_threads=threads,
            )
            of_gain, of_offset = sums.sum(0)
            of_norms[:0] = [of_gain, of_offset]
            return result, update

        grad = grad.contiguous()
        residual, update = back_through_norm(len(self.norms) - 1, grad, None)
        for number in reversed(range(len(self.layers))):
            layer = self.layers[number]
            outer_weight, active, inner, weight, normal = (saved.pop() for _ in range(5))
            grad_active, of_outer = layer.outer.backward(update, active, outer_weight)
            rows.back_through_gelu(self.inner_width)(
                grad_active,
                inner,
                grad_active,
                n,
                *noise.words(3 * number + 2),
                n_threads=self._threads(4 * n),
            )
            grad_normal, of_inner = layer.inner.backward(grad_active, normal, weight)
            residual, update = back_through_norm(2 * number + 1, grad_normal, residual)
            out_weight, mixed, weights, qkv, weight, normal = (saved.pop() for _ in range(6))
            grad_mixed, of_out = layer.out.backward(update, mixed, out_weight)
            grad_qkv = torch.empty_like(qkv)
            table = packing.table
            attention.back_through_attend(self.n_heads, width // self.n_heads, self.is_causal)(
                grad_mixed,
                qkv,
                table.rows,
                table.starts,
                places,
                weights,
                grad_qkv,
                table.starts.numel() - 1,
                n_threads=threads,
            )
            grad_normal, of_qkv = layer.qkv.backward(grad_qkv, normal, weight)
            residual, update = back_through_norm(2 * number, grad_normal, residual)
            of_products[:0] = [of_qkv, of_out, of_inner, of_outer]
        grad_projected = torch.empty(n, width)
        rows.scale_dropped(width)(
            residual, self._factor, grad_projected, n, *noise.words(0), n_threads=threads
        )
        weight, x = saved.pop(), saved.pop()
        grad_x, of_input = self.input.backward(grad_projected, x, weight, needs_x=needs_x)
        of_products[:0] = [of_input]
        return grad_x, [g for part in of_products for g in part] + of_norms

    def _normalise(
        self,
        total: Tensor,
        update: Tensor | None,
        norm: nn.LayerNorm,
        noise: tuple[int, int, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The sum with the update, its normalisation, and mean and 1 / deviation of each row."""
        n, width = total.shape
        summed = total if update is None else torch.empty_like(total)
        normal, statistics = torch.empty_like(total), torch.empty(n, 2)
        rows.add_and_normalise(width, update is not None, norm.eps)(
            total,
            total if update is None else update,
            norm.weight,
            norm.bias,
            summed,
            normal,
            statistics,
            n,
            *noise,
            n_threads=self._threads(n),
        )
        return summed, normal, statistics

    def _places(self, packing: Packing) -> Tensor:
        """Where the attention weights of each sequence begin, and how many there are."""
        lengths = packing.table.starts.diff()
        padded = (lengths + _WIDTH - 1) // _WIDTH * _WIDTH
        sizes = torch.cumsum(self.n_heads * lengths * padded, 0)
        return torch.cat([sizes.new_zeros(1), sizes])

    def _threads(self, n_rows: int) -> int:
        most = n_rows * self.width // _LEAST_ELEMENTS_OF_A_THREAD
        return max(1, min(torch.get_num_threads(), most))


def fits(encoder: TransformerEncoder, x: Tensor) -> bool:
    """Whether the kernels can do what this encoder does, here and now.

    They know plain attention in float32 on the CPU, widths that are multiples of 16, and no
    dropout inside attention. Answers to a few positions are not worth compiling for.
    """
    if not (
        type(x) is Tensor
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.shape[0] > 0
        and (torch.is_grad_enabled() or x.shape[0] >= _LEAST_ROWS_TO_ANSWER)
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and torch._C._functorch.peek_interpreter_stack() is None
        and is_available()
    ):
        return False
    for layer in encoder.layers:
        one: Any = layer.attention
        if one.key_relative is not None or one.value_relative is not None:
            return False
        if (encoder.training and one.dropout > 0.0) or one.head_size % _WIDTH:
            return False
        if layer.feed_forward_in.out_features % _WIDTH:  # type: ignore[union-attr,operator]
            return False
    linears = [m for m in encoder.modules() if isinstance(m, RandomlyConnectedLinear | nn.Linear)]
    expected = 1 + 6 * len(encoder.layers)
    return len(linears) == expected and all(p.dtype == x.dtype for p in encoder.parameters())


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        encoder: NativeEncoder,
        packing: Packing,
        positions: Tensor,
        noise: _Noise,
        *parameters: Tensor,
    ) -> Tensor:
        saved: list[Tensor] = []
        result = encoder.forward(x, packing, positions, noise, saved)
        ctx.save_for_backward(*saved)
        ctx.rest = (encoder, packing, noise)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        encoder, packing, noise = ctx.rest
        needs_x = ctx.needs_input_grad[0]
        saved = list(ctx.saved_tensors)
        grad_x, rest = encoder.backward(grads[0], packing, noise, saved, needs_x)
        return grad_x, None, None, None, None, *rest


def _site(number: int) -> int:
    """The place of dropout before a normalisation: behind attention or behind the outer layer."""
    layer, is_second = divmod(number, 2)
    return 3 * layer + 1 if is_second else 3 * layer


def _forget(*tensors: Tensor) -> None:
    """Keep nothing."""
