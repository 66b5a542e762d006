"""What names a run."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gossamer.sparse import Topology
from gossamer.study import InputLayer, Method, Run, Task

RUN = Run(task=Task.INTENT, density=0.2, size=16, seed=0, epochs=2)

OTHERS: dict[str, Any] = {
    "task": Task.ENTITY,
    "density": 0.1,
    "size": 32,
    "seed": 1,
    "epochs": 3,
    "topology": Topology.UNIFORM,
    "method": Method.SET,
    "input_layer": InputLayer.NONE,
    "options": {"learning_rate": 0.01},
}


def test_a_key_does_not_change_from_process_to_process() -> None:
    # Rows on disks are found again by these.
    assert RUN.key("0123456789abcdef") == "2117409c6ee228c3"
    other = dataclasses.replace(RUN, method=Method.SET, options={"b": [1, 2.5], "a": "ä"})
    assert other.key("0123456789abcdef") == "49e0e6e562930008"


def test_every_field_changes_the_key() -> None:
    assert list(OTHERS) == [field.name for field in dataclasses.fields(Run)]
    keys = {RUN.key("d"), RUN.key("e")}
    keys |= {dataclasses.replace(RUN, **{name: value}).key("d") for name, value in OTHERS.items()}
    assert len(keys) == 2 + len(OTHERS)
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_the_order_of_options_does_not_count() -> None:
    one = dataclasses.replace(RUN, options={"a": 1, "b": 2})
    two = dataclasses.replace(RUN, options={"b": 2, "a": 1})
    assert one.key("d") == two.key("d")
    assert one.key("d") != dataclasses.replace(RUN, options={"a": 2, "b": 1}).key("d")


def test_names_and_whole_numbers_are_the_same_run() -> None:
    written = Run(
        task="intent",  # type: ignore[arg-type]
        density=1,
        size=16,
        seed=0,
        epochs=2,
        topology="uniform",  # type: ignore[arg-type]
        method="set",  # type: ignore[arg-type]
        input_layer="none",  # type: ignore[arg-type]
    )
    meant = Run(
        task=Task.INTENT,
        density=1.0,
        size=16,
        seed=0,
        epochs=2,
        topology=Topology.UNIFORM,
        method=Method.SET,
        input_layer=InputLayer.NONE,
    )
    assert written == meant
    assert written.key("d") == meant.key("d")


@pytest.mark.parametrize("name", ["task", "topology", "method", "input_layer"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        dataclasses.replace(RUN, **dict[str, Any]({name: "nowhere"}))


def test_as_json_values() -> None:
    content = dataclasses.replace(RUN, **OTHERS).to_dict()
    assert json.loads(json.dumps(content)) == content
    assert Run(**content) == dataclasses.replace(RUN, **OTHERS)
    assert {type(content[name]) for name in ("task", "topology", "method", "input_layer")} == {str}
