"""The parent of workers, with workers that only note which model they have."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from gossamer.serve.workers.link import Link
from gossamer.serve.workers.parent import Parent

pytestmark = pytest.mark.slow


class Model:
    def __init__(self, path: Path) -> None:
        self.path = path


class Noting:
    """A worker; worker 1 has read its model before another one is put in its place by worker 0."""

    def __init__(self, folder: Path, model: str | None) -> None:
        self.folder = folder
        self.model = model

    def load(self, path: Path) -> Any:
        return Model(path)

    def use(self, model: Any) -> None:
        self.model = model.path.name

    def own_metrics(self) -> bytes:
        return b""

    def run(self, link: Link) -> None:
        if link.number == 0:
            threading.Thread(target=link.start, args=(self,), daemon=True).start()
            wait_until((self.folder / "has begun").exists)
            link.use_model(Model(self.folder / "new"))  # type: ignore[arg-type]
            (self.folder / "is swapped").touch()
        else:
            (self.folder / "has begun").touch()
            wait_until((self.folder / "is swapped").exists)
            link.start(self)
            (self.folder / "may answer").write_text(str(self.model), "utf-8")
        threading.Event().wait()


def keep_running(folder: Path) -> None:
    def start(link: Link, path: str | None) -> None:
        Noting(folder, None if path is None else Path(path).name).run(link)

    Parent(2, start, str(folder / "old"), 5.0).run()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a parent that runs, in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=keep_running, args=(tmp_path,))
    process.start()
    yield tmp_path
    process.terminate()
    process.join(20.0)
    assert process.exitcode == 0


def test_one_that_begins_while_a_model_is_swapped_answers_with_the_new_one(folder: Path) -> None:
    answer = folder / "may answer"
    wait_until(lambda: answer.exists() and answer.read_text("utf-8") != "")
    assert answer.read_text("utf-8") == "new"
