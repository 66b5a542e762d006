from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gossamer.nn.crf import LinearChainCRF
from gossamer.nn.frozen.crf import Decoder
from gossamer.nn.frozen.weights import Weights

WeightsOf = Callable[[nn.Module], Weights]
LENGTHS = st.lists(st.integers(0, 8) | st.just(60), max_size=5)


@given(
    lengths=LENGTHS,
    n_tags=st.sampled_from([1, 2, 3, 13, 40]),
    scale=st.sampled_from([0.0, 1.0, 30.0]),
    share=st.sampled_from([None, 0.0, 0.5, 0.95]),
    seed=st.integers(0, 2**20),
)
@torch.no_grad()
def test_equals_the_crf(
    weights_of: WeightsOf,
    lengths: list[int],
    n_tags: int,
    scale: float,
    share: float | None,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    forbidden = None
    if share is not None:
        forbidden = torch.rand(n_tags, n_tags) < share
        forbidden.fill_diagonal_(False)  # some path is left
    crf = LinearChainCRF(n_tags, forbidden)
    nn.init.normal_(crf.transitions, std=scale)
    weights = weights_of(crf)
    decode = Decoder.read(weights, n_tags, None if forbidden is None else forbidden.numpy())
    weights.check_all_read()
    logits = torch.randn(sum(lengths), n_tags) * max(scale, 1.0)
    found = decode(logits.numpy(), np.array(lengths, np.int64))
    crf = crf.double()
    expected = crf.decode(logits.double(), torch.tensor(lengths, dtype=torch.int64))
    assert found.tags.dtype == np.int64 and found.confidence.dtype == np.float32
    assert found.tags.tolist() == expected.tags.tolist()
    np.testing.assert_allclose(found.confidence, expected.confidence.numpy(), atol=2e-5)
    if forbidden is not None:
        start = 0
        for length in lengths:
            path = found.tags[start : start + length]
            assert not forbidden.numpy()[path[:-1], path[1:]].any()
            start += length
    if len(lengths) == 1 and lengths[0] > 0:
        exact = crf.marginals(logits.double(), torch.tensor(lengths)).numpy()
        np.testing.assert_allclose(decode.marginals(logits.numpy()), exact, atol=2e-5)


def test_ties_go_to_the_first_tag() -> None:
    tags, confidence = Decoder(np.zeros((3, 3), np.float32))(
        np.zeros((5, 3), np.float32), np.array([4, 1])
    )
    assert tags.tolist() == [0, 0, 0, 0, 0]
    np.testing.assert_allclose(confidence, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_token(lengths: list[int]) -> None:
    decode = Decoder(np.zeros((3, 3), np.float32))
    tags, confidence = decode(np.zeros((0, 3), np.float32), np.array(lengths, np.int64))
    assert len(tags) == len(confidence) == 0


def test_scores_far_apart_stay_finite() -> None:
    """Moves all but forbidden, and logits that want them."""
    transitions = np.array([[0.0, -900.0], [-900.0, 0.0]], np.float32)
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0], [1000.0, 0.0]], np.float32)
    decode = Decoder(transitions)
    marginals = decode.marginals(logits)
    assert np.isfinite(marginals).all()
    np.testing.assert_allclose(marginals.sum(1), 1.0)
    assert decode.best_path(logits).tolist() == [0, 0, 0]


@given(seed=st.integers(0, 2**20), scale=st.sampled_from([1e3, 3e4]))
def test_extreme_scores_give_probabilities(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    decode = Decoder((scale * np.sign(rng.standard_normal((4, 4)))).astype(np.float32))
    logits = (scale * np.sign(rng.standard_normal((12, 4)))).astype(np.float32)
    confidence = decode(logits, np.array([5, 1, 6])).confidence
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_moves_of_another_size(weights_of: WeightsOf) -> None:
    with pytest.raises(ValueError, match=r"transitions must be real .* \(5, 5\): got"):
        Decoder.read(weights_of(LinearChainCRF(4)), 5, None)
