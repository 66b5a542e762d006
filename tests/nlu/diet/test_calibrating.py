"""The temperature: whether it is wanted, on what it is found, and what it does to answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.diet.batches import DIETBatch, DIETData
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nlu.diet.training import finds_temperature, temperature_of
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn.calibration import fit_temperature
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.training.fit import StepResult


@pytest.mark.parametrize(
    ("settings", "is_wanted"),
    [({}, True), ({"calibrate": False}, False), ({"loss_type": "margin"}, False)],
)
def test_whether_a_temperature_is_wanted(settings: dict[str, Any], is_wanted: bool) -> None:
    assert finds_temperature(DIETOptions(**settings)) == is_wanted


@pytest.mark.parametrize("wide_path", [False, True])
def test_the_temperature_of_a_network_is_that_of_all_its_logits(wide_path: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_labels = 150, 3
    lengths = rng.integers(1, 5, n)
    labels = rng.integers(0, n_labels, n)
    sentence = rng.random((n, 8)) * (rng.random((n, 8)) < 0.4)
    sentence[np.arange(n), labels] += rng.random(n) < 0.6
    text = TextFeatures(
        Features(dense=rng.standard_normal((int(lengths.sum()), 4)).astype(np.float32)),
        Features(CsrMatrix.of(sparse.csr_array(sentence.astype(np.float32)))),
        lengths,
    )
    options = DIETOptions(
        transformer_size=8, number_of_attention_heads=2, wide_path=wide_path, drop_rate=0.5
    )
    names = Features(dense=np.eye(n_labels, dtype=np.float32))
    shape = NetworkShape(TextWidths.of(text), FeatureWidths.of(names), n_labels, n_counts=8)
    network = DIETNetwork(options, shape, names).eval()
    with torch.no_grad():
        if network.wide is not None:
            network.wide.table.weight.normal_()
        logits = network.label_logits(text, network.encode(text), network.embed_labels())
    chosen = rng.permutation(n)[:130]
    expected = fit_temperature(logits[chosen], torch.from_numpy(labels[chosen]))
    found = temperature_of(network, DIETData(text, labels, {}, None), chosen)
    assert found == pytest.approx(expected, rel=1e-3) and found != 1.0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.fixture(scope="module")
def assistant(tiny_config: Callable[..., ProjectConfig]) -> Assistant:
    """Learns from 510 examples, of which 51 are kept back."""
    examples = tuple(
        Example(text=f"{word} {place} {number}", intent=word)
        for number in range(102)
        for word, place in zip("abcde", "vwxyz"[number % 3 :] + "vwxyz"[: number % 3], strict=True)
    )
    options = {
        "number_of_transformer_layers": 0,
        "batch_size": [64, 64],
        "learning_rate": 0.01,
        "epochs": 6,
    }
    return Assistant.train(tiny_config(options), TrainingData(examples=examples))


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


TEXTS = ["a v 3", "b", "e v", "v w x", "nothing a"]


def test_it_is_found_in_training_and_kept(assistant: Assistant, tmp_path: Path) -> None:
    temperature = diet(assistant).temperature
    assert 0.2 <= temperature <= 5.0 and temperature != 1.0
    loaded = Assistant.load(assistant.save(tmp_path / "m"))
    assert diet(loaded).temperature == temperature
    assert loaded.parse_many(TEXTS) == assistant.parse_many(TEXTS)
    assert [loaded.parse(t) for t in TEXTS] == [assistant.parse(t) for t in TEXTS]


def test_it_is_found_on_what_is_held_out_where_that_is_asked_for(
    tiny_config: Callable[..., ProjectConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then all other examples are learnt from the start."""
    examples = tuple(
        Example(text=f"{word} {number}", intent=word) for number in range(100) for word in "abcd"
    )
    asked: list[int] = []
    seen: list[int] = []

    def found(network: DIETNetwork, data: DIETData, chosen: npt.NDArray[np.int64]) -> float:
        asked.append(len(chosen))
        return 2.5

    step = DIETNetwork.step

    def counted(network: DIETNetwork, batch: DIETBatch, *, with_metrics: bool) -> StepResult:
        if network.training:
            seen.append(len(batch.text.lengths))
        return step(network, batch, with_metrics=with_metrics)

    monkeypatch.setattr("gossamer.nlu.diet.training.temperature_of", found)
    monkeypatch.setattr(DIETNetwork, "step", counted)
    options = {
        "number_of_transformer_layers": 0,
        "epochs": 6,
        "batch_size": 400,
        "batch_strategy": "sequence",
        "evaluate_on_number_of_examples": 40,
        "evaluate_every_number_of_epochs": 3,
    }
    assistant = Assistant.train(tiny_config(options), TrainingData(examples=examples))
    assert diet(assistant).temperature == 2.5
    assert asked == [40] and seen == [360] * 6


@pytest.mark.parametrize("n_texts", [1, 5])
def test_confidences_are_those_of_divided_logits(assistant: Assistant, n_texts: int) -> None:
    component = diet(assistant)
    batch = assistant.pipeline.process(TEXTS[:n_texts])
    found = component.confidences(batch)
    temperature = component.temperature
    try:
        component.temperature = 1.0
        plain = component.confidences(batch)
    finally:
        component.temperature = temperature
    scaled = plain ** (1 / temperature)
    np.testing.assert_allclose(found, scaled / scaled.sum(1, keepdims=True), rtol=1e-4, atol=1e-30)
    assert np.array_equal(found.argmax(1), plain.argmax(1))


def test_without_calibrate_it_is_1(tiny_config: Callable[..., ProjectConfig]) -> None:
    examples = tuple(
        Example(text=f"{word} {number}", intent=word) for number in range(100) for word in "abcd"
    )
    options = {"number_of_transformer_layers": 0, "epochs": 6, "calibrate": False}
    trained = Assistant.train(tiny_config(options), TrainingData(examples=examples))
    assert diet(trained).temperature == 1.0


def test_training_again_without_forgets_it(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    again = Assistant.train(tiny_config({"epochs": 1}), travel_data)
    diet(again).temperature = 3.0
    again.pipeline.train(travel_data)
    assert diet(again).temperature == 1.0


def test_a_model_of_before_has_none(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    """Nor chosen columns."""
    before = {"rasa_defaults": True, "epochs": 2, "learning_rate": 0.01}
    trained = Assistant.train(tiny_config(before), travel_data)
    component = diet(trained)
    state = component.state()
    assert not any(name.startswith("columns.") for name in state.arrays)
    json = {name: value for name, value in state.json.items() if name != "temperature"}
    old = DIETComponent(component.options)
    old.restore(ComponentState(json=json, arrays=state.arrays))
    assert old.temperature == 1.0
    batch = trained.pipeline.process(["hello", "fly to Rome"])
    assert np.array_equal(old.confidences(batch), component.confidences(batch))
