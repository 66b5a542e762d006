"""Stored parts whose numbers or kinds are wrong: refused before they answer nonsense.

Each was once accepted, and gave confidences that are no numbers, or raised another error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.data import ComponentConfig, Example, Location, ProjectConfig, TrainingData
from gossamer.data.errors import ModelFileError
from gossamer.dialogue.last_model import LastModel
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts

WORDS = ["hello", "there", "good", "bye"]
DATA = TrainingData(
    examples=tuple(
        Example(text=text, intent=intent)
        for text, intent in (
            ("hello there", "greet"),
            ("hello good", "greet"),
            ("bye there", "leave"),
            ("good bye", "leave"),
        )
    )
)
VECTORS, CLASSIFIER = 1, 2
Lie = Callable[[list[Any], dict[str, Any]], None]
Parts = tuple[list[Any], dict[str, Any]]


def trained(tmp_path: Path, classifier: str, **options: Any) -> Parts:
    rows = (f"{word} {place} 1 {-place}" for place, word in enumerate(WORDS))
    (tmp_path / "vectors.txt").write_text("\n".join(rows))
    parts = {
        "WhitespaceTokenizer": {},
        "StaticVectorsFeaturizer": {"vectors": str(tmp_path / "vectors.txt")},
        classifier: options,
    }
    pipeline = Pipeline.from_config(
        ProjectConfig(
            language="en",
            pipeline=tuple(
                ComponentConfig(name=name, options=own, where=Location(Path("config.yml"), 1))
                for name, own in parts.items()
            ),
        )
    )
    pipeline.train(DATA)
    return pipeline_to_parts(pipeline)


@pytest.fixture(scope="module")
def logistic(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return trained(tmp_path_factory.mktemp("logistic"), "LogisticRegressionClassifier")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    pytest.importorskip("sklearn")
    options = {"C": [1], "kernels": ["poly"]}
    return trained(tmp_path_factory.mktemp("machine"), "SklearnIntentClassifier", **options)


def filled(part: int, name: str, value: float, kind: type = np.float64) -> Lie:
    def lie(json: list[Any], arrays: dict[str, Any]) -> None:
        key = f"{part}.{name}"
        arrays[key] = np.full(arrays[key].shape, value, dtype=kind)

    return lie


def stored(part: int, name: str, value: Any) -> Lie:
    return lambda json, _: json[part]["state"].update({name: value})


def no_width(json: list[Any], arrays: dict[str, Any]) -> None:
    key = f"{VECTORS}.values"
    arrays[key] = arrays[key][:, :0]


LOGISTIC: dict[str, Lie] = {
    "large for a float": filled(CLASSIFIER, "weights", 1e300),
    "the largest floats": filled(CLASSIFIER, "weights", 3.4e38, np.float32),
    "bias": filled(CLASSIFIER, "bias", -1e300),
    "scale of vectors": stored(VECTORS, "scale", 1e308),
    "no numbers in a vector": no_width,
}
MACHINE: dict[str, Lie] = {
    "gamma": stored(CLASSIFIER, "gamma", 1e308),
    "scale": stored(CLASSIFIER, "scale", 1e308),
    "vectors": filled(CLASSIFIER, "vectors", 1e300),
    "factors": filled(CLASSIFIER, "factors", 1e308),
    "offsets": filled(CLASSIFIER, "offsets", 1e308),
}


def refuse(parts: Parts, lie: Lie) -> None:
    json, arrays = copy.deepcopy(parts[0]), dict(parts[1])
    pipeline_from_parts(json, arrays).parse(["hello"])
    lie(json, arrays)
    with pytest.raises(ModelFileError):
        pipeline_from_parts(json, arrays)


@pytest.mark.parametrize("lie", LOGISTIC.values(), ids=LOGISTIC)
def test_logistic_regression(logistic: Parts, lie: Lie) -> None:
    refuse(logistic, lie)


@pytest.mark.parametrize("lie", MACHINE.values(), ids=MACHINE)
def test_support_vectors(machine: Parts, lie: Lie) -> None:
    refuse(machine, lie)


@pytest.mark.parametrize("value", [None, True, 5, 1e308, "a", ["a"]], ids=repr)
@pytest.mark.parametrize("key", ["name", "alias", "options", "state"])
def test_parts_of_another_kind(logistic: Parts, key: str, value: Any) -> None:
    """Training reads them too, from the model that was trained last."""
    json = copy.deepcopy(logistic[0])
    json[CLASSIFIER][key] = value
    if isinstance(value, str) and key in ("name", "alias"):
        return
    with pytest.raises(ModelFileError, match="must have name, alias, options and state"):
        LastModel.of_parts({"pipeline": json}, logistic[1])
    with pytest.raises(ModelFileError):
        LastModel.of_parts({"dialogue": {"policies": json}}, logistic[1])
