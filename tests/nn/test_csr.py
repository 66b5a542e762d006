"""`CsrMatrix` against SciPy's matrices."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from gossamer.nn.csr import CsrMatrix, hstack, indptr_of, vstack

SIZES = st.integers(0, 6)


@st.composite
def scipys(draw: st.DrawFn, n_rows: int | None = None, n_columns: int | None = None) -> Any:
    """A matrix of SciPy's, stored zeros among its values."""
    shape = (
        draw(SIZES) if n_rows is None else n_rows,
        draw(st.integers(0, 9)) if n_columns is None else n_columns,
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    is_stored = rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 1.0]))
    matrix = sparse.csr_array(is_stored.astype(np.float32))
    matrix.data[:] = rng.integers(0, 4, matrix.nnz)
    return matrix


def assert_same(found: CsrMatrix, expected: Any) -> None:
    """The same in every array, and sound."""
    expected = sparse.csr_array(expected)
    expected.sort_indices()
    assert found.shape == expected.shape and found.nnz == expected.nnz
    CsrMatrix.checked(found.data, found.indices, found.indptr, found.shape[1])
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.dtype == np.float32


@given(st.data())
def test_rows_are_chosen_as_scipy_chooses_them(data: st.DataObject) -> None:
    matrix = data.draw(scipys())
    n_rows = matrix.shape[0]
    one = st.integers(-n_rows, max(n_rows - 1, 0))
    chosen = data.draw(st.lists(one, max_size=9 if n_rows else 0))
    rows = np.array(chosen, dtype=np.int64)
    own = CsrMatrix.of(matrix)
    assert_same(own[rows], matrix[rows])
    assert_same(own[1:3], matrix[1:3])
    for outside in (n_rows, -n_rows - 1):
        with pytest.raises(IndexError):
            own[np.array([outside])]


@given(st.data())
def test_blocks_stand_side_by_side_as_scipy_has_them(data: st.DataObject) -> None:
    n_rows = data.draw(SIZES)
    blocks = data.draw(st.lists(scipys(n_rows=n_rows), min_size=1, max_size=4))
    expected = sparse.hstack(blocks, format="csr", dtype=np.float32)
    assert_same(hstack([CsrMatrix.of(block) for block in blocks]), expected)


def test_many_rows_stand_side_by_side(seed: int) -> None:
    """More than are put side by side at a time."""
    rng = np.random.default_rng(seed)
    blocks = [
        sparse.csr_array((rng.random((9001, width)) < 0.2).astype(np.float32))
        for width in (3, 1, 40)
    ]
    expected = sparse.hstack(blocks, format="csr", dtype=np.float32)
    assert_same(hstack([CsrMatrix.of(block) for block in blocks]), expected)


@given(st.data())
def test_blocks_follow_each_other_as_scipy_has_them(data: st.DataObject) -> None:
    blocks = data.draw(st.lists(scipys(n_columns=5), min_size=1, max_size=4))
    expected = sparse.vstack(blocks, format="csr", dtype=np.float32)
    assert_same(vstack([CsrMatrix.of(block) for block in blocks]), expected)


@given(scipys())
def test_to_scipy_and_back(matrix: Any) -> None:
    own = CsrMatrix.of(matrix)
    assert_same(own, matrix)
    assert np.array_equal(own.toarray(), matrix.toarray())
    again = own.to_scipy()
    assert isinstance(again, sparse.csr_array)
    assert own.nnz == 0 or np.shares_memory(again.data, own.data)
    again.check_format(full_check=True)
    assert_same(own, again)


@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.csc_matrix, sparse.lil_array])
def test_other_formats_and_types_are_taken(kind: Any) -> None:
    dense = np.array([[0, 2, 1], [0, 0, 0], [3, 0, 0]])
    assert_same(CsrMatrix.of(kind(dense)), sparse.csr_array(dense.astype(np.float32)))


def test_repeated_columns_are_summed_and_the_given_matrix_stays() -> None:
    parts = np.array([1, 2, 4.0]), np.array([3, 0, 3], np.int64), np.array([0, 3, 3], np.int64)
    matrix = sparse.csr_array(parts, shape=(2, 5))
    assert CsrMatrix.of(matrix).toarray().tolist() == [[2, 0, 0, 5, 0], [0] * 5]
    assert matrix.nnz == 3 and matrix.indices.tolist() == [3, 0, 3]


