"""Whose defaults options have that are not set, and which a model of before that choice has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.errors import ConfigError
from gossamer.dialogue.policies.registry import KNOWN_POLICIES, policy_class
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.featurizers.count_vectors_featurizer import CountVectorsFeaturizer
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nlu.pipeline.options_reader import HasOptions, read_options, read_stored_options
from gossamer.nlu.pipeline.registry import component_class, known_components
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nlu.selectors.options import ResponseSelectorOptions

KINDS: dict[str, type[HasOptions]] = {
    **{name: component_class(name) for name in known_components()},
    **{name: policy_class(name) for name in KNOWN_POLICIES},
}
# Options with another default than Rasa's that there were before `rasa_defaults`.
EARLIER = {"epochs", "learning_rate", "max_ngram", "number_of_negative_examples"}
LATER = {"rasa_defaults", "whole_words"} | set(DIETOptions.rasas) - EARLIER
DATA = TrainingData(
    examples=tuple(
        Example(text=text, intent=intent)
        for intent, texts in {
            "greet": ["hello", "hello there", "good morning"],
            "bye": ["good bye", "see you", "good night"],
        }.items()
        for text in texts
    )
)


def of_before(dumped: dict[str, Any]) -> dict[str, Any]:
    """What a model file of before `rasa_defaults` said."""
    return {option: value for option, value in dumped.items() if option not in LATER}


@pytest.mark.parametrize("name", KINDS)
def test_every_part_takes_rasas_defaults(name: str) -> None:
    kind = KINDS[name]
    ours = read_options(kind, {"rasa_defaults": False})
    assert ours == read_options(kind, {})
    rasas = read_options(kind, {"rasa_defaults": True})
    assert rasas.model_dump() == ours.model_dump() | {**kind.Options.rasas, "rasa_defaults": True}


@pytest.mark.parametrize("name", KINDS)
def test_options_of_an_older_model_are_rasas(name: str) -> None:
    kind = KINDS[name]
    given: dict[str, Any] = {"rasa_defaults": True}
    if "epochs" in kind.Options.model_fields:
        given |= {"epochs": 3, "learning_rate": 0.02}
    options = read_options(kind, given)
    stored = of_before(options.model_dump(mode="json"))
    assert read_stored_options(kind, stored) == options


@pytest.mark.parametrize("name", KINDS)
def test_options_of_a_model_are_its_own(name: str) -> None:
    kind = KINDS[name]
    for rasa_defaults in (False, True):
        options = read_options(kind, {"rasa_defaults": rasa_defaults})
        assert read_stored_options(kind, options.model_dump(mode="json")) == options


@pytest.mark.parametrize("name", KINDS)
def test_an_option_that_came_later_is_rasas(name: str) -> None:
    kind = KINDS[name]
    ours = read_options(kind, {})
    for option, rasas in kind.Options.rasas.items():
        stored = ours.model_dump(mode="json")
        del stored[option]
        assert stored["rasa_defaults"] is False
        expected = ours.model_copy(update={option: rasas})
        assert read_stored_options(kind, stored).model_dump() == expected.model_dump()


@pytest.mark.parametrize("value", [1, 0, "yes", "true", None])
@pytest.mark.parametrize("kind", [CountVectorsFeaturizer, DIETComponent])
def test_only_true_and_false(kind: type[HasOptions], value: Any) -> None:
    with pytest.raises(ConfigError, match=f"'rasa_defaults' of {kind.name}: must be true or false"):
        read_options(kind, {"rasa_defaults": value})


def trained(*, rasa_defaults: bool) -> Assistant:
    small = {
        "epochs": 2,
        "transformer_size": 8,
        "number_of_transformer_layers": 1,
        "dense_dimension": {"text": 8, "label": 8},
        "concat_dimension": {"text": 8, "label": 8},
        "entity_recognition": False,
    }
    config = ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="CountVectorsFeaturizer"),
            ComponentConfig(name="DIETClassifier", options=small),
        )
    )
    return Assistant.train(config, DATA, random_seed=1, rasa_defaults=rasa_defaults)


@pytest.mark.parametrize("rasa_defaults", [False, True])
def test_a_model_of_either_kind_answers_the_same_when_loaded(rasa_defaults: bool) -> None:
    assistant = trained(rasa_defaults=rasa_defaults)
    expected = assistant.parse("good morning you")
    components, arrays = pipeline_to_parts(assistant.pipeline)
    assert pipeline_from_parts(components, arrays).parse(["good morning you"]) == [expected]
    if rasa_defaults:
        for component in components:
            component["options"] = of_before(component["options"])
        assert pipeline_from_parts(components, arrays).parse(["good morning you"]) == [expected]


def test_the_page_lists_all_defaults_that_are_not_rasas() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "differences-from-rasa.md"
    row = re.compile(r"^\| `(\w+)` \| `(\w+)` \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
    told = {
        (component, option): (json.loads(ours), json.loads(rasas))
        for component, option, ours, rasas in row.findall(page.read_text(encoding="utf-8"))
    }
    found = {
        (name, option): (getattr(read_options(kind, {}), option), value)
        for name, kind in KINDS.items()
        for option, value in kind.Options.rasas.items()
        if getattr(read_options(kind, {}), option) != value
    }
    assert told == found


@pytest.mark.parametrize("name", ["epochs", "batch_size", "number_of_negative_examples"])
@pytest.mark.parametrize("options", [TEDOptions, ResponseSelectorOptions])
def test_what_only_diet_leaves_open_must_be_set(options: type[LearningOptions], name: str) -> None:
    with pytest.raises(ValidationError, match="must be set"):
        options.model_validate({name: None})
    assert getattr(DIETOptions.model_validate({name: None}), name) is None
