"""Kernels of the input table: products with sparse rows, and Adam on the rows that occur.

A table is (n_features, width), `width` a multiple of 4. Sparse rows come as in scipy's CSR: values
(float32), columns and starts (both int32).
"""

from __future__ import annotations

import functools

import numpy as np

from gossamer.sparse.kernels.arguments import Argument, Given, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function, vector

_MOST_VECTORS = 16  # of a row in registers


def vector_width(width: int) -> int | None:
    """Numbers in a vector for rows of `width`; None where no kernel fits."""
    return next((w for w in (16, 8, 4) if width % w == 0), None)


def _size(width: int) -> int:
    size = vector_width(width)
    if size is None:
        raise ValueError(f"rows must be a multiple of 4 wide (got {width})")
    return size


def _multiply(f: Function, width: int, *, in_bytes: bool) -> None:
    """Write the product of sparse rows and a table, of floats or of bytes with scales."""
    size = _size(width)
    kind, stored = vector(size), vector(size, "i8")
    values, columns, starts, table = (f.argument(i) for i in range(4))
    scales = f.argument(4) if in_bytes else ""
    bias, y, n_rows = (
        f.argument(i + in_bytes, of) for i, of in ((4, "ptr"), (5, "ptr"), (6, "i64"))
    )
    with f.loop(*f.share(n_rows)) as row:
        first, behind = f.index(starts, row), f.index(starts, f.add(row, 1))
        for begin in range(0, width, size * _MOST_VECTORS):
            places = range(begin, min(width, begin + size * _MOST_VECTORS), size)
            sums = [f.variable(kind, f.load(kind, f.at(bias, place))) for place in places]
            with f.loop(first, behind) as entry:
                number = f.load("float", f.at(values, entry))
                column = f.index(columns, entry)
                if in_bytes:
                    unit = f.load("float", f.at(scales, column))
                    number = f.binary("fmul", "float", number, unit)
                value = f.spread(kind, number)
                source = f.at(table, f.mul(column, width), "i8" if in_bytes else "float")
                for total, place in zip(sums, places, strict=True):
                    if in_bytes:
                        part = f.op(f"load {stored}, ptr {f.at(source, place, 'i8')}, align 1")
                        part = f.op(f"sitofp {stored} {part} to {kind}")
                    else:
                        part = f.load(kind, f.at(source, place))
                    f.set(kind, total, f.fma(kind, value, part, f.get(kind, total)))
            target = f.at(y, f.mul(row, width))
            for total, place in zip(sums, places, strict=True):
                f.store(kind, f.get(kind, total), f.at(target, place))


_ENTRIES = (
    Argument("values", np.float32, lambda given: given.total("starts")),
    Argument("columns", np.int32, lambda given: given.total("starts")),
    Argument("starts", np.int32, lambda given: given["n_rows"] + 1),
)


def _results(width: int) -> tuple[Argument | Size, ...]:
    return (
        Argument("bias", np.float32, lambda _: width),
        Argument("y", np.float32, lambda given: given["n_rows"] * width),
        Size("n_rows"),
    )


@functools.lru_cache(maxsize=64)
def multiply(width: int) -> Kernel:
    """Y = x W + b. Arguments: values, columns, starts, table, bias, y, n_rows."""
    f = Function("multiply")
    _multiply(f, width, in_bytes=False)
    table = Argument("table", np.float32, lambda given: given.end("columns") * width)
    return Kernel(f, "multiply", (*_ENTRIES, table, *_results(width)))


@functools.lru_cache(maxsize=64)
def multiply_bytes(width: int) -> Kernel:
    """Y = x W + b, W in bytes (see `ops.rounding`): row r of W is scales[r] times table[r].

    Arguments: values, columns, starts, table (int8), scales (float32, one a feature), bias, y,
    n_rows.
    """
    f = Function("multiply_bytes")
    _multiply(f, width, in_bytes=True)
    table = Argument("table", np.int8, lambda given: given.end("columns") * width)
    scales = Argument("scales", np.float32, lambda given: given.end("columns"))
    return Kernel(f, "multiply_bytes", (*_ENTRIES, table, scales, *_results(width)))


