"""Batches of an epoch against Rasa's, given the same stream of permutations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from gossamer.nn.training.batching import batch_size_at, epoch_batches

_FILE = json.loads((Path(__file__).parent / "fixtures" / "batches.json").read_text())
SEED: int = _FILE["settings"]["seed"]
CASES: list[dict[str, Any]] = _FILE["content"]


def name_of(case: dict[str, Any]) -> str:
    counts = "-".join(map(str, case["examples_of_each_label"]))
    return f"{counts} {case['batch_strategy']} {'drop' * case['drop_small_last_batch']}".strip()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_batches(case: dict[str, Any]) -> None:
    counts = case["examples_of_each_label"]
    labels = np.repeat(np.arange(len(counts)), counts)
    # Rasa draws from the old global generator; only its `permutation` is used here.
    stream = cast(np.random.Generator, np.random.RandomState(SEED))
    n_epochs = len(case["epochs"])
    first, last = case["batch_size"]
    for epoch, expected in enumerate(case["epochs"]):
        batches = epoch_batches(
            len(labels),
            labels if case["batch_strategy"] == "balanced" else None,
            batch_size_at(epoch, n_epochs, (first, last)),
            stream,
            drop_small_last=case["drop_small_last_batch"],
        )
        assert [batch.tolist() for batch in batches] == expected
