"""The encoder's quick way: a forward and a backward pass written out over few, large kernels.

`TransformerEncoder` computes the same in readable steps; what this does beside it is to keep
autograd and small operations out of the way. Products are joined where they read the same input
(query, key, value), everything between two products is one pass over the rows, attention looks at
real positions only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import attention, rows
from gossamer.nn.ops.dropout import Noise
from gossamer.nn.packing import Packing
from gossamer.nn.training.workspace import Workspace
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.sparse.products.guard import may_run_kernel, require_kernel
from gossamer.sparse.products.shared_input import JoinedLinear

if TYPE_CHECKING:
    from gossamer.nn.encoder import TransformerEncoder

_WIDTH = 16
LEAST_ROWS_TO_ANSWER = 256  # for fewer the readable way is as quick, and compiles nothing


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
        self.parameters = [p for part in products for p in part.parameters]
        for norm in self.norms:
            self.parameters += [norm.weight, norm.bias]
        self._factor = torch.tensor([math.sqrt(self.width)], dtype=torch.float32)
        self._free: list[Workspace] = []

    def is_current(self) -> bool:
        """Whether the encoder still has the layers this was made for."""
        return all(product.is_current() for product in self._products)

    def __call__(
        self,
        x: Tensor,
        packing: Packing,
        positions: Tensor,
        rate: float,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Encode, as `TransformerEncoder.forward`; `positions` is the table of positions."""
        if x.shape != (packing.n_positions, self.input.in_features):
            raise ValueError(
                f"the encoder's input must have the shape ({packing.n_positions}, "
                f"{self.input.in_features}), a row for each position: got {tuple(x.shape)}. "
                "Try: the packing that belongs to these rows"
            )
        noise = Noise.draw(rate)
        if torch.is_grad_enabled():
            result: Tensor = _Encode.apply(  # type: ignore[no-untyped-call]
                x, self, packing, positions, noise, wanted, *self.parameters
            )
            return result
        return self.forward(x, packing, positions, noise, Workspace(), [], wanted)

    def lend(self) -> Workspace:
        """A workspace that nobody uses; give it back with `give_back` after the backward pass."""
        return self._free.pop() if self._free else Workspace()

    def give_back(self, space: Workspace) -> None:
        """See `lend`; one that is never given back is garbage in the end."""
        space.reset()
        self._free.append(space)

    def forward(
        self,
        x: Tensor,
        packing: Packing,
        positions: Tensor,
        noise: Noise,
        space: Workspace,
        saved: list[Tensor],
        wanted: Tensor | None = None,
    ) -> Tensor:
        """The forward pass; what the backward pass needs is added to `saved`."""
        n, width = x.shape[0], self.width
        threads = self._threads(n)
        x = x.detach().contiguous()
        weight = self.input.weight()
        projected = self.input.forward(x, weight, space.scratch("update", n, width))
        total = space.take(n, width)
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
        _keep(saved, x, weight)
        places = self._places(packing)
        norm = self.norms[0]
        total, normal, statistics = self._normalise(space, total, None, norm, noise.words(0))
        _keep(saved, total, statistics)
        for number, layer in enumerate(self.layers):
            weight = layer.qkv.weight()
            qkv = layer.qkv.forward(normal, weight, space.take(n, 3 * width))
            mixed = space.take(n, width)
            weights = space.take(int(places[-1]))
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
            if wanted is not None and number == len(self.layers) - 1:
                # Nothing mixes positions from here on.
                mixed, total = mixed.index_select(0, wanted), total.index_select(0, wanted)
                n = wanted.numel()
                threads = self._threads(n)
            out_weight = layer.out.weight()
            update = layer.out.forward(mixed, out_weight, space.scratch("update", n, width))
            _keep(saved, normal, weight, qkv, weights, mixed, out_weight)
            total, normal, statistics = self._normalise(
                space, total, update, self.norms[2 * number + 1], noise.words(3 * number + 1)
            )
            _keep(saved, total, statistics)
            weight = layer.inner.weight()
            inner = layer.inner.forward(normal, weight, space.take(n, self.inner_width))
            active = space.take(n, self.inner_width)
            rows.gelu_dropped(self.inner_width)(
                inner,
                active,
                n,
                *noise.words(3 * number + 2),
                n_threads=self._threads(4 * n),
            )
            outer_weight = layer.outer.weight()
            update = layer.outer.forward(active, outer_weight, space.scratch("update", n, width))
            _keep(saved, normal, weight, inner, active, outer_weight)
            is_last = number == len(self.layers) - 1
            total, normal, statistics = self._normalise(
                space,
                total,
                update,
                self.norms[2 * number + 2],
                noise.words(3 * number + 3),
                torch.empty(n, width) if is_last else None,  # it is the caller's
            )
            _keep(saved, total, statistics)
        return normal

    def backward(
        self,
        grad: Tensor,
        packing: Packing,
        noise: Noise,
        space: Workspace,
        saved: list[Tensor],
        needs_x: bool,
        wanted: Tensor | None = None,
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
            n = grad.shape[0]
            threads = self._threads(n)
            result = space.scratch(f"residual {number % 2}", n, width)
            update = space.scratch("update", n, width)
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
            of_outer = layer.outer.gradients(update, active)
            grad_active = layer.outer.input_gradient(
                update, outer_weight, space.scratch("active", n, self.inner_width)
            )
            rows.back_through_gelu(self.inner_width)(
                grad_active,
                inner,
                grad_active,
                n,
                *noise.words(3 * number + 2),
                n_threads=self._threads(4 * n),
            )
            of_inner = layer.inner.gradients(grad_active, normal)
            grad_normal = layer.inner.input_gradient(
                grad_active, weight, space.scratch("normal", n, width)
            )
            residual, update = back_through_norm(2 * number + 1, grad_normal, residual)
            out_weight, mixed, weights, qkv, weight, normal = (saved.pop() for _ in range(6))
            of_out = layer.out.gradients(update, mixed)
            grad_mixed = layer.out.input_gradient(
                update, out_weight, space.scratch("normal", n, width)
            )
            n = qkv.shape[0]
            threads = self._threads(n)
            if grad_mixed.shape[0] < n and wanted is not None:
                # Of the other positions only keys and values were read.
                grad_mixed = torch.zeros(n, width).index_copy_(0, wanted, grad_mixed)
                residual = torch.zeros(n, width).index_copy_(0, wanted, residual)
            grad_qkv = space.scratch("qkv", n, 3 * width)
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
            of_qkv = layer.qkv.gradients(grad_qkv, normal)
            grad_normal = layer.qkv.input_gradient(
                grad_qkv, weight, space.scratch("normal", n, width)
            )
            residual, update = back_through_norm(2 * number, grad_normal, residual)
            of_products[:0] = [of_qkv, of_out, of_inner, of_outer]
        grad_projected = space.scratch("update", n, width)
        rows.scale_dropped(width)(
            residual, self._factor, grad_projected, n, *noise.words(0), n_threads=threads
        )
        weight, x = saved.pop(), saved.pop()
        of_input = self.input.gradients(grad_projected, x)
        grad_x = self.input.input_gradient(grad_projected, weight) if needs_x else None
        of_products[:0] = [of_input]
        return grad_x, [g for part in of_products for g in part] + of_norms

    def _normalise(
        self,
        space: Workspace,
        total: Tensor,
        update: Tensor | None,
        norm: nn.LayerNorm,
        noise: tuple[int, int, Tensor],
        normal: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The sum with the update, its normalisation, and mean and 1 / deviation of each row."""
        n, width = total.shape
        summed = total if update is None else space.take(n, width)
        normal = space.take(n, width) if normal is None else normal
        statistics = space.take(n, 2)
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
        return rows.threads_for(n_rows * self.width)


def fits(encoder: TransformerEncoder, x: Tensor) -> bool:
    """Whether the kernels can do what this encoder does, here and now.

    They know plain attention in float32 on the CPU, widths that are multiples of 16, and no
    dropout inside attention. Answers to a few positions are not worth compiling for.
    """
    if torch.compiler.is_compiling() or not (
        x.shape[0] > 0
        and (torch.is_grad_enabled() or x.shape[0] >= LEAST_ROWS_TO_ANSWER)
        and may_run_kernel(x, *encoder.parameters())
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
    parts = list(encoder.modules())
    linears = [m for m in parts if type(m) in (RandomlyConnectedLinear, nn.Linear)]
    # Hooks (of pruning, say) and other classes (parametrized ones) would be passed over.
    return len(linears) == 1 + 6 * len(encoder.layers) and not any(
        m._forward_pre_hooks or m._forward_hooks or m._backward_hooks or m._backward_pre_hooks
        for m in parts
        if m is not encoder
    )


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        encoder: NativeEncoder,
        packing: Packing,
        positions: Tensor,
        noise: Noise,
        wanted: Tensor | None,
        *parameters: Tensor,
    ) -> Tensor:
        space, saved = encoder.lend(), list[Tensor]()
        result = encoder.forward(x, packing, positions, noise, space, saved, wanted)
        ctx.rest = (encoder, packing, noise, space, saved, wanted)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        encoder, packing, noise, space, saved, wanted = ctx.rest
        if not saved:
            raise RuntimeError(
                "the encoder can be gone back through once only (got a second backward pass). "
                "Try: another forward pass, or one backward pass over the sum of the losses"
            )
        require_kernel("the encoder's backward pass", grads[0])
        needs_x = ctx.needs_input_grad[0]
        grad_x, rest = encoder.backward(grads[0], packing, noise, space, saved, needs_x, wanted)
        encoder.give_back(space)
        return grad_x, None, None, None, None, None, *rest


def _site(number: int) -> int:
    """The place of dropout before a normalisation: behind attention or behind the outer layer."""
    layer, is_second = divmod(number, 2)
    return 3 * layer + 1 if is_second else 3 * layer


def _keep(saved: list[Tensor], *tensors: Tensor) -> None:
    saved.extend(tensors)
