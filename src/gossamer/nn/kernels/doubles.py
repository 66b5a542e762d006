"""Exponential and logarithm of vectors in float64."""

from __future__ import annotations

import math

from gossamer.sparse.kernels.function import Function, vector

SIZE = 8
DOUBLES = vector(SIZE, "double")
_LONGS = vector(SIZE, "i64")
_FLAGS = vector(SIZE, "i1")

# Their sum is ln 2; the first has 32 bits, so that its products with exponents are exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LEAST = -708.0  # below it exp has fewer digits
_EXP = [1.0 / math.factorial(n) for n in range(13, -1, -1)]  # enough on [-ln(2)/2, ln(2)/2]
# log m = 2 atanh(s) = 2 (s + s^3 / 3 + ...), s = (m - 1) / (m + 1), m from 0.7 to 1.5
_ATANH = [2.0 / n for n in range(21, 0, -2)]
_ROOT_BITS = 0x3FE6A09E667F3BCD  # of the square root of one half


def _polynomial(f: Function, x: str, coefficients: list[float]) -> str:
    value = f.constant(DOUBLES, coefficients[0])
    for coefficient in coefficients[1:]:
        value = f.fma(DOUBLES, value, x, f.constant(DOUBLES, coefficient))
    return value


def exponential(f: Function, x: str) -> str:
    """exp(x) of x up to 0; 0 below -708."""
    is_far = f.op(f"fcmp olt {DOUBLES} {x}, {f.constant(DOUBLES, _LEAST)}")
    x = f.call(DOUBLES, "maxnum", x, f.constant(DOUBLES, _LEAST))
    x = f.call(DOUBLES, "minnum", x, f.constant(DOUBLES, 0.0))
    scaled = f.binary("fmul", DOUBLES, x, f.constant(DOUBLES, 1.0 / math.log(2.0)))
    n = f.call(DOUBLES, "rint", scaled)
    rest = f.fma(DOUBLES, n, f.constant(DOUBLES, -_LN2_HIGH), x)
    rest = f.fma(DOUBLES, n, f.constant(DOUBLES, -_LN2_LOW), rest)
    value = _polynomial(f, rest, _EXP)
    power = f.op(f"fptosi {DOUBLES} {n} to {_LONGS}")
    power = f.binary("add", _LONGS, power, f.constant(_LONGS, 1023))
    bits = f.binary("shl", _LONGS, power, f.constant(_LONGS, 52))
    value = f.binary("fmul", DOUBLES, value, f.op(f"bitcast {_LONGS} {bits} to {DOUBLES}"))
    return f.op(f"select {_FLAGS} {is_far}, {DOUBLES} zeroinitializer, {DOUBLES} {value}")


def logarithm(f: Function, x: str) -> str:
    """log(x) of a normal number above 0."""
    root = f.constant(_LONGS, _ROOT_BITS)
    bits = f.binary("sub", _LONGS, f.op(f"bitcast {DOUBLES} {x} to {_LONGS}"), root)
    power = f.binary("ashr", _LONGS, bits, f.constant(_LONGS, 52))
    moved = f.binary("and", _LONGS, bits, f.constant(_LONGS, 2**52 - 1))
    moved = f.binary("add", _LONGS, moved, root)
    m = f.op(f"bitcast {_LONGS} {moved} to {DOUBLES}")
    one = f.constant(DOUBLES, 1.0)
    above, below = f.binary("fsub", DOUBLES, m, one), f.binary("fadd", DOUBLES, m, one)
    s = f.binary("fdiv", DOUBLES, above, below)
    series = _polynomial(f, f.binary("fmul", DOUBLES, s, s), _ATANH)
    n = f.op(f"sitofp {_LONGS} {power} to {DOUBLES}")
    rest = f.fma(DOUBLES, n, f.constant(DOUBLES, _LN2_LOW), f.binary("fmul", DOUBLES, s, series))
    return f.fma(DOUBLES, n, f.constant(DOUBLES, _LN2_HIGH), rest)
