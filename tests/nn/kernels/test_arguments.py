"""Every kernel, of the sparse layer too, keeps to the arguments it declares, and refuses others.

That the declared sizes are enough is seen in a process of its own: pages before and after each
tensor cannot be touched there, so that a kernel that reads or writes past an end ends the process.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gossamer.nn.kernels import adam, attention, crf, rows, tables, viterbi
from gossamer.sparse.kernels import rows as compressed_rows
from gossamer.sparse.kernels import tiles
from gossamer.sparse.kernels.arguments import Argument, Given, Size
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.function import Function
from gossamer.sparse.kernels.tiles import TileShape

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
N_THREADS = 3


@dataclass
class Case:
    """A call: what is not given is zeros, just as many as declared."""

    kernel: Kernel
    sizes: dict[str, int]
    tables: dict[str, Tensor] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def words(self) -> list[int | Tensor]:
        declared = self.kernel.declared
        known: list[int | Tensor] = [
            self.sizes[each.name] if isinstance(each, Size) else self.tables.get(each.name, 0)
            for each in declared
        ]
        given = Given(self.kernel.name, declared, known, N_THREADS)
        return [
            torch.zeros(each.size(given), dtype=getattr(torch, each.dtype.__name__))
            if isinstance(each, Argument) and isinstance(word, int) and each.name not in self.absent
            else word
            for each, word in zip(declared, known, strict=True)
        ]


def ints(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)


def longs(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


NOISE = {"seed": 5, "levels": 2**31}
SEQUENCES = {
    "starts": longs(0, 3, 3, 20),
    "rows": torch.arange(19, -1, -1),
    "places": longs(0, 2 * 3 * 16, 2 * 3 * 16),
}
CSR = {"starts": ints(0, 2, 2, 5), "columns": ints(0, 3, 7, 7, 2), "slots": ints(0, 1, 2, 2, 3)}
SHAPE = TileShape(in_features=32, out_features=48, k=16, group_size=16, run=8)
TILES = {
    "starts": ints(0, 24, 8, 16, 0, 24),
    "offsets": ints(0, 2, 3, 4, 6),
    "columns": ints(0, 32, 16, 16, 0, 32),
    "places": ints(0, 512, 256, 264, 8, 520),
}
ROWS = {"n_rows": 7, **NOISE}
N_OUT = 48
SINGLE = {
    "offsets": torch.arange(N_OUT + 1, dtype=torch.int32) // 2 * 3,
    "columns": torch.arange(N_OUT // 2 * 3, dtype=torch.int32).flip(0) % 32,
}
STEPPED = {"rows": ints(4, 0, 2), "last": ints(0, 1, 2, 3, 1)}
STEP = {"step": 3, "n_kept": 2}


@functools.cache
def small_tensors() -> tuple[Tensor, ...]:
    return tuple(torch.zeros(19) for _ in range(4))


def adam_table() -> Tensor:
    return longs(*(part.data_ptr() for part in small_tensors()), 19, 1)


def of_tiles(name: str) -> Callable[[], Case]:
    def make() -> Case:
        kernel: Kernel = getattr(tiles.tile_kernels(SHAPE), name)
        return Case(kernel, {"n_tokens": 29}, TILES)

    return make


CASES: dict[str, Callable[[], Case]] = {
    **{f"tiles.{name}": of_tiles(name) for name in tiles.KERNELS},
    "rows.product": lambda: Case(compressed_rows.product(32, N_OUT), {"n_tokens": 70}, SINGLE),
    "rows.weight_gradient": lambda: Case(
        compressed_rows.weight_gradient(32, N_OUT),
        {"n_tokens": 70, "n_weights": int(SINGLE["offsets"][-1]), "n_parts": 2},
        SINGLE,
    ),
    "adam.adam": lambda: Case(adam.adam(), {"n_tensors": 1}, {"tensors": adam_table()}),
    "attention.attend": lambda: Case(attention.attend(2, 16, False), {"n_seqs": 3}, SEQUENCES),
    "attention.attend, causal": lambda: Case(
        attention.attend(2, 32, True), {"n_seqs": 3}, SEQUENCES
    ),
    "attention.back_through_attend": lambda: Case(
        attention.back_through_attend(2, 16, False), {"n_seqs": 3}, SEQUENCES
    ),
    "attention.back_through_attend, causal": lambda: Case(
        attention.back_through_attend(2, 32, True), {"n_seqs": 3}, SEQUENCES
    ),
    "crf.forward": lambda: Case(crf.forward(5), {"n_seqs": 3}, {"starts": longs(0, 4, 4, 9)}),
    "crf.forward, wide": lambda: Case(crf.forward(20), {"n_seqs": 1}, {"starts": longs(0, 4)}),
    "crf.backward": lambda: Case(crf.backward(5), {"n_seqs": 3}, {"starts": longs(0, 4, 4, 9)}),
    "crf.backward, wide": lambda: Case(crf.backward(20), {"n_seqs": 1}, {"starts": longs(0, 4)}),
    "rows.scale_dropped": lambda: Case(rows.scale_dropped(32), ROWS),
    "rows.add_and_normalise": lambda: Case(rows.add_and_normalise(32, True, 1e-6), ROWS),
    "rows.add_and_normalise, wide": lambda: Case(rows.add_and_normalise(512, True, 1e-6), ROWS),
    "rows.add_and_normalise, alone": lambda: Case(rows.add_and_normalise(32, False, 1e-6), ROWS),
    "rows.back_through_normalise": lambda: Case(rows.back_through_normalise(32, True), ROWS),
    "rows.back_through_normalise, alone": lambda: Case(
        rows.back_through_normalise(32, False), ROWS, absent=("update",)
    ),
    "rows.gelu_dropped": lambda: Case(rows.gelu_dropped(32), ROWS),
    "rows.back_through_gelu": lambda: Case(rows.back_through_gelu(32), ROWS),
    "tables.multiply": lambda: Case(tables.multiply(12), {"n_rows": 3}, CSR),
    "tables.multiply, wide": lambda: Case(tables.multiply(320), {"n_rows": 3}, CSR),
    "tables.multiply_bytes": lambda: Case(tables.multiply_bytes(12), {"n_rows": 3}, CSR),
    "tables.multiply_bytes, wide": lambda: Case(tables.multiply_bytes(320), {"n_rows": 3}, CSR),
    "tables.number_columns": lambda: Case(
        tables.number_columns(), {"n_entries": 5, "call": 1}, {"columns": CSR["columns"]}
    ),
    "tables.gradient": lambda: Case(tables.gradient(48), {"n_rows": 3}, CSR),
    "tables.adam_rows": lambda: Case(tables.adam_rows(12, True), {"n_rows": 3, **STEP}, STEPPED),
    "tables.adam_rows, all": lambda: Case(
        tables.adam_rows(16, False),
        {"n_rows": 5, **STEP},
        {"last": STEPPED["last"]},
        absent=("rows", "gradients"),
    ),
}
for n_tags in (5, 20):
    for made in (viterbi.best_paths, viterbi.marginals):
        CASES[f"viterbi.{made.__name__}, {n_tags}"] = functools.partial(
            lambda made, n_tags: Case(made(n_tags), {"n_seqs": 3}, {"starts": longs(0, 4, 4, 9)}),
            made,
            n_tags,
        )
every = pytest.mark.parametrize("name", CASES)


def filled(case: Case) -> list[int | Tensor]:
    """The words, with random numbers where there are zeros."""
    torch.manual_seed(0)
    words = [word.clone() if isinstance(word, Tensor) else word for word in case.words()]
    for word in words:
        if isinstance(word, Tensor) and word.is_floating_point():
            word.uniform_(0.1, 1)
    return words


@pytest.mark.thinned(12)
@pytest.mark.parametrize("name", [name for name in CASES if name != "adam.adam"])
def test_the_number_of_threads_changes_nothing(name: str) -> None:
    """Bit for bit, so that a seed gives the same network on a busy machine."""
    case, found = CASES[name](), []
    for n_threads in (1, 2, 3):
        words = filled(case)
        case.kernel(*words, n_threads=n_threads)
        found.append(
            [
                word
                for word, declared in zip(words, case.kernel.declared, strict=True)
                if isinstance(word, Tensor) and declared.name not in ("scratch", "n_found")
            ]
        )
    for others in found[1:]:
        for own, other in zip(found[0], others, strict=True):
            assert torch.equal(own.nan_to_num(), other.nan_to_num())


def refused(case: Case, number: int, word: int | Tensor, rule: str) -> None:
    words = case.words()
    words[number] = word
    name = case.kernel.declared[number].name
    with pytest.raises(ValueError, match=f"{name} of the kernel {case.kernel.name} {rule}"):
        case.kernel(*words, n_threads=N_THREADS)


def tensors(case: Case) -> list[tuple[int, Tensor]]:
    """The tensors that count, with their place among the words."""
    words = enumerate(case.words())
    return [(i, w) for i, w in words if isinstance(w, Tensor) and w.numel() > 0]


def test_every_kernel_is_here() -> None:
    found = {f"tiles.{name}" for name in tiles.KERNELS}
    for module in (adam, attention, crf, rows, tables, viterbi, compressed_rows, tiles):
        for name, value in vars(module).items():
            if hasattr(value, "cache_info") and value.__annotations__["return"] == "Kernel":
                found.add(f"{module.__name__.rpartition('.')[2]}.{name}")
    assert found == {name.partition(",")[0] for name in CASES}
    written = [*Path(rows.__file__).parent.glob("*.py"), *Path(tiles.__file__).parent.glob("*.py")]
    n_made = sum(path.read_text("utf-8").count("return Kernel(") for path in written)
    assert n_made == len(found) - 1, "turn and turn_back are made in one place, all others apart"


@pytest.mark.thinned(6)
@every
def test_just_enough_is_enough(name: str) -> None:
    case = CASES[name]()
    case.kernel(*case.words(), n_threads=N_THREADS)


@pytest.mark.thinned(8)
@every
def test_one_too_few_is_refused(name: str) -> None:
    case = CASES[name]()
    for number, tensor in tensors(case):
        refused(case, number, tensor[:-1].clone(), "must have")


@every
def test_another_dtype_is_refused(name: str) -> None:
    case = CASES[name]()
    for number, tensor in tensors(case):
        for dtype in {torch.float32, torch.float64, torch.int32, torch.int64} - {tensor.dtype}:
            rule = f"must be {str(tensor.dtype).removeprefix('torch.')}"
            refused(case, number, tensor.to(dtype), rule)


@every
def test_what_is_not_contiguous_is_refused(name: str) -> None:
    case = CASES[name]()
    for number, tensor in tensors(case):
        if tensor.numel() > 1:
            refused(case, number, torch.stack([tensor, tensor], 1)[:, 0], "must be contiguous")


@every
def test_another_device_and_no_tensor_are_refused(name: str) -> None:
    case = CASES[name]()
    for number, tensor in tensors(case):
        refused(case, number, tensor.to("meta"), "must be on the CPU")
        declared = case.kernel.declared[number]
        if isinstance(declared, Argument) and not declared.is_optional:
            refused(case, number, 0, "must be an array or a tensor")


@every
def test_sizes_below_zero_are_refused(name: str) -> None:
    case = CASES[name]()
    for number, declared in enumerate(case.kernel.declared):
        if isinstance(declared, Size):
            refused(case, number, -1, "must be a whole number")


@every
def test_indices_below_zero_are_refused(name: str) -> None:
    case = CASES[name]()
    for number, declared in enumerate(case.kernel.declared):
        if declared.name in case.tables and declared.name != "tensors":
            table = case.tables[declared.name].clone()
            table[0] = -1
            refused(case, number, table, "must hold")


# -- in a process of its own ---------------------------------------------------------------------


def guarded(tensor: Tensor, *, at_end: bool) -> Tensor:
    """A copy with a page after its last number, or before its first, that cannot be touched."""
    if tensor.numel() == 0:
        return tensor
    page, size = mmap.PAGESIZE, tensor.numel() * tensor.element_size()
    room = -(-size // page) * page
    memory = mmap.mmap(-1, room + 2 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for part in (address, address + page + room):
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(part), ctypes.c_size_t(page), 0) != 0:
            raise OSError("pages must be protected")
    offset = page + room - size if at_end else page
    copy = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel(), offset=offset)
    return copy.copy_(tensor)


def run_guarded(case: Case) -> None:
    for at_end in (True, False):
        words = [
            guarded(word, at_end=at_end) if isinstance(word, Tensor) else word
            for word in case.words()
        ]
        case.kernel(*words, n_threads=N_THREADS)


def reading_one_too_far() -> Case:
    f = Function("far")
    x, y = f.argument(0), f.argument(1)
    f.store("float", f.load("float", f.at(x, 5)), y)
    declared = [Argument(name, np.float32, lambda _: 5) for name in "xy"]
    return Case(Kernel(f, "far", declared), {})


def in_a_process(what: str) -> subprocess.CompletedProcess[str]:
    src = str(Path(tiles.__file__).parents[3])
    return subprocess.run(
        [sys.executable, __file__, what],
        env=os.environ | {"PYTHONPATH": src},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="protects pages as Linux does")
def test_no_kernel_leaves_its_tensors() -> None:
    done = in_a_process("all")
    assert done.returncode == 0, f"{done.stdout[-200:]}\n{done.stderr[-1000:]}"
    assert done.stdout.split("\n")[:-1] == list(CASES)
    assert in_a_process("one too far").returncode == -signal.SIGSEGV


if __name__ == "__main__":
    if sys.argv[1] == "one too far":
        run_guarded(reading_one_too_far())
    for case_name, make_case in CASES.items():
        print(case_name, flush=True)
        run_guarded(make_case())
