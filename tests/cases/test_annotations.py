"""Case 4: broken annotations are told of, each with its line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gossamer.cli import app
from gossamer.data import read_training_data
from gossamer.data.errors import MistakeWarning

CASE = Path(__file__).parents[3] / "shared" / "cases" / "04-annotations" / "nlu.yml"
BROKEN = range(6, 11)  # the comment in the file counts from one more

pytestmark = pytest.mark.skipif(not CASE.is_file(), reason="../shared/cases is not there")


def test_reading_warns_of_each() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_training_data(CASE)
    told = [str(each.message) for each in caught if each.category is MistakeWarning]
    assert [message.split(": ")[0] for message in told] == [f"{CASE}:{line}" for line in BROKEN]


def test_validation_calls_each_an_error() -> None:
    result = CliRunner().invoke(app, ["data", "validate", "--nlu", str(CASE)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    for line in BROKEN:
        assert sum("error" in each and f"{CASE}:{line}: " in each for each in lines) == 1
    assert not any(
        f"{CASE}:{line}:" in each and "error" in each for line in (11, 12) for each in lines
    )
