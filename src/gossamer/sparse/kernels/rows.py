"""The sparse layer's product, forward and backward, when connections lie one by one.

Nothing is shared between connections here, so vectors run along tokens: a tile of 64 tokens is
transposed into scratch memory that stays in the cache, (features, 64), and each connection is
four vector products of its own. That is the form of sparse product with which XNNPACK runs pruned
networks (Elsen et al. 2020, "Fast Sparse ConvNets"). Results are turned back on the way out.

Connections come as compressed rows: `offsets` (int32, one a row and the end) and `columns` (int32).
Widths are multiples of 16.
"""

from __future__ import annotations

import functools

import numpy as np

from gossamer.sparse.kernels.arguments import Argument, Given, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function, vector
from gossamer.sparse.kernels.transpose import turned_square

_WIDTH = 16
TOKENS = 64  # of a tile
_VECTORS = TOKENS // _WIDTH
_KIND = vector(_WIDTH)


def scratch_size(*widths: int) -> int:
    """Numbers of scratch memory that a thread needs for activations of these widths."""
    return (sum(widths) + 2 * _WIDTH) * TOKENS


def _connections(n_in: int, n_out: int) -> tuple[Argument, Argument]:
    return (
        Argument("offsets", np.int32, lambda _: n_out + 1),
        Argument("columns", np.int32, lambda given: given.total("offsets"), lambda _: n_in),
    )


@functools.lru_cache(maxsize=64)
def product(n_in: int, n_out: int) -> Kernel:
    """Y = x W^T + b; with columns and rows exchanged, the gradient of x.

    Arguments: x, offsets, columns, weights, bias, y, scratch (for each thread
    `scratch_size(n_in)`), n_tokens.
    """
    f = Function("product")
    x, offsets, columns, weights, bias, y, scratch = (f.argument(i) for i in range(7))
    tile = f.at(scratch, f.mul("%thread", scratch_size(n_in)))
    results = f.at(tile, n_in * TOKENS)  # (16 outputs, 64)
    begin, end = f.share(f.argument(7, "i64"), TOKENS)
    with f.loop(begin, end, TOKENS) as first:
        _pack(f, x, n_in, first, end, tile)
        n_here = f.least(f.sub(end, first), TOKENS)
        with f.loop(0, n_out, _WIDTH) as block:
            with f.loop(0, _WIDTH) as number:
                output = f.add(block, number)
                start = f.spread(_KIND, f.load("float", f.at(bias, output)))
                sums = [f.variable(_KIND, start) for _ in range(_VECTORS)]
                one, last = f.index(offsets, output), f.index(offsets, f.add(output, 1))
                with f.loop(one, last) as entry:
                    row = f.at(tile, f.mul(f.index(columns, entry), TOKENS))
                    weight = f.spread(_KIND, f.load("float", f.at(weights, entry)))
                    for v, total in enumerate(sums):
                        part = f.load(_KIND, f.at(row, v * _WIDTH))
                        f.set(_KIND, total, f.fma(_KIND, weight, part, f.get(_KIND, total)))
                target = f.at(results, f.mul(number, TOKENS))
                for v, total in enumerate(sums):
                    f.store(_KIND, f.get(_KIND, total), f.at(target, v * _WIDTH))
            with f.loop(0, n_here, _WIDTH) as token:
                rows = [
                    f.load(_KIND, f.at(results, f.add(token, i * TOKENS))) for i in range(_WIDTH)
                ]
                turned = f.at(results, _WIDTH * TOKENS)
                for i, value in enumerate(turned_square(f, _WIDTH, rows)):
                    f.store(_KIND, value, f.at(turned, i * _WIDTH))
                with f.loop(token, f.least(f.add(token, _WIDTH), n_here)) as t:
                    value = f.load(_KIND, f.at(turned, f.mul(f.sub(t, token), _WIDTH)))
                    place = f.add(f.mul(f.add(first, t), n_out), block)
                    f.store(_KIND, value, f.at(y, place))
    return Kernel(
        f,
        "product",
        (
            Argument("x", np.float32, lambda given: given["n_tokens"] * n_in),
            *_connections(n_in, n_out),
            Argument("weights", np.float32, lambda given: given.total("offsets")),
            Argument("bias", np.float32, lambda _: n_out),
            Argument("y", np.float32, lambda given: given["n_tokens"] * n_out),
            Argument("scratch", np.float32, lambda given: given["n_threads"] * scratch_size(n_in)),
            Size("n_tokens"),
        ),
    )


