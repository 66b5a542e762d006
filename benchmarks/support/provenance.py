"""What a row of results says about the run: its size, its memory, versions, machine and commit."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossamer.assistant import Assistant

QUIET_CORES = 0.1  # the system's own services take some


def n_weights(assistant: Assistant) -> int:
    """Trainable weights of all networks in the pipeline."""
    from torch import nn

    from gossamer.sparse import count_weights

    return sum(
        count_weights(part)
        for component in assistant.pipeline.components
        for part in vars(component).values()
        if isinstance(part, nn.Module)
    )


def peak_rss_mib() -> float:
    """The most memory this process has held, in MiB; NaN where the system does not report it."""
    from gossamer.study.results.memory import peak_memory_mib

    return peak_memory_mib() or math.nan


def rss_mib() -> float:
    """The memory this process holds now, in MiB; the most it has held where that is unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return peak_rss_mib()


class OtherLoad:
    """How much of the processors others use from now on: processes, and machines beside a guest.

    A machine that is shared need not slow all peers alike: long calls are interrupted, short ones
    can slip through, so ratios can be wrong too.
    """

    def __init__(self) -> None:
        busy = _busy_seconds()  # the first call imports PyTorch, so the clock starts after it
        self._began = time.perf_counter(), busy, _own_seconds()

    def cores(self) -> float | None:
        """Mean number of cores that others kept busy; None where the system does not report it."""
        began, busy_before, own_before = self._began
        busy = _busy_seconds()
        elapsed = time.perf_counter() - began
        if busy is None or busy_before is None or elapsed <= 0.0:
            return None
        own = _own_seconds() - own_before
        return max(0.0, (busy - busy_before - own) / elapsed)


def _busy_seconds() -> float | None:
    """Time that all processors of this machine have been busy, or taken away by its host."""
    from gossamer.nn.threads import busy_seconds

    return busy_seconds()


def _own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def surroundings(others: OtherLoad | None = None) -> dict[str, Any]:
    """Versions, machine and commit, so that a row can be judged later.

    Args:
        others: begun before the measurement, to know what else was running.
    """
    import torch

    from gossamer.study.results.provenance import provenance

    return provenance() | {
        "threads": torch.get_num_threads(),
        "cores_used_by_others": None if others is None else others.cores(),
    }


def described(about: dict[str, Any]) -> str:
    """`surroundings` in a sentence or two, for a page of results."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    return (
        f"Machine: {about['machine']}, {threads} unless said "
        f"otherwise. Versions: {versions}. Commit {about['commit']}, {about['finished']}."
        f"{_load_in_words(about['cores_used_by_others'])}"
    )


def _load_in_words(cores: float | None) -> str:
    if cores is None:
        return ""
    if cores < QUIET_CORES:
        return " Nothing else was running."
    return (
        f" **Other processes kept {cores:.2f} cores busy meanwhile: times come out too high, "
        "ratios can be wrong, and no target should be judged by them.**"
    )
