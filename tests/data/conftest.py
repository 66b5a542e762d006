from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def travel() -> Path:
    """A small project with every format, written for these tests."""
    return HERE / "fixtures" / "travel"


@pytest.fixture
def shared_data() -> Path:
    """The public reference data beside the checkout."""
    folder = HERE.parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public reference data is not there")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of a test and hand back its path."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write_file
