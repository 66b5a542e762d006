"""The encoder against Rasa's, with equal weights: outputs and gradients to 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gossamer.nn.attention import LinearMaker
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.packing import Packing
from gossamer.sparse import RandomlyConnectedLinear

_FILE = json.loads((Path(__file__).parent / "fixtures" / "encoder.json").read_text())
SETTINGS: dict[str, Any] = _FILE["settings"]
CASES: list[dict[str, Any]] = _FILE["content"]
TOLERANCE = 1e-5

# Our name for each matrix Rasa's encoder has.
_LAYERS = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "attention_output": "attention.out",
    "feed_forward_1": "feed_forward_in",
    "feed_forward_2": "feed_forward_out",
}


def name_of(case: dict[str, Any]) -> str:
    relative = "key" * case["use_key_relative_attention"]
    relative += "value" * case["use_value_relative_attention"]
    direction = "causal" if case["unidirectional_encoder"] else "both"
    return (
        f"{relative or 'absolute'}-{case['max_relative_position']}-{direction}"
        f"-{case['connection_density']}"
    )


def linear(weights: dict[str, Any], name: str, *, as_sparse: bool) -> nn.Module:
    """The recorded layer, stored dense with zeros or sparse."""
    weight = torch.tensor(weights[f"{name}.kernel"]).t().contiguous()
    bias = torch.tensor(weights[f"{name}.bias"]) if f"{name}.bias" in weights else None
    if as_sparse:
        rows = weights[f"{name}.mask"]
        mask = torch.tensor([[digit == "1" for digit in row] for row in rows]).t().contiguous()
        return RandomlyConnectedLinear.from_masked_dense(weight, mask, bias)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def recorded_encoder(case: dict[str, Any], *, as_sparse: bool) -> TransformerEncoder:
    """An encoder of ours with the recorded weights."""
    make: LinearMaker = lambda n_in, n_out, bias: nn.Linear(n_in, n_out, bias=bias)  # noqa: E731
    encoder = TransformerEncoder(
        SETTINGS["input_size"],
        SETTINGS["units"],
        num_layers=SETTINGS["num_layers"],
        num_heads=SETTINGS["num_heads"],
        linear=make,
        dropout=SETTINGS["dropout_rate"],
        attention_dropout=SETTINGS["attention_dropout_rate"],
        feed_forward_size=SETTINGS["filter_units"],
        use_key_relative=case["use_key_relative_attention"],
        use_value_relative=case["use_value_relative_attention"],
        max_relative_position=case["max_relative_position"],
        is_causal=case["unidirectional_encoder"],
    )
    weights = case["weights"]
    parameters = dict(encoder.named_parameters())

    def fill(ours: str, theirs: str) -> None:
        with torch.no_grad():
            parameters[ours].copy_(torch.tensor(weights[theirs]))

    def fill_norm(ours: str, theirs: str) -> None:
        fill(f"{ours}.weight", f"{theirs}.gamma")
        fill(f"{ours}.bias", f"{theirs}.beta")

    encoder.set_submodule("input", linear(weights, "input", as_sparse=as_sparse))
    fill_norm("norm", "output_norm")
    for index in range(SETTINGS["num_layers"]):
        fill_norm(f"layers.{index}.attention_norm", f"{index}.attention_norm")
        fill_norm(f"layers.{index}.feed_forward_norm", f"{index}.feed_forward_norm")
        for kind in ("key", "value"):
            if f"{index}.{kind}_relative" in weights:
                fill(f"layers.{index}.attention.{kind}_relative", f"{index}.{kind}_relative")
        for theirs, ours in _LAYERS.items():
            layer = linear(weights, f"{index}.{theirs}", as_sparse=as_sparse)
            encoder.set_submodule(f"layers.{index}.{ours}", layer)
    return encoder.eval()


def check(case: dict[str, Any], *, as_sparse: bool) -> None:
    # In float64, so that what is left of a difference is the recording's own rounding.
    encoder = recorded_encoder(case, as_sparse=as_sparse).double()
    inputs = torch.tensor(case["inputs"], dtype=torch.float64, requires_grad=True)
    packing = Packing.from_lengths(torch.tensor(SETTINGS["lengths"]))
    outputs: Tensor = encoder(inputs, packing)
    expected = torch.tensor(case["outputs"], dtype=torch.float64)
    torch.testing.assert_close(outputs, expected, atol=TOLERANCE, rtol=0)
    (gradient,) = torch.autograd.grad((outputs * torch.tensor(case["cotangent"])).sum(), inputs)
    # Gradients reach into the tens, hence a tolerance relative to their size as well.
    expected = torch.tensor(case["input_gradient"], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_encoder_with_dense_layers(case: dict[str, Any]) -> None:
    check(case, as_sparse=False)


SPARSE_CASES = [case for case in CASES if case["connection_density"] < 1.0]


@pytest.mark.parametrize("case", SPARSE_CASES, ids=name_of)
def test_encoder_with_randomly_connected_layers(case: dict[str, Any]) -> None:
    check(case, as_sparse=True)


def test_every_variant_is_recorded() -> None:
    variants = {
        (
            case["use_key_relative_attention"],
            case["use_value_relative_attention"],
            case["unidirectional_encoder"],
            case["connection_density"],
        )
        for case in CASES
    }
    assert len(variants) == 12