@functools.lru_cache(maxsize=64)
def weight_gradient(n_in: int, n_out: int) -> Kernel:
    """Gradient of the weights, in parts of the tokens, added to what is there.

    Arguments: grad of y, x, offsets, columns, result (n_parts, n_weights), n_weights, scratch
    (for each thread `scratch_size(n_in, n_out)`), n_tokens, n_parts.
    """
    f = Function("weight_gradient")
    grad, x, offsets, columns, result = (f.argument(i) for i in range(5))
    scratch = f.argument(6)
    inputs = f.at(scratch, f.mul("%thread", scratch_size(n_in, n_out)))
    outputs = f.at(inputs, n_in * TOKENS)
    n_tokens, n_weights, n_parts = (f.argument(i, "i64") for i in (7, 5, 8))
    with f.loop(*f.share(n_parts)) as part:
        own = f.at(result, f.mul(part, n_weights))
        begin, end = f.share(n_tokens, TOKENS, part=part, n_parts=n_parts)
        with f.loop(begin, end, TOKENS) as first:
            _pack(f, x, n_in, first, end, inputs)
            _pack(f, grad, n_out, first, end, outputs)
            # After the last token it was repeated: it must not count again.
            with f.loop(f.sub(end, first), TOKENS) as behind, f.loop(0, n_out) as output:
                place = f.at(outputs, f.add(f.mul(output, TOKENS), behind))
                f.store("float", f.constant("float", 0.0), place)
            with f.loop(0, n_out) as output:
                line = f.at(outputs, f.mul(output, TOKENS))
                gradients = [f.load(_KIND, f.at(line, v * _WIDTH)) for v in range(_VECTORS)]
                one, last = f.index(offsets, output), f.index(offsets, f.add(output, 1))
                with f.loop(one, last) as entry:
                    row = f.at(inputs, f.mul(f.index(columns, entry), TOKENS))
                    parts = [f.load(_KIND, f.at(row, v * _WIDTH)) for v in range(_VECTORS)]
                    total = f.binary("fmul", _KIND, parts[0], gradients[0])
                    for part, gradient in zip(parts[1:], gradients[1:], strict=True):
                        total = f.fma(_KIND, part, gradient, total)
                    place = f.at(own, entry)
                    summed = f.binary("fadd", "float", f.sum(_KIND, total), f.load("float", place))
                    f.store("float", summed, place)

    def n_sums(given: Given) -> int:
        used = given.total("offsets")
        return (given["n_parts"] - 1) * given["n_weights"] + max(given["n_weights"], used)

    return Kernel(
        f,
        "weight_gradient",
        (
            Argument("grad", np.float32, lambda given: given["n_tokens"] * n_out),
            Argument("x", np.float32, lambda given: given["n_tokens"] * n_in),
            *_connections(n_in, n_out),
            Argument("result", np.float32, n_sums),
            Size("n_weights"),
            Argument(
                "scratch",
                np.float32,
                lambda given: given["n_threads"] * scratch_size(n_in, n_out),
            ),
            Size("n_tokens"),
            Size("n_parts"),
        ),
    )


def _pack(f: Function, x: str, width: int, first: str, end: str, tile: str) -> None:
    """Transpose 64 tokens, (64, width) -> (width, 64); the last token is repeated after itself."""
    last = f.sub(end, 1)
    with f.loop(0, TOKENS, _WIDTH) as token:
        starts = [
            f.at(x, f.mul(f.least(f.add(f.add(first, token), i), last), width))
            for i in range(_WIDTH)
        ]
        with f.loop(0, width, _WIDTH) as column:
            rows = [f.load(_KIND, f.at(start, column)) for start in starts]
            for i, value in enumerate(turned_square(f, _WIDTH, rows)):
                place = f.add(f.mul(f.add(column, i), TOKENS), token)
                f.store(_KIND, value, f.at(tile, place))
