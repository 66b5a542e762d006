from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gossamer.nlu.diet.features import TextFeatures, text_features
from gossamer.nlu.pipeline.messages import FeatureBlock
from gossamer.nn.inputs import Features


@pytest.mark.parametrize("n_rows", [0, 1, 2, 40, 300])
@pytest.mark.parametrize("widths", [[3], [3, 1], [5, 1, 7, 2]])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_blocks_stand_side_by_side_as_scipy_has_them(
    n_rows: int, widths: list[int], density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    blocks = []
    for width in widths:
        values = rng.random((n_rows, width)) * (rng.random((n_rows, width)) < density)
        blocks.append(sparse.csr_array(values.astype(np.float32)))
    features = text_features(
        [FeatureBlock(origin=str(i), sequence=block) for i, block in enumerate(blocks)],
        np.array([n_rows]),
    ).sequence
    found = features.sparse
    assert found is not None
    expected = sparse.csr_array(sparse.hstack(blocks, format="csr", dtype=np.float32))
    expected.sort_indices()
    assert found.shape == expected.shape
    assert found.dtype == np.float32 and found.indices.dtype == found.indptr.dtype == np.int32
    assert np.array_equal(found.indptr, expected.indptr)
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.data, expected.data)


@pytest.mark.parametrize("is_pruned", [False, True])
def test_counts_are_those_of_the_chosen_texts_however_often_one_chooses(is_pruned: bool) -> None:
    whole = Features(sparse.csr_array(np.arange(1, 13, dtype=np.float32).reshape(6, 2)), parts=(2,))
    narrow = Features(sparse.csr_array(np.eye(6, dtype=np.float32)))
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
