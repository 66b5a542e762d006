"""Kernels import no PyTorch, take arrays, and find PyTorch's threads when it is imported later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gossamer.sparse.kernels import addresses, arguments, build
from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.function import Function

needs_llvm = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")

IMPORTS = """
import importlib, pkgutil, sys
import numpy as np
import gossamer.nn.kernels, gossamer.sparse.kernels
for package in (gossamer.nn.kernels, gossamer.sparse.kernels):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from gossamer.sparse import Connectivity, Topology, child_seed, draw_connectivity
import gossamer.sparse.connectivity, gossamer.sparse.topology
drawn = draw_connectivity(
    64, 32, connection_density=0.2, topology="blocked", seed=child_seed(1, 2)
)
assert type(drawn) is Connectivity and drawn.topology is Topology.BLOCKED
assert "torch" not in sys.modules
"""

RUNS = """
from gossamer.nn.kernels import tables
def run():
    y = np.zeros((2, 16), np.float32)
    kernel(
        np.ones(3, np.float32), np.array([0, 1, 1], np.int32), np.array([0, 2, 3], np.int32),
        np.ones((2, 16), np.float32), np.ones(16, np.float32), y, 2, n_threads=2,
    )
    assert y.tolist() == [[3.0] * 16, [2.0] * 16]
kernel = tables.multiply(16)
run()
assert "torch" not in sys.modules and not kernel._has_threads
import torch
run()
assert kernel._has_threads == bool(build._threads())
"""


def run_python(code: str) -> None:
    src = str(Path(build.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": src},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_kernels_and_connections_imports_no_torch() -> None:
    run_python(IMPORTS)


@needs_llvm
@pytest.mark.parametrize("checks", ["0", "1"])
def test_kernels_run_before_torch_is_imported_and_after(
    checks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(arguments.VARIABLE, checks)
    run_python(f"{IMPORTS}\nfrom gossamer.sparse.kernels import build\n{RUNS}")


def copying() -> Kernel:
    """Copies numbers. Arguments: x, y, n."""
    f = Function("copying")
    x, y = f.argument(0), f.argument(1)
    with f.loop(0, f.argument(2, "i64")) as i:
        f.store("float", f.load("float", f.at(x, i)), f.at(y, i))
    arrays = (Argument(name, np.float32, lambda given: given["n"]) for name in "xy")
    return Kernel(f, "copying", (*arrays, Size("n")))


@needs_llvm
@pytest.mark.parametrize("checks", ["0", "1"])
@pytest.mark.parametrize("is_quick", [True, False])
def test_arrays_of_all_kinds(
    checks: str, is_quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(arguments.VARIABLE, checks)
    if not is_quick:
        monkeypatch.setattr(addresses, "QUICK", addresses._Never)
    copy = copying()
    plain = np.arange(12, dtype=np.float32).reshape(3, 4)
    plain.tofile(tmp_path / "x")
    fixed = plain.copy()
    fixed.setflags(write=False)
    mapped = np.memmap(tmp_path / "x", np.float32, "r")
    for x in (plain, fixed, mapped, plain[1:], torch.from_numpy(plain), np.empty((0, 2), "f4")):
        y = np.zeros(x.shape, np.float32)
        n = int(np.prod(x.shape))
        copy(x, y, n)
        assert y.tolist() == x.tolist()
        into = torch.zeros(n)
        copy(x, into, n)
        assert into.tolist() == y.reshape(-1).tolist()


@needs_llvm
def test_other_things_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(arguments.VARIABLE, "0")
    with pytest.raises(TypeError, match=r"whole numbers, arrays and tensors .got <class 'list'>"):
        copying()([1.0], np.zeros(1, np.float32), 1)  # type: ignore[arg-type]
