from __future__ import annotations

import numpy as np
import pytest

from gossamer.nn.frozen.weights import Weights

ARRAYS: dict[str, np.ndarray] = {
    "a.weight": np.ones((2, 3), np.float32),
    "a.bias": np.zeros(3, np.float64),
    "a.numbers": np.zeros(3, np.int64),
    "b": np.zeros(0, np.float32),
}


def test_parts_are_read_by_their_own_names() -> None:
    part = Weights(ARRAYS).part("a")
    assert "weight" in part and "a.weight" not in part
    assert part.array("numbers") is ARRAYS["a.numbers"]
    assert part.floats("weight", (2, 3)) is ARRAYS["a.weight"]
    assert part.floats("weight", (2, None)).shape == (2, 3)


def test_floats_are_float32_and_in_order() -> None:
    turned = Weights({"x": np.arange(6, dtype=np.float64).reshape(2, 3).T})
    found = turned.floats("x", (3, 2))
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert found.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_missing_array_is_named() -> None:
    with pytest.raises(KeyError, match=r"the stored weights must hold a\.gain"):
        Weights(ARRAYS).part("a").array("gain")
    with pytest.raises(KeyError, match=r"a\.gain"):
        Weights(ARRAYS).part("a").floats("gain", (3,))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("weight", (3, 2), r"a\.weight must be real numbers of shape \(3, 2\): got float32 of sha"),
        ("weight", (None, 2), r"shape \(any, 2\): got float32 of shape \(2, 3\)\. Try: the model"),
        ("weight", (6,), r"of shape \(6\): got float32 of shape \(2, 3\)"),
        ("numbers", (3,), r"a\.numbers must be real numbers of shape \(3\): got int64 of shape"),
    ],
)
def test_other_arrays_are_refused(name: str, shape: tuple[int | None, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Weights(ARRAYS).part("a").floats(name, shape)


def test_what_was_not_read_is_refused() -> None:
    weights = Weights(ARRAYS)
    part = weights.part("a")
    part.array("weight")
    with pytest.raises(ValueError, match=r"got a\.bias and 2 more\. Try: the opt"):
        weights.check_all_read()
    with pytest.raises(ValueError, match=r"got a\.bias and 1 more"):
        part.check_all_read()
    weights.check_all_read(apart_from=("a.", "b"))
    for name in ("bias", "numbers"):
        part.array(name)
    part.check_all_read()
    weights.array("b")
    weights.check_all_read()
    Weights({}).check_all_read()
