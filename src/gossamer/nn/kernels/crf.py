"""Forward and backward scores of a linear-chain CRF, one sequence after the other.

Scores are kept as probabilities and normalised at each step (Rabiner 1989, section V.A), so the
only exponentials are those of the logits. Rows are padded to a multiple of 16 tags.
"""

from __future__ import annotations

import functools

import numpy as np

from gossamer.nn.kernels.arithmetic import KIND, PARTS, WIDTH, exponential
from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function

_TINY = 1.1754944e-38
_MOST = 1e30  # of u: where scores are so far apart that no path is left, it would be infinite


def padded(n_tags: int) -> int:
    """Width of a row of `n_tags` tags."""
    return -(-n_tags // WIDTH) * WIDTH


def _rows(name: str, width: int) -> Argument:
    """A row for each token of all sequences."""
    return Argument(name, np.float32, lambda given: given.total("starts") * width)


@functools.lru_cache(maxsize=64)
def forward(n_tags: int) -> Kernel:
    """Log of the sum over all paths.

    With e = exp(logits + shift - m), m their greatest: alpha_0 = e, alpha_t = (alpha_(t-1) T) e,
    each divided by its sum c, and the result is the sum of log c + m.

    Arguments: logits + shift (the first row of a sequence without shift; padding far below zero),
    exp(transitions - shift) (n_tags, width), starts (int64), alphas, factors (e / c),
    the result (float64, one a sequence), n_seqs.
    """
    width = padded(n_tags)
    f = Function("forward")
    logits, moves, starts, alphas, factors, result = (f.argument(i) for i in range(6))
    columns = range(0, width, WIDTH)
    with f.loop(*f.share(f.argument(6, "i64"))) as sequence:
        first = f.op(f"load i64, ptr {f.at(starts, sequence, 'i64')}")
        behind = f.op(f"load i64, ptr {f.at(starts, f.add(sequence, 1), 'i64')}")
        total = f.variable("double", "0.0")
        with f.loop(first, behind) as row:
            base = f.mul(row, width)
            values = [f.load(KIND, f.at(logits, f.add(base, c))) for c in columns]
            top = values[0]
            for value in values[1:]:
                top = f.call(KIND, "maxnum", top, value)
            most = f.greatest(KIND, top)
            mosts = f.spread(KIND, most)
            sums = [f.variable(KIND, "zeroinitializer") for _ in columns]
            is_first = f.op(f"icmp eq i64 {row}, {first}")
            before = f.at(alphas, f.sub(base, f.op(f"select i1 {is_first}, i64 0, i64 {width}")))
            n_moves = f.op(f"select i1 {is_first}, i64 0, i64 {n_tags}")
            start = f.op(f"select i1 {is_first}, float 1.0, float 0.0")
            for part in sums:
                f.set(KIND, part, f.spread(KIND, start))
            with f.loop(0, n_moves) as tag:
                alpha = f.spread(KIND, f.load("float", f.at(before, tag)))
                line = f.at(moves, f.mul(tag, width))
                for part, c in zip(sums, columns, strict=True):
                    move = f.load(KIND, f.at(line, c))
                    f.set(KIND, part, f.fma(KIND, alpha, move, f.get(KIND, part)))
            whole = f.variable(KIND, "zeroinitializer")
            products = []
            exponentials = []
            for part, value in zip(sums, values, strict=True):
                exponentials.append(exponential(f, f.binary("fsub", KIND, value, mosts)))
                products.append(f.binary("fmul", KIND, f.get(KIND, part), exponentials[-1]))
                f.set(KIND, whole, f.binary("fadd", KIND, f.get(KIND, whole), products[-1]))
            scale = f.sum(KIND, f.get(KIND, whole))
            scale = f.call("float", "maxnum", scale, f.constant("float", _TINY))
            inverse = f.spread(KIND, f.binary("fdiv", "float", f.constant("float", 1.0), scale))
            for product, power, c in zip(products, exponentials, columns, strict=True):
                place = f.add(base, c)
                f.store(KIND, f.binary("fmul", KIND, product, inverse), f.at(alphas, place))
                f.store(KIND, f.binary("fmul", KIND, power, inverse), f.at(factors, place))
            for part in (f.call("float", "log", scale), most):
                wide = f.op(f"fpext float {part} to double")
                f.set("double", total, f.binary("fadd", "double", f.get("double", total), wide))
        f.store("double", f.get("double", total), f.at(result, sequence, "double"))
    return Kernel(
        f,
        "forward",
        (
            _rows("logits", width),
            Argument("moves", np.float32, lambda _: n_tags * width),
            Argument("starts", np.int64, lambda given: given["n_seqs"] + 1),
            _rows("alphas", width),
            _rows("factors", width),
            Argument("result", np.float64, lambda given: given["n_seqs"]),
            Size("n_seqs"),
        ),
    )


@functools.lru_cache(maxsize=64)
def backward(n_tags: int) -> Kernel:
    """Gradient of `forward`: marginals for the logits, expected moves for the transitions.

    beta at the end is 1; u_t = beta_t factor_t; beta_(t-1) = T u_t. The marginal is alpha beta; the
    expected moves are T times the sum of alpha_(t-1) u_t, without T here, in `PARTS` parts.

    Arguments: grad (one a sequence), exp(transitions - shift) transposed (n_tags, width), starts,
    alphas, factors, grad of logits (width), moves (PARTS, n_tags, width; added to), n_seqs.
    """
    width = padded(n_tags)
    f = Function("backward")
    grad, turned, starts, alphas, factors, result, moves = (f.argument(i) for i in range(7))
    columns = range(0, width, WIDTH)
    line = f.variable(f"[{width} x float]")  # u_t, where single numbers can be read
    with (
        f.loop(*f.share(PARTS)) as part,
        f.loop(*f.share(f.argument(7, "i64"), part=part, n_parts=PARTS)) as sequence,
    ):
        own = f.at(moves, f.mul(part, n_tags * width))
        first = f.op(f"load i64, ptr {f.at(starts, sequence, 'i64')}")
        behind = f.op(f"load i64, ptr {f.at(starts, f.add(sequence, 1), 'i64')}")
        weight = f.spread(KIND, f.load("float", f.at(grad, sequence)))
        betas = [f.variable(KIND, f.constant(KIND, 1.0)) for _ in columns]
        with f.loop(0, f.sub(behind, first)) as number:
            row = f.sub(f.sub(behind, 1), number)
            base = f.mul(row, width)
            us = []
            for beta, c in zip(betas, columns, strict=True):
                place = f.add(base, c)
                alpha = f.load(KIND, f.at(alphas, place))
                marginal = f.binary("fmul", KIND, alpha, f.get(KIND, beta))
                f.store(KIND, f.binary("fmul", KIND, marginal, weight), f.at(result, place))
                factor = f.load(KIND, f.at(factors, place))
                u = f.binary("fmul", KIND, factor, f.get(KIND, beta))
                us.append(f.call(KIND, "minnum", u, f.constant(KIND, _MOST)))
                f.store(KIND, us[-1], f.at(line, c))
                f.set(KIND, beta, "zeroinitializer")
            has_before = f.op(f"icmp sgt i64 {row}, {first}")
            n_moves = f.op(f"select i1 {has_before}, i64 {n_tags}, i64 0")
            weighted = [f.binary("fmul", KIND, u, weight) for u in us]
            before = f.at(alphas, f.sub(base, f.op(f"select i1 {has_before}, i64 {width}, i64 0")))
            with f.loop(0, n_moves) as tag:
                after = f.spread(KIND, f.load("float", f.at(line, tag)))
                alpha = f.spread(KIND, f.load("float", f.at(before, tag)))
                there = f.mul(tag, width)
                for i, c in enumerate(columns):
                    move = f.load(KIND, f.at(turned, f.add(there, c)))
                    f.set(KIND, betas[i], f.fma(KIND, after, move, f.get(KIND, betas[i])))
                    place = f.at(own, f.add(there, c))
                    f.store(KIND, f.fma(KIND, alpha, weighted[i], f.load(KIND, place)), place)
    return Kernel(
        f,
        "backward",
        (
            Argument("grad", np.float32, lambda given: given["n_seqs"]),
            Argument("turned", np.float32, lambda _: n_tags * width),
            Argument("starts", np.int64, lambda given: given["n_seqs"] + 1),
            _rows("alphas", width),
            _rows("factors", width),
            _rows("result", width),
            Argument("moves", np.float32, lambda _: PARTS * n_tags * width),
            Size("n_seqs"),
        ),
    )
