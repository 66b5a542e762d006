"""The CRF against sums over all paths, written down one by one."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gossamer.nn.crf import LinearChainCRF


class Case(NamedTuple):
    crf: LinearChainCRF
    logits: Tensor
    tags: Tensor
    lengths: Tensor

    def sequences(self) -> list[tuple[Tensor, Tensor]]:
        """Logits and tags of each sequence."""
        sizes = self.lengths.tolist()
        return list(
            zip(torch.split(self.logits, sizes), torch.split(self.tags, sizes), strict=True)
        )

    def scores(self, logits: Tensor) -> dict[tuple[int, ...], Tensor]:
        """The score of every path through one sequence."""
        paths = itertools.product(range(self.crf.n_tags), repeat=len(logits))
        return {path: self.score(logits, path) for path in paths}

    def score(self, logits: Tensor, path: tuple[int, ...]) -> Tensor:
        total = logits.new_zeros(())
        for t, tag in enumerate(path):
            total = total + logits[t, tag]
            if t:
                total = total + self.crf.transitions[path[t - 1], tag]
        return total


def make(n_tags: int, lengths: list[int], seed: int, scale: float = 2.0) -> Case:
    generator = torch.Generator().manual_seed(seed)
    crf = LinearChainCRF(n_tags).double()
    with torch.no_grad():
        crf.transitions.copy_(scale * torch.randn(n_tags, n_tags, generator=generator))
    n_tokens = sum(lengths)
    logits = scale * torch.randn(n_tokens, n_tags, dtype=torch.float64, generator=generator)
    tags = torch.randint(n_tags, (n_tokens,), generator=generator)
    return Case(crf, logits.requires_grad_(), tags, torch.tensor(lengths, dtype=torch.int64))


CASES = st.builds(
    make,
    n_tags=st.integers(1, 4),
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**20),
)


def log_partitions(case: Case) -> Tensor:
    return torch.stack(
        [
            torch.logsumexp(torch.stack(list(case.scores(logits).values())), 0)
            for logits, _ in case.sequences()
        ]
    )


@given(CASES)
def test_log_partition_and_likelihood_with_gradients(case: Case) -> None:
    partition = case.crf.log_partition(case.logits, case.lengths)
    torch.testing.assert_close(partition, log_partitions(case))
    gold = torch.stack(
        [case.score(logits, tuple(tags.tolist())) for logits, tags in case.sequences()]
    )
    expected = gold - log_partitions(case)
    found = case.crf.log_likelihood(case.logits, case.tags, case.lengths)
    torch.testing.assert_close(found, expected)
    assert bool((found <= 1e-12).all())
    weights = torch.arange(1.0, len(found) + 1, dtype=torch.float64)
    wrt = (case.logits, case.crf.transitions)
    if case.logits.shape[0]:
        got = torch.autograd.grad((found * weights).sum(), wrt, retain_graph=True)
        want = torch.autograd.grad(
            (expected * weights).sum(), wrt, allow_unused=True, materialize_grads=True
        )
        torch.testing.assert_close(got, want)


@given(CASES)
def test_best_paths(case: Case) -> None:
    found = case.crf.best_paths(case.logits.detach(), case.lengths)
    for (logits, _), path in zip(
        case.sequences(), torch.split(found, case.lengths.tolist()), strict=True
    ):
        best = max(case.scores(logits).values())
        torch.testing.assert_close(case.score(logits, tuple(path.tolist())), best)


@given(CASES)
def test_marginals_and_confidence(case: Case) -> None:
    found = case.crf.marginals(case.logits.detach(), case.lengths)
    expected = torch.zeros_like(found)
    start = 0
    for logits, _ in case.sequences():
        scores = case.scores(logits)
        weights = torch.softmax(torch.stack(list(scores.values())), 0)
        for path, weight in zip(scores, weights, strict=True):
            for t, tag in enumerate(path):
                expected[start + t, tag] += weight.detach()
        start += len(logits)
    torch.testing.assert_close(found, expected)
    tags, confidence = case.crf.decode(case.logits.detach(), case.lengths)
    torch.testing.assert_close(confidence, expected.gather(1, tags[:, None]).squeeze(1))
    assert torch.equal(tags, case.crf.best_paths(case.logits.detach(), case.lengths))


def test_sequences_do_not_touch_each_other(seed: int) -> None:
    case = make(3, [2, 0, 5, 1, 5], seed)
    together = case.crf.log_likelihood(case.logits, case.tags, case.lengths)
    alone = [
        case.crf.log_likelihood(logits, tags, torch.tensor([len(tags)]))
        for logits, tags in case.sequences()
    ]
    torch.testing.assert_close(together, torch.cat(alone))
    assert float(together[1].detach()) == 0.0


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_tokens(lengths: list[int]) -> None:
    case = make(3, lengths, 0)
    assert case.crf.log_likelihood(case.logits, case.tags, case.lengths).tolist() == [0.0] * len(
        lengths
    )
    assert case.crf.log_partition(case.logits, case.lengths).tolist() == [0.0] * len(lengths)
    assert case.crf.decode(case.logits, case.lengths).tags.shape == (0,)
    assert case.crf.marginals(case.logits, case.lengths).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_stay_finite(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    crf = LinearChainCRF(4).to(dtype)
    with torch.no_grad():
        crf.transitions.copy_(200.0 * torch.randn(4, 4, generator=generator).sign())
    logits = (200.0 * torch.randn(12, 4, generator=generator).sign()).to(dtype).requires_grad_()
    lengths = torch.tensor([5, 1, 6])
    tags = torch.randint(4, (12,), generator=generator)
    found = crf.log_likelihood(logits, tags, lengths)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert bool(found.isfinite().all())
    assert logits.grad is not None and bool(logits.grad.isfinite().all())
    assert crf.transitions.grad is not None and bool(crf.transitions.grad.isfinite().all())
    decoded = crf.decode(logits.detach(), lengths)
    assert bool(((decoded.confidence >= 0) & (decoded.confidence <= 1)).all())


def test_no_gradient_is_infinite_where_no_path_is_left() -> None:
    """Scores so far apart that float32 knows no path: about one in a hundred of these."""
    for number in range(400):
        n_tags, scale = (4, 7, 17)[number % 3], (50.0, 200.0, 1000.0, 3e4)[number % 4]
        generator = torch.Generator().manual_seed(number)
        crf = LinearChainCRF(n_tags)
        with torch.no_grad():
            crf.transitions.copy_(scale * torch.randn(n_tags, n_tags, generator=generator).sign())
        logits = scale * torch.randn(12, n_tags, generator=generator).sign()
        logits.requires_grad_()
        tags = torch.randint(n_tags, (12,), generator=generator)
        crf.log_likelihood(logits, tags, torch.tensor([5, 1, 6])).sum().backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert bool((logits.grad.abs() <= 1.01).all()), number
        assert crf.transitions.grad is not None
        assert bool(crf.transitions.grad.isfinite().all()), number


def test_float32_is_exact_at_large_logits(seed: int) -> None:
    """Only transitions further apart than exp can tell in float32 (about 87) would be cut."""
    exact = make(3, [4, 2, 1], seed, scale=1.0)
    with torch.no_grad():
        exact.logits.mul_(200)
        exact.crf.transitions.mul_(10)
    expected = exact.crf.log_likelihood(exact.logits, exact.tags, exact.lengths)
    single = LinearChainCRF(3)
    with torch.no_grad():
        single.transitions.copy_(exact.crf.transitions)
    found = single.log_likelihood(exact.logits.float(), exact.tags, exact.lengths)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-3)


def test_initial_transitions() -> None:
    torch.manual_seed(1)
    crf = LinearChainCRF(9)
    assert crf.transitions.shape == (9, 9)
    assert float(crf.transitions.detach().abs().max()) <= (6 / 18) ** 0.5
    before = crf.transitions.detach().clone()
    crf.reset_parameters()
    assert not torch.equal(before, crf.transitions)
