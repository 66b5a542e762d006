"""TED's network against Rasa's, with equal weights: embeddings, similarities, losses, gradients."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn

from gossamer.dialogue.policies.ted.features import TurnInput
from gossamer.dialogue.policies.ted.network import NameEncoder, TEDNetwork
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.shape import TEDShape
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.similarity import Negatives, SingleLabelDotProductLoss
from gossamer.sparse import RandomlyConnectedLinear

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "fixtures" / "dialogue_network.json").read_text()
)["content"]
TOLERANCE = 2e-5

# Our name of each layer of the transformer.
_LAYERS = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "attention_output": "attention.out",
    "feed_forward_1": "feed_forward_in",
    "feed_forward_2": "feed_forward_out",
}
# Our name of each table and matrix whose gradient is recorded.
_TABLES = {
    "names.intent.input.table": "intent.input",
    "names.entities.input.table": "entities.input",
    "names.slots.input.table": "slots.input",
    "label.input.table": "label_action_name.encode",
}
_MATRICES = {
    "names.action_name.encode.layers.0": "action_name.encode",
    "encoder.input": "transformer.input",
    "encoder.layers.0.attention.value": "transformer.0.value",
    "dialogue_embedding": "embed.dialogue",
    "label_embedding": "embed.label",
}
# What a turn is made of, in our order.
_PARTS = ("intent", "action_name", "entities", "slots", "active_loop")


def options_of(case: dict[str, Any]) -> TEDOptions:
    options = TEDOptions(**case["options"])
    # Rasa has no table for labels: each action is one input of the layer that encodes them. A table
    # as wide as the encoding, in front of a layer that changes nothing, is the same.
    widths = {**options.dense_dimension, "label_action_name": options.encoding_dimension}
    return options.model_copy(update={"dense_dimension": widths})


def linear(weights: dict[str, Any], name: str, rows: list[int] | None = None) -> nn.Module:
    """A recorded layer; `rows` puts its inputs in another order."""
    kernel = torch.tensor(weights[f"{name}.kernel"])
    bias = torch.tensor(weights[f"{name}.bias"]) if f"{name}.bias" in weights else None
    mask = None
    if f"{name}.mask" in weights:
        mask = torch.tensor([[x == "1" for x in row] for row in weights[f"{name}.mask"]])
    if rows is not None:
        kernel = kernel[rows]
        mask = None if mask is None else mask[rows]
    if mask is not None:
        weight, chosen = kernel.t().contiguous(), mask.t().contiguous()
        return RandomlyConnectedLinear.from_masked_dense(weight, chosen, bias)
    layer = nn.Linear(kernel.shape[0], kernel.shape[1], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(kernel.t())
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


def part_rows(case: dict[str, Any]) -> list[int]:
    """Rows of the transformer's input kernel in our order of what a turn is made of."""
    starts, start = {}, 0
    for name, width in case["turn_parts"]:
        starts[name] = range(start, start + width)
        start += width
    return [row for name in _PARTS for row in starts[name]]


def recorded_network(case: dict[str, Any]) -> TEDNetwork:
    """A network of ours with the recorded weights."""
    options, weights = options_of(case), case["weights"]
    n_actions = case["columns"]["action_name"]
    labels = Features(sparse=CsrMatrix.of(sparse.eye_array(n_actions, dtype=np.float32)))
    network = TEDNetwork(options, TEDShape(case["columns"], {}, None), labels)
    parameters = dict(network.named_parameters())

    def fill(ours: str, theirs: str) -> None:
        with torch.no_grad():
            parameters[ours].copy_(torch.tensor(weights[theirs]))

    for name in _PARTS:
        fill(f"names.{name}.input.table.weight", f"{name}.input.kernel")
        fill(f"names.{name}.input.table.bias", f"{name}.input.bias")
        if f"{name}.encode.kernel" in weights:
            network.set_submodule(
                f"names.{name}.encode.layers.0", linear(weights, f"{name}.encode")
            )
    fill("label.input.table.weight", "label_action_name.encode.kernel")
    fill("label.input.table.bias", "label_action_name.encode.bias")
    network.set_submodule("label.encode.layers.0", nn.Identity())
    rows = part_rows(case)
    network.set_submodule("encoder.input", linear(weights, "transformer.input", rows))
    for ours, theirs in (("dialogue_embedding", "dialogue"), ("label_embedding", "label")):
        network.set_submodule(ours, linear(weights, f"embed.{theirs}"))
    fill("encoder.norm.weight", "transformer.output_norm.gamma")
    fill("encoder.norm.bias", "transformer.output_norm.beta")
    for index in range(options.number_of_transformer_layers["dialogue"]):
        ours_layer, theirs_layer = f"encoder.layers.{index}", f"transformer.{index}"
        for norm in ("attention_norm", "feed_forward_norm"):
            fill(f"{ours_layer}.{norm}.weight", f"{theirs_layer}.{norm}.gamma")
            fill(f"{ours_layer}.{norm}.bias", f"{theirs_layer}.{norm}.beta")
        for kind in ("key", "value"):
            if f"{theirs_layer}.{kind}_relative" in weights:
                name = f"{ours_layer}.attention.{kind}_relative"
                fill(name, f"{theirs_layer}.{kind}_relative")
        for theirs, ours in _LAYERS.items():
            layer = linear(weights, f"{theirs_layer}.{theirs}")
            network.set_submodule(f"{ours_layer}.{ours}", layer)
    return network


