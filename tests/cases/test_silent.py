"""Case 06: a misspelt key of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Case = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "line", "known"),
    [("config-pipelin.yml", 3, "pipeline"), ("config-polices.yml", 8, "policies")],
)
def test_a_misspelt_key_is_an_error(
    starter: Path, case: Case, gossamer: Callable[..., str], name: str, line: int, known: str
) -> None:
    wrong = case(f"06-silent/{name}")
    for command in (("train",), ("train", "nlu"), ("train", "core"), ("data", "validate")):
        said = gossamer(*command, "--config", wrong, exit_code=1)
        assert f"{wrong}:{line}: " in said
        assert f"Try: '{known}', or one of" in said
    assert not (starter / "models").exists()