def test_with_other_data_the_places_are_the_same() -> None:
    matrix = CsrMatrix.of(sparse.csr_array(np.eye(3, dtype=np.float32)))
    other = matrix.with_data(np.array([4, 5, 6], dtype=np.float32))
    assert np.array_equal(other.toarray(), np.diag([4, 5, 6]))
    assert np.array_equal(matrix.toarray(), np.eye(3))


def test_copies_are_equal() -> None:
    matrix = CsrMatrix.of(sparse.csr_array(np.eye(3, dtype=np.float32)))
    for other in (copy.copy(matrix), copy.deepcopy(matrix)):
        assert_same(other, matrix.to_scipy())


def test_too_large_matrices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 2147483647 values \(got 4294967294\)"):
        indptr_of([2**31 - 1] * 2)
    nothing = np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(2, np.int32)
    wide = CsrMatrix(*nothing, (1, 2**31 - 1))
    assert hstack([wide]) is wide
    with pytest.raises(ValueError, match=r"columns or values \(got 4294967294\)"):
        hstack([wide, wide])
    with pytest.raises(ValueError, match=r"columns or values \(got 2147483648\)"):
        CsrMatrix.of(sparse.csr_array((1, 2**31)))


#: Of [[0, 7, 8, 0], [0, 0, 0, 0], [9, 0, 0, 0]].
SOUND: dict[str, npt.NDArray[Any]] = {
    "data": np.array([7, 8, 9], dtype=np.float32),
    "indices": np.array([1, 2, 0], dtype=np.int32),
    "indptr": np.array([0, 2, 2, 3], dtype=np.int32),
}


def test_sound_arrays_pass() -> None:
    matrix = CsrMatrix.checked(**SOUND, n_columns=4)
    assert matrix.toarray().tolist() == [[0, 7, 8, 0], [0, 0, 0, 0], [9, 0, 0, 0]]
    empty = {
        name: array[:1] * 0 if name == "indptr" else array[:0] for name, array in SOUND.items()
    }
    assert CsrMatrix.checked(**empty, n_columns=0).shape == (0, 0)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("data", np.zeros(3), r"'data' must have one dimension and be float32 \(got 1 dim.*64\)"),
        ("data", np.zeros((3, 1), np.float32), "'data' must have one dimension"),
        ("data", np.zeros(2, np.float32), "'indptr' must go from 0 to the number of values, 2"),
        ("indices", np.zeros(3, np.int64), "'indices' must have one dimension and be int32"),
        ("indices", np.array(0, np.int32), "'indices' must have one dimension and be int32"),
        ("indices", np.array([1, 2], np.int32), r"'indices' must be 3.*\(got 2\)"),
        ("indices", np.array([1, 4, 0], np.int32), r"from 0 to 3 \(got \[0, 4\]\)"),
        ("indices", np.array([1, 2, -1], np.int32), r"from 0 to 3 \(got \[-1, 2\]\)"),
        ("indices", np.array([2, 1, 0], np.int32), "'indices' must ascend in each row"),
        ("indices", np.array([1, 1, 0], np.int32), "'indices' must ascend in each row"),
        ("indptr", np.array([0, 2, 2, 3], np.float32), "'indptr' must have one dimension"),
        ("indptr", np.zeros(0, np.int32), "'indptr' must go from 0"),
        ("indptr", np.array([1, 2, 2, 3], np.int32), "'indptr' must go from 0"),
        ("indptr", np.array([0, 2, 2, 4], np.int32), r"3 \(got \[0\] to \[4\]\)"),
        ("indptr", np.array([0, 2, 1, 3], np.int32), r"'indptr' must not descend \(got -1\)"),
    ],
)
def test_damaged_arrays_are_refused(name: str, array: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CsrMatrix.checked(**{**SOUND, name: array}, n_columns=4)


@given(st.data())
def test_whatever_scipy_refuses_is_refused(data: st.DataObject) -> None:
    """One entry of the arrays is changed; what passes here is sound to SciPy too."""
    parts = {name: array.copy() for name, array in SOUND.items()}
    array = parts[data.draw(st.sampled_from(["indices", "indptr"]))]
    array[data.draw(st.integers(0, len(array) - 1))] = data.draw(st.integers(-5, 5))
    try:
        matrix = CsrMatrix.checked(**parts, n_columns=4)
    except ValueError as error:
        assert "Try: training the model again" in str(error)
        return
    matrix.to_scipy().check_format(full_check=True)
