from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gossamer.data.config import config_from_dict
from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.evaluate import evaluate_nlu, evaluate_parses, pipeline_extractors
from gossamer.nlu.pipeline.messages import EntityPrediction, Parse
from gossamer.nlu.pipeline.pipeline import Pipeline

Travel = tuple[list[Example], list[Parse]]


class _Replay:
    """Answers with prepared parses and remembers what it was asked."""

    def __init__(self, parses: Sequence[Parse]) -> None:
        self.answers = {parse.text: parse for parse in parses}
        self.asked: list[str] = []

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        self.asked += texts
        return [self.answers[text] for text in texts]


def test_repeated_examples_count_once(travel: Travel) -> None:
    examples, parses = travel
    parser = _Replay(parses)
    evaluation = evaluate_nlu(parser, TrainingData(examples=(*examples, *examples)))
    assert evaluation.n_examples == 5
    assert parser.asked == [example.text for example in examples]


def test_headline_figures(travel: Travel) -> None:
    headline = evaluate_parses(*travel).headline()
    assert headline["intent accuracy"] == pytest.approx(0.8)
    assert headline["intent weighted F1"] == pytest.approx(0.72)
    # Bins with one example each: gaps 0.01, 0.2, -0.6, 0.75 (the fallback undone), 0.3.
    assert headline["intent calibration error"] == pytest.approx(1.86 / 5)
    assert headline["DIETClassifier token micro F1"] == pytest.approx(2 * 2 / (3 + 4))
    assert headline["DIETClassifier span micro F1"] == pytest.approx(1 / 3)
    assert headline["RegexEntityExtractor token micro F1"] == 0.0
    # All extractors together: one right of four found and three annotated.
    assert headline["entity span micro F1"] == pytest.approx(2 / 7)


def test_no_examples_is_an_error() -> None:
    with pytest.raises(DataError, match="must be annotated examples"):
        evaluate_nlu(_Replay([]), TrainingData())


def test_one_intent_is_not_evaluated(make_parse: Callable[..., Parse]) -> None:
    evaluation = evaluate_parses([Example(text="x", intent="a")], [make_parse("x", "a")])
    assert evaluation.intents is None
    assert evaluation.no_intents_because == "the data have 1 intents; at least two are needed"
    assert evaluation.headline() == {}


def test_a_model_without_intents_is_not_scored_zero(make_parse: Callable[..., Parse]) -> None:
    examples = [Example(text="x", intent="a"), Example(text="y", intent="b")]
    evaluation = evaluate_parses(examples, [make_parse("x"), make_parse("y")])
    assert evaluation.no_intents_because == "the model predicted no intents"


def test_an_extractor_that_finds_nothing_is_scored_when_named(travel: Travel) -> None:
    examples, parses = travel
    silent = [Parse(text=p.text, intent=p.intent, tokens=p.tokens) for p in parses]
    assert evaluate_parses(examples, silent).entities == ()
    spans = evaluate_parses(examples, silent).spans
    assert spans is not None
    assert spans.total.missed == 3
    (entities,) = evaluate_parses(examples, silent, extractors=["DIETClassifier"]).entities
    assert entities.tokens.micro_f1 == 0.0


def test_the_extractors_of_a_pipeline_are_found() -> None:
    config = config_from_dict(
        {
            "pipeline": [
                {"name": "WhitespaceTokenizer"},
                {"name": "KeywordIntentClassifier"},
                {"name": "RegexEntityExtractor"},
                {"name": "EntitySynonymMapper"},
            ]
        }
    )

    class HasPipeline:
        pipeline = Pipeline.from_config(config)

    # Neither the mapper nor the handler of direct messages, which ends every pipeline.
    assert pipeline_extractors(HasPipeline()) == ["RegexEntityExtractor"]
    assert pipeline_extractors(_Replay([])) == []


def test_entities_invented_where_none_are_annotated(
    make_parse: Callable[..., Parse], found: Callable[..., EntityPrediction]
) -> None:
    parse = make_parse("to Rome", "a", entities=[found("to Rome", "Rome", "city")])
    evaluation = evaluate_parses([Example(text="to Rome", intent="a")], [parse])
    assert evaluation.spans is not None
    assert evaluation.spans.total.invented == 1
    assert evaluation.entities[0].tokens.report == {"accuracy": 0.5}


def test_no_entities_anywhere(make_parse: Callable[..., Parse]) -> None:
    evaluation = evaluate_parses([Example(text="x", intent="a")], [make_parse("x", "a")])
    assert evaluation.spans is None
    assert evaluation.entities == ()


def test_white_space_alone_has_no_tokens(make_parse: Callable[..., Parse]) -> None:
    examples = [Example(text=" ", intent="a"), Example(text="  ", intent="b")]
    parses = [make_parse(" ", "a"), make_parse("  ", "b")]
    evaluation = evaluate_parses(examples, parses, extractors=["DIETClassifier"])
    assert evaluation.entities == ()
    assert evaluation.intents is not None


def test_lengths_must_agree(travel: Travel) -> None:
    with pytest.raises(ValueError, match="one parse per example"):
        evaluate_parses(travel[0], travel[1][:-1])
