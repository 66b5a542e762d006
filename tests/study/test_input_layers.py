"""DIET without its dense input layer, or with one that does not learn."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse
from torch import nn

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.frozen.inputs import Table
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.weights import Weights
from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.training.callbacks import Companions, FitCallback, Loss
from gossamer.sparse import RandomlyConnectedLinear
from gossamer.study import InputLayer, Run, StudyData, Task, perform
from gossamer.study.input_layers import (
    FixedInputTable,
    PassThrough,
    SparselyConnectedInput,
    hashed_weight,
    replace_input_layers,
    windows,
)
from gossamer.study.interventions import callbacks_for

RUN = Run(task=Task.INTENT, density=0.2, size=16, seed=0, epochs=3)


class Watching(FitCallback):
    """Keeps the text's tables as they are at the beginning and at the end, and all gradients."""

    def __init__(self) -> None:
        self.network: DIETNetwork | None = None
        self.before: dict[str, torch.Tensor] = {}
        self.after: dict[str, torch.Tensor] = {}
        self.with_gradient: set[str] = set()

    def begin(self, network: nn.Module, n_steps: int) -> None:
        assert isinstance(network, DIETNetwork)
        self.network = network
        self.before = tables(network)

    def step(self, network: nn.Module, loss: Loss, companions: Companions) -> None:
        self.with_gradient |= {
            name
            for name, parameter in network.named_parameters()
            if parameter.grad is not None and bool(parameter.grad.any())
        }

    def finish(self, network: nn.Module) -> None:
        assert self.network is not None
        self.after = tables(self.network)


def csr(dense: npt.NDArray[Any]) -> CsrMatrix:
    return CsrMatrix.of(sparse.csr_array(dense.astype(np.float32)))


def tables(network: DIETNetwork) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{part}": tensor.detach().clone()
        for name, feature_input in network.text_inputs().items()
        if feature_input.table is not None
        for part, tensor in feature_input.table.named_parameters()
    }


def watched(data: StudyData, run: Run) -> tuple[Watching, DIETNetwork]:
    watching, diet, _ = trained(data, run)
    assert diet.network is not None
    return watching, diet.network


def trained(data: StudyData, run: Run) -> tuple[Watching, DIETComponent, Pipeline]:
    assert data.examples is not None
    pipeline = Pipeline.from_config(data.config_for(run))
    diet = pipeline.components[-2]
    assert isinstance(diet, DIETComponent)
    watching = Watching()
    diet.callbacks = [*callbacks_for(run), watching]
    pipeline.train(data.examples)
    return watching, diet, pipeline


@pytest.mark.parametrize("kind", [InputLayer.FROZEN, InputLayer.HASHED])
@pytest.mark.parametrize("task", [Task.INTENT, Task.ENTITY])
def test_fixed_tables_do_not_learn(
    read: Callable[[str], StudyData], task: Task, kind: InputLayer
) -> None:
    watching, network = watched(read(task), dataclasses.replace(RUN, task=task, input_layer=kind))
    assert len(watching.before) == 4  # of tokens and of sentences, weight and bias
    for name, tensor in watching.before.items():
        assert torch.equal(watching.after[name], tensor), name
    for feature_input in network.text_inputs().values():
        assert isinstance(feature_input.table, FixedInputTable)
        assert not any(p.requires_grad for p in feature_input.table.parameters())
    # What comes after them does learn.
    assert "encoder.input.weight" in watching.with_gradient
    # Storing rounds tables to 255 steps, and nothing else has happened to them since.
    for name, tensor in tables(network).items():
        assert torch.allclose(watching.after[name], tensor, atol=0.01)


def test_learned_tables_do_learn(intents: StudyData) -> None:
    watching, _ = watched(intents, RUN)
    assert all(
        not torch.equal(watching.after[name], tensor) for name, tensor in watching.before.items()
    )


def test_frozen_is_what_learning_begins_with(intents: StudyData) -> None:
    learned, _ = watched(intents, RUN)
    frozen, _ = watched(intents, dataclasses.replace(RUN, input_layer=InputLayer.FROZEN))
    assert all(torch.equal(frozen.before[name], learned.before[name]) for name in learned.before)


@pytest.mark.parametrize("task", [Task.INTENT, Task.ENTITY])
def test_without_the_layer_features_reach_sparse_connections(
    read: Callable[[str], StudyData], task: Task
) -> None:
    run = dataclasses.replace(RUN, task=task, input_layer=InputLayer.NONE)
    watching, network = watched(read(task), run)
    assert network.encoder is not None
    assert isinstance(network.encoder.input, PassThrough)
    for name, feature_input in network.text_inputs().items():
        assert not any(isinstance(m, SparseInputTable) for m in feature_input.modules())
        assert isinstance(feature_input.table, SparselyConnectedInput)
        layer = feature_input.table.layer
        assert layer.out_features == feature_input.width == 16
        n_all = layer.in_features * layer.out_features
        expected = max(layer.in_features, layer.out_features, round(0.2 * n_all))
        assert layer.connectivity.n_weights == expected
        assert f"{name}.table.layer.weight" in watching.with_gradient
        weight = f"{name}.layer.weight"
        assert not torch.equal(watching.before[weight], watching.after[weight])


