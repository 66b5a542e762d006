"""Trainings of candidates in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data.errors import DataError
from gossamer.data.model_files import latest_model
from gossamer.teach import TaughtProject, correction_of
from gossamer.teach.candidates import (
    CandidateTask,
    Training,
    TrainingGoesOn,
    Trainings,
    find_candidate,
    put_in_service,
)
from gossamer.teach.candidates.store import candidates_of

pytestmark = pytest.mark.slow

SRC = Path(__file__).resolve().parents[2] / "src"
WITHIN = 240.0
FILES = {
    "config.yml": """\
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: LogisticRegressionClassifier
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", f"{SRC}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assistant = Assistant.train(tmp_path / "config.yml", tmp_path / "data")
    assistant.save(tmp_path / "models/nlu-first.gossamer")
    return tmp_path


def task(project: Path) -> CandidateTask:
    return CandidateTask(
        project=str(project),
        models=str(project / "models"),
        base=str(latest_model(project / "models")),
        config=str(project / "config.yml"),
        domain=(str(project / "domain.yml"),),
        data=(str(project / "data"),),
        tests=str(project / "tests"),
    )


def ended(trainings: Trainings, id: str) -> Training:
    give_up = time.monotonic() + WITHIN
    while (found := trainings.look(id)).state == "running":
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


def test_a_training_in_a_process_of_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun, looked at, put in service, and found again by another server."""
    monkeypatch.setenv("GOSSAMER_AUTH_TOKEN", "secret")
    models = project / "models"
    given = {"kind": "message", "text": "so long my friend", "intent": "bye", "entities": []}
    TaughtProject(project).teach(correction_of(given), who="local")
    trainings = Trainings(models)
    id = trainings.begin(task(project))
    with pytest.raises(TrainingGoesOn, match="one candidate"):
        trainings.begin(task(project))
    other = Trainings(models)  # of another server; it leaves what runs alone
    assert other.look(id).state == "running"
    with pytest.raises(TrainingGoesOn):
        other.begin(task(project))
    with pytest.raises(DataError, match="must end it"):
        other.cancel(id)
    found = ended(trainings, id)
    assert (found.state, found.error, found.is_waiting) == ("done", None, True)
    assert found.comparison is not None
    assert found.comparison["summary"]["taught"]["n"] == 1
    assert found.progress is not None
    assert found.progress.fraction == 1.0
    assert json.loads(json.dumps(found.to_json()))["progress"]["stage"] == "done"
    assert trainings.cancel(id).state == "done"
    assert other.look(id) == found == Trainings(models).look(id)

    path = put_in_service(find_candidate(models, id), models)
    assert path.name == f"nlu-{id}.gossamer"
    assert Assistant.load(path).parse("so long my friend").intent.name == "bye"
    assert [each.is_waiting for each in trainings.all()] == [False]
    with pytest.raises(DataError, match="of this id"):
        trainings.look("../models")
    trainings.close()


@pytest.mark.long
def test_faults_cancelling_and_leftovers(project: Path) -> None:
    models = project / "models"
    (project / "data/more.yml").write_text("nlu:\n- intent: a/b/c\n", "utf-8")
    trainings = Trainings(models)
    failed = ended(trainings, trainings.begin(task(project)))
    assert failed.state == "failed"
    assert failed.error is not None
    (fault,) = failed.error["faults"]
    assert (fault["file"], fault["line"]) == (str(Path("data/more.yml")), 2)
    assert "retrieval intent" in fault["message"]
    assert str(project) not in failed.error["message"]

    (project / "data/more.yml").unlink()
    id = trainings.begin(task(project))
    assert trainings.cancel(id).state == "cancelled"
    id = trainings.begin(task(project))
    trainings.close()  # the server ends
    assert trainings.look(id).state == "cancelled"
    again = Trainings(models)
    assert sorted(each.state for each in again.all()) == ["cancelled", "cancelled", "failed"]
    assert latest_model(models).name == "nlu-first.gossamer"
    assert not list((models / "candidates").glob("*/*.gossamer"))


def test_a_training_ends_with_the_process_that_began_it(project: Path) -> None:
    code = (
        "import json, sys, time\n"
        "from pathlib import Path\n"
        "from gossamer.teach.candidates import CandidateTask, Trainings\n"
        "trainings = Trainings(Path(sys.argv[1]))\n"
        "print(trainings.begin(CandidateTask(**json.loads(sys.argv[2]))), flush=True)\n"
        "print(trainings._process[1].pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    models = project / "models"
    asked = task(project)
    content = json.dumps({name: getattr(asked, name) for name in asked.__slots__})
    with subprocess.Popen(
        [sys.executable, "-c", code, str(models), content], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        id, pid = server.stdout.readline().strip(), int(server.stdout.readline())
        give_up = time.monotonic() + WITHIN
        while not (models / "candidates" / id / "lock").exists():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        server.send_signal(signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert latest_model(models).name == "nlu-first.gossamer"
    Trainings(models)
    assert candidates_of(models) == [] or find_candidate(models, id).is_waiting
