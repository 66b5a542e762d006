"""What rows of results say of the machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support import provenance
from support.provenance import OtherLoad, described, surroundings


def test_the_machine_is_described() -> None:
    about = surroundings()
    assert about["threads"] == torch.get_num_threads()
    text = described(about)
    for part in (about["machine"], f"torch {torch.__version__}", about["finished"], "cores"):
        assert part in text


@pytest.mark.parametrize(
    ("cores", "said", "not_said"),
    [
        (None, "", "running"),
        (0.0, "Nothing else was running.", "busy"),
        (0.75, "Other processes kept 0.75 cores busy", "Nothing"),
    ],
)
def test_a_page_says_what_else_was_running(cores: float | None, said: str, not_said: str) -> None:
    text = described(surroundings() | {"cores_used_by_others": cores})
    assert said in text
    assert not_said not in text


def test_load_of_others_is_what_we_did_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, own, now = iter([100.0, 118.0]), iter([5.0, 15.0]), iter([0.0, 10.0])
    monkeypatch.setattr(provenance, "_busy_seconds", lambda: next(busy))
    monkeypatch.setattr(provenance, "_own_seconds", lambda: next(own))
    monkeypatch.setattr(provenance, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    assert OtherLoad().cores() == pytest.approx(0.8)  # 18 busy seconds in 10, 10 of them ours


def test_load_is_never_negative_and_unknown_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "_busy_seconds", lambda: 1.0)
    assert OtherLoad().cores() == 0.0
    monkeypatch.setattr(provenance, "_busy_seconds", lambda: None)
    assert OtherLoad().cores() is None
    assert surroundings(OtherLoad())["cores_used_by_others"] is None


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux only")
def test_busy_time_of_all_processors_is_read() -> None:
    busy = provenance._busy_seconds()
    assert busy is not None
    assert busy > 0.0
