from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant

Run = Callable[..., Any]


@pytest.fixture
def real_model(project: Path, travel_assistant: Assistant) -> Path:
    return travel_assistant.save(project / "models" / "travel.gossamer")


def test_the_file_stands_beside_the_model(run: Run, real_model: Path) -> None:
    result = run("export", "--format", "onnx")
    assert result.exit_code == 0, result.stderr
    written = real_model.with_suffix(".onnx")
    assert result.stdout.strip() == "The ONNX model is models/travel.onnx"
    assert b"gossamer-diet" in written.read_bytes()


def test_the_file_goes_where_it_is_told(run: Run, real_model: Path, project: Path) -> None:
    result = run(
        "export", "--model", real_model, "--out", "out/a.onnx", "--component", "DIETClassifier"
    )
    assert result.exit_code == 0, result.stderr
    assert (project / "out" / "a.onnx").is_file()


def test_the_model_is_not_overwritten(run: Run, real_model: Path) -> None:
    before = real_model.read_bytes()
    result = run("export", "--out", real_model)
    assert result.exit_code == 1
    assert "must not replace the model" in result.stderr
    assert real_model.read_bytes() == before


def test_a_model_that_is_not_there(run: Run, project: Path) -> None:
    result = run("export", "--model", "nothing")
    assert result.exit_code == 1
    assert "the model must exist" in result.stderr


def test_an_unknown_format_is_a_wrong_call(run: Run, real_model: Path) -> None:
    assert run("export", "--format", "tflite").exit_code == 2
