"""Killed in mid-conversation, servers lose nothing that was acknowledged and double nothing."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing

import pytest
from server_processes import (
    ServerProcesses,
    all_numbers,
    numbers_and_answers,
    say_until_answered,
)

from gossamer.serve.store import ConversationStore

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "n_kills", [3, pytest.param(200, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_kill_and_restart(servers: ServerProcesses, database: str, n_kills: int) -> None:
    server = servers.start(database)
    n_answered, is_over = 0, threading.Event()
    failures: list[BaseException] = []

    def talk() -> None:
        nonlocal n_answered
        try:
            while not is_over.is_set():
                say_until_answered(server, "anna", n_answered)
                n_answered += 1
        except BaseException as error:
            failures.append(error)

    client = threading.Thread(target=talk)
    client.start()
    try:
        for _ in range(n_kills):
            n_before = n_answered
            while n_answered == n_before and client.is_alive():
                time.sleep(0.001)
            time.sleep(random.uniform(0.0, 0.1))
            server.kill()
            server.start_again()
    finally:
        is_over.set()
        client.join()
    if failures:
        raise failures[0]
    with closing(ConversationStore.open(database)) as store:
        assert numbers_and_answers(store.events("anna")) == all_numbers(n_answered)
    assert n_answered > n_kills
