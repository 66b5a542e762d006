"""Where a row comes from: versions, machine and commit."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gossamer.version import __version__

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "llvmlite")


def provenance() -> dict[str, Any]:
    """Versions, machine, commit, and the present time.

    Returns:
        `versions` by name; `commit` of the source tree the code runs from, with "-dirty" where it
        was changed, None outside one; `machine`, with the widest vector instructions that PyTorch
        uses, on which the speed of our kernels depends; `finished`, UTC in ISO 8601.
    """
    return {
        "versions": dict(_versions()),
        "commit": _commit(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores",
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    own = (("python", platform.python_version()), ("gossamer", __version__))
    return (*own, *((name, version(name)) for name in _PACKAGES))


@functools.cache
def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


@functools.cache
def _commit() -> str | None:
    """Of the repository this file belongs to; not of one that the package is only installed in."""
    here = Path(__file__).parent
    command = ["git", "ls-files", "--error-unmatch", Path(__file__).name]
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        if subprocess.run(command, cwd=here, capture_output=True, check=False).returncode != 0:
            return None
        done = subprocess.run(describe, cwd=here, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return None
    return done.stdout.strip() or None
