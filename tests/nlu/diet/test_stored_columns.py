"""Which sparse columns a network reads, and how that is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from gossamer.assistant import Assistant
from gossamer.data.errors import ModelFileError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import Columns, KeptColumns
from gossamer.nlu.diet.stored_columns import columns_from_arrays, columns_to_arrays
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features

Arrays = dict[str, npt.NDArray[Any]]


def features_of(rows: Sequence[Sequence[float]], n_columns: int | None = None) -> Features:
    matrix = np.array(rows, dtype=np.float32).reshape(len(rows), -1 if rows else n_columns or 0)
    return Features(CsrMatrix.of(sparse.csr_array(matrix)))


def kept_of(features: Features) -> list[int]:
    columns = KeptColumns.telling(features)
    assert columns is not None
    return [int(column) for column in columns.kept]


def by_loops(matrix: npt.NDArray[np.float32]) -> list[int]:
    kept, seen = [], set()
    for column in range(matrix.shape[1]):
        rows = np.flatnonzero(matrix[:, column])
        if len(rows) > 1:
            kept.append(column)
        elif len(rows) == 1 and int(rows[0]) not in seen:
            seen.add(int(rows[0]))
            kept.append(column)
    return kept


def test_columns_by_hand() -> None:
    rows: list[list[float]] = [
        # never, both, first's, first's again, all, second's, second's again
        [0, 1, 1, 2, 1, 0, 0],
        [0, 1, 0, 0, 3, 1, 1],
        [0, 0, 0, 0, 1, 0, 0],
    ]
    assert kept_of(features_of(rows)) == [1, 2, 4, 5]


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5])
def test_columns_equal_a_loop_over_them(density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.random((30, 60)) < density).astype(np.float32)
    assert kept_of(Features(CsrMatrix.of(sparse.csr_array(matrix)))) == by_loops(matrix)


def test_rows_that_differ_still_differ(seed: int) -> None:
    """What a network learns from tells the same rows apart as all columns do."""
    rng = np.random.default_rng(seed)
    features = Features(
        CsrMatrix.of(sparse.csr_array((rng.random((40, 30)) < 0.05).astype(np.float32)))
    )
    columns = KeptColumns.telling(features)
    assert columns is not None and features.sparse is not None
    fewer = columns.of(features).sparse
    assert fewer is not None and fewer.shape[1] < 30
    assert len(np.unique(fewer.toarray(), axis=0)) == len(
        np.unique(features.sparse.toarray(), axis=0)
    )


def test_without_sparse_columns_there_is_nothing_to_choose() -> None:
    dense = Features(dense=np.ones((2, 3), dtype=np.float32))
    assert KeptColumns.telling(dense) is None
    assert KeptColumns(np.array([1]), 4).of(dense) is dense
    assert KeptColumns.telling(Features()) is None


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_columns_of_rows_that_are_empty_all_stay(n_rows: int) -> None:
    """A network needs an input, even if no training text has a feature."""
    assert KeptColumns.telling(features_of([[0.0] * 4] * n_rows, 4)) is None


@pytest.mark.parametrize("kept", [[], [0], [3], [0, 2, 3], [0, 1, 2, 3]], ids=str)
@pytest.mark.parametrize("n_rows", [0, 1, 5])
def test_of_equals_numpys_columns(kept: list[int], n_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.random((n_rows, 4)) * (rng.random((n_rows, 4)) < 0.5)).astype(np.float32)
    dense = rng.random((n_rows, 2)).astype(np.float32)
    features = Features(CsrMatrix.of(sparse.csr_array(matrix)), dense)
    found = KeptColumns(np.array(kept, dtype=np.int64), 4).of(features)
    assert found.dense is dense
    assert found.sparse is not None
    assert found.sparse.dtype == np.float32
    assert found.sparse.indices.dtype == found.sparse.indptr.dtype == np.int32
    assert found.sparse.shape == (n_rows, len(kept))
    assert np.array_equal(found.sparse.toarray(), matrix[:, kept])
    CsrMatrix.checked(
        found.sparse.data, found.sparse.indices, found.sparse.indptr, found.sparse.shape[1]
    )


CHOICES: list[list[int] | None] = [None, [], [0], [6], [0, 1, 2, 3, 4, 5, 6], [2, 3, 6]]


@pytest.mark.parametrize("sentence", CHOICES, ids=str)
@pytest.mark.parametrize("sequence", CHOICES, ids=str)
def test_stored_and_loaded(sequence: list[int] | None, sentence: list[int] | None) -> None:
    first, second = (
        None if kept is None else KeptColumns(np.array(kept, dtype=np.int64), 7)
        for kept in (sequence, sentence)
    )
    columns: Columns = (first, second)
    arrays = columns_to_arrays(columns)
    assert len(arrays) == 2 * sum(each is not None for each in columns)
    again = columns_from_arrays({**arrays, "network.other": np.zeros(3)})
    for one, other in zip(columns, again, strict=True):
        assert (one is None) is (other is None)
        if one is not None and other is not None:
            assert np.array_equal(one.kept, other.kept) and one.n_columns == other.n_columns
            everything = Features(CsrMatrix.of(sparse.csr_array(np.eye(7, dtype=np.float32))))
            before, after = one.of(everything).sparse, other.of(everything).sparse
            assert before is not None and after is not None
            assert np.array_equal(before.toarray(), after.toarray())


def damaged(arrays: Arrays, damage: str) -> Arrays:
    part = "columns.sentence"
    gaps, number = arrays[f"{part}.gaps"], arrays[f"{part}.number"]
    changed: dict[str, Arrays] = {
        "descending": {"gaps": np.concatenate([gaps[:1], gaps[1:2] * 0 - 1, gaps[2:]])},
        "twice": {"gaps": np.concatenate([gaps[:1], gaps[1:2] * 0, gaps[2:]])},
        "below zero": {"gaps": np.concatenate([gaps[:1] * 0 - 1, gaps[1:]])},
        "beyond": {"number": np.array([int(gaps.sum())])},
        "no number": {"number": number[:0]},
        "two numbers": {"number": np.repeat(number, 2)},
        "number without a dimension": {"number": np.array(int(number[0]))},
        "number in float": {"number": number.astype(np.float64) + 0.5},
        "huge number": {"number": np.array([2**60])},
        "number below zero": {"number": np.array([-3])},
        "gaps in float": {"gaps": gaps.astype(np.float32)},
        "gaps in a square": {"gaps": gaps[None]},
        "no gaps, number below zero": {"gaps": gaps[:0], "number": np.array([-3])},
    }
    return {**arrays, **{f"{part}.{name}": array for name, array in changed[damage].items()}}


DAMAGES = [
    "descending",
    "twice",
    "below zero",
    "beyond",
    "no number",
    "two numbers",
    "number without a dimension",
    "number in float",
    "huge number",
    "number below zero",
    "gaps in float",
    "gaps in a square",
    "no gaps, number below zero",
]


@pytest.mark.slow
@pytest.mark.thinned(6)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_columns_are_refused(travel_assistant: Assistant, damage: str) -> None:
    component = diet(travel_assistant)
    state = component.state()
    arrays = damaged(dict(state.arrays), damage)
    with pytest.raises(ValueError, match="column"):
        columns_from_arrays(arrays)
    with pytest.raises(ModelFileError, match="stored weights must fit the stored options"):
        DIETComponent(component.options).restore(ComponentState(json=state.json, arrays=arrays))


@pytest.mark.parametrize("part", ["sequence", "sentence"])
@pytest.mark.parametrize("name", ["gaps", "number"])
def test_one_array_without_the_other_is_refused(
    travel_assistant: Assistant, part: str, name: str
) -> None:
    arrays = dict(diet(travel_assistant).state().arrays)
    del arrays[f"columns.{part}.{name}"]
    with pytest.raises(KeyError, match=f"columns.{part}"):
        columns_from_arrays(arrays)


@pytest.mark.parametrize("part", ["sequence", "sentence"])
def test_as_many_columns_as_are_read(travel_assistant: Assistant, part: str) -> None:
    component = diet(travel_assistant)
    state = component.state()
    gaps = state.arrays[f"columns.{part}.gaps"]
    arrays = {**state.arrays, f"columns.{part}.gaps": gaps[:-1]}
    with pytest.raises(ModelFileError, match="kept columns"):
        DIETComponent(component.options).restore(ComponentState(json=state.json, arrays=arrays))


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))
