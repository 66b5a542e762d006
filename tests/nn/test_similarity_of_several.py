"""The loss of inputs with several labels, against one made by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gossamer.nn.options import SimilarityOptions
from gossamer.nn.similarity import MultiLabelDotProductLoss

N_INPUTS, N_LABELS, WIDTH = 5, 4, 3


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("size", [0.3, 3.0])
def test_equals_one_made_by_hand(scale: bool, size: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = size * torch.randn(N_INPUTS, WIDTH, dtype=torch.float64, generator=generator)
    labels = size * torch.randn(N_LABELS, WIDTH, dtype=torch.float64, generator=generator)
    target = torch.rand(N_INPUTS, N_LABELS, generator=generator) < 0.4
    target[:, 1] = True
    drawn = torch.randint(N_LABELS, (N_INPUTS, 6), generator=generator)
    each = []
    for x, right, others in zip(inputs, target, drawn, strict=True):
        compared = [*right.nonzero()[:, 0].tolist(), *others.tolist()]
        losses = [F.softplus(-(x @ labels[i]) if right[i] else x @ labels[i]) for i in compared]
        each.append(torch.stack(losses).mean())
    expected = torch.stack(each)
    if scale:
        q = torch.exp(-expected)
        factor = ((1 - q) / 0.5) ** 4 if bool(q.max() > 0.5) else torch.ones_like(q)
        expected = expected * factor
    loss = MultiLabelDotProductLoss(SimilarityOptions(scale_loss=scale))
    found = loss(inputs, labels, target, drawn=drawn)
    torch.testing.assert_close(found.loss, expected.mean())
    weights = torch.rand(N_INPUTS, dtype=torch.float64, generator=generator)
    weighted = loss(inputs, labels, target, drawn=drawn, weights=weights)
    torch.testing.assert_close(weighted.loss, (expected * weights).sum())
    best = (inputs @ labels.t()).argmax(1)
    assert float(found.accuracy) == pytest.approx(
        float(target[torch.arange(N_INPUTS), best].double().mean())
    )


def test_so_many_are_drawn() -> None:
    torch.manual_seed(0)
    inputs, labels = torch.zeros(2, 3), torch.zeros(4, 3)
    target = torch.ones(2, 4, dtype=torch.bool)
    for number, expected in ((None, 20), (7, 7)):
        loss = MultiLabelDotProductLoss(SimilarityOptions(number_of_negative_examples=number))
        assert loss.n_drawn == expected
        assert float(loss(inputs, labels, target).loss) == pytest.approx(0.6931, abs=1e-4)
