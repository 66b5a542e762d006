"""Names of leases' holders, which tell whether the process that held a lease is dead.

Whoever waits for a conversation need not wait until the lease of a killed server runs out. That is
known of processes of the same Linux system and container alone; of all others nothing is known.
To be wrong would cost a turn its success, never a conversation its order: the fence sees to that.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES: Final = Path("/proc/self/ns/pid")
_START, _STATE = 19, 0  # places in /proc/PID/stat, behind the name


def new_holder() -> str:
    """A name that no other lease has."""
    name, own = uuid.uuid4().hex, _process(os.getpid())
    return name if own is None else f"{name}-{own}"


def is_dead(holder: str) -> bool:
    """Whether the process that has this lease is known to be dead."""
    parts = holder.split("-")
    if len(parts) != 4 or parts[1] != _place() or not parts[2].isdecimal():
        return False
    return _started(int(parts[2])) != parts[3]


@cache
def _process(process_id: int) -> str | None:
    """Names this process, by its id: one that was forked has another."""
    place = _place()
    started = None if place is None else _started(process_id)
    return None if started is None else f"{place}-{process_id}-{started}"


def _place() -> str | None:
    """Names the running system and the container, within which process ids say something."""
    with suppress(OSError):
        names = f"{_BOOT.read_text('ascii')} {_PROCESSES.readlink()}"
        return hashlib.sha256(names.encode()).hexdigest()[:16]
    return None


def _started(process_id: int) -> str | None:
    """When a process started, in the system's ticks; None if there is none that lives."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[_STATE] in (b"Z", b"X") else fields[_START].decode("ascii")
