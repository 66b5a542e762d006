"""Work takes fewer threads while others use the cores, and gives torch its threads back."""

from __future__ import annotations

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