@pytest.mark.parametrize("kind", InputLayer)
@pytest.mark.parametrize("task", [Task.INTENT, Task.ENTITY])
def test_answers_are_those_of_the_network(
    read: Callable[[str], StudyData], task: Task, kind: InputLayer
) -> None:
    data = read(task)
    _, diet, pipeline = trained(data, dataclasses.replace(RUN, task=task, input_layer=kind))
    network, frozen = diet.network, diet.frozen
    assert network is not None and frozen is not None and data.examples is not None
    batch = pipeline.process([example.text for example in data.examples.examples[:9]])
    text = diet._in_columns(text_features(batch.blocks, batch.lengths))
    answer = frozen(text)
    with torch.inference_mode():
        encoded = network.encode(text)
        tags = network.tag(encoded.tokens, torch.from_numpy(text.lengths))
        if answer.label_logits is not None:
            logits = network.label_logits(text, encoded, network.embed_labels())
            np.testing.assert_allclose(answer.label_logits, logits, atol=1e-4)
    assert set(tags) == set(answer.tags)
    for name, paths in tags.items():
        assert answer.tags[name].tags.tolist() == paths.tags.tolist()


@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_what_is_saved_of_a_sparsely_connected_input(bias: bool) -> None:
    """A table, from which it is also read again."""
    one, other = (
        nn.ModuleDict(
            {
                "table": SparselyConnectedInput(
                    RandomlyConnectedLinear(
                        12, 5, bias, connection_density=0.3, topology="uniform", seed=3
                    )
                )
            }
        )
        for _ in range(2)
    )
    for parameter in one.parameters():
        parameter.normal_()
    saved = one.state_dict()
    assert {name: tuple(each.shape) for name, each in saved.items()} == {
        "table.weight": (12, 5),
        "table.bias": (5,),
    }
    x = csr(np.random.default_rng(1).random((4, 12)) < 0.4)
    arrays = {name: each.numpy() for name, each in saved.items()}
    table = Table.read(Weights(arrays).part("table"), 12)
    expected = one["table"](x)
    np.testing.assert_allclose(table(x), expected, atol=1e-5)
    other.load_state_dict(copy.deepcopy(saved))
    assert torch.equal(other["table"](x), expected)
    assert set(saved) == {"table.weight", "table.bias"}, "as it was before loading"


def test_what_is_saved_of_a_layer_left_out() -> None:
    one, other = nn.Sequential(PassThrough(3)), nn.Sequential(PassThrough(3))
    arrays = {name: each.numpy() for name, each in one.state_dict().items()}
    layer = Linear.read(Weights(arrays).part("0"), 3, 3)
    x = np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32)
    assert np.array_equal(layer(x), x)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(torch.from_numpy(x)), torch.from_numpy(x))


def test_labels_keep_their_table(intents: StudyData) -> None:
    _, network = watched(intents, dataclasses.replace(RUN, input_layer=InputLayer.NONE))
    table = network.label_input.table
    assert isinstance(table, SparseInputTable)
    assert table.weight.requires_grad


def test_counts_of_all_kinds(intents: StudyData) -> None:
    rows = {
        kind: perform(intents, dataclasses.replace(RUN, epochs=1, input_layer=kind))
        for kind in InputLayer
    }
    learned, none = rows[InputLayer.LEARNED], rows[InputLayer.NONE]
    for kind in (InputLayer.FROZEN, InputLayer.HASHED):
        assert rows[kind]["sparse_weights"] == learned["sparse_weights"]
    # Both kinds of features have the same words; dense_dimension is 16.
    n_words = (learned["weights"] - rows[InputLayer.HASHED]["weights"]) // 2 // 16 - 1
    assert rows[InputLayer.FROZEN]["weights"] == rows[InputLayer.HASHED]["weights"]
    assert learned["weights"] - rows[InputLayer.HASHED]["weights"] == 2 * (n_words * 16 + 16)
    # Two layers from the words in place of one 16 x 16 (blocked: 4 inputs for each output).
    words = max(n_words, 16, round(0.2 * n_words * 16))
    without = learned["sparse_weights"] - learned_input(intents)
    assert none["sparse_weights"] == without + 2 * words


def learned_input(data: StudyData) -> int:
    _, network = watched(data, dataclasses.replace(RUN, epochs=1))
    assert network.encoder is not None
    layer = network.encoder.input
    assert isinstance(layer, RandomlyConnectedLinear)
    return layer.connectivity.n_weights


