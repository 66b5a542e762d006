"""A kernel that steps many tensors by Adam in one call."""

from __future__ import annotations

import functools

import numpy as np

from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function, vector

WORDS = 6  # of each tensor: addresses of weight, gradient and both moments, size, under L2 or not
_WIDTH = 16


@functools.lru_cache(maxsize=1)
def adam() -> Kernel:
    """One step of Adam, with Rasa's rule of L2 before it (see `add_l2_gradient`).

    Arguments: tensors (int64, `WORDS` each), n_tensors, numbers (learning rate by 1 - beta1^step,
    1 / sqrt(1 - beta2^step), epsilon, 1 - beta1, beta2, 1 - beta2, 2 * strength of L2).
    """
    f = Function("adam")
    tensors, n_tensors, numbers = f.argument(0), f.argument(1, "i64"), f.argument(2)
    with f.loop(0, n_tensors) as number:
        words = f.at(tensors, f.mul(number, WORDS), "i64")
        weight, grad, first, second = (
            f.op(f"load ptr, ptr {f.at(words, i, 'i64')}") for i in range(4)
        )
        size, is_pulled = (f.op(f"load i64, ptr {f.at(words, i, 'i64')}") for i in (4, 5))
        n_whole = f.mul(f.div(size, _WIDTH), _WIDTH)
        pulled = f.op(f"icmp ne i64 {is_pulled}, 0")

        def step(
            place: str,
            width: int,
            parts: tuple[str, ...] = (weight, grad, first, second),
            pulled: str = pulled,
        ) -> None:
            kind = vector(width) if width > 1 else "float"

            def constant(i: int) -> str:
                value = f.load("float", f.at(numbers, i))
                return f.spread(kind, value) if width > 1 else value

            length, correction, epsilon, rest1, beta2, rest2, l2 = map(constant, range(7))
            where = [f.at(part, place) for part in parts]
            value, own, moment, square = (f.load(kind, w) for w in where)
            zero = "zeroinitializer" if width > 1 else "0.0"
            of_rule = f.op(f"select i1 {pulled}, {kind} {l2}, {kind} {zero}")
            is_up = f.op(f"fcmp ogt {kind} {own}, {zero}")
            more = f.fma(kind, of_rule, value, own)
            mask = f"<{width} x i1>" if width > 1 else "i1"
            own = f.op(f"select {mask} {is_up}, {kind} {more}, {kind} {own}")
            moment = f.fma(kind, rest1, f.binary("fsub", kind, own, moment), moment)
            scaled = f.binary("fmul", kind, f.binary("fmul", kind, own, own), rest2)
            square = f.fma(kind, square, beta2, scaled)
            bottom = f.fma(kind, f.call(kind, "sqrt", square), correction, epsilon)
            change = f.binary("fdiv", kind, f.binary("fmul", kind, length, moment), bottom)
            f.store(kind, f.binary("fsub", kind, value, change), where[0])
            f.store(kind, moment, where[2])
            f.store(kind, square, where[3])

        with f.loop(*f.share(n_whole, _WIDTH), _WIDTH) as place:
            step(place, _WIDTH)
        is_last = f.op(f"icmp eq i64 {f.add('%thread', 1)}, %n_threads")
        with f.loop(n_whole, f.op(f"select i1 {is_last}, i64 {size}, i64 {n_whole}")) as place:
            step(place, 1)
    return Kernel(
        f,
        "adam",
        (
            # The addresses in there cannot be checked: `gossamer.nn.training.adam` sees to them.
            Argument("tensors", np.int64, lambda given: given["n_tensors"] * WORDS),
            Size("n_tensors"),
            Argument("numbers", np.float32, lambda _: 7),
        ),
    )
