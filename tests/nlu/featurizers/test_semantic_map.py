from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gossamer.assistant import Assistant
from gossamer.cli.app import app
from gossamer.data.config import ComponentConfig, ProjectConfig
from gossamer.data.errors import DataError, InputError, ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.featurizers.semantic_map.featurizer import (
    SemanticMapFeaturizer,
    SemanticMapFeaturizerOptions,
)
from gossamer.nlu.featurizers.semantic_map.semantic_map import SemanticMap, hilbert_places
from gossamer.nlu.featurizers.semantic_map.training import read_corpus, train_semantic_map
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, Token
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.storage import load_model, save_model

FRUIT = ("apple", "pear", "plum", "cherry")
TOOLS = ("hammer", "saw", "drill", "chisel")


def corpus() -> list[str]:
    """Sentences about fruit and sentences about tools; "the" is in both."""
    rng = np.random.default_rng(5)
    texts = []
    for words, verb in ((FRUIT, "eat"), (TOOLS, "build")):
        for _ in range(60):
            one, other = rng.choice(words, size=2, replace=False)
            texts.append(f"{verb.title()} the {one}, the {other}!")
    return texts


@pytest.fixture(scope="module")
def small() -> SemanticMap:
    return train_semantic_map(corpus(), side=8, active=0.1, epochs=8)


def test_neighbours_on_the_curve_are_neighbours_on_the_map() -> None:
    for side in (1, 2, 8, 64):
        places = hilbert_places(side)
        assert len({tuple(place) for place in places.tolist()}) == side * side
        assert places.min() == 0 and places.max() == side - 1
        if side > 1:
            assert set(np.abs(np.diff(places, axis=0)).sum(axis=1)) == {1}


def test_words_of_the_same_texts_lie_together(small: SemanticMap) -> None:
    assert small.words[0] == "the"
    for words, verb, others in ((FRUIT, "eat", TOOLS), (TOOLS, "build", FRUIT)):
        for word in words:
            near = dict(small.nearest(word, len(small.words)))
            assert min(near[each] for each in (*words, verb) if each != word) > max(
                near[other] for other in others
            )


def test_activations_are_few_and_strongest_first(small: SemanticMap) -> None:
    matrix = small.activations
    sizes = np.diff(matrix.indptr)
    assert sizes.max() == 6 and sizes.min() >= 1  # a tenth of 64 cells
    rows = matrix.toarray()
    np.testing.assert_array_equal(rows.max(axis=1), 1.0)
    assert matrix.data.min() > 0


def test_a_picture_has_the_activations_at_their_places(small: SemanticMap) -> None:
    picture = small.picture("Apple")
    row = small.activations.toarray()[small.rows["apple"]]
    for column, (y, x) in enumerate(hilbert_places(8)):
        assert picture[y, x] == row[column]


def test_training_organises_and_reports() -> None:
    reports: list[EpochReport] = []
    train_semantic_map(corpus(), side=8, epochs=6, on_epoch=reports.append)
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert reports[-1].metrics["cosine"] > reports[0].metrics["cosine"]
    assert reports[-1].metrics["topographic_error"] < 0.5  # by chance 1 - 8/63


def test_the_same_seed_gives_the_same_map(small: SemanticMap) -> None:
    again = train_semantic_map(corpus(), side=8, active=0.1, epochs=8)
    np.testing.assert_array_equal(again.activations.toarray(), small.activations.toarray())
    other = train_semantic_map(corpus(), side=8, active=0.1, epochs=8, random_seed=1)
    assert (other.activations.toarray() != small.activations.toarray()).any()