def test_hashing() -> None:
    weight = hashed_weight(500, 20, seed=3)
    assert weight.shape == (500, 20)
    assert ((weight != 0).sum(dim=1) == 1).all()
    # As long as a row of a Glorot uniform table: its entries have variance limit^2 / 3.
    limit = math.sqrt(6 / 520)
    assert torch.allclose(weight.norm(dim=1), torch.tensor(limit * math.sqrt(20 / 3)))
    per_unit = (weight != 0).sum(dim=0)
    assert per_unit.min() > 5
    assert per_unit.max() < 60
    assert 150 < int((weight > 0).sum()) < 350
    assert torch.equal(weight, hashed_weight(500, 20, seed=3))
    assert not torch.equal(weight, hashed_weight(500, 20, seed=4))


def test_fixed_tables_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    table = FixedInputTable(torch.ones(4, 2))
    assert torch.equal(torch.rand(3), expected)
    assert not table.can_collect_rows
    x = csr(np.array([[1.0, 0, 2, 0]]))
    assert table(x).tolist() == [[3.0, 3.0]]


def test_a_sparsely_connected_input_is_the_layer_on_dense_features(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = RandomlyConnectedLinear(12, 5, connection_density=0.3, topology="uniform", seed=seed)
    with torch.no_grad():
        assert layer.bias is not None
        layer.bias.normal_()
    dense = rng.normal(size=(7, 12)) * (rng.random((7, 12)) < 0.4)
    x = csr(dense)
    reader = SparselyConnectedInput(layer)
    y = reader(x)
    expected = layer(torch.from_numpy(x.toarray()))
    assert torch.allclose(y, expected, atol=1e-5)
    y.square().sum().backward()
    found = layer.weight.grad
    layer.weight.grad = None
    expected.square().sum().backward()
    assert found is not None
    assert layer.weight.grad is not None
    assert torch.allclose(found, layer.weight.grad, rtol=1e-4, atol=1e-5)
    # Everything dropped leaves the bias; the values that are kept are not rescaled.
    torch.manual_seed(0)
    assert torch.allclose(reader(x, dropout=1.0), layer.bias.expand(7, 5))


def test_a_sparsely_connected_input_without_bias() -> None:
    layer = RandomlyConnectedLinear(3, 2, bias=False, connection_density=1.0)
    x = csr(np.zeros((1, 3)))
    assert SparselyConnectedInput(layer)(x).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    "options",
    [
        {"hidden_layers_sizes": {"text": [8]}},
        {"number_of_transformer_layers": 0},
    ],
)
@pytest.mark.parametrize("kind", [InputLayer.FROZEN, InputLayer.HASHED, InputLayer.NONE])
def test_networks_with_other_layers_between_are_refused(
    intents: StudyData, kind: InputLayer, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="go through one dense layer into the transformer"):
        watched(intents, dataclasses.replace(RUN, input_layer=kind, options=options))


def test_networks_with_dense_features_are_refused(
    intents: StudyData,
) -> None:
    _, network = watched(intents, RUN)
    network.sentence_input.width += 3  # as three dense features beside the table
    with pytest.raises(ConfigError, match="without dense features"):
        replace_input_layers(network, InputLayer.FROZEN, density=0.2, seed=0)
    with pytest.raises(ConfigError, match=r"DIET's network can be replaced \(got 'Linear'\)"):
        replace_input_layers(nn.Linear(1, 1), InputLayer.FROZEN, density=0.2, seed=0)


def test_windows_are_of_neighbours_and_reach_every_input() -> None:
    drawn = windows(64, 16, density=0.1)
    assert drawn.indices is not None
    assert drawn.indices.tolist()[0] == [0, 1, 2, 3, 4, 5]
    assert drawn.indices.tolist()[-1] == [0, 1, 60, 61, 62, 63]  # the ends meet
    assert set(drawn.indices.ravel().tolist()) == set(range(64))
    assert windows(64, 16, density=0.0).indices is not None  # each input is in one
    assert windows(64, 16, density=1.0).indices is None


def test_shuffled_windows_read_as_many_inputs_elsewhere() -> None:
    plain, shuffled = windows(64, 16, density=0.1), windows(64, 16, density=0.1, shuffled_by=3)
    again = windows(64, 16, density=0.1, shuffled_by=3)
    assert plain.indices is not None and shuffled.indices is not None and again.indices is not None
    assert shuffled.indices.shape == plain.indices.shape
    assert (shuffled.indices != plain.indices).any()
    assert (shuffled.indices == again.indices).all()
    counts = [
        sorted(np.bincount(indices.ravel(), minlength=64))
        for indices in (plain.indices, shuffled.indices)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("kind", [InputLayer.WINDOWED, InputLayer.SHUFFLED])
def test_windows_learn(intents: StudyData, kind: InputLayer) -> None:
    row = perform(intents, dataclasses.replace(RUN, input_layer=kind))
    assert row["input_layer"] == str(kind)
    assert row["losses"][-1] < row["losses"][0]