def inputs_of(case: dict[str, Any]) -> tuple[dict[str, TurnInput], Tensor]:
    """The recorded turns of all conversations, and how many each has."""
    is_reversed = options_of(case).tracker_featurizer == "max_history"
    turns = [turn for example in case["examples"] for turn in example[:: -1 if is_reversed else 1]]
    found = {}
    n_turns = len(case["turns"])
    for name in _PARTS:
        values = np.zeros((n_turns, case["columns"][name]), dtype=np.float32)
        for index, features in enumerate(case["turns"]):
            for column, value in features.get(name, []):
                values[index, column] = value
        # n_turns stands for none.
        row = [turn if name in case["turns"][turn] else n_turns for turn in turns]
        matrix = CsrMatrix.of(sparse.csr_array(values))
        found[name] = TurnInput(Features(sparse=matrix), np.array(row, dtype=np.int64))
    return found, torch.tensor([len(example) for example in case["examples"]])


def embeddings(network: TEDNetwork, case: dict[str, Any]) -> tuple[Tensor, Tensor]:
    inputs, lengths = inputs_of(case)
    turns = network.encode(inputs, {}, lengths).turns
    return network.embed_dialogue(turns), network.embed_labels()


def close(found: Tensor, expected: Any) -> None:
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=found.dtype), atol=TOLERANCE, rtol=TOLERANCE
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_embeddings_and_similarities(case: dict[str, Any]) -> None:
    network = recorded_network(case).eval()
    dialogue, labels = embeddings(network, case)
    close(dialogue, case["dialogue_embedding"])
    close(labels, case["label_embedding"])
    similarities = network.loss.similarity(dialogue, labels)
    close(similarities, case["similarities"])
    close(similarities.softmax(dim=1), case["confidences"])


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if options_of(case).tracker_featurizer == "max_history"],
    ids=lambda case: case["name"],
)
def test_losses_and_gradients(case: dict[str, Any]) -> None:
    network = recorded_network(case).train()
    negatives = Negatives(
        labels=torch.tensor(case["negatives"]["labels"]),
        inputs=torch.tensor(case["negatives"]["inputs"]),
    )
    dialogue, labels = embeddings(network, case)
    for recorded in case["losses"]:
        options = dataclasses.replace(
            options_of(case).similarity(),
            constrain_similarities=recorded["constrain_similarities"],
            scale_loss=recorded["scale_loss"],
        )
        loss, _ = SingleLabelDotProductLoss(options)(
            dialogue, labels, torch.tensor(case["labels"]), negatives=negatives
        )
        close(loss, recorded["loss"])
    # The last one has gradients.
    loss.backward()
    for ours, theirs in _TABLES.items():
        gradient = network.get_submodule(ours).get_parameter("weight").grad
        assert gradient is not None
        # Rasa's layer of labels has only some of the connections of our table.
        close_gradient(gradient * connected(case, theirs), recorded_gradient(case, theirs))
    for ours, theirs in _MATRICES.items():
        expected = recorded_gradient(case, theirs)
        if ours == "encoder.input":
            expected = expected[part_rows(case)]
        close_gradient(dense_gradient(network.get_submodule(ours)), expected.t())


def recorded_gradient(case: dict[str, Any], name: str) -> Tensor:
    """Of the connections there are: Rasa has gradients also of weights that it holds at zero."""
    gradient = torch.tensor(case["losses"][-1]["gradients"][f"{name}.kernel"])
    return gradient * connected(case, name)


def connected(case: dict[str, Any], name: str) -> Tensor:
    """1 where there is a connection. *Shape:* that of the kernel, or ()."""
    mask = case["weights"].get(f"{name}.mask")
    if mask is None:
        return torch.tensor(1.0)
    return torch.tensor([[float(digit) for digit in row] for row in mask])


def close_gradient(found: Tensor, expected: Tensor) -> None:
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, atol=1e-5 * max(scale, 1.0), rtol=1e-4)


def dense_gradient(layer: nn.Module) -> Tensor:
    """The gradient of a layer's weight, zeros where there is no connection."""
    gradient = layer.get_parameter("weight").grad
    assert gradient is not None
    if not isinstance(layer, RandomlyConnectedLinear):
        return gradient
    with torch.no_grad():
        layer.weight.copy_(gradient)
        return layer.to_dense_weight()


def test_what_is_missing_is_zero() -> None:
    """A turn without an attribute has zeros there, not the bias."""
    case = CASES[0]
    network = recorded_network(case).eval()
    inputs, _ = inputs_of(case)
    encoder = network.names["entities"]
    assert isinstance(encoder, NameEncoder)
    features, row = inputs["entities"]
    encoded = encoder(features, row)
    is_missing = row == len(case["turns"])
    assert is_missing.any() and not is_missing.all()
    assert (encoded[is_missing] == 0.0).all()
    assert (encoded[~is_missing] != 0.0).any()
