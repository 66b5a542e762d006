from __future__ import annotations

import json
from pathlib import Path

import pytest

from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.classifiers.keyword_intent_classifier import (
    KeywordIntentClassifier,
    KeywordIntentClassifierOptions,
)
from gossamer.nlu.pipeline.messages import (
    NO_INTENT,
    ComponentState,
    IntentPrediction,
    MessageBatch,
    TrainingBatch,
)

WHERE = Location(Path("nlu.yml"), 9)


def trained(*pairs: tuple[str, str], case_sensitive: bool = True) -> KeywordIntentClassifier:
    classifier = KeywordIntentClassifier(
        KeywordIntentClassifierOptions(case_sensitive=case_sensitive)
    )
    examples = [Example(text=text, intent=intent, where=WHERE) for text, intent in pairs]
    batch = TrainingBatch(texts=[e.text for e in examples], examples=examples, labels=[])
    classifier.train(TrainingData(examples=tuple(examples)), batch)
    return classifier


def intent(
    classifier: KeywordIntentClassifier, text: str, earlier: IntentPrediction = NO_INTENT
) -> IntentPrediction:
    batch = MessageBatch(texts=[text])
    batch.parses[0].intent = earlier
    classifier.process(batch)
    return batch.parses[0].intent


def test_the_first_keyword_found_wins() -> None:
    classifier = trained(("bye", "goodbye"), ("hi|hello", "greet"), ("price", "faq/ask_price"))
    assert intent(classifier, "oh hello, bye") == IntentPrediction(name="goodbye", confidence=1.0)
    assert intent(classifier, "oh hello").name == "greet"
    assert intent(classifier, "the price").name == "faq"


def test_whole_words_and_case() -> None:
    assert intent(trained(("hi", "greet")), "this Hi") == NO_INTENT
    assert intent(trained(("hi", "greet"), case_sensitive=False), "Hi").name == "greet"


def test_the_intent_of_an_earlier_classifier_stays_unless_a_keyword_is_found() -> None:
    earlier = IntentPrediction(name="other", confidence=0.4)
    classifier = trained(("hi", "greet"))
    assert intent(classifier, "nothing", earlier) == earlier
    assert intent(classifier, "hi", earlier).name == "greet"


def test_a_keyword_of_two_intents_counts_for_none() -> None:
    with pytest.warns(UserWarning, match=r"nlu\.yml:9: 'ok' is an example of several intents"):
        classifier = trained(("ok", "affirm"), ("ok", "bored"), ("yes", "affirm"))
    assert intent(classifier, "ok") == NO_INTENT
    assert intent(classifier, "yes").name == "affirm"


def test_a_text_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(DataError, match=r"nlu\.yml:9: a keyword must be a valid regular"):
        trained(("how much (", "ask"))


def test_state_round_trips_through_json() -> None:
    state = trained(("hi", "greet"), ("bye", "goodbye")).state()
    other = KeywordIntentClassifier(KeywordIntentClassifierOptions())
    other.restore(ComponentState(json=json.loads(json.dumps(state.json))))
    assert intent(other, "bye").name == "goodbye"


@pytest.mark.parametrize("stored", [None, [["a"]], [["a", 1]], [["(", "a"]]])
def test_damaged_state_is_refused(stored: object) -> None:
    with pytest.raises(ModelFileError, match="keyword"):
        trained(("hi", "greet")).restore(ComponentState(json={"keywords": stored}))
