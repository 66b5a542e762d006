from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from gossamer.nn.frozen.operations import EPSILON, Normalisation, gelu, softmax, unit_length

WIDTHS = st.sampled_from([1, 5, 16, 32, 48])
N_ROWS = st.sampled_from([0, 1, 2, 7, 65])


def rows(n_rows: int, width: int, seed: int, scale: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (scale * generator.standard_normal((n_rows, width))).astype(np.float32)


@given(n_rows=N_ROWS, width=WIDTHS, scale=st.sampled_from([1e-4, 1.0, 100.0]), seed=st.integers(0))
def test_normalisation_equals_torch(n_rows: int, width: int, scale: float, seed: int) -> None:
    gain, offset = rows(2, width, seed)
    x, update = rows(n_rows, width, seed + 1, scale), rows(n_rows, width, seed + 2, scale)
    frozen = Normalisation(gain, offset)

    def normal(values: np.ndarray) -> np.ndarray:
        exact, by, to = (torch.from_numpy(each).double() for each in (values, gain, offset))
        result: np.ndarray = F.layer_norm(exact, (width,), by, to, eps=EPSILON).numpy()
        return result

    np.testing.assert_allclose(frozen(x), normal(x), atol=3e-5, rtol=1e-4)
    before = x.copy(), update.copy()
    total, found = frozen.of_sum(x, update)
    np.testing.assert_array_equal(total, x + update)
    np.testing.assert_allclose(found, normal(total), atol=3e-5, rtol=1e-4)
    assert np.array_equal(x, before[0]) and np.array_equal(update, before[1])


@pytest.mark.parametrize("width", [16, 5])
def test_rows_that_are_all_alike(width: int) -> None:
    offset = rows(1, width, 0)[0]
    frozen = Normalisation(np.ones(width, np.float32), offset)
    found = frozen(np.full((3, width), 7, np.float32))
    np.testing.assert_allclose(found, np.broadcast_to(offset, found.shape), atol=1e-3)


@given(
    n_rows=N_ROWS, width=WIDTHS, scale=st.sampled_from([0.01, 1.0, 4.0, 1e3]), seed=st.integers(0)
)
def test_gelu_equals_torch(n_rows: int, width: int, scale: float, seed: int) -> None:
    x = rows(n_rows, width, seed, scale)
    expected = F.gelu(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(gelu(x), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("width", [16, 8])
def test_gelu_far_from_zero(width: int) -> None:
    values = [0.0, -0.0, 1e-30, -1e-30, 1e-7, -1e-7, 0.5, -0.5, 6.0, -6.0, 13.0, -13.0]
    values += [40.0, -40.0, 1e4, -1e4, 1e18, -1e18, 3e38, -3e38, 7.5, -7.5, 0.1, -0.1]
    values *= 2
    x = np.array(values, np.float32).reshape(-1, width)
    with np.errstate(all="ignore"):
        found = gelu(x)
    expected = F.gelu(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-6)


@given(
    shape=st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(1, 40)),
    scale=st.sampled_from([1.0, 80.0, 1e4]),
    seed=st.integers(0),
)
def test_softmax_equals_torch(shape: tuple[int, int, int], scale: float, seed: int) -> None:
    x = (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
    found = softmax(x)
    expected = torch.softmax(torch.from_numpy(x).double(), -1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=2e-5)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


def test_softmax_of_what_is_shut_out() -> None:
    found = softmax(np.array([[0.0, -np.inf], [1e38, -1e38]], np.float32))
    assert found.tolist() == [[1, 0], [1, 0]]


def test_unit_length_equals_torch() -> None:
    x = np.concatenate([rows(4, 9, 1), np.zeros((1, 9), np.float32), rows(1, 9, 2, 1e-15)])
    expected = F.normalize(torch.from_numpy(x).double(), dim=1).numpy()
    np.testing.assert_allclose(unit_length(x), expected, atol=1e-6)
