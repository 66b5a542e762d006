from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from gossamer.data.errors import ConfigError, Location, ModelFileError
from gossamer.data.text.suggestions import nearest
from gossamer.dialogue.policies.registry import KNOWN_POLICIES, policy_class
from gossamer.nlu.classifiers.fallback_classifier import FallbackClassifier
from gossamer.nlu.extractors.entity_synonym_mapper import EntitySynonymMapper
from gossamer.nlu.featurizers.count_vectors_featurizer import CountVectorsFeaturizer
from gossamer.nlu.pipeline import registry
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import MessageBatch
from gossamer.nlu.pipeline.options_reader import read_options
from gossamer.nlu.pipeline.registry import component_class, known_components, register

WHERE = Location(Path("config.yml"), 4)


def test_every_known_component_can_be_imported_and_has_that_name() -> None:
    assert len(known_components()) >= 9
    for name in known_components():
        assert component_class(name).name == name


def test_of_a_module_path_the_last_part_counts() -> None:
    path = "rasa.nlu.extractors.entity_synonyms.EntitySynonymMapper"
    assert component_class(path) is EntitySynonymMapper


def test_an_unknown_component_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(ConfigError) as caught:
        component_class("DIETclasifier", WHERE)
    message = str(caught.value)
    assert message.startswith("config.yml:4: a pipeline component must be one that Gossamer has")
    assert "(got 'DIETclasifier'). Try: 'DIETClassifier', or one of " in message
    assert all(name in message for name in known_components())
    with pytest.raises(ConfigError, match="Try: one of CRFEntityExtractor"):
        component_class("Zzzzz")


def test_own_components_can_be_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})

    @register
    class Shout(Component):
        name: ClassVar[str] = "Shout"
        Options: ClassVar[type[ComponentOptions]] = ComponentOptions

        def process(self, batch: MessageBatch) -> None: ...

    assert register(Shout) is Shout
    assert component_class("Shout") is Shout
    assert component_class(f"{Shout.__module__}.{Shout.__qualname__}") is Shout
    with pytest.raises(ModelFileError, match="imported only when"):
        component_class("my.module.Shout")
    assert "Shout" in known_components()
    other = type("Other", (Shout,), {"name": "Shout"})
    with pytest.raises(ValueError, match="which is taken"):
        register(other)
    with pytest.raises(ValueError, match="got 'FallbackClassifier'"):
        register(FallbackClassifier)


def test_an_unknown_option_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(CountVectorsFeaturizer, {"max_ngrams": 4, "oov_token": "x"}, WHERE)
    message = str(caught.value)
    assert message.startswith(
        "config.yml:4: CountVectorsFeaturizer has no option 'max_ngrams' and no option 'oov_token'"
    )
    assert "Try: 'max_ngram' and 'OOV_token', or one of OOV_token, OOV_words, alias" in message


def test_options_of_a_component_without_any() -> None:
    with pytest.raises(ConfigError, match="Try: removing it, there is no option but rasa_defaults"):
        read_options(EntitySynonymMapper, {"epochs": 3})


def test_a_value_that_is_not_valid_tells_option_and_value() -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(FallbackClassifier, {"threshold": "high"}, WHERE)
    message = str(caught.value)
    assert message.startswith("config.yml:4: option 'threshold' of FallbackClassifier: ")
    assert message.endswith("(got 'high')")


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="options of CountVectorsFeaturizer: max_ngram must"):
        read_options(CountVectorsFeaturizer, {"min_ngram": 3, "max_ngram": 2})


def test_nearest_ignores_case() -> None:
    assert nearest("OOV_TOKEN", ["OOV_token", "alias"]) == "OOV_token"
    assert nearest("xyz", ["OOV_token", "alias"]) is None


@pytest.mark.parametrize("name", [*known_components(), *KNOWN_POLICIES])
def test_a_truth_value_is_no_number_and_no_text(name: str) -> None:
    kind = component_class(name) if name in known_components() else policy_class(name)
    for option, default in kind.Options():
        if not isinstance(default, bool):
            with pytest.raises(ConfigError, match=f"{option}.*must not be true"):
                read_options(kind, {option: True}, WHERE)
