"""Programs that tests run in processes of their own: `python others.py NAME URL ...`."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time

from gossamer.serve.store import ConversationStore, LeaseLost
from gossamer.serve.store import leases as leases_module
from gossamer.serve.store.reminders import apply_changes


def append_many(url: str, name: str, n_turns: str) -> None:
    """Write turns as a server does that keeps the events of conversations it had last."""
    store = ConversationStore.open(url)
    fence, n_seen = 0, 0
    for number in range(int(n_turns)):
        with store.lease("both") as lease:
            if not lease.previous_fence_is(fence):
                n_seen = len(lease.events())
            lease.append([{"event": "user", "by": name, "number": number, "seen": n_seen}])
            fence, n_seen = lease.fence, n_seen + 1
    store.close()


def sleep_while_holding(url: str, where: str) -> None:
    """Hold a lease, be stopped before or within the write, and write when woken."""
    store = ConversationStore.open(url, lease_seconds=1.0)
    with store.lease("paused") as lease:

        def stop_first(*arguments: object, **more: object) -> None:
            os.kill(os.getpid(), signal.SIGSTOP)
            apply_changes(*arguments, **more)  # type: ignore[arg-type]

        reminder = {"event": "reminder", "intent": "x", "date_time": "2999-01-01T00:00:00"}
        print("held", flush=True)
        if where == "before":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            setattr(leases_module, "apply_changes", stop_first)  # noqa: B010
        try:
            lease.append([{"event": "bot", "text": "late"}, reminder])
            print("written")
        except LeaseLost:
            print("refused")
        # The heartbeat looks again, at once or with its next beat.
        time.sleep(0.5)
        print(lease.is_lost)
    store.close()


def hold(url: str) -> None:
    """Hold a lease for ever."""
    store = ConversationStore.open(url, lease_seconds=600.0)
    with store.lease("killed"):
        print("held", flush=True)
        time.sleep(600.0)


def die_often(url: str, n_kills: str) -> None:
    """Kill children that write turns of three events, and check what they leave each time."""
    ConversationStore.open(url).close()
    n_acknowledged = 0
    for _ in range(int(n_kills)):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _write_until_killed(url, writer)
        os.close(writer)
        answers = os.read(reader, 1)  # it lives
        time.sleep(random.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reader, 65536):
            answers += more
        os.close(reader)
        store = ConversationStore.open(url)
        events = store.events("killed")
        store.close()
        assert [event["part"] for event in events] == ["user", "bot", "end"] * (len(events) // 3)
        numbers = [event["number"] for event in events[::3]]
        assert numbers == list(range(len(numbers)))
        # The one being written may have been committed without an answer.
        n_acknowledged += len(answers)
        assert n_acknowledged <= len(numbers) <= n_acknowledged + 1
        n_acknowledged = len(numbers)
    print(n_acknowledged)


def _write_until_killed(url: str, answers: int) -> None:
    store = ConversationStore.open(url, lease_seconds=0.2)
    for _ in itertools.count():
        with store.lease("killed") as lease:
            number = len(lease.events()) // 3
            lease.append(
                [
                    {"event": "user", "part": "user", "number": number},
                    {"event": "bot", "part": "bot", "text": "x" * 5000},
                    {"event": "action", "part": "end"},
                ]
            )
        os.write(answers, b"x")


def start(url: str, at: str) -> None:
    """Open a new database at a time, as another process does."""
    time.sleep(max(0.0, float(at) - time.time()))
    store = ConversationStore.open(url)
    with store.lease("first") as lease:
        lease.append([{"event": "bot"}])
    store.close()
    print("started")


if __name__ == "__main__":
    programs = (append_many, sleep_while_holding, hold, die_often, start)
    {each.__name__: each for each in programs}[sys.argv[1]](*sys.argv[2:])
