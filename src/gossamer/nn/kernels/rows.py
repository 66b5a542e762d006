"""Kernels over the rows of a packed batch: residual and normalisation, GELU.

`width` is a multiple of 16. Dropout comes as three words: seed, levels, and the address of the
scale (see `arithmetic.Dropout`); with levels 0 and scale 1 nothing is dropped.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

import numpy as np

from gossamer.nn.kernels.arithmetic import KIND, PARTS, WIDTH, Dropout, normal_distribution
from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function


def _each_row(name: str, width: int, *, is_optional: bool = False) -> Argument:
    return Argument(
        name, np.float32, lambda given: given["n_rows"] * width, is_optional=is_optional
    )


def _one(name: str) -> Argument:
    return Argument(name, np.float32, lambda _: 1)


_DROPOUT = (Size("seed"), Size("levels"), _one("scale"))


@functools.lru_cache(maxsize=64)
def scale_dropped(width: int) -> Kernel:
    """Y = factor dropout(x): the way back through `embed`, or a plain dropout.

    Arguments: x, factor (address), y, n_rows, dropout.
    """
    f = Function("scale_dropped")
    x, factor, y = (f.argument(i) for i in range(3))
    drop = _dropout(f, 4)
    factors = f.spread(KIND, f.load("float", factor))
    with _rows(f, f.argument(3, "i64")) as row, f.loop(0, width, WIDTH) as column:
        element = f.add(f.mul(row, width), column)
        value = drop(f.load(KIND, f.at(x, element)), element)
        f.store(KIND, f.binary("fmul", KIND, value, factors), f.at(y, element))
    return Kernel(
        f,
        "scale_dropped",
        (
            _each_row("x", width),
            _one("factor"),
            _each_row("y", width),
            Size("n_rows"),
            *_DROPOUT,
        ),
    )


@functools.lru_cache(maxsize=64)
def add_and_normalise(width: int, has_update: bool, epsilon: float) -> Kernel:
    """S = x + dropout(update), y = (s - mean) / deviation * gain + offset.

    Without update s is x and is not written. Arguments: x, update, gain, offset, s, y,
    statistics (mean and 1 / deviation of each row), n_rows, dropout.
    """
    f = Function("add_and_normalise")
    x, update, gain, offset, total, y, statistics = (f.argument(i) for i in range(7))
    drop = _dropout(f, 8)
    with _rows(f, f.argument(7, "i64")) as row:
        base = f.mul(row, width)
        first, second = (f.variable(KIND, "zeroinitializer") for _ in range(2))
        values = []
        for column in range(0, width, WIDTH):
            element = f.add(base, column)
            value = f.load(KIND, f.at(x, element))
            if has_update:
                change = drop(f.load(KIND, f.at(update, element)), element)
                value = f.binary("fadd", KIND, value, change)
                f.store(KIND, value, f.at(total, element))
            f.set(KIND, first, f.binary("fadd", KIND, f.get(KIND, first), value))
            values.append(value if width <= 16 * WIDTH else None)
        mean = f.binary(
            "fmul", "float", f.sum(KIND, f.get(KIND, first)), f.constant("float", 1 / width)
        )
        means = f.spread(KIND, mean)
        source = total if has_update else x
        for number, column in enumerate(range(0, width, WIDTH)):
            value = values[number] or f.load(KIND, f.at(source, f.add(base, column)))
            apart = f.binary("fsub", KIND, value, means)
            f.set(KIND, second, f.fma(KIND, apart, apart, f.get(KIND, second)))
        variance = f.binary(
            "fmul", "float", f.sum(KIND, f.get(KIND, second)), f.constant("float", 1 / width)
        )
        variance = f.binary("fadd", "float", variance, f.constant("float", epsilon))
        deviation = f.call("float", "sqrt", variance)
        inverse = f.binary("fdiv", "float", f.constant("float", 1.0), deviation)
        note = f.at(statistics, f.mul(row, 2))
        f.store("float", mean, note)
        f.store("float", inverse, f.at(note, 1))
        inverses = f.spread(KIND, inverse)
        for number, column in enumerate(range(0, width, WIDTH)):
            element = f.add(base, column)
            value = values[number] or f.load(KIND, f.at(source, element))
            value = f.binary("fmul", KIND, f.binary("fsub", KIND, value, means), inverses)
            scale, shift = (f.load(KIND, f.at(part, column)) for part in (gain, offset))
            f.store(KIND, f.fma(KIND, value, scale, shift), f.at(y, element))
    return Kernel(
        f,
        "add_and_normalise",
        (
            _each_row("x", width),
            _each_row("update", width if has_update else 0),
            Argument("gain", np.float32, lambda _: width),
            Argument("offset", np.float32, lambda _: width),
            _each_row("total", width if has_update else 0),
            _each_row("y", width),
            _each_row("statistics", 2),
            Size("n_rows"),
            *_DROPOUT,
        ),
    )


@functools.lru_cache(maxsize=64)
def back_through_normalise(width: int, has_residual: bool) -> Kernel:
    """Gradients of `add_and_normalise`: of s (so of x) and of the update.

    grad of s = residual + (g - mean(g) - n mean(g n)) / deviation, with n the normalised row and g
    the gradient of y times the gain. Arguments: grad of y, residual (the gradient that reaches s
    from elsewhere), s, statistics, gain, grad of s, grad of update (0 for none: then it is not
    written), sums (PARTS, 2, width; grads of gain and offset, added up), n_rows, dropout.
    """
    f = Function("back_through_normalise")
    grad, residual, total, statistics, gain, result, update, sums = (
        f.argument(i) for i in range(8)
    )
    drop = _dropout(f, 9)
    wants_update = f.op(f"icmp ne ptr {update}, null")
    writes = f.op(f"zext i1 {wants_update} to i64")
    n_rows = f.argument(8, "i64")
    with (
        f.loop(*f.share(PARTS)) as part,
        f.loop(*f.share(n_rows, part=part, n_parts=PARTS)) as row,
    ):
        of_gain = f.at(sums, f.mul(part, 2 * width))
        of_offset = f.at(of_gain, width)
        base = f.mul(row, width)
        note = f.at(statistics, f.mul(row, 2))
        means = f.spread(KIND, f.load("float", note))
        inverses = f.spread(KIND, f.load("float", f.at(note, 1)))
        first, second = (f.variable(KIND, "zeroinitializer") for _ in range(2))
        with f.loop(0, width, WIDTH) as column:
            element = f.add(base, column)
            value = f.load(KIND, f.at(total, element))
            value = f.binary("fmul", KIND, f.binary("fsub", KIND, value, means), inverses)
            here = f.load(KIND, f.at(grad, element))
            place = f.at(of_gain, column)
            f.store(KIND, f.fma(KIND, here, value, f.load(KIND, place)), place)
            place = f.at(of_offset, column)
            f.store(KIND, f.binary("fadd", KIND, here, f.load(KIND, place)), place)
            scaled = f.binary("fmul", KIND, here, f.load(KIND, f.at(gain, column)))
            f.set(KIND, first, f.binary("fadd", KIND, f.get(KIND, first), scaled))
            f.set(KIND, second, f.fma(KIND, scaled, value, f.get(KIND, second)))
        share = f.constant("float", 1 / width)
        mean_first, mean_second = (
            f.spread(KIND, f.binary("fmul", "float", f.sum(KIND, f.get(KIND, part)), share))
            for part in (first, second)
        )
        with f.loop(0, width, WIDTH) as column:
            element = f.add(base, column)
            value = f.load(KIND, f.at(total, element))
            value = f.binary("fmul", KIND, f.binary("fsub", KIND, value, means), inverses)
            here = f.load(KIND, f.at(grad, element))
            scaled = f.binary("fmul", KIND, here, f.load(KIND, f.at(gain, column)))
            apart = f.binary("fsub", KIND, scaled, mean_first)
            apart = f.binary("fsub", KIND, apart, f.binary("fmul", KIND, value, mean_second))
            whole = f.binary("fmul", KIND, apart, inverses)
            if has_residual:
                whole = f.binary("fadd", KIND, whole, f.load(KIND, f.at(residual, element)))
            f.store(KIND, whole, f.at(result, element))
            with f.loop(0, writes):
                f.store(KIND, drop(whole, element), f.at(update, element))
    return Kernel(
        f,
        "back_through_normalise",
        (
            _each_row("grad", width),
            _each_row("residual", width if has_residual else 0),
            _each_row("total", width),
            _each_row("statistics", 2),
            Argument("gain", np.float32, lambda _: width),
            _each_row("result", width),
            _each_row("update", width, is_optional=True),
            Argument("sums", np.float32, lambda _: PARTS * 2 * width),
            Size("n_rows"),
            *_DROPOUT,
        ),
    )


@functools.lru_cache(maxsize=64)
def gelu_dropped(width: int) -> Kernel:
    """Y = dropout(x P(X <= x)), the exact GELU. Arguments: x, y, n_rows, dropout."""
    f = Function("gelu_dropped")
    x, y = f.argument(0), f.argument(1)
    drop = _dropout(f, 3)
    with _rows(f, f.argument(2, "i64")) as row, f.loop(0, width, WIDTH) as column:
        element = f.add(f.mul(row, width), column)
        value = f.load(KIND, f.at(x, element))
        below, _ = normal_distribution(f, value)
        f.store(KIND, drop(f.binary("fmul", KIND, value, below), element), f.at(y, element))
    return Kernel(
        f,
        "gelu_dropped",
        (
            _each_row("x", width),
            _each_row("y", width),
            Size("n_rows"),
            *_DROPOUT,
        ),
    )


@functools.lru_cache(maxsize=64)
def back_through_gelu(width: int) -> Kernel:
    """Gradient of x in `gelu_dropped`. Arguments: grad of y, x, grad of x, n_rows, dropout."""
    f = Function("back_through_gelu")
    grad, x, result = (f.argument(i) for i in range(3))
    drop = _dropout(f, 4)
    with _rows(f, f.argument(3, "i64")) as row, f.loop(0, width, WIDTH) as column:
        element = f.add(f.mul(row, width), column)
        value = f.load(KIND, f.at(x, element))
        below, bell = normal_distribution(f, value)
        density = f.binary("fmul", KIND, bell, f.constant(KIND, 0.3989422804014327))
        slope = f.fma(KIND, value, density, below)
        here = drop(f.load(KIND, f.at(grad, element)), element)
        f.store(KIND, f.binary("fmul", KIND, here, slope), f.at(result, element))
    return Kernel(
        f,
        "back_through_gelu",
        (
            _each_row("grad", width),
            _each_row("x", width),
            _each_row("result", width),
            Size("n_rows"),
            *_DROPOUT,
        ),
    )


def _rows(f: Function, n_rows: str) -> AbstractContextManager[str]:
    """This thread's rows, one after the other."""
    return f.loop(*f.share(n_rows))


def _dropout(f: Function, first: int) -> Dropout:
    scale = f.load("float", f.argument(first + 2))
    return Dropout(f, f.argument(first, "i64"), f.argument(first + 1, "i64"), scale)