@functools.lru_cache(maxsize=1)
def number_columns() -> Kernel:
    """Which columns occur, in order of appearance, and the number in that list of each entry.

    Arguments: columns, n_entries, seen (int32, one a feature: the number of the last call that met
    it), numbers (int32, one a feature), call (a number not used before with `seen`), found (int32,
    room for all entries), slots (int32, one an entry), n_found (int64).
    """
    f = Function("number_columns")
    columns = f.argument(0)
    n_entries, call = f.argument(1, "i64"), f.argument(4, "i64")
    seen, numbers, found, slots, n_found = (f.argument(i) for i in (2, 3, 5, 6, 7))
    mark = f.op(f"trunc i64 {call} to i32")
    count = f.variable("i64", "0")
    with f.loop(0, n_entries) as entry:
        column = f.index(columns, entry)
        place = f.at(seen, column, "i32")
        is_new = f.op(f"icmp ne i32 {f.load('i32', place)}, {mark}")
        with f.loop(0, f.op(f"zext i1 {is_new} to i64")):
            f.store("i32", mark, place)
            number = f.get("i64", count)
            short = f.op(f"trunc i64 {number} to i32")
            f.store("i32", short, f.at(numbers, column, "i32"))
            name = f.op(f"trunc i64 {column} to i32")
            f.store("i32", name, f.at(found, number, "i32"))
            f.set("i64", count, f.add(number, 1))
        number = f.load("i32", f.at(numbers, column, "i32"))
        f.store("i32", number, f.at(slots, entry, "i32"))
    f.do(f"store i64 {f.get('i64', count)}, ptr {n_found}")
    return Kernel(
        f,
        "number_columns",
        (
            Argument("columns", np.int32, lambda given: given["n_entries"]),
            Size("n_entries"),
            Argument("seen", np.int32, lambda given: given.end("columns")),
            Argument("numbers", np.int32, lambda given: given.end("columns")),
            Size("call"),
            Argument("found", np.int32, lambda given: given["n_entries"]),
            Argument("slots", np.int32, lambda given: given["n_entries"]),
            Argument("n_found", np.int64, lambda _: 1),
        ),
    )


