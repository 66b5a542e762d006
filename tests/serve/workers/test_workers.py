"""`gossamer run --workers 2`: one port, several processes, each replaced when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from servers import ROOT, Running, StartServer
from waiting import wait_until

from gossamer.serve.store import ConversationStore

pytestmark = pytest.mark.slow
CHAT = "/webhooks/rest/webhook"
WITHIN = 60.0


@pytest.fixture
def running(start_process: StartServer) -> Running:
    """Two workers; both have answered."""
    server = start_process("--enable-api", "--workers", "2")
    wait_until(lambda: len(workers_seen(server)) == 2)
    return server


def children(server: Running) -> list[int]:
    assert server.process is not None
    pid = server.process.pid
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def workers_seen(server: Running) -> set[str]:
    """The numbers of those that count something, as any of them tells."""
    return {line.partition('worker="')[2][0] for line in metric(server, "process_cpu_seconds")}


def metric(server: Running, name: str) -> list[str]:
    answer = asked(server, "GET", "/metrics")
    return [line for line in answer.text.splitlines() if line.startswith(name)]


def asked(server: Running, method: str, path: str, **more: object) -> httpx.Response:
    """The answer over a connection of its own, which any worker may take."""
    with httpx.Client(base_url=server.url, timeout=60.0, trust_env=False) as client:
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
    assert answer.status_code < 300, answer.text
    return answer


def test_all_answer_and_conversations_are_in_order(running: Running, tmp_path: Path) -> None:
    def talk(sender: str) -> None:
        for n in range(20):
            message = {"sender": sender, "message": "hello", "message_id": str(n)}
            answer = asked(running, "POST", CHAT, json=message)
            assert answer.json()[0]["text"] == "Hello! Where to?"

    senders = [f"sender-{k}" for k in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(talk, senders))
    with closing(ConversationStore.open(f"sqlite:///{tmp_path / 'conversations.db'}")) as store:
        for sender in senders:
            said = [each["message_id"] for each in store.events(sender) if each["event"] == "user"]
            assert said == [str(n) for n in range(20)]
    turns = metric(running, 'gossamer_turns_total{result="done"')
    counts = [float(line.split()[-1]) for line in turns]
    assert len(counts) == 2 and sum(counts) == 120.0, turns
    status = asked(running, "GET", "/status").json()
    assert status["model_file"] == "tiny.gossamer"


@pytest.mark.long
def test_one_that_is_killed_is_replaced(running: Running) -> None:
    first, second = children(running)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: first not in children(running) and len(children(running)) == 2)
    assert second in children(running)
    wait_until(lambda: len(workers_seen(running)) == 2)
    assert asked(running, "POST", CHAT, json={"message": "hello"}).json()


def test_a_model_is_swapped_in_all_without_a_failed_request(running: Running, models: Path) -> None:
    """Afterwards no worker has the old one, nor does one that is started later."""
    for name in ("other.gossamer", "third.gossamer"):
        shutil.copy2(models / "tiny.gossamer", models / name)
    is_over = threading.Event()

    def talk(_: int) -> int:
        n_answers = 0
        while not is_over.is_set():
            asked(running, "POST", CHAT, json={"sender": f"s-{n_answers}", "message": "hello"})
            parsed = asked(running, "POST", "/model/parse", json={"text": "hello"}).json()
            assert parsed["intent"]["name"] == "greet"
            n_answers += 1
        return n_answers

    def models_that_answer() -> set[str]:
        lines = metric(running, "gossamer_model_info")
        assert len(lines) == 2, lines
        return {line.partition('model_file="')[2].partition('"')[0] for line in lines}

    with ThreadPoolExecutor(4) as pool:
        talking = [pool.submit(talk, k) for k in range(4)]
        try:
            for name in ("other", "third", "tiny", "other"):
                swap = {"model_file": f"{name}.gossamer"}
                asked(running, "PUT", "/model", json=swap)
                assert models_that_answer() == {f"{name}.gossamer"}
        finally:
            is_over.set()
    assert all(each.result() for each in talking)
    os.kill(children(running)[0], signal.SIGKILL)
    wait_until(lambda: len(workers_seen(running)) == 2)
    assert models_that_answer() == {"other.gossamer"}
    asked(running, "DELETE", "/model")
    assert metric(running, "gossamer_model_info{") == []


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_with_the_parent(running: Running, number: signal.Signals) -> None:
    assert running.process is not None
    pids = children(running)
    running.process.send_signal(number)
    assert running.process.wait(WITHIN) == {signal.SIGTERM: 0, signal.SIGINT: 130}[number]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.long
def test_workers_end_when_the_parent_is_killed(running: Running) -> None:
    assert running.process is not None
    pids = children(running)
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("endpoints.yml", "tracker_store:\n  type: InMemory\n", "must have a database"),
        ("credentials.yml", "socketio:\n", "needs one process"),
        ("credentials.yml", "own_channel.Missing:\n", "own_channel"),
    ],
)
def test_what_only_one_process_can_do_is_refused(
    models: Path, tmp_path: Path, name: str, content: str, message: str
) -> None:
    """And so is what no server could use: told once, and nothing runs on."""
    (tmp_path / name).write_text(content, "utf-8")
    command = [sys.executable, "-m", "gossamer.cli", "run", "--workers", "2", "--port", "0"]
    run = subprocess.run(
        [*command, "--model", str(models)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.count("Error: ") == 1 and message in run.stderr
