"""What an exported file holds, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from sklearn.exceptions import NotFittedError

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, DataError, ModelFileError
from gossamer.data.installed import MissingPartError
from gossamer.data.nlu.examples import TrainingData
from gossamer.export import ExportFormat, export_model, onnx_inputs
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.estimator.estimator import DIETClassifier
from gossamer.nlu.pipeline.pipeline import Pipeline

Run = Callable[[Path, dict[str, Any]], dict[str, Any]]
TEXTS = ["fly from Oslo to Rome", "hello", "a small pizza and a large soup"]


def metadata_of(path: Path) -> dict[str, Any]:
    props = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return {
        name: value
        if name in ("format", "gossamer_version", "model_confidence")
        else json.loads(value)
        for name, value in props.items()
    }


def encoder_bytes(path: Path) -> int:
    return sum(
        onnx.numpy_helper.to_array(tensor).nbytes
        for tensor in onnx.load(path).graph.initializer
        if tensor.name.startswith("encoder.layers")
    )


def test_what_parse_says_can_be_read_off(
    travel_assistant: Assistant, run_file: Run, tmp_path: Path
) -> None:
    path = export_model(travel_assistant, str(tmp_path / "new" / "model.onnx"))
    assert path == tmp_path / "new" / "model.onnx"
    metadata = metadata_of(path)
    found = run_file(path, onnx_inputs(travel_assistant, TEXTS))
    start = 0
    for number, parse in enumerate(travel_assistant.parse_many(TEXTS)):
        best = int(found["intent_confidences"][number].argmax())
        assert metadata["intents"][best] == parse.intent.name
        assert found["intent_confidences"][number, best] == pytest.approx(
            parse.intent.confidence, abs=1e-4
        )
        part = slice(start, start + len(parse.tokens))
        start = part.stop
        names = [metadata["tags"]["entity"][tag] for tag in found["entity_tags"][part]]
        by_start = {token.start: i for i, token in enumerate(parse.tokens)}
        for entity in parse.entities:
            assert names[by_start[entity.span[0]]][2:] == entity.entity
        assert any(names[i] != "O" for i in range(len(names))) == bool(parse.entities)


def test_metadata(travel_assistant: Assistant, tmp_path: Path) -> None:
    metadata = metadata_of(export_model(travel_assistant, tmp_path / "model.onnx"))
    assert metadata["format"] == "gossamer-diet"
    assert metadata["format_version"] == 2
    assert metadata["intents"] == ["bye", "greet", "order", "travel"]
    assert set(metadata["tags"]) == {"entity", "role", "group"}
    assert metadata["tags"]["role"][:3] == ["O", "B-from", "I-from"]
    assert metadata["is_bilou"] is True
    assert metadata["model_confidence"] == "softmax"
    steps = metadata["featurizers"]
    assert [step["name"] for step in steps] == [
        "WhitespaceTokenizer", "LexicalSyntacticFeaturizer", "CountVectorsFeaturizer",
    ]  # fmt: skip
    lexical, words = steps[1]["columns"], steps[2]["columns"]
    assert lexical["sequence"]["first"] == 0
    assert words["sequence"]["first"] == lexical["sequence"]["width"]
    assert words["sequence"]["width"] == len(steps[2]["state"]["vocabulary"])
    widths = metadata["feature_widths"]
    total = lexical["sequence"]["width"] + words["sequence"]["width"]
    assert widths["sequence"] == {"sparse": total, "dense": 0}
    assert widths["sentence"] == {"sparse": words["sentence"]["width"], "dense": 0}


def test_columns_are_those_of_the_inputs(travel_assistant: Assistant, tmp_path: Path) -> None:
    """Inputs filled from the metadata alone are those that Gossamer fills."""
    metadata = metadata_of(export_model(travel_assistant, tmp_path / "model.onnx"))
    words = metadata["featurizers"][2]
    column = {word: i for i, word in enumerate(words["state"]["vocabulary"])}
    inputs = onnx_inputs(travel_assistant, ["Rome to Oslo"])
    first = words["columns"]["sequence"]["first"]
    for number, word in enumerate(["rome", "to", "oslo"]):
        part = slice(*inputs["sequence_offsets"][number : number + 2])
        assert first + column[word] in inputs["sequence_columns"][part]


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    ("topology", "most"),
    [("grouped", 1.1), ("blocked", 1.1), ("fan_in", 1.35), ("uniform", 1.35)],
)
def test_the_file_holds_the_weights_that_exist(
    trained: Callable[..., Assistant], tmp_path: Path, topology: str, most: float
) -> None:
    """Indices come on top: few where groups share inputs, a byte a weight elsewhere."""
    sizes = {}
    for density in (0.2, 1.0):
        options = {
            "transformer_size": 128,
            "number_of_transformer_layers": 1,
            "topology": topology,
            "connection_density": density,
        }
        sizes[density] = encoder_bytes(export_model(trained(options), tmp_path / "model.onnx"))
    assert 0.18 <= sizes[0.2] / sizes[1.0] < 0.2 * most


def test_the_same_model_gives_the_same_file(travel_assistant: Assistant, tmp_path: Path) -> None:
    saved = travel_assistant.save(tmp_path / "model.gossamer")
    files = [
        export_model(model, tmp_path / "model.onnx", format=ExportFormat.ONNX).read_bytes()
        for model in (travel_assistant, Assistant.load(saved), travel_assistant.pipeline)
    ]
    assert files[0] == files[1] == files[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.gossamer", "model.onnx"]


def test_an_estimator_keeps_the_names_of_its_classes(run_file: Run, tmp_path: Path) -> None:
    texts = ["hello", "hi there", "to Rome", "to Oslo please"]
    model = DIETClassifier(
        epochs=1, random_seed=1, transformer_size=16, number_of_attention_heads=2
    )
    model.fit(texts, ["say/hi", "say/hi", "go", "go"])
    path = export_model(model, tmp_path / "model.onnx")
    names = metadata_of(path)["intents"]
    assert sorted(names) == ["go", "say/hi"]
    found = run_file(path, onnx_inputs(model, texts))["intent_confidences"]
    wanted = model.predict_proba(texts)[:, [list(model.classes_).index(name) for name in names]]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_text_without_any_feature(
    trained: Callable[..., Assistant], run_file: Run, tmp_path: Path
) -> None:
    words: tuple[tuple[str, dict[str, Any]], ...] = (
        ("WhitespaceTokenizer", {}),
        ("CountVectorsFeaturizer", {}),
    )
    assistant = trained({}, before=words)
    path = export_model(assistant, tmp_path / "model.onnx")
    inputs = onnx_inputs(assistant, ["xyzzy"])
    assert inputs["sequence_values"].size == inputs["sentence_values"].size == 0
    assert assistant.parse("xyzzy").intent_ranking == [], "the network's answer means nothing"
    diet = next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))
    (expected,) = diet.confidences(assistant.pipeline.process(["xyzzy"]))
    found = run_file(path, inputs)["intent_confidences"][0]
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-5)


def two_diets(config: ProjectConfig) -> ProjectConfig:
    *before, diet = config.pipeline
    intents, entities = (
        dataclasses.replace(diet, options={**diet.options, "epochs": 1, name: False})
        for name in ("entity_recognition", "intent_classification")
    )
    entities = dataclasses.replace(
        entities, options={**entities.options, "constrain_similarities": False}
    )
    return dataclasses.replace(config, pipeline=(*before, intents, entities))


def test_one_of_several_is_named_by_its_alias(
    tiny_config: Callable[..., ProjectConfig],
    travel_data: TrainingData,
    run_file: Run,
    tmp_path: Path,
) -> None:
    assistant = Assistant.train(two_diets(tiny_config()), travel_data)
    path = tmp_path / "model.onnx"
    for component in (None, "another"):
        with pytest.raises(ConfigError, match=r"named by its alias.*\['DIETClassifier', 'DIET"):
            export_model(assistant, path, component=component)
    assert not path.exists()
    export_model(assistant, path, component="DIETClassifier_2")
    found = run_file(path, onnx_inputs(assistant, TEXTS, component="DIETClassifier_2"))
    assert "entity_tags" in found
    assert "intent_similarities" not in found


def test_an_unknown_alias_where_there_is_one(travel_assistant: Assistant, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Try: component='DIETClassifier'"):
        export_model(travel_assistant, tmp_path / "model.onnx", component="DIET")


def test_a_pipeline_without_diet(travel_data: TrainingData, tmp_path: Path) -> None:
    pipeline = Pipeline.from_config(
        ProjectConfig(
            language="en",
            pipeline=tuple(
                ComponentConfig(name=name, options={})
                for name in ("WhitespaceTokenizer", "KeywordIntentClassifier")
            ),
        )
    )
    with pytest.raises(ConfigError, match="only a pipeline with DIETClassifier can be exported"):
        export_model(pipeline, tmp_path / "model.onnx")


def test_an_untrained_model(tiny_config: Callable[..., ProjectConfig], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only a trained DIETClassifier can be exported"):
        export_model(Pipeline.from_config(tiny_config()), tmp_path / "model.onnx")
    with pytest.raises(NotFittedError):
        export_model(DIETClassifier(), tmp_path / "model.onnx")


def test_an_unknown_format(travel_assistant: Assistant, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"known one \(got 'tflite'\). Try: one of \['onnx'\]"):
        export_model(travel_assistant, tmp_path / "model", format="tflite")


def test_a_missing_extra_names_its_install_line(
    travel_assistant: Assistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        MissingPartError, match=r'ONNX needs onnx .* Try: pip install "gossamer\[onnx\]"'
    ):
        export_model(travel_assistant, tmp_path / "model.onnx")


def test_a_place_that_cannot_be_written(travel_assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="a place that can be written"):
        export_model(travel_assistant, tmp_path / "file" / "model.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelFileError, match="a place that can be written"):
        export_model(travel_assistant, tmp_path / "folder.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [([], "at least one text"), (["hello", " "], r"needs a token \(got ' '\)")],
)
def test_texts_without_inputs(travel_assistant: Assistant, texts: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        onnx_inputs(travel_assistant, texts)
    with pytest.raises(DataError, match="a list of strings"):
        onnx_inputs(travel_assistant, "hello")
