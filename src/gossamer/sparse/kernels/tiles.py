"""The sparse layer's product, forward and backward, on tiles of connections.

A *tile* is what a group of `group_size` neighbouring outputs has of a *run* of neighbouring inputs:
a small dense matrix. Where tiles lie in the kernel matrix is random; inside one everything is in
place for the machine's vector unit. Activations are token-major, as everywhere in PyTorch, and
are read where they lie: nothing is gathered first.

Each of the three products keeps a block of results in registers (tokens x outputs, tokens x
inputs, inputs x outputs) and adds one outer product after the other to it:

| product | vectors run along | each scalar is |
|---|---|---|
| outputs = x W^T | outputs of a group | an activation of a token |
| grad of x = grad W | inputs of a run | a gradient of a token |
| grad of W = grad^T x | outputs of a group | an activation of a token |

Weights are stored as (n_groups, group_size, k). The first and the third product want them as
(n_groups, k, group_size); `transpose` turns them round.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel, has_wide_registers
from gossamer.sparse.kernels.function import Function, vector
from gossamer.sparse.kernels.transpose import turned_square

_WIDTHS = (16, 8, 4)  # numbers in a vector, the widest first
_TOKENS_OF_A_PANEL = 32  # the gradient's columns of a group are copied together for this many
_BLOCK = 12  # tokens whose activations stay in the cache while the weights stream by


@dataclass(frozen=True, slots=True)
class TileShape:
    """All sizes that kernels are compiled for.

    Attributes:
        in_features: number of inputs.
        out_features: number of outputs; a multiple of `group_size`.
        k: inputs of each group; a multiple of `run`.
        group_size: outputs of a group; a multiple of 4.
        run: neighbouring inputs that a group has together: 4, 8 or 16.
    """

    in_features: int
    out_features: int
    k: int
    group_size: int
    run: int

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self.out_features // self.group_size


class Registers(NamedTuple):
    """How many results are kept in the machine's registers.

    Attributes:
        tokens: of the output and of the input's gradient.
        vectors: side by side, of 16 numbers at most; a machine with narrower ones splits them.
        of_weights: vectors of the weight's gradient, a power of two.
    """

    tokens: int
    vectors: int
    of_weights: int


WIDE = Registers(tokens=12, vectors=2, of_weights=16)
NARROW = Registers(tokens=6, vectors=1, of_weights=4)


class TileKernels:
    """The products of one shape, each compiled when it is first asked for.

    Who only answers compiles one of them, not six. They are right on any machine; the registers
    decide how fast they are.

    Args:
        shape: sizes the kernels are compiled for.
        registers: of the machine.
    """

    def __init__(self, shape: TileShape, registers: Registers) -> None:
        self._shape, self._registers = shape, registers

    @functools.cached_property
    def forward(self) -> Kernel:
        """Arguments: x, starts, turned weight, bias, y, n_tokens."""
        return _forward(self._shape, self._registers)

    @functools.cached_property
    def in_order(self) -> Kernel:
        """Arguments: weight, places, weight tile by tile."""
        return _in_order(self._shape)

    @functools.cached_property
    def input_gradient(self) -> Kernel:
        """Arguments: grad, offsets, columns, weight tile by tile, grad of x, n_tokens."""
        return _input_gradient(self._shape, self._registers)

    @functools.cached_property
    def weight_gradient(self) -> Kernel:
        """Arguments: grad, x, starts, turned grad of weight, grad of bias, n_tokens."""
        return _weight_gradient(self._shape, self._registers)

    @functools.cached_property
    def turn(self) -> Kernel:
        """Arguments: weight, turned weight."""
        return _transpose("turn", self._shape.n_groups, self._shape.group_size, self._shape.k)

    @functools.cached_property
    def turn_back(self) -> Kernel:
        """Arguments: turned weight, weight."""
        return _transpose("turn_back", self._shape.n_groups, self._shape.k, self._shape.group_size)


#: The kernels of `TileKernels` by name.
KERNELS = ("forward", "in_order", "input_gradient", "weight_gradient", "turn", "turn_back")


def tile_kernels(shape: TileShape) -> TileKernels:
    """The kernels of a shape for this machine."""
    return compiled(shape, WIDE if has_wide_registers() else NARROW)


@functools.lru_cache(maxsize=256)
def compiled(shape: TileShape, registers: Registers) -> TileKernels:
    """The kernels of a shape for a machine with such registers; always the same object."""
    return TileKernels(shape, registers)


def _inputs(name: str, shape: TileShape) -> Argument:
    return Argument(name, np.float32, lambda given: given["n_tokens"] * shape.in_features)


def _outputs(name: str, shape: TileShape) -> Argument:
    return Argument(name, np.float32, lambda given: given["n_tokens"] * shape.out_features)


def _weights(name: str, shape: TileShape) -> Argument:
    return Argument(name, np.float32, lambda _: shape.out_features * shape.k)


def _starts(shape: TileShape) -> Argument:
    n_runs = shape.n_groups * shape.k // shape.run
    last = shape.in_features - shape.run
    return Argument("starts", np.int32, lambda _: n_runs, below=lambda _: last + 1)


def _forward(shape: TileShape, registers: Registers) -> Kernel:
    f = Function("forward")
    x, starts, weight, bias, y = (f.argument(i) for i in range(5))
    n_tokens = f.argument(5, "i64")
    g, k, run = shape.group_size, shape.k, shape.run
    width = _width(g)
    kind = vector(width)
    begin, end = f.share(n_tokens, _BLOCK)
    with f.loop(begin, end, _BLOCK) as first:
        behind = f.least(f.add(first, _BLOCK), end)
        with f.loop(0, shape.n_groups) as group:
            runs = f.at(starts, f.mul(group, k // run), "i32")
            for column, n in _cut(g // width, registers.vectors):
                output = f.add(f.mul(group, g), column * width)
                matrix = f.at(weight, f.add(f.mul(group, k * g), column * width))
                offsets = [f.load(kind, f.at(bias, f.add(output, v * width))) for v in range(n)]

                def block(
                    token: str,
                    size: int,
                    n: int = n,
                    output: str = output,
                    matrix: str = matrix,
                    offsets: list[str] = offsets,
                    runs: str = runs,
                ) -> None:
                    rows = f.at(x, f.mul(token, shape.in_features))
                    sums = [[f.variable(kind, offsets[v]) for v in range(n)] for _ in range(size)]
                    with f.loop(0, k // run) as number:
                        inputs = f.at(rows, f.index(runs, number))
                        part = f.at(matrix, f.mul(number, run * g))
                        for i in range(run):
                            weights = [
                                f.load(kind, f.at(part, i * g + v * width)) for v in range(n)
                            ]
                            for t in range(size):
                                value = f.load("float", f.at(inputs, t * shape.in_features + i))
                                _add_product(f, kind, sums[t], value, weights)
                    target = f.at(y, f.add(f.mul(token, shape.out_features), output))
                    for t in range(size):
                        for v in range(n):
                            place = f.at(target, t * shape.out_features + v * width)
                            f.store(kind, f.get(kind, sums[t][v]), place)

                _in_blocks(f, first, behind, registers.tokens, block)
    return Kernel(
        f,
        "forward",
        (
            _inputs("x", shape),
            _starts(shape),
            _weights("weight", shape),
            Argument("bias", np.float32, lambda _: shape.out_features),
            _outputs("y", shape),
            Size("n_tokens"),
        ),
    )


def _input_gradient(shape: TileShape, registers: Registers) -> Kernel:
    f = Function("input_gradient")
    grad, offsets, columns, weight, result = (f.argument(i) for i in range(5))
    n_tokens = f.argument(5, "i64")
    g, run = shape.group_size, shape.run
    # Short runs of several outputs share a vector; their sums are added up at the end.
    together = _WIDTHS[0] // run
    wide, kind = vector(_WIDTHS[0]), vector(run)
    begin, end = f.share(n_tokens, _BLOCK)
    with f.loop(begin, end, _BLOCK) as first:
        behind = f.least(f.add(first, _BLOCK), end)
        with f.loop(0, shape.in_features // run) as number:
            one, last = f.index(offsets, number), f.index(offsets, f.add(number, 1))

            def block(
                token: str, size: int, number: str = number, one: str = one, last: str = last
            ) -> None:
                rows = f.at(grad, f.mul(token, shape.out_features))
                sums = [[f.variable(wide, "zeroinitializer")] for _ in range(size)]
                with f.loop(one, last) as use:
                    part = f.at(rows, f.index(columns, use))
                    matrix = f.at(weight, f.mul(use, g * run))
                    with f.loop(0, g, 4) as four:
                        for i in range(0, 4, together):
                            output = f.add(four, i)
                            weights = [f.load(wide, f.at(matrix, f.mul(output, run)))]
                            here = f.at(part, output)
                            for t in range(size):
                                value = f.at(here, t * shape.out_features)
                                value = _repeated(f, value, together, run)
                                old = f.get(wide, sums[t][0])
                                f.set(wide, sums[t][0], f.fma(wide, value, weights[0], old))
                target = f.at(result, f.add(f.mul(token, shape.in_features), f.mul(number, run)))
                for t in range(size):
                    total = _folded(f, f.get(wide, sums[t][0]), together, run)
                    f.store(kind, total, f.at(target, t * shape.in_features))

            _in_blocks(f, first, behind, registers.tokens, block)
    return Kernel(
        f,
        "input_gradient",
        (
            _outputs("grad", shape),
            Argument("offsets", np.int32, lambda _: shape.in_features // run + 1),
            Argument(
                "columns",
                np.int32,
                lambda given: given.total("offsets"),
                below=lambda _: shape.out_features - g + 1,
            ),
            Argument("weight", np.float32, lambda given: given.total("offsets") * g * run),
            _inputs("result", shape),
            Size("n_tokens"),
        ),
    )


def _repeated(f: Function, pointer: str, n: int, times: int) -> str:
    """A vector of `n` numbers from memory, each of them `times` times in a row."""
    if n == 1:
        return f.spread(vector(times), f.load("float", pointer))
    kind = vector(n)
    places = ", ".join(f"i32 {i // times}" for i in range(n * times))
    value = f.load(kind, pointer)
    return f.op(f"shufflevector {kind} {value}, {kind} poison, <{n * times} x i32> <{places}>")


def _folded(f: Function, value: str, n: int, size: int) -> str:
    """The sum of the `n` parts, of `size` numbers each, of a vector."""
    if n == 1:
        return value
    kind = vector(n * size)
    total = ""
    for part in range(n):
        places = ", ".join(f"i32 {part * size + i}" for i in range(size))
        one = f.op(f"shufflevector {kind} {value}, {kind} poison, <{size} x i32> <{places}>")
        total = one if part == 0 else f.binary("fadd", vector(size), total, one)
    return total


def _in_order(shape: TileShape) -> Kernel:
    """Copy the tiles of a kernel to where the input gradient reads them, one after the other."""
    f = Function("in_order")
    weight, places, result = (f.argument(i) for i in range(3))
    g, k, run = shape.group_size, shape.k, shape.run
    kind = vector(run)
    with f.loop(*f.share(shape.n_groups * k // run)) as use:
        source = f.at(weight, f.index(places, use))
        target = f.at(result, f.mul(use, g * run))
        for output in range(g):
            f.store(kind, f.load(kind, f.at(source, output * k)), f.at(target, output * run))
    last = (g - 1) * k + run - 1  # of a tile, counted from its place
    return Kernel(
        f,
        "in_order",
        (
            Argument("weight", np.float32, lambda given: given.end("places") + last),
            Argument("places", np.int32, lambda _: shape.n_groups * k // run),
            _weights("result", shape),
        ),
    )


def _weight_gradient(shape: TileShape, registers: Registers) -> Kernel:
    f = Function("weight_gradient")
    grad, x, starts, result, of_bias = (f.argument(i) for i in range(5))
    n_tokens = f.argument(5, "i64")
    g, k, run = shape.group_size, shape.k, shape.run
    width = _width(g)
    kind = vector(width)
    n = registers.vectors if g // width % registers.vectors == 0 else 1
    inputs = min(run, registers.of_weights // n)
    n_units = k // inputs  # of a group; a unit is a block of its weights
    first_unit, last_unit = f.share(shape.n_groups * n_units)
    first_group = f.div(first_unit, n_units)
    last_group = f.div(f.add(last_unit, n_units - 1), n_units)
    panel = f.variable(f"[{_TOKENS_OF_A_PANEL * g} x float]")
    totals = [f.variable(kind) for _ in range(0, g, width)]
    with f.loop(0, n_tokens, _TOKENS_OF_A_PANEL) as first:
        behind = f.least(f.add(first, _TOKENS_OF_A_PANEL), n_tokens)
        is_first = f.op(f"icmp eq i64 {first}, 0")
        with f.loop(first_group, last_group) as group:
            of_outputs = f.at(of_bias, f.mul(group, g))
            for total, v in zip(totals, range(0, g, width), strict=True):
                f.set(kind, total, _unless(f, is_first, kind, f.load(kind, f.at(of_outputs, v))))
            with f.loop(first, behind) as token:
                source = f.at(grad, f.add(f.mul(token, shape.out_features), f.mul(group, g)))
                target = f.at(panel, f.mul(f.sub(token, first), g))
                for total, v in zip(totals, range(0, g, width), strict=True):
                    value = f.load(kind, f.at(source, v))
                    f.store(kind, value, f.at(target, v))
                    f.set(kind, total, f.binary("fadd", kind, f.get(kind, total), value))
            low = f.most(f.sub(first_unit, f.mul(group, n_units)), 0)
            # A group can be cut between two threads: the first of them has its bias.
            is_owner = f.op(f"zext i1 {f.op(f'icmp eq i64 {low}, 0')} to i64")
            with f.loop(0, is_owner):
                for total, v in zip(totals, range(0, g, width), strict=True):
                    f.store(kind, f.get(kind, total), f.at(of_outputs, v))
            high = f.least(f.sub(last_unit, f.mul(group, n_units)), n_units)
            with f.loop(low, high) as unit:
                position = f.mul(unit, inputs)
                table = f.at(starts, f.mul(group, k // run), "i32")
                start = f.index(table, f.div(position, run))
                column = f.at(x, f.add(start, f.rem(position, run)))
                for v0 in range(0, g, n * width):
                    place = f.at(result, f.add(f.mul(group, k * g), f.add(f.mul(position, g), v0)))
                    sums: list[list[str]] = []
                    for i in range(inputs):
                        sums.append([])
                        for v in range(n):
                            old = f.load(kind, f.at(place, i * g + v * width))
                            sums[i].append(f.variable(kind, _unless(f, is_first, kind, old)))
                    with f.loop(first, behind) as token:
                        row = f.at(panel, f.add(f.mul(f.sub(token, first), g), v0))
                        gradients = [f.load(kind, f.at(row, v * width)) for v in range(n)]
                        here = f.at(column, f.mul(token, shape.in_features))
                        for i in range(inputs):
                            value = f.load("float", f.at(here, i))
                            _add_product(f, kind, sums[i], value, gradients)
                    for i in range(inputs):
                        for v in range(n):
                            f.store(kind, f.get(kind, sums[i][v]), f.at(place, i * g + v * width))
    return Kernel(
        f,
        "weight_gradient",
        (
            _outputs("grad", shape),
            _inputs("x", shape),
            _starts(shape),
            _weights("result", shape),
            Argument("of_bias", np.float32, lambda _: shape.out_features),
            Size("n_tokens"),
        ),
    )


def _transpose(name: str, n_matrices: int, n_rows: int, n_columns: int) -> Kernel:
    """Transpose matrices, a square of one vector each way at a time."""
    f = Function(name)
    source, target = f.argument(0), f.argument(1)
    width = next(w for w in _WIDTHS if n_rows % w == 0 and n_columns % w == 0)
    kind = vector(width)
    n_bands = n_rows // width
    first, behind = f.share(n_matrices * n_bands)
    with f.loop(first, behind) as number:
        matrix, row = f.div(number, n_bands), f.mul(f.rem(number, n_bands), width)
        base = f.mul(matrix, n_rows * n_columns)
        with f.loop(0, n_columns, width) as column:
            read = f.at(source, f.add(base, f.add(f.mul(row, n_columns), column)))
            rows = [f.load(kind, f.at(read, i * n_columns)) for i in range(width)]
            write = f.at(target, f.add(base, f.add(f.mul(column, n_rows), row)))
            for i, value in enumerate(turned_square(f, width, rows)):
                f.store(kind, value, f.at(write, i * n_rows))
    size = n_matrices * n_rows * n_columns
    both = (Argument(part, np.float32, lambda _: size) for part in ("source", "target"))
    return Kernel(f, name, tuple(both))


def _unless(f: Function, condition: str, kind: str, value: str) -> str:
    """The value, or zero where the condition holds."""
    return f.op(f"select i1 {condition}, {kind} zeroinitializer, {kind} {value}")


def _add_product(f: Function, kind: str, sums: list[str], value: str, factors: list[str]) -> None:
    """Sums += value * factors."""
    everywhere = f.spread(kind, value)
    for total, factor in zip(sums, factors, strict=True):
        f.set(kind, total, f.fma(kind, everywhere, factor, f.get(kind, total)))


def _in_blocks(
    f: Function, first: str, behind: str, most: int, block: Callable[[str, int], None]
) -> None:
    """Write `block` for runs of `most` tokens, then of 4, then of 1: all have their turn."""
    for size in (most, 4, 1):
        n_whole = f.div(f.sub(behind, first), size)
        stop = f.add(first, f.mul(n_whole, size))
        with f.loop(first, stop, size) as token:
            block(token, size)
        first = stop


def _cut(n_vectors: int, most: int) -> list[tuple[int, int]]:
    """Cut a row of vectors into pieces, the last of which may be shorter: first, and how many."""
    return [(first, min(most, n_vectors - first)) for first in range(0, n_vectors, most)]


def _width(size: int) -> int:
    """The widest vector that divides `size`."""
    return next(width for width in _WIDTHS if size % width == 0)
