from __future__ import annotations

import numpy as np
import pytest

from gossamer.nn.ops.rounding import ByteRows

TINY = float(np.finfo(np.float32).smallest_subnormal)
LARGE = float(np.finfo(np.float32).max)


def matrix(
    seed: int, n_rows: int = 200, width: int = 9
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-30, 30, (n_rows, 1))
    return (rng.standard_normal((n_rows, width)) * scale).astype(np.float32)


def test_at_most_half_a_step_off(seed: int) -> None:
    given = matrix(seed)
    rows = ByteRows.nearest(given)
    largest = np.abs(given).max(axis=1, keepdims=True)
    assert (np.abs(rows.to_floats() - given) <= largest / 126).all()
    assert (np.abs(rows.values).max(axis=1) >= 64).all(), "no bit of the largest is wasted"
    assert rows.values.min() >= -127


def test_rounding_twice_is_rounding_once(seed: int) -> None:
    once = ByteRows.nearest(matrix(seed)).to_floats()
    assert np.array_equal(ByteRows.nearest(once).to_floats(), once)
    exact = ByteRows.exactly(once)
    assert exact is not None and np.array_equal(exact.to_floats(), once)


@pytest.mark.parametrize("top", [63.5, 63.745, 63.75, 64.0, 127.0, 127.49, 127.5, 127.99, 128.0])
@pytest.mark.parametrize("power", [-30, 0, 20])
def test_where_the_unit_changes(top: float, power: int) -> None:
    given = np.array([[top, -top, top / 3, 0.0]], np.float32) * np.float32(2.0**power)
    once = ByteRows.nearest(given).to_floats()
    np.testing.assert_allclose(once, given, atol=abs(top) / 126 * 2.0**power)
    assert np.array_equal(ByteRows.nearest(once).to_floats(), once)


@pytest.mark.parametrize("value", [0.0, TINY, -TINY, LARGE, -LARGE, 1.0])
def test_extreme_values(value: float) -> None:
    given = np.array([[value, 0.0], [0.0, 0.0]], np.float32)
    once = ByteRows.nearest(given).to_floats()
    np.testing.assert_allclose(once, given, rtol=0.01)
    assert ByteRows.exactly(once) is not None


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_nothing(shape: tuple[int, int]) -> None:
    rows = ByteRows.exactly(np.zeros(shape, np.float32))
    assert rows is not None and rows.to_floats().shape == shape


@pytest.mark.parametrize(
    "given",
    [
        np.array([[1.0, 0.3]], np.float32),
        np.array([[np.nan]], np.float32),
        np.array([[np.inf, 1.0]], np.float32),
        np.array([[1.0]], np.float64),
        np.array([1.0], np.float32),
    ],
    ids=["unrounded", "nan", "infinite", "float64", "a vector"],
)
def test_what_is_not_exact(given: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    assert ByteRows.exactly(given) is None


@pytest.mark.parametrize(
    ("values", "exponents"),
    [
        (np.zeros((2, 3), np.int16), np.zeros(2, np.int16)),
        (np.zeros(2, np.int8), np.zeros(2, np.int16)),
        (np.zeros((2, 3), np.int8), np.zeros(3, np.int16)),
        (np.zeros((2, 3), np.int8), np.zeros(2, np.float32)),
    ],
)
def test_parts_that_do_not_belong_together(
    values: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
    exponents: np.ndarray[tuple[int, ...], np.dtype[np.int16]],
) -> None:
    with pytest.raises(ValueError, match=r"one integer exponent for each row: got .* Try: "):
        ByteRows(values, exponents).to_floats()
