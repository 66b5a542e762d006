"""Turning squares of numbers round in registers."""

from __future__ import annotations

from gossamer.sparse.kernels.function import Function, vector


def turned_square(f: Function, width: int, rows: list[str]) -> list[str]:
    """The columns of a square whose rows are vectors of `width` numbers.

    Rows i and i + width / 2 are interleaved, for all i, log2(width) times over.
    """
    kind = vector(width)
    halves = [
        ", ".join(f"i32 {start + place}" for i in range(width // 2) for place in (i, width + i))
        for start in (0, width // 2)
    ]
    for _ in range(width.bit_length() - 1):
        rows = [
            f.op(f"shufflevector {kind} {a}, {kind} {b}, <{width} x i32> <{half}>")
            for a, b in zip(rows[: width // 2], rows[width // 2 :], strict=True)
            for half in halves
        ]
    return rows
