"""Two servers on one database keep each conversation in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from server_processes import (
    ServerProcess,
    ServerProcesses,
    all_numbers,
    numbers_and_answers,
    say_until_answered,
)

from gossamer.serve.store import ConversationStore

pytestmark = pytest.mark.slow
MANY = pytest.param(1_000, marks=pytest.mark.long)
DATABASES = ["postgres", pytest.param("sqlite", marks=pytest.mark.long)]


@pytest.mark.parametrize("database", DATABASES, indirect=True)
@pytest.mark.parametrize("n_messages", [60, MANY], ids=["few", "many"])
def test_messages_that_alternate(servers: ServerProcesses, database: str, n_messages: int) -> None:
    both = servers.start(database), servers.start(database)
    for n in range(n_messages):
        assert say_until_answered(both[n % 2], "anna", n) == 1
    with closing(ConversationStore.open(database)) as store:
        assert numbers_and_answers(store.events("anna")) == all_numbers(n_messages)


@pytest.mark.parametrize("database", DATABASES, indirect=True)
@pytest.mark.parametrize("n_messages", [60, MANY], ids=["few", "many"])
def test_messages_at_the_same_time(
    servers: ServerProcesses, database: str, n_messages: int
) -> None:
    both = servers.start(database), servers.start(database)

    def talk(server: ServerProcess, first: int) -> None:
        for n in range(first, n_messages, 4):
            say_until_answered(server, "anna", n)

    with ThreadPoolExecutor(4) as pool:
        talking = [pool.submit(talk, both[k % 2], k) for k in range(4)]
    for each in talking:
        each.result()
    with closing(ConversationStore.open(database)) as store:
        found = numbers_and_answers(store.events("anna"))
    assert sorted(found) == sorted(all_numbers(n_messages))
    for k in range(4):  # of each client in order
        numbers = [int(n) for n, _ in found if int(n) % 4 == k]
        assert numbers == list(range(k, n_messages, 4))
