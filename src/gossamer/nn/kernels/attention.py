"""Self-attention within the sequences of a packed batch, with no padding.

Rows of queries, keys and values stand side by side, (n_rows, 3 width). A sequence's rows are named
by a table, in order, since sentence positions stand apart from tokens. Each (sequence, head) is
done by one thread, so nothing is shared.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gossamer.nn.kernels.arithmetic import KIND, WIDTH, exponential
from gossamer.sparse.kernels.arguments import Argument, Given, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function

_SEQUENCES = (
    Argument("rows", np.int64, lambda given: given.total("starts")),
    Argument("starts", np.int64, lambda given: given["n_seqs"] + 1),
    Argument("places", np.int64, lambda given: given["n_seqs"]),
)


def _weights(n_heads: int) -> Argument:
    """Each sequence's matrices, from its place on."""

    def size(given: Given) -> int:
        given.end("places")
        lengths = np.diff(given.numbers("starts"))
        padded = (lengths + WIDTH - 1) // WIDTH * WIDTH
        ends = given.numbers("places") + n_heads * lengths * padded
        return int(ends[lengths > 0].max()) if bool((lengths > 0).any()) else 0

    return Argument("weights", np.float32, size)


@functools.lru_cache(maxsize=64)
def attend(n_heads: int, head_size: int, is_causal: bool) -> Kernel:
    """Weights = softmax(q k^T / sqrt(head_size)), y = weights v.

    Arguments: qkv, rows (int64, all sequences one after the other), starts (int64, first place in
    `rows` of each sequence, and the end), places (int64, where its weights begin), weights (for
    each sequence n_heads matrices (length, padded length), padded to a multiple of 16), y, n_seqs.
    """
    width = n_heads * head_size
    f = Function("attend")
    qkv, rows, starts, places, weights, y = (f.argument(i) for i in range(6))
    scale = f.constant("float", head_size**-0.5)
    with _pairs(f, f.argument(6, "i64"), n_heads) as (sequence, head):
        first, length, padded = _extent(f, starts, sequence)
        matrix = _matrix(f, weights, places, sequence, head, length, padded)
        column = f.mul(head, head_size)
        with f.loop(0, length) as q:
            row = _row(f, rows, first, q)
            query = _vectors(f, f.at(qkv, f.add(f.mul(row, 3 * width), column)), head_size)
            logits = f.at(matrix, f.mul(q, padded))
            seen = f.add(q, 1) if is_causal else length
            with f.loop(0, seen) as k:
                key = f.at(qkv, f.add(f.mul(_row(f, rows, first, k), 3 * width), column))
                value = _dot(f, query, _vectors(f, f.at(key, width), head_size))
                f.store("float", f.binary("fmul", "float", value, scale), f.at(logits, k))
            with f.loop(seen, padded) as k:
                f.store("float", f.constant("float", -1e30), f.at(logits, k))
            _softmax(f, logits, padded)
            sums = [f.variable(KIND, "zeroinitializer") for _ in query]
            with f.loop(0, seen) as k:
                place = f.at(qkv, f.add(f.mul(_row(f, rows, first, k), 3 * width), column))
                weight = f.spread(KIND, f.load("float", f.at(logits, k)))
                for total, part in zip(
                    sums, _vectors(f, f.at(place, 2 * width), head_size), strict=True
                ):
                    f.set(KIND, total, f.fma(KIND, weight, part, f.get(KIND, total)))
            target = f.at(y, f.add(f.mul(row, width), column))
            for i, total in enumerate(sums):
                f.store(KIND, f.get(KIND, total), f.at(target, i * WIDTH))
    return Kernel(
        f,
        "attend",
        (
            Argument("qkv", np.float32, lambda given: given.end("rows") * 3 * width),
            *_SEQUENCES,
            _weights(n_heads),
            Argument("y", np.float32, lambda given: given.end("rows") * width),
            Size("n_seqs"),
        ),
    )


