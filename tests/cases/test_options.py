"""Case 11: options that Rasa accepts, and that change nothing or little."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Case = Callable[[str], Path]


@pytest.mark.slow
def test_the_starter_is_trained_with_one_warning_each(
    starter: Path, case: Case, gossamer: Callable[..., str]
) -> None:
    shutil.copy(case("11-options/config.yml"), starter / "config.yml")
    said = gossamer("train", "--augmentation", "0").splitlines()
    for option in ("token_pattern", "tensorboard_log_directory", "tensorboard_log_level"):
        assert sum(f"option '{option}' of" in line for line in said) == 1, option
    # TED learns from so many examples at most, as in Rasa, so this one does change something.
    assert not any("max_training_samples" in line for line in said)
    assert len(list((starter / "models").glob("*.gossamer"))) == 1
