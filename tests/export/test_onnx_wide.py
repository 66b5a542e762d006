"""What an exported file makes of counts: the wide path, pruned columns, the temperature."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfTransformer

from gossamer.assistant import Assistant
from gossamer.data.nlu.examples import TrainingData
from gossamer.export import export_model, onnx_inputs
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.stored_weights import weights_to_arrays
from gossamer.nn.csr import CsrMatrix

Run = Callable[[Path, dict[str, Any]], dict[str, Any]]
TEXTS = ["fly from Oslo to Rome", "hello", "good bye xyzzy", "you you you see"]
NOT_ENTITIES = {"entity_recognition": False}
WORDS_AND_PIECES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("WhitespaceTokenizer", {}),
    ("CountVectorsFeaturizer", {}),
    ("CountVectorsFeaturizer", {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 3}),
)


def diet_of(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def counts_of(assistant: Assistant, texts: list[str]) -> CsrMatrix:
    """All sentence columns, pruned ones included. *Shape:* (n_texts, n_columns)."""
    columns = diet_of(assistant).columns[1]
    assert columns is not None
    inputs = onnx_inputs(assistant, texts)
    return csr_of(inputs, columns.n_columns)


def csr_of(inputs: dict[str, Any], n_columns: int) -> CsrMatrix:
    """The counts of an exported model's inputs."""
    values, columns, offsets = (
        inputs[f"sentence_{part}"] for part in ("values", "columns", "offsets")
    )
    return CsrMatrix(values, columns, offsets, (len(offsets) - 1, n_columns))


def with_value(
    inputs: dict[str, Any], part: str, column: int, value: float
) -> dict[str, npt.NDArray[Any]]:
    """The inputs with a value more in the last row."""
    offsets = inputs[f"{part}_offsets"].copy()
    offsets[-1] += 1
    columns, values = inputs[f"{part}_columns"], inputs[f"{part}_values"]
    return {
        **inputs,
        f"{part}_offsets": offsets,
        f"{part}_columns": np.append(columns, column),
        f"{part}_values": np.append(values, np.float32(value)),
    }


def by_the_wide_path_alone(assistant: Assistant) -> Assistant:
    """Its labels are told by the wide path alone from now on."""
    diet = diet_of(assistant)
    assert diet.network is not None
    with torch.no_grad():
        diet.network.text_embedding.weight.zero_()
        diet.network.text_embedding.bias.zero_()
    diet._weights = weights_to_arrays(diet.network)
    diet._freeze()
    return assistant


@pytest.fixture
def wide_assistant(trained: Callable[..., Assistant]) -> Assistant:
    return by_the_wide_path_alone(trained(NOT_ENTITIES, before=WORDS_AND_PIECES))


def test_the_wide_path_is_linear_in_tf_idf(
    wide_assistant: Assistant, travel_data: TrainingData, run_file: Run, tmp_path: Path
) -> None:
    diet = diet_of(wide_assistant)
    assert diet.network is not None
    assert diet.network.wide is not None
    assert diet.columns[1] is not None
    kept = diet.columns[1].kept
    texts = [example.text for example in travel_data.examples]
    known = counts_of(wide_assistant, texts).to_scipy()
    counts = counts_of(wide_assistant, TEXTS).to_scipy()
    assert counts.nnz > counts[:, kept].nnz, "some counts are of columns that the network prunes"
    part = diet.network.wide.part.numpy()
    assert set(part.tolist()) == {0, 1}, "counts of two featurizers"
    tf_idf = np.hstack(
        [
            TfidfTransformer(sublinear_tf=True)
            .fit(known[:, part == number])
            .transform(counts[:, part == number])
            .toarray()
            for number in np.unique(part)
        ]
    )
    table = diet.network.wide.table
    weight, bias = table.weight.detach().numpy(), table.bias.detach().numpy()
    expected = 6 * tf_idf @ weight + bias

    path = export_model(wide_assistant, tmp_path / "model.onnx")
    found = run_file(path, onnx_inputs(wide_assistant, TEXTS))
    np.testing.assert_allclose(found["intent_similarities"], expected[:, :4], rtol=1e-4, atol=1e-5)


