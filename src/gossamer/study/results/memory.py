"""The most memory that a run took."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak_memory() -> bool:
    """Let `peak_memory_mib` count from now on, including what the process holds now.

    Returns:
        Whether the system can do that: Linux can, where /proc may be written. Elsewhere the figure
        stays that of the whole process so far.
    """
    with contextlib.suppress(OSError):
        if _CLEAR.exists():
            _CLEAR.write_text("5", encoding="ascii")  # resets VmHWM, see proc(5)
            return True
    return False


def peak_memory_mib() -> float | None:
    """The most memory (resident set) the process has held, in MiB.

    On Linux since the last `reset_peak_memory`; elsewhere since the process began. A worker that
    has done larger runs before holds what it has not given back, in either case.

    Returns:
        The figure, or None where the system does not report it (Windows).
    """
    with contextlib.suppress(OSError):
        # Unlike getrusage's figure, this one is not inherited from the parent process.
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)
