"""The CRF against Rasa's: likelihoods, loss, its gradients and best paths to 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gossamer.nn.crf import LinearChainCRF
from gossamer.nn.similarity import loss_scale

_FILE = json.loads((Path(__file__).parent / "fixtures" / "crf.json").read_text())
CASES: list[dict[str, Any]] = _FILE["content"]
N_TAGS: int = _FILE["settings"]["n_tags"]


def name_of(case: dict[str, Any]) -> str:
    return "-".join(map(str, case["lengths"]))


@pytest.fixture(params=CASES, ids=name_of)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def recorded_crf(case: dict[str, Any]) -> LinearChainCRF:
    crf = LinearChainCRF(N_TAGS)
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor(case["transitions"]))
    return crf


def close(found: Tensor, expected: Any) -> None:
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_log_likelihood(case: dict[str, Any]) -> None:
    crf, lengths = recorded_crf(case), torch.tensor(case["lengths"])
    found = crf.log_likelihood(torch.tensor(case["logits"]), torch.tensor(case["tags"]), lengths)
    close(found, case["log_likelihoods"])


@pytest.mark.parametrize("is_scaled", [False, True])
def test_loss_and_gradients(case: dict[str, Any], is_scaled: bool) -> None:
    crf, lengths = recorded_crf(case), torch.tensor(case["lengths"])
    logits = torch.tensor(case["logits"], requires_grad=True)
    loss = -crf.log_likelihood(logits, torch.tensor(case["tags"]), lengths)
    if is_scaled:
        loss = loss * loss_scale(loss)
    loss = loss.mean()
    expected = case["scaled_loss" if is_scaled else "loss"]
    close(loss, expected["value"])
    by_logits, by_transitions = torch.autograd.grad(
        loss, (logits, crf.transitions), allow_unused=True
    )
    close(by_logits, expected["logits_gradient"])
    if expected["transitions_gradient"] is None:
        assert by_transitions is None or not by_transitions.any()
    else:
        close(by_transitions, expected["transitions_gradient"])


def test_best_path(case: dict[str, Any]) -> None:
    crf, lengths = recorded_crf(case), torch.tensor(case["lengths"])
    found = crf.best_paths(torch.tensor(case["logits"]), lengths)
    assert found.tolist() == case["paths"]
    assert crf.decode(torch.tensor(case["logits"]), lengths).tags.tolist() == case["paths"]


def test_confidence_where_rasas_is_sound(case: dict[str, Any]) -> None:
    """Rasa's confidences are not marginals; for a text of one token the two are the same."""
    crf, lengths = recorded_crf(case), torch.tensor(case["lengths"])
    found = crf.decode(torch.tensor(case["logits"]), lengths).confidence
    ends = torch.cumsum(lengths, 0)
    single = [int(end) - 1 for end, length in zip(ends, lengths, strict=True) if length == 1]
    close(found[single], [case["confidences"][row] for row in single])


def test_some_losses_are_scaled() -> None:
    """The fixture exercises both sides of the threshold of loss scaling."""
    changed = [case["loss"]["value"] != case["scaled_loss"]["value"] for case in CASES]
    assert any(changed)
    assert not all(changed)