def test_rare_words_are_left_out() -> None:
    texts = [*corpus(), "eat the quince"]
    assert "quince" not in train_semantic_map(texts, side=8, epochs=1).words
    assert "quince" in train_semantic_map(texts, side=8, epochs=1, min_count=1).words
    assert len(train_semantic_map(texts, side=8, epochs=1, max_words=3).words) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"side": 12},
        {"max_words": 1},
        {"min_count": 0},
        {"active": 0.0},
        {"active": 1.5},
        {"epochs": 0},
        {"random_seed": -1},
    ],
)
def test_values_that_cannot_be_used(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        train_semantic_map(corpus(), **change)


@pytest.mark.parametrize("texts", [[], ["one two"], ["word", "word", "word"]])
def test_a_corpus_that_says_nothing(texts: list[str]) -> None:
    with pytest.raises(DataError, match="repeats"):
        train_semantic_map(texts, side=8)


def test_a_corpus_names_file_and_line_of_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\n two \n")
    assert list(read_corpus([path])) == ["one", "two"]
    path.write_bytes(b"one\ntw\xff\n")
    with pytest.raises(DataError, match=r"corpus\.txt:2: "):
        list(read_corpus([path]))
    path.write_bytes(b"one\n" + b"a" * (2**22 + 1))
    with pytest.raises(DataError, match=r"corpus\.txt:2: a line of a corpus may have"):
        list(read_corpus([path]))
    with pytest.raises(DataError, match=r"absent\.txt"):
        list(read_corpus([tmp_path / "absent.txt"]))


def test_a_saved_map_is_the_same(small: SemanticMap, tmp_path: Path) -> None:
    found = SemanticMap.load(small.save(tmp_path / "map"))
    assert found.words == small.words and found.side == 8
    np.testing.assert_allclose(
        found.activations.toarray(), small.activations.toarray(), atol=0.5 / 255
    )


Lie = Callable[[dict[str, Any], dict[str, Any]], Any]
LIES: dict[str, Lie] = {
    "words of numbers": lambda json, _: json.update(words=list(range(10))),
    "the same words": lambda json, _: json.update(words=["a"] * len(json["words"])),
    "more words": lambda json, _: json["words"].append("quince"),
    "another side": lambda json, _: json.update(side=12),
    "a true side": lambda json, _: json.update(side=True),
    "no cells": lambda _, arrays: arrays.pop("cells"),
    "cells outside": lambda _, arrays: arrays.update(cells=arrays["cells"] + np.uint16(64)),
    "cells of four bytes": lambda _, arrays: arrays.update(cells=arrays["cells"].astype(np.int32)),
    "fewer strengths": lambda _, arrays: arrays.update(strengths=arrays["strengths"][1:]),
    "larger sizes": lambda _, arrays: arrays.update(sizes=arrays["sizes"] + np.uint16(1)),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_map_that_lies_is_refused(small: SemanticMap, tmp_path: Path, lie: Lie) -> None:
    small.save(tmp_path / "map")
    content, arrays = load_model(tmp_path / "map")
    content, arrays = dict(content), dict(arrays)
    lie(content, arrays)
    save_model(tmp_path / "lie", content, arrays)
    with pytest.raises(ModelFileError, match="lie"):
        SemanticMap.load(tmp_path / "lie")
    with pytest.raises(ModelFileError):
        made(tmp_path / "map").restore(ComponentState(content, arrays))


def made(path: Path) -> SemanticMapFeaturizer:
    return SemanticMapFeaturizer(SemanticMapFeaturizerOptions(map=str(path)), alias="map")


def test_features_of_tokens_and_texts(small: SemanticMap, tmp_path: Path) -> None:
    featurizer = made(small.save(tmp_path / "map"))
    assert list(featurizer.check(TrainingData())) == []
    batch = MessageBatch(texts=["Apple xyz pear", "xyz"])
    batch.tokens = [
        [Token("Apple", 0, 5), Token("xyz", 6, 9), Token("pear", 10, 14)],
        [Token("xyz", 0, 3)],
    ]
    featurizer.process(batch)
    (block,) = batch.blocks
    assert block.sequence is not None and block.sentence is not None and block.known is not None
    sequence, sentence = (np.asarray(part.toarray()) for part in (block.sequence, block.sentence))  # type: ignore[union-attr]
    rows = SemanticMap.load(tmp_path / "map").activations.toarray()
    np.testing.assert_array_equal(sequence[0], rows[small.rows["apple"]])
    np.testing.assert_array_equal(sequence[1], 0)
    np.testing.assert_allclose(sentence[0], (sequence[0] + sequence[2]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(sentence[1], 0)
    assert block.known.tolist() == [1, 0, 1, 0]


def config(path: Path) -> ProjectConfig:
    return ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="SemanticMapFeaturizer", options={"map": str(path)}),
            ComponentConfig(name="DIETClassifier", options={"epochs": 20, "transformer_size": 32}),
        )
    )


def test_a_word_that_training_lacks_is_understood(small: SemanticMap, tmp_path: Path) -> None:
    path = small.save(tmp_path / "map")
    data = TrainingData(
        examples=tuple(
            Example(text=word, intent=intent)
            for intent, words in (("food", FRUIT[:3]), ("work", TOOLS[:3]))
            for word in words
        )
    )
    assistant = Assistant.train(config(path), data, random_seed=1)
    path.unlink()  # the model holds it
    loaded = Assistant.load(assistant.save(tmp_path / "model"))
    assert [loaded.parse(word).intent.name for word in ("cherry", "chisel")] == ["food", "work"]
    assert loaded.parse("zebra").intent.name is None


def test_a_map_that_is_not_there_is_told_before_training(tmp_path: Path) -> None:
    pipeline = Pipeline.from_config(config(tmp_path / "absent"))
    data = TrainingData(examples=(Example(text="a", intent="x"), Example(text="b", intent="y")))
    (fault,) = pipeline.check(data)
    assert "absent" in str(fault)


def test_the_commands(tmp_path: Path) -> None:
    text, path, figure = tmp_path / "corpus.txt", tmp_path / "a.map", tmp_path / "a.png"
    text.write_text("\n".join(corpus()), "utf-8")
    run = CliRunner().invoke
    words = ("semantic-map", "train", str(text), "--out", str(path), "--side", "8")
    done = run(app, [*words, "--epochs", "3"])
    assert done.exit_code == 0 and "11 words" in done.output
    shown = run(app, ["semantic-map", "show", str(path), "apple", "saw", "--figure", str(figure)])
    assert shown.exit_code == 0 and shown.output.startswith("apple: ")
    assert figure.read_bytes().startswith(b"\x89PNG")
    unknown = run(app, ["semantic-map", "show", str(path), "appel"])
    assert unknown.exit_code != 0 and "'apple'" in str(unknown.output) + str(unknown.exception)
