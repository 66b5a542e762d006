from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from gossamer.nlu.diet.features import TextFeatures, text_features
from gossamer.nlu.pipeline.messages import FeatureBlock
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features


def test_blocks_stand_side_by_side_sparse_ones_and_dense_ones() -> None:
    first, second = np.eye(3, 4, dtype=np.float32), np.ones((3, 2), dtype=np.float32)
    dense = np.arange(6, dtype=np.float64).reshape(3, 2)
    blocks: list[Any] = [sparse.csr_array(first), dense, sparse.coo_matrix(second)]
    features = text_features(
        [FeatureBlock(origin=str(i), sequence=block) for i, block in enumerate(blocks)],
        np.array([3]),
    ).sequence
    assert features.sparse is not None and features.dense is not None
    assert np.array_equal(features.sparse.toarray(), np.hstack([first, second]))
    assert features.dense.dtype == np.float32 and np.array_equal(features.dense, dense)
    assert features.parts == (4, 2)


@pytest.mark.parametrize("is_pruned", [False, True])
def test_counts_are_those_of_the_chosen_texts_however_often_one_chooses(is_pruned: bool) -> None:
    whole = Features(
        CsrMatrix.of(sparse.csr_array(np.arange(1, 13, dtype=np.float32).reshape(6, 2))), parts=(2,)
    )
    narrow = Features(CsrMatrix.of(sparse.csr_array(np.eye(6, dtype=np.float32))))
    text = TextFeatures(
        Features(), narrow, np.ones(6, dtype=np.int64), whole if is_pruned else None
    )
    expected = whole if is_pruned else narrow
    assert text.counts is expected
    once = text.texts(np.array([5, 0, 3, 3]))
    twice = once.texts(np.array([2, 0]))
    for chosen, rows in ((once, [5, 0, 3, 3]), (twice, [3, 5])):
        counts = chosen.counts
        assert counts.sparse is not None and expected.sparse is not None
        assert np.array_equal(counts.sparse.toarray(), expected.sparse.toarray()[rows])
        assert counts.parts == expected.parts
