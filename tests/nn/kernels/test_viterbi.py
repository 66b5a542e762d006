"""Decoding by kernels equals the readable CRF, from arrays, without NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gossamer.nn.crf import LinearChainCRF
from gossamer.nn.frozen.crf import Decoder
from gossamer.nn.kernels import viterbi
from gossamer.nn.kernels.crf import padded
from gossamer.nn.kernels.viterbi import Moves
from gossamer.sparse.kernels.build import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
LENGTHS = [4, 0, 1, 200, 7, 33]

Tags = NDArray[np.int64]
Shares = NDArray[np.float32]


def decoded(
    logits: NDArray[np.float32],
    transitions: NDArray[np.float32],
    lengths: list[int],
    n_threads: int = 1,
    padding: float = np.nan,
) -> tuple[Tags, Shares]:
    n_tokens, n_tags = logits.shape
    width = padded(n_tags)
    rows = np.full((n_tokens, width), padding, np.float32)
    rows[:, :n_tags] = logits
    rows.setflags(write=False)
    moves = Moves.of(transitions)
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    tags, shares = np.full(n_tokens, -1, np.int64), np.full(n_tokens, np.nan, np.float32)
    came_from = np.empty((n_tokens, width), np.int32)
    viterbi.best_paths(n_tags)(
        rows, moves.scores, starts, came_from, tags, len(lengths), n_threads=n_threads
    )
    alphas = np.empty((n_tokens, width))
    tables = (moves.factor, moves.turned, moves.shift)
    viterbi.marginals(n_tags)(
        rows, *tables, starts, tags, alphas, shares, len(lengths), n_threads=n_threads
    )
    return tags, shares


def by_numpy(logits: NDArray[np.float32], transitions: NDArray[np.float32]) -> tuple[Tags, Shares]:
    """Of one sequence."""
    decoder = Decoder(transitions)
    tags = decoder.best_path(logits)
    return tags, decoder.marginals(logits)[np.arange(len(tags)), tags].astype(np.float32)


@pytest.mark.parametrize("n_tags", [1, 2, 15, 16, 17, 60, 120])
@pytest.mark.parametrize("size", [0.1, 3.0, 30.0])
@pytest.mark.parametrize("forbids", [False, True])
def test_equals_the_crf(n_tags: int, size: float, forbids: bool, seed: int) -> None:
    torch.manual_seed(seed)
    forbidden = torch.rand(n_tags, n_tags) < 0.3 if forbids else None
    if forbidden is not None:
        forbidden[:, 0] = forbidden[0] = False
    crf = LinearChainCRF(n_tags, forbidden)
    torch.nn.init.normal_(crf.transitions, std=size)
    logits, lengths = torch.randn(sum(LENGTHS), n_tags) * size, torch.tensor(LENGTHS)
    tags, shares = decoded(logits.numpy(), crf.moves().detach().numpy(), LENGTHS, n_threads=2)
    assert tags.tolist() == crf.best_paths(logits, lengths).tolist()
    exact = crf.double()
    expected = exact.marginals(logits.double(), lengths).gather(1, torch.tensor(tags)[:, None])
    np.testing.assert_allclose(shares, expected[:, 0].numpy(), atol=1e-6)


@pytest.mark.parametrize("size", [300.0, 1e4, 1e20, 3e38, np.inf])
@pytest.mark.parametrize("n_tags", [1, 2, 60])
def test_extreme_scores_give_probabilities(size: float, n_tags: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, transitions = (
        (rng.choice([-1.0, 1e-3, 1.0], (n, n_tags)) * size).astype(np.float32)
        for n in (sum(LENGTHS), n_tags)
    )
    tags, shares = decoded(logits, transitions, LENGTHS)
    assert ((tags >= 0) & (tags < n_tags)).all()
    assert ((shares >= 0) & (shares <= 1)).all()
    if size == 300.0:
        ends = np.cumsum(LENGTHS)[:-1]
        for own, share, each in zip(
            np.split(tags, ends), np.split(shares, ends), np.split(logits, ends), strict=True
        ):
            if len(each):
                expected = by_numpy(each, transitions)
                assert own.tolist() == expected[0].tolist()
                np.testing.assert_allclose(share, expected[1], atol=1e-6)


@pytest.mark.parametrize("what", ["logits", "transitions"])
def test_what_is_not_a_number_gives_tags_and_probabilities(what: str) -> None:
    logits, transitions = np.zeros((5, 3), np.float32), np.zeros((3, 3), np.float32)
    (logits if what == "logits" else transitions)[1] = np.nan
    tags, shares = decoded(logits, transitions, [5])
    assert ((tags >= 0) & (tags < 3)).all()
    assert ((shares >= 0) & (shares <= 1)).all()


def test_nowhere_to_go() -> None:
    """All moves forbidden: still probabilities, as the readable way has them."""
    transitions = np.full((4, 4), -1e4, np.float32)
    logits = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    tags, shares = decoded(logits, transitions, [6])
    expected = by_numpy(logits, transitions)
    assert tags.tolist() == expected[0].tolist()
    np.testing.assert_allclose(shares, expected[1], atol=1e-6)


def test_ties_go_to_the_first_tag() -> None:
    tags, shares = decoded(np.zeros((4, 20), np.float32), np.zeros((20, 20), np.float32), [4])
    assert tags.tolist() == [0] * 4
    np.testing.assert_allclose(shares, 1 / 20, rtol=1e-6)


def test_no_token() -> None:
    for lengths in ([], [0], [0, 0]):
        tags, shares = decoded(np.zeros((0, 3), np.float32), np.zeros((3, 3), np.float32), lengths)
        assert len(tags) == len(shares) == 0
