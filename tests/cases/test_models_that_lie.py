"""Model files whose checksum is right and whose content is not: refused, never a crash or nonsense.

Each was once accepted, and ended the process, took gigabytes, or raised another library's error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.assistant import Assistant
from gossamer.data.errors import ModelFileError
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.frozen.inputs import Table
from gossamer.nn.storage import load_model, save_model

DIET = 3  # its place in the pipeline of `travel_assistant`
Json = dict[str, Any]
Arrays = dict[str, Any]
Lie = Callable[[Json, Arrays], None]


def state(**changes: Any) -> Lie:
    """Other values in what DIET has stored as JSON."""

    def lie(json: Json, arrays: Arrays) -> None:
        json["pipeline"][DIET]["state"].update(changes)

    return lie


def wider(name: str, n_dense: int) -> Lie:
    """Features are said to be wider than any featurizer makes them."""

    def lie(json: Json, arrays: Arrays) -> None:
        json["pipeline"][DIET]["state"][name][1] = n_dense
        key = f"{DIET}.network.encoder.input.indices"
        table = arrays[key]
        arrays[key] = (table + n_dense * 2).astype(table.dtype)

    return lie


def longer_vocabulary(json: Json, arrays: Arrays) -> None:
    json["pipeline"][2]["state"]["vocabulary"] += ["unheard", "of"]


def array(name: str, change: Callable[[Any], Any]) -> Lie:
    def lie(json: Json, arrays: Arrays) -> None:
        key = next(key for key in arrays if key.endswith(name))
        arrays[key] = change(arrays[key])

    return lie


LIES: dict[str, Lie] = {
    "sequence wider": wider("sequence_widths", 128),
    "sequence far wider": wider("sequence_widths", 2**24),
    "sentence wider": wider("sentence_widths", 128),
    "longer vocabulary": longer_vocabulary,
    "labels of numbers": state(labels=[1, 2, 3, 4]),
    "the same labels": state(labels=["a", "a", "b", "c"]),
    "no label widths": state(label_widths=[]),
    "temperature 0": state(temperature=0),
    "temperature below 0": state(temperature=-1),
    "temperature next to 0": state(temperature=1e-320),
    "temperature not a number": state(temperature="nan"),
    "temperature too large": state(temperature=10**400),
    "tags without O": state(tags={"entity": ["xx"] * 9}),
    "roles without entities": state(tags={"role": ["O", "U-a"]}),
    "exponents too large": array("exponents", lambda part: part * 0 + 32000),
    "exponents of eight bytes": array("exponents", lambda part: part.astype(np.int64) + 2**32),
    "parts of the wide path": array("wide.part", lambda part: part.astype(np.int64) + 2**28),
    "frequencies of the wide path": array("wide.idf", lambda idf: idf * np.float32(1e38)),
    "bias of the wide path": array("wide.table.bias", lambda bias: bias * np.float32("nan")),
    "number of columns": array("sentence.number", lambda part: part * 0 + 2**31 - 1),
    "a wide window": lambda json, _: json["pipeline"][DIET]["options"].update(context_window=10**9),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_model_that_lies_is_refused(
    travel_assistant: Assistant, tmp_path: Path, lie: Lie
) -> None:
    stored = load_model(travel_assistant.save(tmp_path / "true"))
    json, arrays = copy.deepcopy(stored.content), dict(stored.arrays)
    lie(json, arrays)
    save_model(tmp_path / "lie", json, arrays)
    with pytest.raises(ModelFileError):
        Assistant.load(tmp_path / "lie").parse("fly from Oslo to Rome")


@pytest.mark.parametrize("content", ["[]", "null", "5", "", "not json", "[" * 200_000, "9" * 5000])
def test_content_that_is_no_object(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossamer.nn.storage._as_json", lambda _: content)
    save_model(tmp_path / "m", {}, {})
    with pytest.raises(ModelFileError, match="must hold a JSON object"):
        load_model(tmp_path / "m")


def test_a_name_too_long_is_a_missing_file() -> None:
    with pytest.raises(ModelFileError, match="must exist"):
        load_model(Path("m" * 300))


@pytest.mark.parametrize("texts", [[None], ["a", 5], [b"x"], [["a"]]], ids=repr)
def test_what_is_no_text_is_refused(travel_assistant: Assistant, texts: list[Any]) -> None:
    with pytest.raises(TypeError, match=r"texts must be strings \(got \w+ at \d\)\. Try: "):
        travel_assistant.parse_many(texts)


def test_many_texts_may_come_one_by_one(travel_assistant: Assistant) -> None:
    texts: Any = (text for text in ("hello", "to"))
    assert [parse.text for parse in travel_assistant.parse_many(texts)] == ["hello", "to"]


def test_kernels_refuse_rows_that_do_not_fit(travel_assistant: Assistant) -> None:
    frozen: Any = next(c for c in travel_assistant.pipeline.components if hasattr(c, "frozen"))
    frozen = frozen.frozen
    with pytest.raises(ValueError, match="what a layer reads must have the shape"):
        frozen.encoder.input(np.zeros((10**6, 1), np.float32))
    table = Table(np.zeros((4, 16), np.float32), np.zeros(16, np.float32))
    one, starts = np.ones(1, np.float32), np.array([0, 1], np.int32)
    for column in (2**30, -1):
        with pytest.raises(ValueError, match="must belong together"):
            table(CsrMatrix(one, np.array([column], np.int32), starts, (1, 4)))
    (head,) = [head for kind, head in frozen.heads.items() if kind == "entity"]
    logits = np.zeros((3, len(head.decoder.moves)), np.float32)
    for lengths in ([10**7], [-5, 8], [1, 1]):
        with pytest.raises(ValueError, match="lengths must be 0 or more"):
            head.decoder(logits, np.array(lengths))


def test_rows_that_are_not_in_order_are_read_in_order(travel_assistant: Assistant) -> None:
    frozen: Any = next(c for c in travel_assistant.pipeline.components if hasattr(c, "frozen"))
    layer = frozen.frozen.encoder.input
    width = layer.connectivity.in_features
    x = np.random.default_rng(0).standard_normal((5, 2 * width)).astype(np.float32)[:, ::2]
    np.testing.assert_array_equal(layer(x), layer(np.ascontiguousarray(x)))
    np.testing.assert_allclose(layer(x.astype(np.float64)), layer(x))
