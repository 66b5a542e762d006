from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.nlu.pipeline.response_selection import DEFAULT_SELECTOR
from gossamer.nlu.selectors.response_selector import ResponseSelector

EXAMPLES = {
    "faq/price": ["how much is it", "what does it cost", "the price please"],
    "faq/hours": ["when do you open", "are you open on sunday", "opening hours"],
    "chitchat/name": ["who are you", "what is your name", "your name please"],
    "chitchat/joke": ["tell a joke", "make me laugh", "say something funny"],
    "greet": ["hello", "hi there", "good morning"],
}
RESPONSES = {
    "utter_faq/price": ({"text": "It costs ten crowns."},),
    "utter_faq/hours": ({"text": "We open at nine."}, {"text": "From nine to five."}),
    "utter_chitchat/name": ({"text": "I am an assistant."},),
    "utter_chitchat/joke": ({"text": "No jokes today."},),
}
DATA = TrainingData(
    examples=tuple(
        Example(text=text, intent=intent) for intent, texts in EXAMPLES.items() for text in texts
    ),
    responses=RESPONSES,
)
FEW = {"epochs": 40, "random_seed": 1, "hidden_layers_sizes": {"text": [32], "label": [32]}}


def trained(*selectors: dict[str, Any], data: TrainingData = DATA) -> Assistant:
    return Assistant.train(
        ProjectConfig(
            pipeline=(
                ComponentConfig(name="WhitespaceTokenizer"),
                ComponentConfig(name="CountVectorsFeaturizer"),
                ComponentConfig(name="KeywordIntentClassifier"),
                *(
                    ComponentConfig(name="ResponseSelector", options={**FEW, **options})
                    for options in selectors
                ),
            )
        ),
        data,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "number_of_transformer_layers": 1,
            "transformer_size": 32,
            "hidden_layers_sizes": {"text": [], "label": []},
        },
        {"use_text_as_label": True},
        {"connection_density": 0.2, "scale_loss": False},
        {"loss_type": "margin"},
    ],
)
def test_it_learns_its_training_data(options: dict[str, Any]) -> None:
    assistant = trained(options)
    keys = [key for key in EXAMPLES if "/" in key]
    right = 0
    for key in keys:
        for parse in assistant.parse_many(EXAMPLES[key]):
            right += parse.response_selector[DEFAULT_SELECTOR].best.intent_response_key == key
    assert right >= 11


def test_several_selectors_and_rasas_json() -> None:
    assistant = trained({"retrieval_intent": "faq"}, {"retrieval_intent": "chitchat"})
    parse = assistant.parse("when do you open")
    assert set(parse.response_selector) == {"faq", "chitchat"}
    shown = parse.to_dict()["response_selector"]
    assert shown["all_retrieval_intents"] == ["chitchat", "faq"]
    assert shown["faq"]["response"] == {
        "responses": [{"text": "We open at nine."}, {"text": "From nine to five."}],
        "confidence": pytest.approx(parse.response_selector["faq"].best.confidence),
        "intent_response_key": "faq/hours",
        "utter_action": "utter_faq/hours",
    }
    ranking = shown["faq"]["ranking"]
    assert {part["intent_response_key"] for part in ranking} == {"faq/hours", "faq/price"}
    assert sum(part["confidence"] for part in ranking) == pytest.approx(1.0, abs=1e-5)


def test_stored_and_loaded(tmp_path: Path) -> None:
    assistant = trained({})
    loaded = Assistant.load(assistant.save(tmp_path / "m.gossamer"))
    assert loaded.parse("your name").to_dict() == assistant.parse("your name").to_dict()


@pytest.mark.parametrize("layers", [0, 1])
def test_pruned_features_of_layers_that_read_labels_too(layers: int, tmp_path: Path) -> None:
    """Columns are chosen by the texts of both, so that both keep the same ones."""
    data = TrainingData(examples=DATA.examples, responses=RESPONSES)
    options = {
        **FEW,
        "epochs": 2,
        "number_of_transformer_layers": layers,
        "transformer_size": 32,
        "hidden_layers_sizes": {"text": [], "label": []},
        "use_text_as_label": True,
        "share_hidden_layers": True,
        "prune_features": True,
    }
    pipeline = (
        ComponentConfig(name="WhitespaceTokenizer"),
        ComponentConfig(name="CountVectorsFeaturizer", options={"use_shared_vocab": True}),
        ComponentConfig(name="ResponseSelector", options=options),
    )
    assistant = Assistant.train(ProjectConfig(pipeline=pipeline), data)
    loaded = Assistant.load(assistant.save(tmp_path / "m"))
    texts = ["how much is it", "who are you"]
    assert loaded.parse_many(texts) == assistant.parse_many(texts)


def test_fewer_than_two_keys_pick_nothing() -> None:
    data = TrainingData(
        examples=(
            Example(text="hello", intent="greet"),
            Example(text="the price", intent="faq/price"),
        ),
        responses=RESPONSES,
    )
    with pytest.warns(UserWarning) as told:
        assistant = trained({"retrieval_intent": "faq"}, data=data)
    assert any("ResponseSelector" in str(warning.message) for warning in told)
    assert "response_selector" not in assistant.parse("the price").to_dict()


def test_a_retrieval_intent_that_is_not_there() -> None:
    with pytest.warns(UserWarning, match="fqa"):
        trained({"retrieval_intent": "fqa"})


def test_rasas_defaults() -> None:
    options = ResponseSelector.Options().model_dump()
    assert options["hidden_layers_sizes"] == {"text": [256, 128], "label": [256, 128]}
    assert options["number_of_transformer_layers"] == 0
    assert options["connection_density"] == 1.0
    assert options["scale_loss"] is True
    assert options["ranking_length"] == 10


def test_it_needs_features() -> None:
    config = ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="ResponseSelector"),
        )
    )
    with pytest.raises(ConfigError):
        Assistant.train(config, DATA)


def test_damaged_state() -> None:
    component = trained({}).pipeline.components[3]
    assert isinstance(component, ResponseSelector)
    state = component.state()
    other = ResponseSelector(component.options)
    with pytest.raises(ModelFileError):
        other.restore(type(state)(json={**state.json, "labels": ["x"]}, arrays={}))
