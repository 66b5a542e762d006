"""Steps of training against Rasa's: its L2 rule, and Adam as Keras has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gossamer.nn.training.fit import add_l2_gradient

_FILE = json.loads((Path(__file__).parent / "fixtures" / "training_step.json").read_text())
SETTINGS: dict[str, Any] = _FILE["settings"]
RUNS: dict[str, dict[str, Any]] = _FILE["content"]


@pytest.mark.parametrize("rows", [None, torch.tensor([0, 1, 2])], ids=["all", "rows that occur"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_steps(name: str, rows: torch.Tensor | None) -> None:
    run = RUNS[name]
    kernel = nn.Parameter(torch.tensor(run["kernel"]))
    x, y = torch.tensor(run["x"]), torch.tensor(run["y"])
    rate = SETTINGS["learning_rate"]
    optimizer: torch.optim.Optimizer
    if name == "sgd":
        optimizer = torch.optim.SGD([kernel], lr=rate)
    else:
        optimizer = torch.optim.Adam([kernel], lr=rate, eps=1e-7, fused=True)
    for expected in run["after"]:
        optimizer.zero_grad()
        (x @ kernel - y).square().mean().backward()  # type: ignore[no-untyped-call]
        add_l2_gradient(kernel, SETTINGS["regularization_constant"], rows)
        optimizer.step()
        torch.testing.assert_close(kernel.detach(), torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_the_rule_is_exercised() -> None:
    """A kernel row whose input never occurs stays as it was, L2 or not."""
    run = RUNS["sgd"]
    assert run["after"][-1][3] == run["kernel"][3]
    assert run["after"][-1][0] != run["kernel"][0]
