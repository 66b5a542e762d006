"""What components answer: as their networks say, one at a time as in a batch, with no PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.pipeline.messages import Parse

TEXTS = [
    "hello",
    "to",
    "fly from Oslo to Rome",
    "one large pizza and a small soup",
    "?!",
    "zzz qqq",
]
FEATURIZERS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("WhitespaceTokenizer", {}),
    ("LexicalSyntacticFeaturizer", {}),
    ("CountVectorsFeaturizer", {}),
    ("CountVectorsFeaturizer", {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 3}),
)


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def assert_close(found: Parse, expected: Parse) -> None:
    assert found.text == expected.text and found.tokens == expected.tokens
    assert found.intent.name == expected.intent.name
    for ours, theirs in zip(found.intent_ranking, expected.intent_ranking, strict=True):
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-5)
    for mine, other in zip(found.entities, expected.entities, strict=True):
        assert (mine.start, mine.end, mine.entity) == (other.start, other.end, other.entity)
        assert (mine.role, mine.group, mine.value) == (other.role, other.group, other.value)
        for name in ("confidence", "role_confidence", "group_confidence"):
            assert getattr(mine, name) == pytest.approx(getattr(other, name), abs=1e-5)


@torch.inference_mode()
def assert_as_its_network_says(assistant: Assistant, texts: list[str]) -> None:
    component = diet(assistant)
    frozen, network = component.frozen, component.network
    assert frozen is not None and network is not None
    batch = assistant.pipeline.process(texts)
    text = component._in_columns(text_features(batch.blocks, batch.lengths))
    encoded, answer = network.encode(text), frozen(text)
    if answer.label_logits is not None:
        logits = network.label_logits(text, encoded, network.embed_labels())
        np.testing.assert_allclose(answer.label_logits, logits.numpy(), atol=1e-4, rtol=1e-5)
        ours = torch.from_numpy(answer.label_logits).softmax(1)
        np.testing.assert_allclose(ours, logits.softmax(1), atol=1e-5)
    tags = network.tag(encoded.tokens, torch.from_numpy(text.lengths))
    assert set(tags) == set(answer.tags)
    for kind, paths in tags.items():
        assert answer.tags[kind].tags.tolist() == paths.tags.tolist()
        np.testing.assert_allclose(answer.tags[kind].confidence, paths.confidence, atol=1e-5)


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden_layers_sizes": {"text": [24], "label": []}},
        {"concat_dimension": {"text": 24}, "dense_dimension": {"text": 16}},
        {"unidirectional_encoder": True},
        {"connection_density": 1.0},
        {"topology": "uniform"},
        {"entity_recognition": False},
        {"intent_classification": False},
        {"BILOU_flag": False},
        {"use_masked_language_model": True},
        {"use_key_relative_attention": True},
        {"use_value_relative_attention": True},
        {"number_of_transformer_layers": 0},
        {"number_of_transformer_layers": 0, "entity_recognition": False},
        {"loss_type": "margin", "constrain_similarities": False},
        {"context_window": 0},
        {"context_window": 2},
        {"wide_path": False},
        {"prune_features": False},
        {"rasa_defaults": True},
    ],
    ids=str,
)
def test_one_at_a_time_equals_a_batch(
    options: Mapping[str, Any],
    tiny_config: Callable[..., ProjectConfig],
    travel_data: TrainingData,
    tmp_path: Path,
) -> None:
    assistant = Assistant.train(
        tiny_config({"learning_rate": 0.01, "epochs": 6, **options}, before=FEATURIZERS),
        travel_data,
    )
    texts = [*TEXTS, *(example.text for example in travel_data.examples)]
    together = assistant.parse_many(texts)
    for text, expected in zip(texts, together, strict=True):
        assert_close(assistant.parse(text), expected)
    assert_as_its_network_says(assistant, texts)
    loaded = Assistant.load(assistant.save(tmp_path / "model"))
    assert loaded.parse_many(texts) == together
    assert_as_its_network_says(loaded, texts)


@pytest.mark.parametrize(
    "featurizer",
    [
        ("LexicalSyntacticFeaturizer", {}),  # features of tokens only
        ("CountVectorsFeaturizer", {}),  # texts of unknown words have empty rows
    ],
    ids=lambda each: each[0],
)
def test_few_features(
    featurizer: tuple[str, Mapping[str, Any]],
    tiny_config: Callable[..., ProjectConfig],
    travel_data: TrainingData,
) -> None:
    config = tiny_config(before=(("WhitespaceTokenizer", {}), featurizer))
    assistant = Assistant.train(config, travel_data)
    for text, together in zip(TEXTS, assistant.parse_many(TEXTS), strict=True):
        assert_close(assistant.parse(text), together)
    assert_as_its_network_says(assistant, TEXTS)


@pytest.mark.parametrize("n_words", [62, 63, 64, 65, 200])
def test_long_texts(travel_assistant: Assistant, n_words: int) -> None:
    text = " ".join(["fly", "to", "Rome"][i % 3] for i in range(n_words))
    together = travel_assistant.parse_many([text, "hello"])[0]
    assert_close(travel_assistant.parse(text), together)
    assert_as_its_network_says(travel_assistant, [text, "hello"])


def test_training_again_makes_another(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    assistant = Assistant.train(tiny_config({"epochs": 1}), travel_data)
    before = assistant.parse("hello")
    component = diet(assistant)
    component.options = component.options.model_copy(update={"random_seed": 8})
    assistant.pipeline.train(travel_data)
    after = assistant.parse("hello")
    assert after.intent.confidence != before.intent.confidence
    assert_close(after, assistant.parse_many(["hello", "bye"])[0])
    assert_as_its_network_says(assistant, TEXTS)


def test_changing_the_network_changes_no_answer(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData, tmp_path: Path
) -> None:
    assistant = Assistant.train(tiny_config({"epochs": 1}), travel_data)
    before = assistant.parse_many(TEXTS)
    network = diet(assistant).network
    assert network is not None and network is diet(assistant).network
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.zero_()
    assert assistant.parse_many(TEXTS) == before
    assert Assistant.load(assistant.save(tmp_path / "model")).parse_many(TEXTS) == before


ALONE = """
import json, sys
for name in ("torch", *sys.argv[3:]):
    sys.modules[name] = None
from gossamer.assistant import Assistant
assistant = Assistant.load(sys.argv[1])
texts = json.loads(sys.argv[2])
parses = [assistant.parse(text).to_dict() for text in texts]
print(json.dumps([parses, [parse.to_dict() for parse in assistant.parse_many(texts)]]))
"""


@pytest.mark.parametrize("missing", [(), ("scipy", "sklearn", "llvmlite")], ids=str)
def test_without_pytorch(
    travel_assistant: Assistant, missing: tuple[str, ...], tmp_path: Path
) -> None:
    assistant = travel_assistant
    path = assistant.save(tmp_path / "model")
    command = [sys.executable, "-c", ALONE, str(path), json.dumps(TEXTS), *missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    alone, together = json.loads(done.stdout)
    for text, one, other in zip(TEXTS, alone, together, strict=True):
        expected = json.loads(json.dumps(assistant.parse(text).to_dict()))
        same_but_for_rounding(one, expected)
        same_but_for_rounding(other, expected)


def same_but_for_rounding(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same_but_for_rounding(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            same_but_for_rounding(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found == expected
