"""Wherever a person's regular expression meets a text, it is stopped when it takes too long."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import (
    ComponentConfig,
    Example,
    ProjectConfig,
    RegexPattern,
    TrainingData,
    validate,
)
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.pipeline.pipeline import Pipeline

SLOW = r"(a|aa)+$"
LONG = "a" * 100 + "b"
FILE = Path("nlu.yml")
CODE = Entity(start=0, end=2, entity="code", value="hi")


def pipeline(*steps: tuple[str, dict[str, Any]]) -> Pipeline:
    parts = tuple(ComponentConfig(name=name, options=options) for name, options in steps)
    return Pipeline.from_config(ProjectConfig(language="en", pipeline=parts))


def data(*more: str) -> TrainingData:
    return TrainingData(
        examples=(
            Example(text="hi", intent="greet", entities=(CODE,)),
            Example(text="bye", intent="bye"),
            *(Example(text=text, intent="x", where=Location(FILE, 9)) for text in more),
        ),
        regexes=(RegexPattern(name="code", pattern=SLOW, where=Location(FILE, 2)),),
    )


TOKENS: tuple[str, dict[str, Any]] = ("WhitespaceTokenizer", {})
LIMIT = {"regex_timeout": 0.05}


@pytest.mark.parametrize(
    "steps",
    [
        (TOKENS, ("RegexFeaturizer", LIMIT)),
        (("RegexEntityExtractor", LIMIT),),
        (TOKENS, ("KeywordIntentClassifier", LIMIT)),
        (("WhitespaceTokenizer", {"token_pattern": SLOW, **LIMIT}),),
    ],
    ids=lambda steps: steps[-1][0],
)
def test_answers_go_on(steps: tuple[tuple[str, dict[str, Any]], ...]) -> None:
    trained = pipeline(*steps)
    name = steps[-1][0]
    training = data(*[SLOW] if name == "KeywordIntentClassifier" else [])
    trained.train(training if name.startswith("Regex") else replace(training, regexes=()))
    start = time.process_time()
    with pytest.warns(UserWarning, match=r"search a text in 0\.05 s.*counts as not found"):
        (parse,) = trained.parse([LONG])
    assert time.process_time() - start < 5
    assert parse.entities == [] and parse.intent.name is None
    (restored,) = Pipeline.from_state(trained.state()).parse(["hi"])
    assert restored == trained.parse(["hi"])[0]


def test_training_refuses_it_with_both_places() -> None:
    with pytest.raises(DataError, match=r"^nlu\.yml:2: RegexFeaturizer: .*at nlu\.yml:9"):
        pipeline(TOKENS, ("RegexFeaturizer", LIMIT)).train(data(LONG))


def test_training_refuses_a_slow_token_pattern() -> None:
    tokenizer = ("WhitespaceTokenizer", {"token_pattern": SLOW, **LIMIT})
    with pytest.raises(DataError, match=r"WhitespaceTokenizer: .*'token_pattern'.*nlu\.yml:9"):
        pipeline(tokenizer, ("CountVectorsFeaturizer", {})).train(replace(data(LONG), regexes=()))


@pytest.mark.parametrize(
    "pattern", [SLOW, "((a{1000}){1000}){1000}", "(?:(?:(?:(?:x?){99}){99}){99}){99}b"]
)
def test_validation_ends(pattern: str) -> None:
    start = time.process_time()
    regex = RegexPattern(name="slow", pattern=pattern, where=Location(FILE, 2))
    validate(TrainingData(regexes=(regex,)))
    assert time.process_time() - start < 5


def test_keywords_that_match_nothing_do_not_count() -> None:
    trained = pipeline(("KeywordIntentClassifier", {}))
    trained.train(TrainingData(examples=(Example(text="(hi)?", intent="greet"),)))
    found = [parse.intent.name for parse in trained.parse(["xyz", "oh hi"])]
    assert found == [None, "greet"]