@functools.lru_cache(maxsize=64)
def back_through_attend(n_heads: int, head_size: int, is_causal: bool) -> Kernel:
    """Gradient of qkv. Arguments: grad of y, qkv, rows, starts, places, weights, result, n_seqs.

    With w the weights and g the gradient of y: of a value sum(w g), of a logit
    w (g v - sum(w g v)).
    """
    width = n_heads * head_size
    f = Function("back_through_attend")
    grad, qkv, rows, starts, places, weights, result = (f.argument(i) for i in range(7))
    scale = f.constant("float", head_size**-0.5)
    n = head_size // WIDTH
    with _pairs(f, f.argument(7, "i64"), n_heads) as (sequence, head):
        first, length, padded = _extent(f, starts, sequence)
        matrix = _matrix(f, weights, places, sequence, head, length, padded)
        column = f.mul(head, head_size)
        with f.loop(0, length) as k:
            place = f.at(result, f.add(f.mul(_row(f, rows, first, k), 3 * width), column))
            for part in (width, 2 * width):
                for i in range(n):
                    f.store(KIND, "zeroinitializer", f.at(place, part + i * WIDTH))
        with f.loop(0, length) as q:
            row = _row(f, rows, first, q)
            own = f.add(f.mul(row, 3 * width), column)
            here = _vectors(f, f.at(grad, f.add(f.mul(row, width), column)), head_size)
            query = _vectors(f, f.at(qkv, own), head_size)
            line = f.at(matrix, f.mul(q, padded))
            seen = f.add(q, 1) if is_causal else length
            mean = f.variable("float", f.constant("float", 0.0))
            sums = [f.variable(KIND, "zeroinitializer") for _ in range(n)]
            # sum over keys of weight * (grad . value), needed before the logits' gradients
            total = [f.variable(KIND, "zeroinitializer") for _ in range(n)]
            with f.loop(0, seen) as k:
                at = f.add(f.mul(_row(f, rows, first, k), 3 * width), column)
                weight = f.spread(KIND, f.load("float", f.at(line, k)))
                values = _vectors(f, f.at(qkv, f.add(at, 2 * width)), head_size)
                for i in range(n):
                    f.set(KIND, total[i], f.fma(KIND, weight, values[i], f.get(KIND, total[i])))
                    place = f.at(result, f.add(at, 2 * width + i * WIDTH))
                    f.store(KIND, f.fma(KIND, weight, here[i], f.load(KIND, place)), place)
            f.set("float", mean, _dot(f, here, [f.get(KIND, part) for part in total]))
            with f.loop(0, seen) as k:
                at = f.add(f.mul(_row(f, rows, first, k), 3 * width), column)
                value = _dot(f, here, _vectors(f, f.at(qkv, f.add(at, 2 * width)), head_size))
                apart = f.binary("fsub", "float", value, f.get("float", mean))
                weight = f.load("float", f.at(line, k))
                slope = f.binary("fmul", "float", f.binary("fmul", "float", apart, weight), scale)
                slopes = f.spread(KIND, slope)
                keys = _vectors(f, f.at(qkv, f.add(at, width)), head_size)
                for i in range(n):
                    f.set(KIND, sums[i], f.fma(KIND, slopes, keys[i], f.get(KIND, sums[i])))
                    place = f.at(result, f.add(at, width + i * WIDTH))
                    f.store(KIND, f.fma(KIND, slopes, query[i], f.load(KIND, place)), place)
            for i in range(n):
                f.store(KIND, f.get(KIND, sums[i]), f.at(result, f.add(own, i * WIDTH)))
    return Kernel(
        f,
        "back_through_attend",
        (
            Argument("grad", np.float32, lambda given: given.end("rows") * width),
            Argument("qkv", np.float32, lambda given: given.end("rows") * 3 * width),
            *_SEQUENCES,
            _weights(n_heads),
            Argument("result", np.float32, lambda given: given.end("rows") * 3 * width),
            Size("n_seqs"),
        ),
    )


@contextmanager
def _pairs(f: Function, n_seqs: str, n_heads: int) -> Iterator[tuple[str, str]]:
    """This thread's pairs of a sequence and a head."""
    with f.loop(*f.share(f.mul(n_seqs, n_heads))) as pair:
        yield f.div(pair, n_heads), f.rem(pair, n_heads)


def _extent(f: Function, starts: str, sequence: str) -> tuple[str, str, str]:
    """A sequence's first place in the table of rows, its length, and that in whole vectors."""
    first = _word(f, starts, sequence)
    length = f.sub(_word(f, starts, f.add(sequence, 1)), first)
    return first, length, f.mul(f.div(f.add(length, WIDTH - 1), WIDTH), WIDTH)


def _matrix(
    f: Function, weights: str, places: str, sequence: str, head: str, length: str, padded: str
) -> str:
    """Where the attention weights of a sequence and a head begin."""
    return f.at(weights, f.add(_word(f, places, sequence), f.mul(head, f.mul(length, padded))))


def _row(f: Function, rows: str, first: str, position: str) -> str:
    return _word(f, rows, f.add(first, position))


def _word(f: Function, table: str, index: str) -> str:
    return f.op(f"load i64, ptr {f.at(table, index, 'i64')}")


def _vectors(f: Function, start: str, size: int) -> list[str]:
    """`size` numbers from `start` on, in vectors."""
    return [f.load(KIND, f.at(start, i)) for i in range(0, size, WIDTH)]


def _dot(f: Function, a: list[str], b: list[str]) -> str:
    total = f.binary("fmul", KIND, a[0], b[0])
    for one, other in zip(a[1:], b[1:], strict=True):
        total = f.fma(KIND, one, other, total)
    return f.sum(KIND, total)


def _softmax(f: Function, logits: str, padded: str) -> None:
    """In place, over whole vectors; what is far below the greatest gets 0."""
    top = f.variable(KIND, f.constant(KIND, -1e30))
    with f.loop(0, padded, WIDTH) as i:
        f.set(KIND, top, f.call(KIND, "maxnum", f.get(KIND, top), f.load(KIND, f.at(logits, i))))
    tops = f.spread(KIND, f.greatest(KIND, f.get(KIND, top)))
    total = f.variable(KIND, "zeroinitializer")
    with f.loop(0, padded, WIDTH) as i:
        apart = f.binary("fsub", KIND, f.load(KIND, f.at(logits, i)), tops)
        far = f.op(f"fcmp olt {KIND} {apart}, {f.constant(KIND, -86.0)}")
        value = exponential(f, apart)
        zero = f"{KIND} zeroinitializer"
        value = f.op(f"select <{WIDTH} x i1> {far}, {zero}, {KIND} {value}")
        f.set(KIND, total, f.binary("fadd", KIND, f.get(KIND, total), value))
        f.store(KIND, value, f.at(logits, i))
    whole = f.sum(KIND, f.get(KIND, total))
    inverse = f.spread(KIND, f.binary("fdiv", "float", f.constant("float", 1.0), whole))
    with f.loop(0, padded, WIDTH) as i:
        place = f.at(logits, i)
        f.store(KIND, f.binary("fmul", KIND, f.load(KIND, place), inverse), place)
