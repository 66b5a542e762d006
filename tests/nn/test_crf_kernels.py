"""The CRF by kernels equals the readable one, and keeps to what may follow what."""

from __future__ import annotations

import pytest
import torch

from gossamer.nn import crf as crf_module
from gossamer.nn.crf import LinearChainCRF
from gossamer.sparse.kernels.build import is_available

LENGTHS = torch.tensor([4, 0, 1, 12, 7])


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
@pytest.mark.parametrize("n_tags", [1, 3, 16, 45, 50])
@pytest.mark.parametrize("forbids", [False, True])
def test_equals_the_readable_way(
    n_tags: int, forbids: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(n_tags)
    forbidden = torch.rand(n_tags, n_tags) < 0.3 if forbids else None
    if forbidden is not None:
        forbidden[:, 0] = forbidden[0] = False
    crf = LinearChainCRF(n_tags, forbidden)
    torch.nn.init.normal_(crf.transitions, std=2.0)
    logits = (3 * torch.randn(int(LENGTHS.sum()), n_tags)).requires_grad_()
    grad = torch.randn(len(LENGTHS))
    assert crf_module._has_kernels(logits, crf.transitions)
    own = crf.log_partition(logits, LENGTHS)
    own_grads = torch.autograd.grad(own, [logits, crf.transitions], grad)
    monkeypatch.setattr(crf_module, "_has_kernels", lambda *_: False)
    exact, wide = crf.double(), logits.detach().double().requires_grad_()
    other = exact.log_partition(wide, LENGTHS)
    other_grads = torch.autograd.grad(other, [wide, exact.transitions], grad.double())
    torch.testing.assert_close(own.double(), other, atol=1e-5, rtol=1e-5)
    for a, b in zip(own_grads, other_grads, strict=True):
        torch.testing.assert_close(a.double(), b, atol=1e-5, rtol=1e-4)


def test_forbidden_moves_are_never_made() -> None:
    forbidden = torch.tensor([[False, True], [True, False]])
    crf = LinearChainCRF(2, forbidden)
    logits = torch.tensor([[5.0, 0.0], [0.0, 6.0], [5.0, 0.0]])
    paths = crf.decode(logits, torch.tensor([3]))
    assert paths.tags.tolist() == [0, 0, 0]
    assert "penalty" not in crf.state_dict()
    free = LinearChainCRF(2)
    with torch.no_grad():
        free.transitions.zero_()
    assert free.decode(logits, torch.tensor([3])).tags.tolist() == [0, 1, 0]