def test_pruned_columns_change_nothing_but_the_wide_path(
    trained: Callable[..., Assistant], run_file: Run, tmp_path: Path
) -> None:
    assistant = trained({"wide_path": False})
    path = export_model(assistant, tmp_path / "model.onnx")
    inputs = onnx_inputs(assistant, TEXTS)
    before = run_file(path, inputs)
    for part, columns in zip(("sequence", "sentence"), diet_of(assistant).columns, strict=True):
        assert columns is not None
        pruned = np.setdiff1d(np.arange(columns.n_columns), columns.kept)
        assert len(pruned) > 0
        for column in (pruned[0], pruned[-1]):
            after = run_file(path, with_value(inputs, part, column, 3.0))
            for name, value in before.items():
                np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)
        after = run_file(path, with_value(inputs, part, columns.kept[-1], 3.0))
        assert not np.allclose(after["intent_similarities"], before["intent_similarities"])


def test_the_wide_path_reads_columns_that_are_pruned(
    trained: Callable[..., Assistant], run_file: Run, tmp_path: Path
) -> None:
    wide_assistant = by_the_wide_path_alone(trained(NOT_ENTITIES))
    path = export_model(wide_assistant, tmp_path / "model.onnx")
    columns = diet_of(wide_assistant).columns[1]
    assert columns is not None
    pruned = np.setdiff1d(np.arange(columns.n_columns), columns.kept)[0]
    nothing = onnx_inputs(wide_assistant, ["xyzzy"])
    assert nothing["sentence_values"].size == 0
    network = diet_of(wide_assistant).network
    assert network is not None
    assert network.wide is not None
    table = network.wide.table
    bias, row = table.bias.numpy()[:4], table.weight.numpy()[pruned, :4]
    (found,) = run_file(path, nothing)["intent_similarities"]
    np.testing.assert_allclose(found, bias, atol=1e-6)
    (found,) = run_file(path, with_value(nothing, "sentence", pruned, 1.0))["intent_similarities"]
    np.testing.assert_allclose(found, bias + 6 * row, atol=1e-5)
    assert np.abs(row).max() > 0.01


def test_a_stored_zero_is_no_word_for_both(
    wide_assistant: Assistant, run_file: Run, tmp_path: Path
) -> None:
    network, columns = diet_of(wide_assistant).network, diet_of(wide_assistant).columns[1]
    assert network is not None and network.wide is not None and columns is not None
    path = export_model(wide_assistant, tmp_path / "model.onnx")
    inputs = onnx_inputs(wide_assistant, TEXTS)
    before = run_file(path, inputs)["intent_similarities"]
    row = slice(*inputs["sentence_offsets"][-2:])
    idf = network.wide.idf.numpy().copy()
    idf[inputs["sentence_columns"][row]] = 0
    for column in np.flatnonzero(idf > 0)[[0, -1]]:
        zero = with_value(inputs, "sentence", column, 0.0)
        counts = csr_of(zero, columns.n_columns)
        assert counts.nnz == len(inputs["sentence_values"]) + 1
        np.testing.assert_allclose(
            run_file(path, zero)["intent_similarities"], before, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(network.wide(counts).numpy(), before, rtol=1e-4, atol=1e-5)


def test_tables_have_the_rows_that_are_read(
    trained: Callable[..., Assistant], tmp_path: Path
) -> None:
    assistant = trained({})
    model = onnx.load(export_model(assistant, tmp_path / "model.onnx"))
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for part, columns in zip(("sequence", "sentence"), diet_of(assistant).columns, strict=True):
        assert columns is not None
        assert shapes[f"{part}_input.weight"][0] == len(columns.kept) + 1
        assert shapes[f"{part}_numbers"] == (columns.n_columns,)


@pytest.mark.parametrize(
    ("options", "temperature"), [({}, 1.7), ({"calibrate": False}, 1.0)], ids=["1.7", "1"]
)
def test_the_temperature_is_in_the_confidences_and_in_the_metadata(
    trained: Callable[..., Assistant],
    run_file: Run,
    tmp_path: Path,
    options: dict[str, Any],
    temperature: float,
) -> None:
    assistant = trained({**NOT_ENTITIES, **options})
    path = export_model(assistant, tmp_path / "model.onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(metadata["temperature"]) == temperature
    found = run_file(path, onnx_inputs(assistant, TEXTS))
    expected = softmax(found["intent_similarities"] / temperature, axis=1)
    np.testing.assert_allclose(found["intent_confidences"], expected, atol=1e-6)
