"""Killed at any moment of training, of putting in service or of going back: a whole model answers.

Processes are forked from one that has imported everything, so that a kill costs no import.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data.model_files import latest_model
from gossamer.teach.candidates import Candidate, clean, models_of
from gossamer.teach.candidates.store import candidates_of

SRC = Path(__file__).resolve().parents[2] / "src"
FORKING = """
import json, os, sys
import gossamer.nlu.diet.training, gossamer.nlu.diet.wide, scipy.sparse, sklearn.svm, torch
from pathlib import Path
from gossamer.teach.candidates import find_candidate, go_back, make_candidate, put_in_service

def told(log, *words):
    os.write(log, (" ".join(words) + "\\n").encode())

def work(kind, project):
    models, log = project / "models", os.open(project / "log", os.O_WRONLY | os.O_APPEND)
    first = models / "first.gossamer"
    while True:
        if kind == "train":
            made = make_candidate(project, models=models, base=first)
            told(log, "made", made.name)
        else:
            made = find_candidate(models, kind)
            if not made.is_waiting:  # as it was: not in service
                (models / made.path.name).rename(made.path)
        told(log, "begin", made.name)
        put_in_service(made, models)
        told(log, "end", made.name)
        told(log, "begin", "first")
        go_back(models, "first")
        told(log, "end", "first")

for line in sys.stdin:
    kind, project = json.loads(line)
    pid = os.fork()
    if pid == 0:
        try:
            work(kind, Path(project))
        finally:
            os._exit(1)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""
NETWORK = "epochs: 4, transformer_size: 8, number_of_attention_heads: 1, batch_size: [8, 8]"
FILES = {
    "config.yml": f"""\
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- {{name: DIETClassifier, {NETWORK}}}
""",
    "data/nlu.yml": """\
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
- intent: bye
  examples: |
    - bye
    - farewell
""",
    "domain.yml": "intents: [greet, bye]\n",
}


class Forking:
    """Makes processes that work, and kills them."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )

    def begin(self, kind: str, project: Path) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([kind, str(project)]) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert self._line() == "ended"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    made = Forking()
    yield made
    made.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    assistant = Assistant.train(folder / "config.yml", folder / "data")
    assistant.save(folder / "models/first.gossamer")
    return folder


def log_of(project: Path) -> list[list[str]]:
    return [line.split() for line in (project / "log").read_text("utf-8").splitlines()]


def until(project: Path, what: str) -> float:
    """Seconds until a line of the log begins so."""
    began = time.monotonic()
    while not any(line[0] == what for line in log_of(project)):
        assert time.monotonic() - began < 300
        time.sleep(0.005)
    return time.monotonic() - began


def check(project: Path) -> None:
    """What answers now is whole, and is what was put in service last, or just was to be."""
    models = project / "models"
    served = [(kind, name) for kind, name in log_of(project) if kind != "made"]
    done = [name for kind, name in served if kind == "end"]
    wanted = {done[-1] if done else "first"}
    if served and served[-1][0] == "begin":
        wanted.add(served[-1][1])
    latest = latest_model(models)
    assert latest.stem in wanted
    assert Assistant.load(latest).parse("hello").intent.name is not None
    for entry in models_of(models):
        Assistant.load(entry.path)
    assert {path.suffix for path in models.iterdir() if path.is_file()} == {".gossamer"}
    clean(models)
    for folder in candidates_of(models):
        candidate = Candidate.read(folder)
        assert candidate is not None
        if candidate.is_waiting:
            Assistant.load(candidate.path)


@pytest.mark.parametrize(
    "n_kills",
    [pytest.param(10, marks=pytest.mark.long), pytest.param(100, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("kind", ["train", "swap"])
def test_killed_at_any_moment(
    kind: str, n_kills: int, forking: Forking, base: Path, tmp_path: Path
) -> None:
    draw = random.Random()
    project = shutil.copytree(base, tmp_path / "project")
    (project / "log").touch()
    pid = forking.begin("train", project)
    seconds = until(project, "end")
    forking.kill(pid)
    check(project)
    n_begun = 0
    if kind == "swap":
        (folder,) = candidates_of(project / "models")
        kind, seconds = folder.name, 0.1
    for _ in range(n_kills):
        (project / "log").write_text("", "utf-8")
        for entry in models_of(project / "models"):
            if entry.name != "first":  # as it was: not in service
                folder = project / "models/candidates" / entry.name.removeprefix("nlu-")
                shutil.move(entry.path, folder)
        pid = forking.begin(kind, project)
        time.sleep(draw.uniform(0.0, 1.2 * seconds))
        forking.kill(pid)
        check(project)
        n_begun += any(line[0] == "begin" for line in log_of(project))
    assert kind == "train" or n_begun > n_kills // 2