@functools.lru_cache(maxsize=64)
def gradient(width: int) -> Kernel:
    """The gradient's rows of the columns that occur, added to `result`.

    Threads share the width, so no two of them write to one place. Arguments: values, slots, starts,
    grad of y, result (n_found, width), n_rows.
    """
    size = _size(width)
    kind = vector(size)
    f = Function("gradient")
    values, slots, starts, grad, result = (f.argument(i) for i in range(5))
    n_rows = f.argument(5, "i64")
    together = next(n for n in (4, 2, 1) if width // size % n == 0)
    with f.loop(*f.share(width // size // together)) as part:
        column = f.mul(part, size * together)
        with f.loop(0, n_rows) as row:
            source = f.at(grad, f.add(f.mul(row, width), column))
            here = [f.load(kind, f.at(source, i * size)) for i in range(together)]
            with f.loop(f.index(starts, row), f.index(starts, f.add(row, 1))) as entry:
                value = f.spread(kind, f.load("float", f.at(values, entry)))
                target = f.at(result, f.add(f.mul(f.index(slots, entry), width), column))
                for i, own in enumerate(here):
                    place = f.at(target, i * size)
                    f.store(kind, f.fma(kind, value, own, f.load(kind, place)), place)
    return Kernel(
        f,
        "gradient",
        (
            Argument("values", np.float32, lambda given: given.total("starts")),
            Argument("slots", np.int32, lambda given: given.total("starts")),
            Argument("starts", np.int32, lambda given: given["n_rows"] + 1),
            Argument("grad", np.float32, lambda given: given["n_rows"] * width),
            Argument("result", np.float32, lambda given: given.end("slots") * width),
            Size("n_rows"),
        ),
    )


@functools.lru_cache(maxsize=64)
def adam_rows(width: int, has_gradient: bool) -> Kernel:
    """Bring rows of a table up to a step of Adam, as if all rows had been stepped each time.

    A row without gradient still moves: its moments fade and carry it on. Those steps are made up
    for when the row is next met. After `n_kept` of them the first moment is as good as zero and the
    rest only fades the second one.

    Arguments: rows (int32; with no gradient not read, all rows are meant), gradients, table, first
    moment, second moment, last (int32, step of each row), n_rows, step, sizes (learning rate with
    its correction, for each step), corrections (1 / sqrt(1 - beta2^step), for each step), fading
    (beta2^n for n = 0, 1, ...), constants (beta1, beta2, epsilon, 1 - beta1, 1 - beta2,
    2 * strength of L2), n_kept.
    """
    size = _size(width)
    kind = vector(size)
    f = Function("adam_rows")
    rows, gradients, table, first, second, last = (f.argument(i) for i in range(6))
    n_rows, step = f.argument(6, "i64"), f.argument(7, "i64")
    sizes, corrections, fading, constants = (f.argument(i) for i in range(8, 12))
    n_kept = f.argument(12, "i64")
    beta1, beta2, epsilon, rest1, rest2, l2 = (
        f.spread(kind, f.load("float", f.at(constants, i))) for i in range(6)
    )
    target = f.sub(step, 1) if has_gradient else step

    def move(value: str, moment: str, square: str, number: str) -> str:
        """One step of the weights."""
        correction = f.spread(kind, f.load("float", f.at(corrections, number)))
        root = f.call(kind, "sqrt", square)
        bottom = f.fma(kind, root, correction, epsilon)
        length = f.spread(kind, f.load("float", f.at(sizes, number)))
        change = f.binary("fdiv", kind, f.binary("fmul", kind, length, moment), bottom)
        return f.binary("fsub", kind, value, change)

    with f.loop(*f.share(n_rows)) as number:
        row = f.index(rows, number) if has_gradient else number
        note = f.at(last, row, "i32")
        done = f.op(f"sext i32 {f.load('i32', note)} to i64")
        until = f.least(f.add(done, n_kept), target)
        rest = f.sub(target, until)
        faded = f.spread(kind, f.load("float", f.at(fading, rest)))
        is_over = f.op(f"icmp sgt i64 {rest}, 0")
        with f.loop(0, width, size) as column:
            place = f.add(f.mul(row, width), column)
            where = [f.at(part, place) for part in (table, first, second)]
            value, moment, square = (f.variable(kind, f.load(kind, w)) for w in where)
            with f.loop(f.add(done, 1), f.add(until, 1)) as skipped:
                f.set(kind, moment, f.binary("fmul", kind, f.get(kind, moment), beta1))
                f.set(kind, square, f.binary("fmul", kind, f.get(kind, square), beta2))
                moved = move(f.get(kind, value), f.get(kind, moment), f.get(kind, square), skipped)
                f.set(kind, value, moved)
            f.set(kind, square, f.binary("fmul", kind, f.get(kind, square), faded))
            kept = f.op(
                f"select i1 {is_over}, {kind} zeroinitializer, {kind} {f.get(kind, moment)}"
            )
            f.set(kind, moment, kept)
            if has_gradient:
                own = f.load(kind, f.at(gradients, f.add(f.mul(number, width), column)))
                is_up = f.op(f"fcmp ogt {kind} {own}, zeroinitializer")
                pulled = f.fma(kind, l2, f.get(kind, value), own)
                own = f.op(f"select <{size} x i1> {is_up}, {kind} {pulled}, {kind} {own}")
                apart = f.binary("fsub", kind, own, f.get(kind, moment))
                f.set(kind, moment, f.fma(kind, rest1, apart, f.get(kind, moment)))
                scaled = f.binary("fmul", kind, f.binary("fmul", kind, own, own), rest2)
                f.set(kind, square, f.fma(kind, f.get(kind, square), beta2, scaled))
                moved = move(f.get(kind, value), f.get(kind, moment), f.get(kind, square), step)
                f.set(kind, value, moved)
            for variable, w in zip((value, moment, square), where, strict=True):
                f.store(kind, f.get(kind, variable), w)
        f.store("i32", f.op(f"trunc i64 {step} to i32"), note)

    def end(given: Given) -> int:
        return given.end("rows") if has_gradient else given["n_rows"]

    def n_steps(given: Given) -> int:
        return given["step"] + 1

    return Kernel(
        f,
        "adam_rows",
        (
            Argument(
                "rows",
                np.int32,
                lambda given: given["n_rows"] if has_gradient else 0,
                is_optional=not has_gradient,
            ),
            Argument(
                "gradients",
                np.float32,
                lambda given: given["n_rows"] * width if has_gradient else 0,
                is_optional=not has_gradient,
            ),
            *(
                Argument(name, np.float32, lambda given: end(given) * width)
                for name in ("table", "first", "second")
            ),
            Argument("last", np.int32, end, below=n_steps),
            Size("n_rows"),
            Size("step"),
            *(Argument(name, np.float32, n_steps) for name in ("sizes", "corrections", "fading")),
            Argument("constants", np.float32, lambda _: 6),
            Size("n_kept"),
        ),
    )
