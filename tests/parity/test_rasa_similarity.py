"""Both similarity losses against Rasa's, with the same negatives: losses and gradients to 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gossamer.nn.options import SimilarityOptions
from gossamer.nn.similarity import Negatives, SingleLabelDotProductLoss

_FILE = json.loads((Path(__file__).parent / "fixtures" / "similarity.json").read_text())
SETTINGS: dict[str, Any] = _FILE["settings"]
GROUPS: list[dict[str, Any]] = _FILE["content"]
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (group, case) for group in GROUPS for case in group["cases"]
]


def name_of(value: dict[str, Any]) -> str:
    if "name" in value:
        name: str = value["name"]
        return name
    switches = [name for name in value if value[name] is True]
    return "-".join([value["loss_type"], value["similarity_type"], *switches])


def options_of(case: dict[str, Any]) -> SimilarityOptions:
    return SimilarityOptions(
        loss_type=case["loss_type"],
        use_cosine=case["similarity_type"] == "cosine",
        constrain_similarities=case.get("constrain_similarities", False),
        scale_loss=case.get("scale_loss", False),
        maximum_positive_similarity=SETTINGS["mu_pos"],
        maximum_negative_similarity=SETTINGS["mu_neg"],
        use_maximum_negative_similarity=case.get("use_max_sim_neg", True),
        negative_margin_scale=SETTINGS["neg_lambda"],
    )


@pytest.mark.parametrize(("group", "case"), CASES, ids=name_of)
def test_loss_and_gradients(group: dict[str, Any], case: dict[str, Any]) -> None:
    inputs = group["inputs"]
    embeddings = torch.tensor(inputs["input_embeddings"], requires_grad=True)
    labels = torch.tensor(inputs["label_embeddings"], requires_grad=True)
    loss, accuracy = SingleLabelDotProductLoss(options_of(case))(
        embeddings,
        labels,
        torch.tensor(inputs["label_ids"]),
        negatives=Negatives(
            labels=torch.tensor(inputs["negative_labels"]),
            inputs=torch.tensor(inputs["negative_inputs"]),
        ),
    )
    torch.testing.assert_close(loss, torch.tensor(case["loss"]), atol=1e-5, rtol=1e-5)
    assert float(accuracy) == pytest.approx(case["accuracy"])
    by_inputs, by_labels = torch.autograd.grad(loss, (embeddings, labels))
    for found, name in ((by_inputs, "input_gradient"), (by_labels, "label_gradient")):
        torch.testing.assert_close(found, torch.tensor(case[name]), atol=1e-5, rtol=1e-5)


def test_loss_scaling_is_exercised() -> None:
    """The groups lie on both sides of its threshold, with and without bounded similarities."""
    changed: dict[str, list[bool]] = {}
    for group in GROUPS:
        losses: dict[str, set[float]] = {}
        for case in group["cases"]:
            if case["loss_type"] == "cross_entropy":
                variant = f"{case['similarity_type']} {case['constrain_similarities']}"
                losses.setdefault(variant, set()).add(case["loss"])
        for variant, values in losses.items():
            changed.setdefault(variant, []).append(len(values) == 2)
    for variant in ("inner False", "inner True", "cosine False"):
        assert set(changed[variant]) == {False, True}, variant
