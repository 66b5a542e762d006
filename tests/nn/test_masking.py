from __future__ import annotations

import math

import pytest
import torch

from gossamer.nn.masking import MaskedLanguageModel
from gossamer.nn.options import SimilarityOptions
from gossamer.nn.similarity import SingleLabelDotProductLoss


def test_shares() -> None:
    torch.manual_seed(1)
    n = 40_000
    model = MaskedLanguageModel(3, 4, 2)
    x = torch.arange(1.0, n + 1)[:, None].expand(-1, 3).contiguous()
    masked, chosen = model.mask(x, n)

    def close(found: int, share: float, of: int) -> bool:
        return abs(found - share * of) < 6 * math.sqrt(of * share * (1 - share))

    assert close(len(chosen), 0.15, n)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    by_mask = (masked[chosen] == model.mask_vector).all(1)
    unchanged = (masked[chosen] == x[chosen]).all(1)
    assert close(int(by_mask.sum()), 0.7, len(chosen))
    assert close(int(unchanged.sum()), 0.2, len(chosen))
    by_other = ~by_mask & ~unchanged
    assert close(int(by_other.sum()), 0.1, len(chosen))
    others = masked[chosen][by_other]
    assert bool((others == others.round()).all()) and bool((others[:, 0] <= n).all())
    rest = torch.ones(n, dtype=torch.bool)
    rest[chosen] = False
    assert torch.equal(masked[rest], x[rest])


def test_rows_behind_the_tokens_are_never_hidden() -> None:
    torch.manual_seed(1)
    model = MaskedLanguageModel(2, 2, 2)
    x = torch.randn(300, 2)
    for _ in range(10):
        masked, chosen = model.mask(x, 200)
        assert int(chosen.max()) < 200
        assert torch.equal(masked[200:], x[200:])


def test_one_at_least_is_chosen() -> None:
    torch.manual_seed(1)
    model = MaskedLanguageModel(2, 2, 2)
    for _ in range(30):
        assert model.mask(torch.randn(3, 2), 1).chosen.tolist() == [0]


def test_gradient_reaches_the_mask_vector_and_rows_that_stay() -> None:
    torch.manual_seed(1)
    model = MaskedLanguageModel(2, 2, 2)
    x = torch.randn(500, 2, requires_grad=True)
    masked, chosen = model.mask(x, 500)
    masked.sum().backward()  # type: ignore[no-untyped-call]
    by_mask = (masked == model.mask_vector).all(1)
    assert model.mask_vector.grad is not None and x.grad is not None
    torch.testing.assert_close(model.mask_vector.grad, by_mask.sum().float().expand(1, 2))
    assert bool((x.grad[by_mask] == 0).all())
    rest = torch.ones(500, dtype=torch.bool)
    rest[chosen] = False
    assert bool((x.grad[rest] == 1).all()), "a row that replaces another gets no gradient for it"


def test_loss_compares_chosen_tokens_among_each_other() -> None:
    torch.manual_seed(1)
    model = MaskedLanguageModel(3, 4, 2)
    similarity = SingleLabelDotProductLoss(SimilarityOptions())
    before, after = torch.randn(6, 3), torch.randn(6, 4, requires_grad=True)
    chosen = torch.tensor([1, 4])
    torch.manual_seed(2)
    found = model.loss(similarity, before, after, chosen, torch.tensor([0, 1, 2, 0, 5]))
    torch.manual_seed(2)
    expected = similarity(
        model.embed_output(after[chosen]), model.embed_token(before[chosen]), torch.arange(2)
    )
    torch.testing.assert_close(found.loss, expected.loss)
    found.loss.backward()  # type: ignore[no-untyped-call]
    assert after.grad is not None
    assert after.grad.any(1).tolist() == [False, True, False, False, True, False]


def test_equal_tokens_are_no_negatives_of_each_other() -> None:
    model = MaskedLanguageModel(3, 4, 2)
    similarity = SingleLabelDotProductLoss(SimilarityOptions())
    same = torch.zeros(5, dtype=torch.int64)
    found = model.loss(similarity, torch.randn(5, 3), torch.randn(5, 4), torch.arange(5), same)
    assert float(found.loss.detach()) == pytest.approx(0.0, abs=1e-6)


def test_kernels_under_l2() -> None:
    model = MaskedLanguageModel(3, 4, 2)
    assert [tuple(weight.shape) for weight in model.regularized()] == [(2, 4), (2, 3)]
