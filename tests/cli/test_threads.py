"""How many threads the command line lets libraries use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from gossamer.cli.threads import one_thread_for_products

assert "numpy" not in sys.modules, "the command line has imported NumPy already"
one_thread_for_products()
import numpy
ones = numpy.ones((600, 600), dtype=numpy.float32)
ones @ ones
print(len(os.listdir("/proc/self/task")), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("before", "after"), [(None, "1 None"), ("2", "2 2")], ids=["unset", "set by the user"]
)
def test_products_take_one_thread(before: str | None, after: str) -> None:
    name = "OPENBLAS_NUM_THREADS"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {} if before is None else {name: before}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    if before is not None and (os.cpu_count() or 1) < 2:
        pytest.skip("there is one core")
    assert run.stdout.strip() == after
