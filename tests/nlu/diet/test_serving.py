from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from gossamer.nlu.diet.serving import ServingNetwork
from gossamer.nn.serving import LONGEST

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


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    ("options", "is_served"),
    [
        ({}, True),
        ({"hidden_layers_sizes": {"text": [24], "label": []}}, True),
        ({"concat_dimension": {"text": 24}, "dense_dimension": {"text": 16}}, True),
        ({"unidirectional_encoder": True}, True),
        ({"connection_density": 1.0}, True),
        ({"topology": "uniform"}, True),
        ({"entity_recognition": False}, True),
        ({"intent_classification": False}, True),
        ({"BILOU_flag": False}, True),
        ({"use_masked_language_model": True}, True),
        ({"use_key_relative_attention": True}, False),
        ({"use_value_relative_attention": True}, False),
        ({"number_of_transformer_layers": 0}, False),
        ({"number_of_transformer_layers": 0, "entity_recognition": False}, False),
        ({"context_window": 0}, True),
        ({"context_window": 2}, True),
        ({"wide_path": False}, True),
        ({"prune_features": False}, True),
        ({"rasa_defaults": True}, True),
    ],
    ids=str,
)
def test_one_at_a_time_equals_a_batch(
    options: Mapping[str, Any],
    is_served: bool,
    tiny_config: Callable[..., ProjectConfig],
    travel_data: TrainingData,
) -> None:
    assistant = Assistant.train(
        tiny_config({"learning_rate": 0.01, "epochs": 6, **options}, before=FEATURIZERS),
        travel_data,
    )
    texts = [*TEXTS, *(example.text for example in travel_data.examples)]
    for text, together in zip(texts, assistant.parse_many(texts), strict=True):
        assert_close(assistant.parse(text), together)
    component = diet(assistant)
    assert component.network is not None
    assert (ServingNetwork.of(component.network) is not None) is is_served
    assert (component._serving is not None) is is_served


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


@pytest.mark.parametrize("n_words", [LONGEST - 2, LONGEST - 1, LONGEST, 3 * LONGEST])
def test_long_texts_take_the_readable_path(travel_assistant: Assistant, n_words: int) -> None:
    text = " ".join(["fly", "to", "Rome"][i % 3] for i in range(n_words))
    together = travel_assistant.parse_many([text, "hello"])[0]
    assert_close(travel_assistant.parse(text), together)


def test_autocast_and_batches_take_the_readable_path(travel_assistant: Assistant) -> None:
    component = diet(travel_assistant)
    assert component.network is not None
    serving = ServingNetwork.of(component.network)
    assert serving is not None
    one, two = (
        text_features(batch.blocks, batch.lengths)
        for batch in map(travel_assistant.pipeline.process, (TEXTS[:1], TEXTS[:2]))
    )
    assert serving.takes(one) and not serving.takes(two)
    with torch.autocast("cpu"):
        assert not serving.takes(one)


def test_training_again_renews_the_form(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    assistant = Assistant.train(tiny_config({"epochs": 1}), travel_data)
    before = assistant.parse("hello")
    assistant.pipeline.train(travel_data)
    component = diet(assistant)
    assert component._serving is None
    component.options = component.options.model_copy(update={"random_seed": 8})
    assistant.pipeline.train(travel_data)
    after = assistant.parse("hello")
    assert after.intent.confidence != before.intent.confidence
    assert_close(after, assistant.parse_many(["hello", "bye"])[0])
