"""Both losses against a plain reference that goes through the examples one by one."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gossamer.nn.options import SimilarityOptions
from gossamer.nn.similarity import (
    Negatives,
    SingleLabelDotProductLoss,
    loss_scale,
)

N_INPUTS, N_LABELS, K, WIDTH = 5, 4, 6, 3
CASES: list[dict[str, Any]] = [
    {"use_cosine": cosine, "constrain_similarities": constrain, "scale_loss": scale}
    for cosine, constrain, scale in product((False, True), repeat=3)
]
CASES += [
    {"loss_type": "margin", "use_cosine": cosine, "use_maximum_negative_similarity": maximum}
    for cosine, maximum in product((False, True), repeat=2)
]


def compare(x: Tensor, y: Tensor, o: SimilarityOptions) -> Tensor:
    return torch.nn.functional.cosine_similarity(x, y, dim=0) if o.use_cosine else x @ y


def sigmoid_loss(logit: Tensor, is_positive: bool) -> Tensor:
    return torch.nn.functional.softplus(-logit if is_positive else logit)


def reference(
    inputs: Tensor, labels: Tensor, target: list[int], negatives: Negatives, o: SimilarityOptions
) -> Tensor:
    losses = []
    for i, own in enumerate(target):
        p = compare(inputs[i], labels[own], o)
        il, ll, ii, li = [], [], [], []
        for j in negatives.labels[i].tolist():
            away = -1e9 if j == own else 0.0
            il.append(compare(inputs[i], labels[j], o) + away)
            ll.append(compare(labels[own], labels[j], o) + away)
        for j in negatives.inputs[i].tolist():
            away = -1e9 if target[j] == own else 0.0
            ii.append(compare(inputs[i], inputs[j], o) + away)
            li.append(compare(labels[own], inputs[j], o) + away)
        if o.loss_type == "margin":
            low, s = o.maximum_negative_similarity, o.negative_margin_scale
            hinged = [torch.relu(low + x) for x in il]
            loss = torch.relu(o.maximum_positive_similarity - p)
            loss = loss + (max(hinged) if o.use_maximum_negative_similarity else sum(hinged))
            loss = loss + s * sum(torch.relu(low + max(part)) for part in (ll, ii, li))
        elif o.constrain_similarities:
            loss = -torch.log_softmax(torch.stack([p, *il, *li]), 0)[0]
            terms = [sigmoid_loss(p, True)]
            terms += [sigmoid_loss(x, False) for part in (il, ll, ii, li) for x in part]
            loss = loss + torch.stack(terms).mean()
        else:
            loss = -torch.log_softmax(torch.stack([p, *il, *li, *ii, *ll]), 0)[0]
        losses.append(loss)
    each = torch.stack(losses)
    if o.scale_loss and o.loss_type == "cross_entropy":
        q = torch.exp(-each).detach()
        each = each * ((1 - q) / 0.5) ** 4 if float(q.max()) > 0.5 else each
    return each.mean()


@pytest.mark.thinned(4)
@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=8)  # of each of many cases
@given(st.integers(0, 2**20), st.sampled_from([0.3, 3.0]))
def test_loss_and_gradients(case: dict[str, Any], seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(n: int) -> Tensor:
        x = scale * torch.randn(n, WIDTH, dtype=torch.float64, generator=generator)
        return x.requires_grad_()

    inputs, labels = draw(N_INPUTS), draw(N_LABELS)
    target = torch.randint(N_LABELS, (N_INPUTS,), generator=generator)
    negatives = Negatives(
        torch.randint(N_LABELS, (N_INPUTS, K), generator=generator),
        torch.randint(N_INPUTS, (N_INPUTS, K), generator=generator),
    )
    options = SimilarityOptions(**case)
    found = SingleLabelDotProductLoss(options)(inputs, labels, target, negatives=negatives)
    expected = reference(inputs, labels, target.tolist(), negatives, options)
    torch.testing.assert_close(found.loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found.loss, (inputs, labels)),
        torch.autograd.grad(expected, (inputs, labels)),
    )


def test_a_false_negative_does_not_count() -> None:
    """Negatives that are the target's own label, or inputs of that label, change nothing."""
    inputs = torch.randn(3, WIDTH)
    labels = torch.randn(2, WIDTH)
    target = torch.tensor([0, 0, 1])
    loss = SingleLabelDotProductLoss(SimilarityOptions())
    own = Negatives(torch.tensor([[0], [0], [1]]), torch.tensor([[1], [0], [2]]))
    found = loss(inputs, labels, target, negatives=own)
    assert float(found.loss) == pytest.approx(0.0, abs=1e-6)
    assert float(found.accuracy) == 1.0


