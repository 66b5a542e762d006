"""Methods of finding connections, over a whole training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_study import REWIRED
from torch import nn

from gossamer.data.errors import ConfigError
from gossamer.dialogue.policies.registry import policies_from_config
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.sparse import RandomlyConnectedLinear, Topology
from gossamer.study import InputLayer, Method, Run, StudyData, Task, count_network
from gossamer.study.interventions import callbacks_for, starting_density
from gossamer.study.training import check_run, perform

RUN = Run(task=Task.INTENT, density=0.2, size=16, seed=0, epochs=2, topology=Topology.UNIFORM)


def trained(data: StudyData, run: Run) -> nn.Module:
    """The network that a run ends with."""
    assert data.examples is not None
    pipeline = Pipeline.from_config(data.config_for(run))
    diet = pipeline.components[-2]
    assert isinstance(diet, DIETComponent)
    diet.callbacks = callbacks_for(run)
    pipeline.train(data.examples)
    assert diet.network is not None
    return diet.network


def layers(network: nn.Module) -> dict[str, RandomlyConnectedLinear]:
    return {
        name: part
        for name, part in network.named_modules()
        if isinstance(part, RandomlyConnectedLinear)
    }


@pytest.fixture(scope="module")
def fixed(intents: StudyData) -> nn.Module:
    return trained(intents, RUN)


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("method", REWIRED)
def test_all_methods_end_with_as_many_weights(
    intents: StudyData, fixed: nn.Module, method: Method, epochs: int
) -> None:
    network = trained(intents, dataclasses.replace(RUN, method=method, epochs=epochs))
    assert count_network(network) == count_network(fixed)
    for name, layer in layers(network).items():
        assert layer.topology is Topology.UNIFORM
        assert layer.connectivity.n_weights == layers(fixed)[name].connectivity.n_weights
        assert layer.connectivity.input_degrees().min() >= 1
        assert layer.connectivity.output_degrees().min() >= 1


@pytest.mark.parametrize("method", [Method.SET, Method.RIGL])
def test_connections_move(intents: StudyData, fixed: nn.Module, method: Method) -> None:
    moved = layers(trained(intents, dataclasses.replace(RUN, method=method, epochs=4)))
    assert any(
        set(layer.connectivity.positions()) != set(moved[name].connectivity.positions())
        for name, layer in layers(fixed).items()
    )


def test_a_run_repeats_itself(intents: StudyData) -> None:
    run = dataclasses.replace(RUN, method=Method.SET, epochs=3)
    one, two = trained(intents, run).state_dict(), trained(intents, run).state_dict()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("input_layer", [InputLayer.NONE, InputLayer.FROZEN])
@pytest.mark.parametrize("method", [Method.GRADUAL, Method.RIGL])
def test_methods_and_input_layers_go_together(
    intents: StudyData, input_layer: InputLayer, method: Method
) -> None:
    run = dataclasses.replace(RUN, input_layer=input_layer)
    expected = count_network(trained(intents, run))
    assert count_network(trained(intents, dataclasses.replace(run, method=method))) == expected


@pytest.mark.parametrize("method", [Method.ONE_SHOT, Method.SET])
def test_methods_on_ted(read: Callable[[str], StudyData], method: Method) -> None:
    run = dataclasses.replace(RUN, task=Task.DIALOGUE, size=8, epochs=1)
    data = read("dialogue")
    expected = perform(data, run)["sparse_weights"]
    assert perform(data, dataclasses.replace(run, method=method))["sparse_weights"] == expected


def test_what_takes_part(intents: StudyData) -> None:
    assert callbacks_for(RUN) == []
    both = dataclasses.replace(RUN, method=Method.SET, input_layer=InputLayer.NONE)
    assert len(callbacks_for(both)) == 2


def test_the_density_to_begin_with() -> None:
    starts = {m: starting_density(dataclasses.replace(RUN, method=m)) for m in Method}
    assert starts == {
        Method.FIXED: 0.2,
        Method.ONE_SHOT: 1.0,
        Method.GRADUAL: 1.0,
        Method.SET: 0.2,
        Method.RIGL: 0.2,
    }


@pytest.mark.parametrize("method", REWIRED)
@pytest.mark.parametrize("topology", [t for t in Topology if t is not Topology.UNIFORM])
def test_methods_need_uniform_layers(
    intents: StudyData, method: Method, topology: Topology
) -> None:
    run = dataclasses.replace(RUN, method=method, topology=topology)
    with pytest.raises(ConfigError, match=f"{method} finds connections one by one"):
        check_run(intents, run)


@pytest.mark.parametrize("method", REWIRED)
def test_methods_need_missing_connections(intents: StudyData, method: Method) -> None:
    with pytest.raises(ConfigError, match=f"{method} needs connections that do not exist"):
        check_run(intents, dataclasses.replace(RUN, method=method, density=1.0))


@pytest.mark.parametrize("kind", [k for k in InputLayer if k is not InputLayer.LEARNED])
def test_teds_input_layers_stay(read: Callable[[str], StudyData], kind: InputLayer) -> None:
    run = dataclasses.replace(RUN, task=Task.DIALOGUE, input_layer=kind)
    with pytest.raises(ConfigError, match="can be changed for DIET only"):
        check_run(read("dialogue"), run)


CHECKPOINT = {
    "checkpoint_model": True,
    "evaluate_on_number_of_examples": 3,
    "evaluate_every_number_of_epochs": 1,
}


@pytest.mark.parametrize("method", REWIRED)
def test_no_way_back_to_other_connections(intents: StudyData, method: Method) -> None:
    run = dataclasses.replace(RUN, method=method, options=CHECKPOINT)
    with pytest.raises(ConfigError, match="must keep the connections it ends with"):
        check_run(intents, run)
    with pytest.raises(ConfigError, match="must keep the connections it ends with"):
        perform(intents, run)


@pytest.mark.parametrize("input_layer", [InputLayer.HASHED, InputLayer.NONE])
def test_checkpoints_with_fixed_connections(intents: StudyData, input_layer: InputLayer) -> None:
    run = dataclasses.replace(RUN, options=CHECKPOINT, input_layer=input_layer)
    assert perform(intents, run)["sparse_weights"] > 0


def test_checkpoints_of_ted(read: Callable[[str], StudyData]) -> None:
    data = read("dialogue")
    run = dataclasses.replace(RUN, task=Task.DIALOGUE, method=Method.SET, options=CHECKPOINT)
    with pytest.raises(ConfigError, match="checkpoint_model"):
        check_run(data, run)
    assert policies_from_config(data.config_for(run).policies)[0].options.model_dump()[
        "checkpoint_model"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 15}, "number_of_attention_heads"),
        ({"options": {"drop_rat": 0.1}}, "drop_rat"),
        ({"options": {"drop_rate": 2.0}}, "drop_rate"),
        ({"options": {"max_group_size": 0}}, "max_group_size"),
        ({"options": {"transformer_size": 8}}, "transformer_size"),
    ],
)
def test_options_are_checked_before_training(
    intents: StudyData, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_run(intents, dataclasses.replace(RUN, **changes))
