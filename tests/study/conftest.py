from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import small_study

from gossamer.study import Run, StudyData
from gossamer.study import runner as running


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small project; do not change it."""
    return small_study.write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def read(small_project: Path) -> Callable[[str], StudyData]:
    """The small project's data for a task; read once."""
    found: dict[str, StudyData] = {}

    def get(task: str) -> StudyData:
        if task not in found:
            found[task] = small_study.read_project(small_project, task)
        return found[task]

    return get


@pytest.fixture(scope="session")
def intents(read: Callable[[str], StudyData]) -> StudyData:
    """The small project's intents."""
    return read("intent")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done in this process."""
    monkeypatch.setattr(running, "run_all", small_study.run_here)


@pytest.fixture
def quick(here: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing is trained; gives a list of the runs that would have been, by key."""
    done: list[str] = []

    def perform(data: StudyData, run: Run) -> dict[str, object]:
        done.append(run.key(data.digest))
        return small_study.quick_row(data, run)

    monkeypatch.setattr(running, "perform", perform)
    return done