def test_identities_tell_false_negatives_apart() -> None:
    """As masked language modelling uses it: two rows of `labels` may be the same token."""
    inputs, labels = torch.randn(2, WIDTH), torch.randn(2, WIDTH)
    loss = SingleLabelDotProductLoss(SimilarityOptions())
    other = Negatives(torch.tensor([[1], [0]]), torch.tensor([[1], [0]]))
    rows = torch.arange(2)
    same = torch.tensor([9, 9])
    found = loss(inputs, labels, rows, input_ids=same, label_ids=same, negatives=other)
    assert float(found.loss) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(inputs, labels, rows, negatives=other).loss) > 1e-3


def test_accuracy_is_the_share_that_beats_its_negatives() -> None:
    labels = torch.eye(3)
    inputs = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    target = torch.tensor([0, 1, 1, 2])
    every = torch.arange(3).expand(4, 3)
    negatives = Negatives(every, torch.zeros(4, 3, dtype=torch.int64))
    found = SingleLabelDotProductLoss(SimilarityOptions())(
        inputs, labels, target, negatives=negatives
    )
    assert float(found.accuracy) == 0.75  # the second loses, the third draws level


def test_negatives_are_drawn_from_all_labels_and_inputs() -> None:
    torch.manual_seed(0)
    drawn = Negatives.draw(3, 5, 200, torch.device("cpu"))
    assert drawn.labels.shape == drawn.inputs.shape == (3, 200)
    assert set(drawn.labels.flatten().tolist()) == set(range(5))
    assert set(drawn.inputs.flatten().tolist()) == set(range(3))
    torch.manual_seed(0)
    again = Negatives.draw(3, 5, 200, torch.device("cpu"))
    assert torch.equal(drawn.labels, again.labels) and torch.equal(drawn.inputs, again.inputs)


def test_number_of_negatives() -> None:
    torch.manual_seed(0)
    inputs, labels, target = torch.randn(4, 2), torch.randn(9, 2), torch.arange(4)
    few, many = (
        SingleLabelDotProductLoss(SimilarityOptions(number_of_negative_examples=n))
        for n in (1, 500)
    )
    assert float(few(inputs, labels, target).loss) < float(many(inputs, labels, target).loss)


def test_similarity_of_all_pairs() -> None:
    inputs, labels = torch.randn(2, WIDTH), torch.randn(3, WIDTH)
    inner = SingleLabelDotProductLoss(SimilarityOptions()).similarity(inputs, labels)
    torch.testing.assert_close(inner, inputs @ labels.t())
    cosine = SingleLabelDotProductLoss(SimilarityOptions(use_cosine=True)).similarity(
        inputs, labels
    )
    norms = inputs.norm(dim=1)[:, None] * labels.norm(dim=1)[None, :]
    torch.testing.assert_close(cosine, inner / norms)


def test_cosine_of_a_zero_vector_is_finite() -> None:
    loss = SingleLabelDotProductLoss(SimilarityOptions(use_cosine=True))
    x = torch.zeros(2, WIDTH, requires_grad=True)
    found = loss(x, torch.randn(2, WIDTH), torch.tensor([0, 1]))
    found.loss.backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


def test_loss_scale() -> None:
    sure, unsure = -math.log(0.9), -math.log(0.3)
    scale = loss_scale(torch.tensor([sure, unsure], requires_grad=True))
    assert not scale.requires_grad
    assert scale.tolist() == pytest.approx([(0.1 / 0.5) ** 4, (0.7 / 0.5) ** 4])
    assert loss_scale(torch.tensor([unsure, unsure])).tolist() == [1.0, 1.0]
