"""Trainings over HTTP, in real processes: compared, swapped, gone back from, ended, killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from servers import Running, StartServer

BONJOUR = {"kind": "message", "text": "bonjour", "intent": "greet"}
WITHIN = 120.0


def ended(running: Running, name: str) -> dict[str, Any]:
    """A training once it runs no more."""
    give_up = time.monotonic() + WITHIN
    while time.monotonic() < give_up:
        found: dict[str, Any] = running.client.get(f"/teach/trainings/{name}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.1)
    raise AssertionError("the training does not end")


def begin(running: Running, **options: Any) -> str:
    answer = running.client.post("/teach/trainings", **options)
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["id"]
    return name


def intent(running: Running, text: str) -> str | None:
    found = running.client.post("/model/parse", json={"text": text}).json()
    name: str | None = found["intent"]["name"]
    return name


def in_service(running: Running) -> list[str]:
    models = running.client.get("/teach/models").json()["models"]
    assert [each["is_latest"] for each in models] == [True] + [False] * (len(models) - 1)
    return [each["name"] for each in models if each["is_in_service"]]


def test_what_is_not_there(teaching: Running) -> None:
    client = teaching.client
    assert client.get("/teach/trainings").json() == {"trainings": []}
    for method, path in (
        *(("GET", "trainings/x"), ("DELETE", "trainings/x"), ("POST", "trainings/x/swap")),
        *(("GET", "trainings/.."), ("GET", "trainings/%2e%2e"), ("POST", "models/x/use")),
        *(("POST", "models/..%2Ftiny/use"), ("POST", "models/candidates/use")),
    ):
        assert client.request(method, f"/teach/{path}").status_code == 404, path
    (model,) = client.get("/teach/models").json()["models"]
    assert (model["name"], model["is_in_service"], model["summary"]) == ("tiny", True, None)


def test_what_was_not_begun_here(teaching: Running, project: Path, models: Path) -> None:
    """Leavings of commands and of killed processes, and damaged ones, are told all the same."""
    client = teaching.client
    done = {"state": "done", "when": 7.0, "base": None}
    comparison = {"summary": {"taught": {"n": 1, "before": 0, "after": 1}}}
    names = [f"20200101-00000{number}-a-b" for number in range(4)]
    said: tuple[object, ...] = (comparison, 5, None, None)
    for name, compared in zip(names, said, strict=True):
        folder = models / "candidates" / name
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        if compared is not None:
            result = {**done, "name": name, "comparison": compared}
            (folder / "result.json").write_text(json.dumps(result))
    (models / "candidates" / names[3] / "task.json").write_text('{"domain": 5}')
    found = client.get("/teach/trainings").json()["trainings"]
    assert [(each["id"], each["state"], each["when"], each["who"]) for each in found] == [
        *((name, "failed", 0.0, None) for name in names[:0:-1]),
        (names[0], "done", 7.0, None),
    ]
    assert found[3]["comparison"] == comparison
    for name in names:
        assert client.get(f"/teach/trainings/{name}").status_code == 200
        assert client.delete(f"/teach/trainings/{name}").status_code in (200, 409)
        assert client.post(f"/teach/trainings/{name}/swap").status_code == 409
    assert client.get("/teach/models").status_code == 200
    client.post("/teach/corrections", json=BONJOUR)
    (taught,) = client.get("/teach/corrections").json()["corrections"]
    assert not taught["is_trained"]
    assert client.post("/teach/models/tiny/use").status_code == 200
    (taught,) = client.get("/teach/corrections").json()["corrections"]
    assert not taught["is_trained"], "going back to a model teaches it nothing"


@pytest.mark.slow
def test_trained_compared_swapped_and_gone_back_from(
    start_server: StartServer, project: Path, models: Path
) -> None:
    running = start_server(teach=project)
    client = running.client
    assert intent(running, "bonjour") is None
    client.post("/teach/corrections", json=BONJOUR)
    name = begin(running, headers={"X-Teacher": "Ann"})
    busy = client.post("/teach/trainings")
    assert busy.status_code == 503
    assert int(busy.headers["Retry-After"]) > 0
    assert client.get("/status").json()["num_active_training_jobs"] == 1
    done = ended(running, name)
    assert (done["state"], done["who"], done["error"]) == ("done", "Ann", None)
    assert done["progress"]["stage"] == "done"
    assert done["comparison"]["summary"]["taught"] == {"n": 1, "before": 0, "after": 1}
    assert [each["text"] for each in done["comparison"]["better"]] == ["bonjour"]
    assert intent(running, "bonjour") is None, "the old one answers until it is swapped"
    assert not client.get("/teach/corrections").json()["corrections"][0]["is_trained"]

    # Another server on the same folder, as after a restart, knows the candidate.
    other = start_server(teach=project)
    (listed,) = other.client.get("/teach/trainings").json()["trainings"]
    assert listed == done

    is_over = threading.Event()
    wrong: list[str] = []

    def talk(number: int) -> None:
        while not is_over.is_set():
            answer = client.post(f"/conversations/{number}/turns", json={"text": "hello"})
            if answer.status_code != 200:
                wrong.append(answer.text)

    talking = [threading.Thread(target=talk, args=(number,)) for number in range(2)]
    for thread in talking:
        thread.start()
    swapped = client.post(f"/teach/trainings/{name}/swap")
    is_over.set()
    for thread in talking:
        thread.join()
    assert wrong == [], "no request is lost"
    assert swapped.json() == {"model": f"{name}.gossamer"}
    assert intent(running, "bonjour") == "greet"
    assert in_service(running) == [name]
    assert client.get(f"/teach/trainings/{name}").json()["is_in_service"]
    assert client.get("/teach/corrections").json()["corrections"][0]["is_trained"]
    assert client.delete(f"/teach/trainings/{name}").status_code == 409

    assert client.post("/teach/models/tiny/use").json() == {"model": "tiny.gossamer"}
    assert intent(running, "bonjour") is None
    assert in_service(running) == ["tiny"]
    assert client.post(f"/teach/models/{name}/use").status_code == 200
    assert intent(running, "bonjour") == "greet"

    # A broken file takes nobody's place.
    (models / "broken.gossamer").write_bytes(b"no model")
    os.utime(models / "broken.gossamer", (1, 1))
    assert client.post("/teach/models/broken/use").status_code == 400
    assert in_service(running) == [name]


@pytest.mark.long
@pytest.mark.slow
def test_ended_failed_and_thrown_away(teaching: Running, project: Path) -> None:
    client = teaching.client
    name = begin(teaching)
    assert client.delete(f"/teach/trainings/{name}").json()["state"] == "cancelled"
    assert client.post(f"/teach/trainings/{name}/swap").status_code == 409

    data = project / "data" / "nlu.yml"
    good = data.read_text("utf-8")
    data.write_text(good.replace("- intent: greet", "- intent: greet\n  exampels: x"), "utf-8")
    give_up = time.monotonic() + WITHIN
    while client.get("/status").json()["num_active_training_jobs"]:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    failed = ended(teaching, begin(teaching))
    assert failed["state"] == "failed"
    assert failed["error"]["faults"][0]["file"] == "data/nlu.yml"
    assert "exampels" in failed["error"]["message"]
    assert str(project) not in json.dumps(failed)

    data.write_text(good.replace("- hello", "- hello\n    - bonjour"), "utf-8")
    while client.get("/status").json()["num_active_training_jobs"]:
        time.sleep(0.05)
    name = begin(teaching)
    assert ended(teaching, name)["state"] == "done"
    thrown = client.delete(f"/teach/trainings/{name}").json()
    assert (thrown["state"], thrown["is_discarded"]) == ("done", True)
    assert client.post(f"/teach/trainings/{name}/swap").status_code == 409
    assert in_service(teaching) == ["tiny"]
    states = [each["state"] for each in client.get("/teach/trainings").json()["trainings"]]
    assert sorted(states) == ["cancelled", "done", "failed"]


@pytest.mark.long
@pytest.mark.slow
def test_a_server_that_is_killed_while_it_trains(
    start_process: StartServer, project: Path, models: Path
) -> None:
    """The old model answers, what was taught is there, and nothing goes on training."""
    first = start_process("--teach", str(project))
    first.client.post("/teach/corrections", json=BONJOUR)
    name = begin(first)
    assert first.process is not None
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()

    second = start_process("--teach", str(project))
    assert intent(second, "hello") == "greet"
    assert intent(second, "bonjour") is None
    (taught,) = second.client.get("/teach/corrections").json()["corrections"]
    assert taught["correction"]["text"] == "bonjour"
    assert "- bonjour\n" in (project / "data" / "nlu.yml").read_text("utf-8")
    left = second.client.get(f"/teach/trainings/{name}")
    assert left.status_code == 404 or ended(second, name)["state"] in ("failed", "done")
    give_up = time.monotonic() + WITHIN
    while (answer := second.client.post("/teach/trainings")).status_code == 503:
        assert time.monotonic() < give_up, "the old training goes on"
        time.sleep(0.5)
    assert ended(second, answer.json()["id"])["state"] == "done"
    assert second.client.post(f"/teach/trainings/{answer.json()['id']}/swap").status_code == 200

    second.process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]
    third = start_process("--teach", str(project))
    assert intent(third, "bonjour") == "greet"
    listed = third.client.get("/teach/trainings").json()["trainings"]
    assert answer.json()["id"] in [each["id"] for each in listed if each["is_in_service"]]
