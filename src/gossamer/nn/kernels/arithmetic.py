"""Functions of vectors: exponential, normal distribution, random numbers."""

from __future__ import annotations

from gossamer.sparse.kernels.function import Function, vector

WIDTH = 16
KIND = vector(WIDTH)
INTS = vector(WIDTH, "i32")
#: Sums over rows or sequences are made in this many parts, whatever the number of threads.
PARTS = 8

_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2; the first has few bits
# 1 / n!, enough for 1 ulp on [-ln(2)/2, ln(2)/2].
_EXP = (1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0)
# Abramowitz and Stegun 1964, formula 7.1.26: erfc(x) = t P(t) exp(-x^2), t = 1 / (1 + p x), x >= 0,
# within 1.5e-7.
_GOLDEN = 0x9E3779B1  # odd, near 2^32 / 1.618
ERFC_P = 0.3275911
ERFC = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def exponential(f: Function, x: str) -> str:
    """exp(x); 0 far below zero, and what is above 88 counts as 88."""
    x = f.call(KIND, "minnum", x, f.constant(KIND, 88.0))
    x = f.call(KIND, "maxnum", x, f.constant(KIND, -87.0))
    n = f.call(KIND, "rint", f.binary("fmul", KIND, x, f.constant(KIND, 1.4426950408889634)))
    rest = f.fma(KIND, n, f.constant(KIND, -_LN2_HIGH), x)
    rest = f.fma(KIND, n, f.constant(KIND, -_LN2_LOW), rest)
    value = f.constant(KIND, _EXP[0])
    for coefficient in _EXP[1:]:
        value = f.fma(KIND, value, rest, f.constant(KIND, coefficient))
    power = f.op(f"fptosi {KIND} {n} to {INTS}")
    power = f.binary("add", INTS, power, f.constant(INTS, 127))
    bits = f.binary("shl", INTS, power, f.constant(INTS, 23))
    return f.binary("fmul", KIND, value, f.op(f"bitcast {INTS} {bits} to {KIND}"))


def normal_distribution(f: Function, x: str) -> tuple[str, str]:
    """P(X <= x) of the standard normal distribution, and exp(-x^2 / 2)."""
    size = f.call(KIND, "fabs", x)
    half_square = f.binary("fmul", KIND, f.binary("fmul", KIND, x, x), f.constant(KIND, -0.5))
    bell = exponential(f, half_square)
    one = f.constant(KIND, 1.0)
    scaled = f.fma(KIND, size, f.constant(KIND, ERFC_P / 2**0.5), one)
    t = f.binary("fdiv", KIND, one, scaled)
    value = f.constant(KIND, ERFC[0] / 2)
    for coefficient in ERFC[1:]:
        value = f.fma(KIND, value, t, f.constant(KIND, coefficient / 2))
    tail = f.binary("fmul", KIND, f.binary("fmul", KIND, value, t), bell)
    above = f.binary("fsub", KIND, one, tail)
    is_above = f.op(f"fcmp oge {KIND} {x}, zeroinitializer")
    return f.op(f"select {vector(WIDTH, 'i1')} {is_above}, {KIND} {above}, {KIND} {tail}"), bell


class Dropout:
    """Dropout inside a kernel: which elements stay, from a hash of seed and element number.

    The hash is the finaliser of MurmurHash3 (A. Appleby, public domain).

    Args:
        f: the kernel's function.
        seed: any 32 bits, as i64.
        levels: how many of the 2^32 values of the hash drop an element, as i64.
        scale: what those that stay are multiplied with, a float's register.
    """

    def __init__(self, f: Function, seed: str, levels: str, scale: str) -> None:
        self._f = f
        # Spread apart before the seed comes in, lest two seeds give one sequence, shifted.
        self._steps = "<" + ", ".join(f"i32 {i * _GOLDEN % 2**32}" for i in range(WIDTH)) + ">"
        self._seeds = f.spread(INTS, f.op(f"trunc i64 {seed} to i32"), "i32")
        self._levels = f.spread(INTS, f.op(f"trunc i64 {levels} to i32"), "i32")
        self._scale = f.spread(KIND, scale)

    def __call__(self, value: str, element: str) -> str:
        """Drop some of 16 neighbours, the first of which has the number `element`."""
        f = self._f
        number = f.op(f"mul i32 {f.op(f'trunc i64 {element} to i32')}, {_GOLDEN}")
        bits = f.binary("add", INTS, f.spread(INTS, number, "i32"), self._steps)
        bits = f.binary("xor", INTS, bits, self._seeds)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, None)):
            moved = f.binary("lshr", INTS, bits, f.constant(INTS, shift))
            bits = f.binary("xor", INTS, bits, moved)
            if factor is not None:
                bits = f.binary("mul", INTS, bits, f.constant(INTS, factor))
        stays = f.op(f"icmp uge {INTS} {bits}, {self._levels}")
        scaled = f.binary("fmul", KIND, value, self._scale)
        zero = f"{KIND} zeroinitializer"
        return f.op(f"select {vector(WIDTH, 'i1')} {stays}, {KIND} {scaled}, {zero}")
