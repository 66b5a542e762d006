"""Several processes on one database: in order, whatever is stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres import PostgresServer

from gossamer.serve.store import ConversationBusy, ConversationStore

Opens = Callable[..., ConversationStore]
OTHERS = Path(__file__).with_name("others.py")
pytestmark = pytest.mark.slow


def run_other(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(OTHERS), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


def test_two_processes_keep_one_conversation_in_order(url: str, open_store: Opens) -> None:
    store = open_store(url)
    both = [run_other("append_many", url, name, 300) for name in ("a", "b")]
    for each in both:
        finish(each)
    events = store.events("both")
    assert [event["seen"] for event in events] == list(range(600))
    for name in ("a", "b"):
        assert [event["number"] for event in events if event["by"] == name] == list(range(300))


@pytest.mark.parametrize("where", ["before", pytest.param("within", marks=pytest.mark.long)])
def test_a_stopped_holder_is_overtaken_and_its_late_write_refused(
    url: str, open_store: Opens, where: str
) -> None:
    if where == "within" and url.startswith("sqlite"):
        pytest.skip("a process stopped within a write has the file of SQLite to itself")
    store = open_store(url)
    stopped = run_other("sleep_while_holding", url, where)
    assert stopped.stdout is not None
    assert stopped.stdout.readline() == "held\n"
    os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
    with store.lease("paused", wait=30.0) as lease:
        lease.append([{"event": "bot", "text": "in time"}])
    os.kill(stopped.pid, signal.SIGCONT)
    assert finish(stopped) == "refused\nTrue\n"
    assert [event["text"] for event in store.events("paused")] == ["in time"]


def test_a_killed_holder_leaves_whole_turns(url: str) -> None:
    assert int(finish(run_other("die_often", url, 20))) >= 20


def test_the_lease_of_a_dead_process_ends_at_once(url: str, open_store: Opens) -> None:
    store = open_store(url, lease_seconds=600.0)
    holder = run_other("hold", url)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConversationBusy), store.lease("killed", wait=0.5):
        pass
    holder.kill()  # not waited for: it is there, but dead
    with store.lease("killed", wait=30.0) as lease:
        lease.append([{"event": "bot"}])
    holder.communicate()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def test_processes_that_start_at_once_make_one_database(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, open_store: Opens
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'new.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    at = time.time() + 4.0
    processes = [run_other("start", url, at) for _ in range(4)]
    assert [finish(each) for each in processes] == ["started\n"] * 4
    assert len(open_store(url).events("first")) == 4
