"""An action server hangs, a process is stopped: only whoever depends on it is touched."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from action_stub import ActionStub
from server_processes import (
    ServerProcess,
    ServerProcesses,
    all_numbers,
    is_refused,
    number,
    numbers_and_answers,
    said,
)

from gossamer.serve.store import ConversationStore

pytestmark = pytest.mark.slow
N_HANGING, MOST_MIB = 300, 200


def memory_in_mib(server: ServerProcess) -> int:
    """What the server takes."""
    status = Path(f"/proc/{server.process_id}/status").read_text("ascii")
    [found] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return int(found) // 1024


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
def test_others_go_on_while_300_hang(
    servers: ServerProcesses, database: str, action_server: ActionStub
) -> None:
    server = servers.start(database, action_server=action_server.url)
    with ThreadPoolExecutor(N_HANGING) as pool:
        hanging = [pool.submit(server.say, f"held-{k}", "/look_up") for k in range(N_HANGING)]
        action_server.wait_for_calls(N_HANGING, 120.0)
        waits = []
        for n in range(20):
            started = time.monotonic()
            assert said(server.say("anna", number(n), str(n))) == [f"Number {n}."]
            waits.append(time.monotonic() - started)
        assert server.client.get("/health/ready").status_code == 200
        assert sorted(waits)[10] < 2.0
        assert not any(each.done() for each in hanging)
        assert memory_in_mib(server) < MOST_MIB
        action_server.let_go()
        assert all(said(each.result()) == ["found"] for each in hanging)


def test_a_hanging_action_fails_in_time(
    servers: ServerProcesses, tmp_path: Path, action_server: ActionStub
) -> None:
    database = f"sqlite:///{tmp_path / 'conversations.db'}"
    server = servers.start(database, action_server=action_server.url, timeout=1.0)
    started = time.monotonic()
    assert said(server.say("held", "/look_up", "0")) == []
    assert 1.0 <= time.monotonic() - started < 10.0
    assert said(server.say("held", number(1), "1")) == ["Number 1."]


@pytest.mark.parametrize(
    "database", ["postgres", pytest.param("sqlite", marks=pytest.mark.long)], indirect=True
)
def test_a_stopped_holder_writes_nothing(
    servers: ServerProcesses, database: str, action_server: ActionStub
) -> None:
    stopped = servers.start(database, action_server=action_server.url)
    other = servers.start(database)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(stopped.say, "held", "/look_up", "late")
        action_server.wait_for_calls(1)
        stopped.send_signal(signal.SIGSTOP)
        try:
            # It lives, so the other server waits until its lease runs out.
            assert said(other.say("held", number(0), "0")) == ["Number 0."]
            action_server.let_go()
        finally:
            stopped.send_signal(signal.SIGCONT)
        assert is_refused(late.result())
    assert said(stopped.say("held", number(1), "1")) == ["Number 1."]
    with closing(ConversationStore.open(database)) as store:
        assert numbers_and_answers(store.events("held")) == all_numbers(2)
