"""Processes that teach: killed at any moment, and two at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from small_projects import make_project

from gossamer.data.domain.reading import read_domain
from gossamer.data.nlu.reading import read_training_data
from gossamer.teach import MessageCorrection, TaughtProject

SRC = Path(__file__).resolve().parents[2] / "src"

# Teaches texts of its own, an intent and an entity type every few, undoes some, and says what was
# acknowledged. Every third text is taught under another intent afterwards, which moves it.
TEACHER = """
import sys
from gossamer.teach import TaughtProject, correction_of

folder, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
project = TaughtProject(folder)
for number in range(n):
    text = f"{name} {number}"
    intents = [f"{name}{number // 5}"] + (["greet"] if number % 3 == 0 else [])
    for intent in intents:
        entities = [{"start": 0, "end": len(name), "entity": f"e{number // 5}"}]
        done = project.teach(
            correction_of(
                {"kind": "message", "text": text, "intent": intent, "entities": entities}
            ),
            who=name,
        )
        print("taught", done.id, flush=True)
    if number % 4 == 3:
        project.undo(done.id, who=name)
        print("undone", done.id, flush=True)
"""


def start(folder: Path, name: str, n: int) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", TEACHER, str(folder), name, str(n)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def check(folder: Path, acknowledged: list[str], project: TaughtProject) -> None:
    """Whatever was acknowledged is there once, and the files say what the journal says."""
    taught = {each.id: each for each in project.taught()}
    for line in acknowledged:
        what, number = line.split()
        assert int(number) in taught
        if what == "undone":
            assert taught[int(number)].is_undone
    last: dict[str, MessageCorrection | None] = {}
    for each in taught.values():
        assert isinstance(each.correction, MessageCorrection)
        if not each.is_undone:
            last[each.correction.example.text] = each.correction
        # Undoing the second of two that taught a text brings back what the first one said.
    examples = read_training_data(folder / "data").examples
    found = Counter((e.text, e.intent, repr(e.entities)) for e in examples)
    meant = Counter(
        (c.example.text, c.example.intent, repr(c.example.entities)) for c in last.values() if c
    )
    meant.update([("hello", "greet", "()"), ("see you", "bye", "()")])
    rest = found - meant
    assert found & meant == meant
    assert [text for text, _, _ in rest] == ["good morning"]
    domain = read_domain(folder / "domain.yml")
    assert {intent for _, intent, _ in found} <= set(domain.intent_names)
    used = {entity.entity for example in examples for entity in example.entities}
    assert used <= {entity.name for entity in domain.entities}


@pytest.mark.slow
def test_two_processes_that_teach_at_once_lose_nothing(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    processes = [start(folder, name, 50) for name in ("one", "two")]
    said = [
        line for process in processes for line in process.communicate(timeout=300)[0].split("\n")
    ]
    assert all(process.returncode == 0 for process in processes)
    acknowledged = [line for line in said if line]
    project = TaughtProject(folder)
    assert len(project.taught()) == sum(line.startswith("taught") for line in acknowledged) == 134
    check(folder, acknowledged, project)
    texts = Counter(example.text for example in read_training_data(folder / "data").examples)
    undone = [each for each in project.taught() if each.is_undone]
    gone = sum(texts[each.correction.example.text] == 0 for each in undone)  # type: ignore[union-attr]
    assert sum(texts.values()) == 3 + 100 - gone
    assert set(texts.values()) == {1}


def killed_again_and_again(folder: Path, n_kills: int, seed: int) -> None:
    make_project(folder)
    before = {name: (folder / name).read_bytes() for name in ("data/nlu.yml", "domain.yml")}
    chance = random.Random(seed)
    n_acknowledged = 0
    for number in range(n_kills):
        process = start(folder, f"r{number}x", 1000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        acknowledged = [line for line in (first + process.communicate()[0]).split("\n") if line]
        n_acknowledged += len(acknowledged)
        if acknowledged and not acknowledged[-1].split()[-1].isdigit():
            acknowledged.pop()  # killed in the middle of printing
        for path in folder.rglob("*.yml"):
            assert path.stat().st_size > 0
            assert path.read_bytes().endswith(b"\n")
        check(folder, acknowledged, TaughtProject(folder))
    assert n_acknowledged > n_kills
    project = TaughtProject(folder)
    for each in reversed(project.taught()):
        if not each.is_undone:
            project.undo(each.id, who="me")
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert not list((folder / "data").glob(".gossamer-*.part"))


@pytest.mark.slow
def test_kill_9_ten_times(tmp_path: Path, seed: int) -> None:
    killed_again_and_again(tmp_path / "project", 10, seed)


@pytest.mark.long
@pytest.mark.slow
def test_kill_9_a_hundred_times(tmp_path: Path, seed: int) -> None:
    killed_again_and_again(tmp_path / "project", 100, seed)
