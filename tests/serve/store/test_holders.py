"""Names of holders tell which processes are dead, and never call one dead that may live."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gossamer.serve.store.holders import is_dead, new_holder


def parts() -> list[str]:
    """Of this process: name, place, process id and start."""
    found = new_holder().split("-")
    if len(found) != 4:
        pytest.skip("processes tell nothing of themselves here (no /proc)")
    return found


def test_this_process_lives() -> None:
    assert not is_dead(new_holder())
    assert new_holder() != new_holder()
    assert len(new_holder()) <= 255


def test_an_id_that_was_given_to_another_process() -> None:
    name, place, process_id, started = parts()
    assert is_dead(f"{name}-{place}-{process_id}-{int(started) - 1}")


def test_a_process_that_ended() -> None:
    name, place, _, started = parts()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_dead(f"{name}-{place}-{ended.pid}-{started}")


def test_of_others_nothing_is_known() -> None:
    name, place, process_id, _ = parts()
    for holder in (
        f"{name}-{'0' * 16}-{process_id}-1",
        f"{name}-{place}-../1-1",
        f"{name}-{place}",
        name,
        "",
    ):
        assert not is_dead(holder)
