"""Sparse layers of a model that answers: which there are, their counts, their pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.assistant import Assistant
from gossamer.nn.frozen.linear import Linear
from gossamer.sparse import Connectivity
from gossamer.teach.look.layers import layers_of, png_of

PIPELINE = """
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  epochs: 1
  transformer_size: 16
  number_of_transformer_layers: 2
  connection_density: {density}
"""
NLU = """
nlu:
- intent: greet
  examples: |
    - hello there
    - good morning
- intent: bye
  examples: |
    - good bye
    - see you
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of two small projects, and what is trained from them."""
    folder = tmp_path_factory.mktemp("layers")
    (folder / "nlu.yml").write_text(NLU)
    for name, density in (("sparse", 0.25), ("dense", 1.0)):
        (folder / f"{name}.yml").write_text(PIPELINE.format(density=density))
        trained = Assistant.train(folder / f"{name}.yml", folder / "nlu.yml", random_seed=1)
        trained.save(folder / f"{name}.gossamer")
    return folder


def test_all_sparse_layers_of_a_transformer_are_told(folder: Path) -> None:
    found = layers_of(Assistant.load(folder / "sparse.gossamer"))
    assert found["state"] == "done"
    names = [layer["name"] for layer in found["layers"]]
    parts = ("key", "output of attention", "query", "value", "feed-forward in", "feed-forward out")
    inner = [f"transformer layer {number}, {part}" for number in (1, 2) for part in parts]
    assert [name for name in names if name.startswith("transformer")] == inner
    assert len(set(names)) == len(names)
    assert {layer["component"] for layer in found["layers"]} == {"DIETClassifier"}
    assert found["n_weights"] == sum(layer["n_weights"] for layer in found["layers"])


def test_counts_are_those_of_the_connections(folder: Path) -> None:
    layers = layers_of(Assistant.load(folder / "sparse.gossamer"))["layers"]
    assert layers
    for layer in layers:
        n_in, n_out, n = layer["n_in"], layer["n_out"], layer["n_weights"]
        assert layer["density"] == pytest.approx(n / (n_in * n_out))
        assert layer["inputs_of_an_output"]["mean"] == pytest.approx(n / n_out)
        assert layer["outputs_of_an_input"]["mean"] == pytest.approx(n / n_in)
        cells = layer["cells_per_pixel"]
        opacity = picture_of(layer)[..., 3].astype(float)
        assert opacity.shape == (-(-n_out // cells), -(-n_in // cells))
        assert opacity.sum() / 255 * cells**2 == pytest.approx(n, rel=0.01)


def test_a_dense_model_has_none(folder: Path) -> None:
    found = layers_of(Assistant.load(folder / "dense.gossamer"))
    assert found["state"] == "none"
    assert "connection_density" in found["hint"]


def test_a_large_kernel_has_several_cells_in_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((3, 1025), dtype=bool)
    mask[0, :3] = mask[2, 1024] = True
    layer = Linear(Connectivity.from_mask(mask), np.ones(4, np.float32), None)
    monkeypatch.setattr("gossamer.teach.look.layers._parts", lambda _: [("Part", [layer])])
    found = layers_of(Assistant.__new__(Assistant))["layers"][0]
    assert found["cells_per_pixel"] == 3
    opacity = picture_of(found)[..., 3]
    assert opacity.shape == (1, 342)
    assert opacity[0, 0] == round(255 * 3 / 9)
    assert opacity[0, 341] == round(255 / 9)
    assert found["n_inputs_unused"] == 1025 - 4
    assert found["n_outputs_without_inputs"] == 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (7, 3)])
def test_pngs_are_read_by_others(shape: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(image.open(io.BytesIO(png_of(pixels)))), pixels)


def picture_of(layer: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Its pixels. *Shape:* (n_rows, n_columns, 4)."""
    image = pytest.importorskip("PIL.Image")
    head, _, content = layer["picture"].partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(image.open(io.BytesIO(base64.b64decode(content))))
