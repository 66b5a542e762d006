"""The starter, and the case files beside the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gossamer.cli import app

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


@pytest.fixture
def case() -> Callable[[str], Path]:
    """A file or folder of the cases; the test is skipped where there are none."""

    def find(name: str) -> Path:
        path = CASES / name
        if not path.exists():
            pytest.skip(f"../shared/cases/{name} is not there")
        return path

    return find


@pytest.fixture
def gossamer() -> Callable[..., str]:
    """Run a command line in this process; gives what it says on both streams."""

    def run(*arguments: object, exit_code: int = 0, **options: Any) -> str:
        result = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], **options
        )
        assert result.exit_code == exit_code, result.output
        return str(result.output)

    return run


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `gossamer init` writes, made the current folder."""
    CliRunner().invoke(app, ["init", str(tmp_path / "starter")], catch_exceptions=False)
    monkeypatch.chdir(tmp_path / "starter")
    return tmp_path / "starter"
