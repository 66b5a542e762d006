"""Two hosts, and the link of one to the database is cut for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from far_hosts import FarHost, far_host
from postgres import PostgresServer, running_postgres
from server_processes import (
    ServerProcess,
    ServerProcesses,
    all_numbers,
    numbers_and_answers,
    say_until_answered,
)
from sqlalchemy.engine import make_url

from gossamer.serve.store import ConversationStore

pytestmark = [pytest.mark.slow, pytest.mark.long]
CUT_SECONDS = 5.0


@pytest.fixture
def far() -> Iterator[FarHost]:
    """A second host."""
    with far_host() as host:
        yield host


@pytest.fixture
def reached_postgres(far: FarHost) -> Iterator[PostgresServer]:
    """A database that both hosts reach."""
    with running_postgres(reached=(far.here, far.network)) as server:
        yield server


class Talking:
    """A client that talks until it is told to stop.

    Args:
        server: with which.
        sender: in whose name.
        first: the first number; then every `step`-th.
    """

    def __init__(self, server: ServerProcess, sender: str, first: int = 0, step: int = 1) -> None:
        self.server, self.sender, self.next, self.step = server, sender, first, step
        self.waits: list[float] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        """Talk."""
        while not self.is_over.is_set():
            started = time.monotonic()
            say_until_answered(self.server, self.sender, self.next)
            self.waits.append(time.monotonic() - started)
            self.next += self.step

    def wait_for_more(self, running: Future[None], seconds: float = 60.0) -> None:
        """Wait until messages that are sent from now on are answered."""
        n_wanted, give_up = len(self.waits) + 2, time.monotonic() + seconds
        while len(self.waits) < n_wanted:
            assert time.monotonic() < give_up and not running.done()
            time.sleep(0.01)


def test_a_cut_link(
    servers: ServerProcesses, far: FarHost, reached_postgres: PostgresServer
) -> None:
    database = reached_postgres.new_database()
    near = servers.start(database)
    address = make_url(database).set(host=far.here).render_as_string(hide_password=False)
    distant = servers.start(address, host=far.there, network=far.name)
    clients = [
        Talking(near, "near"),
        Talking(distant, "far"),
        Talking(near, "both", 0, 2),
        Talking(distant, "both", 1, 2),
    ]
    with ThreadPoolExecutor(len(clients)) as pool:
        running = [pool.submit(client.run) for client in clients]
        try:
            for client, future in zip(clients, running, strict=True):
                client.wait_for_more(future)
            n_before, n_far_before = len(clients[0].waits), len(clients[1].waits)
            far.cut()
            time.sleep(CUT_SECONDS)
            n_far = len(clients[1].waits) - n_far_before
            n_near = len(clients[0].waits)
            far.join()
            for client, future in zip(clients, running, strict=True):
                client.wait_for_more(future)
        finally:
            for client in clients:
                client.is_over.set()
        for future in running:
            future.result()
    assert n_far <= 1  # what was answered just when the link was cut
    assert n_near - n_before >= 2
    assert max(clients[0].waits[n_before:n_near]) < CUT_SECONDS
    with closing(ConversationStore.open(database)) as store:
        for client in clients[:2]:
            found = numbers_and_answers(store.events(client.sender))
            assert found == all_numbers(client.next)
        both = [n for n, _ in numbers_and_answers(store.events("both"))]
    for client in clients[2:]:
        mine = [int(n) for n in both if int(n) % 2 == client.next % 2]
        assert mine == list(range(mine[0], client.next, 2))
