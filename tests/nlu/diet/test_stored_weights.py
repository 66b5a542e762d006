"""Input tables in bytes: exact when loaded, refused when damaged, and older files still read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gossamer.assistant import Assistant
from gossamer.data.errors import ModelFileError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.stored_weights import weights_from_arrays, weights_to_arrays
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn import storage

TABLES = ("sequence_input.table.weight", "sentence_input.table.weight")
TEXTS = ["hello", "fly from Oslo to Rome", "one large pizza", "zzz", ""]


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def network_of(assistant: Assistant) -> DIETNetwork:
    network = diet(assistant).network
    assert network is not None
    return network


def test_tables_are_stored_in_bytes_and_exactly(
    travel_assistant: Assistant, tmp_path: Path
) -> None:
    arrays = weights_to_arrays(network_of(travel_assistant))
    for table in TABLES:
        assert f"network.{table}" not in arrays
        assert arrays[f"network.{table}.bytes"].dtype == np.int8
    loaded = Assistant.load(travel_assistant.save(tmp_path / "m"))
    before, after = network_of(travel_assistant).state_dict(), network_of(loaded).state_dict()
    assert set(before) == set(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_unrounded_tables_are_stored_as_they_are(
    travel_assistant: Assistant, tmp_path: Path
) -> None:
    loaded = Assistant.load(travel_assistant.save(tmp_path / "m"))
    network = network_of(loaded)
    with torch.no_grad():
        network.get_parameter(TABLES[0]).add_(0.1)
    arrays = weights_to_arrays(network)
    assert arrays[f"network.{TABLES[0]}"].dtype == np.float32
    again = weights_from_arrays(arrays)
    assert all(torch.equal(again[name], each) for name, each in network.state_dict().items())


def test_files_of_version_1_are_read(
    travel_assistant: Assistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold every weight as a float."""
    expected = travel_assistant.parse_many(TEXTS)
    plain = {
        f"network.{name}": each.numpy()
        for name, each in network_of(travel_assistant).state_dict().items()
    }
    with monkeypatch.context() as patch:
        patch.setattr(storage, "FORMAT_VERSION", 1)
        patch.setattr(diet(travel_assistant), "_weights", plain)
        path = travel_assistant.save(tmp_path / "old")
    stored = storage.load_model(path)
    assert any(name.endswith(TABLES[0]) for name in stored.arrays)
    for found, parse in zip(Assistant.load(path).parse_many(TEXTS), expected, strict=True):
        assert found.intent.name == parse.intent.name
        assert found.intent.confidence == pytest.approx(parse.intent.confidence, abs=1e-6)
        assert [(e.entity, e.start, e.end, e.value) for e in found.entities] == [
            (e.entity, e.start, e.end, e.value) for e in parse.entities
        ]


@pytest.mark.parametrize("damage", ["no exponents", "wrong shape", "wrong type"])
def test_damaged_tables_are_refused(travel_assistant: Assistant, damage: str) -> None:
    component = diet(travel_assistant)
    state = component.state()
    arrays = dict(state.arrays)
    exponents = f"network.{TABLES[0]}.exponents"
    if damage == "no exponents":
        del arrays[exponents]
    elif damage == "wrong shape":
        arrays[exponents] = arrays[exponents][1:]
    else:
        arrays[exponents] = arrays[exponents].astype(np.float32)
    with pytest.raises(ModelFileError, match="stored weights must fit the stored options"):
        DIETComponent(component.options).restore(ComponentState(json=state.json, arrays=arrays))
