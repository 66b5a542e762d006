"""Work takes fewer threads while others use the cores, and gives torch its threads back."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch

from gossamer.nn import threads

Load = Callable[[float, float, float], None]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """A machine of four cores, torch on all: seconds pass, with work of others and of our own."""
    times = {"clock": 100.0, "busy": 0.0, "own": 0.0}

    def let_pass(seconds: float, others: float, own: float) -> None:
        times["clock"] += seconds
        times["busy"] += seconds * (others + own)
        times["own"] += seconds * own

    monkeypatch.setattr(time, "perf_counter", lambda: times["clock"])
    monkeypatch.setattr(time, "process_time", lambda: times["own"])
    monkeypatch.setattr(threads, "_own_cores", lambda: frozenset(range(4)))
    monkeypatch.setattr(threads, "busy_seconds", lambda _: times["busy"])
    monkeypatch.setattr(threads, "_of_this_process", threads.FreeCores())
    monkeypatch.setattr(threads, "_wanted", None)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield let_pass
    torch.set_num_threads(before)


def test_as_many_threads_as_cores_are_free(passes: Load) -> None:
    with threads.on_free_cores() as watch:
        for others, wanted in ((0.0, 4), (1.0, 3), (0.3, 4), (2.2, 2), (4.0, 1), (9.0, 1), (0, 4)):
            passes(1.1, others, 1.5)
            watch.look()
            assert torch.get_num_threads() == wanted, f"others use {others}"
    assert torch.get_num_threads() == 4


def test_it_looks_soon_and_then_every_second(passes: Load) -> None:
    with threads.on_free_cores() as watch:
        for seconds, others, wanted in ((0.1, 2, 4), (0.15, 2, 2), (0.9, 0, 2), (0.2, 0, 4)):
            passes(seconds, others, 1.0)
            watch.look()
            assert torch.get_num_threads() == wanted


def test_the_load_is_known_in_the_next_block_but_not_for_ever(passes: Load) -> None:
    with threads.on_free_cores() as watch:
        passes(1.0, 3.0, 1.0)
        watch.look()
    passes(0.5, 3.0, 0.0)
    with threads.on_free_cores():
        assert torch.get_num_threads() == 1
    passes(60.0, 0.0, 0.0)
    with threads.on_free_cores():
        assert torch.get_num_threads() == 4


def test_threads_come_back_after_an_error(passes: Load) -> None:
    with pytest.raises(KeyboardInterrupt), threads.on_free_cores() as watch:
        passes(2.0, 3.0, 1.0)
        watch.look()
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 4


def test_one_thread_stays_one_and_an_unknown_load_changes_nothing(
    passes: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    with threads.on_free_cores() as watch:
        passes(2.0, 0.0, 1.0)
        watch.look()
        assert torch.get_num_threads() == 1
    torch.set_num_threads(4)
    monkeypatch.setattr(threads, "busy_seconds", lambda _: None)
    with threads.on_free_cores() as watch:
        passes(2.0, 4.0, 1.0)
        watch.look()
        assert torch.get_num_threads() == 4


def test_the_load_of_this_machine() -> None:
    cores = threads._own_cores()
    if cores is None:
        pytest.skip("the system does not tell its load")
    first = threads.busy_seconds(cores)
    total = sum(range(2_000_000))
    second = threads.busy_seconds(cores)
    assert total > 0
    assert first is not None
    assert second is not None
    assert second >= first > 0


def squares(items: list[int], least: threading.Event | None = None) -> list[int]:
    def work(item: int) -> int:
        if least is not None and item % 2:
            least.wait(0.01)  # the later ones are done first
        return item * item

    return list(threads.in_threads(work, items))


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("n_items", [0, 1, 2, 3, 40])
def test_results_come_in_the_order_of_items(
    monkeypatch: pytest.MonkeyPatch, n_threads: int, n_items: int
) -> None:
    monkeypatch.setattr(threads, "_wanted", n_threads)
    monkeypatch.setattr(threads, "_of_this_process", threads.FreeCores())
    items = list(range(n_items))
    assert squares(items, threading.Event()) == [item * item for item in items]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_of_a_worker_comes_through(
    monkeypatch: pytest.MonkeyPatch, n_threads: int
) -> None:
    monkeypatch.setattr(threads, "_wanted", n_threads)

    def work(item: int) -> int:
        if item == 5:
            raise ZeroDivisionError("the sixth")
        return item

    found = []
    with pytest.raises(ZeroDivisionError, match="the sixth"):
        for result in threads.in_threads(work, range(9)):
            found.append(result)  # noqa: PERF402 - those before the error
    assert found == [0, 1, 2, 3, 4]


def test_fewer_work_while_others_use_the_cores(passes: Load) -> None:
    """Others come when the first result is read, and go again."""
    running, most = set[int](), dict[int, int]()
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            running.add(item)
            most[item] = len(running)
        threading.Event().wait(0.002)
        with lock:
            running.remove(item)
        return item

    found = []
    passes(1.1, 0.0, 1.0)
    threads._of_this_process.look(4)
    for item in threads.in_threads(work, range(30)):
        found.append(item)
        passes(1.1, 4.0 if item < 20 else 0.0, 1.0)
    assert found == list(range(30))
    assert max(most[item] for item in range(8, 20)) == 1
    assert max(most.values()) <= 4


def test_one_item_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_wanted", 4)
    own = threading.get_ident()
    assert list(threads.in_threads(lambda _: threading.get_ident(), [0])) == [own]


def test_what_is_set_is_also_torchs(passes: Load) -> None:
    assert threads.num_threads() == 4
    threads.set_num_threads(3)
    assert threads.num_threads() == torch.get_num_threads() == 3
    torch.set_num_threads(2)
    assert threads.num_threads() == 3
    with threads.on_free_cores():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == 2


SET_BEFORE = """
import sys
from gossamer.nn import threads
n_cores = threads.num_threads()
assert n_cores >= 1
threads.set_num_threads(3)
assert threads.num_threads() == 3
assert "torch" not in sys.modules
import torch
assert threads.num_threads() == 3
with threads.on_free_cores() as watch:
    assert torch.get_num_threads() <= 3
"""


def test_a_number_that_is_set_before_torch_is_imported_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SET_BEFORE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
