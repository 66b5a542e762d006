from __future__ import annotations

import numpy as np
import pytest
import torch

from gossamer.nn.crf import LinearChainCRF
from gossamer.nn.crf_single import SingleDecoder


@pytest.mark.parametrize("n_tokens", [1, 2, 9, 60])
@pytest.mark.parametrize("n_tags", [1, 2, 13])
@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_equals_the_crf(n_tokens: int, n_tags: int, size: float, seed: int) -> None:
    torch.manual_seed(seed)
    crf = LinearChainCRF(n_tags)
    torch.nn.init.normal_(crf.transitions, std=size)
    logits = torch.randn(n_tokens, n_tags) * max(size, 1.0)
    lengths = torch.tensor([n_tokens])
    decode = SingleDecoder(crf.transitions.detach().numpy())
    tags, confidence = decode(logits.numpy())
    crf, logits = crf.double(), logits.double()
    expected = crf.decode(logits, lengths)
    assert tags.tolist() == expected.tags.tolist()
    np.testing.assert_allclose(confidence, expected.confidence.numpy(), atol=2e-5)
    np.testing.assert_allclose(
        decode.marginals(logits.numpy()), crf.marginals(logits, lengths).numpy(), atol=2e-5
    )


def test_ties_go_to_the_first_tag() -> None:
    decode = SingleDecoder(np.zeros((3, 3), np.float32))
    tags, confidence = decode(np.zeros((4, 3), np.float32))
    assert tags.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(confidence, 1 / 3, rtol=1e-6)


def test_no_token() -> None:
    tags, confidence = SingleDecoder(np.zeros((3, 3), np.float32))(np.zeros((0, 3), np.float32))
    assert len(tags) == len(confidence) == 0


def test_scores_far_apart_stay_finite() -> None:
    """Moves all but forbidden, and logits that want them."""
    transitions = np.array([[0.0, -900.0], [-900.0, 0.0]], np.float32)
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0], [1000.0, 0.0]], np.float32)
    decode = SingleDecoder(transitions)
    marginals = decode.marginals(logits)
    assert np.isfinite(marginals).all()
    np.testing.assert_allclose(marginals.sum(1), 1.0)
    assert decode.best_path(logits).tolist() == [0, 0, 0]
