"""Compiling functions for this machine and calling them, on PyTorch's own threads."""

from __future__ import annotations

import ctypes
import functools
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gossamer.sparse.kernels.function import Function


class CompileTime(NamedTuple):
    """What compiling has taken in this process.

    Attributes:
        seconds: on the clock.
        cpu_seconds: of processor time.
    """

    seconds: float
    cpu_seconds: float


_spent = CompileTime(0.0, 0.0)


def compile_time() -> CompileTime:
    """What compiling kernels has taken since the process began, for who times something else."""
    return _spent


class Kernel:
    """A compiled function. Calling it releases Python's lock until it is done.

    Args:
        function: what to compile.
        name: the function's name.
    """

    def __init__(self, function: Function, name: str) -> None:
        global _spent
        began, cpu_began = time.perf_counter(), time.process_time()
        self._engine, self._run = _compile(function.text(), name)
        _spent = CompileTime(
            _spent.seconds + time.perf_counter() - began,
            _spent.cpu_seconds + time.process_time() - cpu_began,
        )

    def __call__(self, *arguments: int | Tensor, n_threads: int = 1) -> None:
        """Run it.

        Args:
            arguments: sizes and other whole numbers, and contiguous tensors, which a kernel gets by
                the address of their first element. 0 is passed for no tensor.
            n_threads: how many of PyTorch's threads share the work.

        Raises:
            RuntimeError: the memory of a tensor has been freed.
        """
        words = (ctypes.c_int64 * (len(arguments) + 1))(
            n_threads, *[a if isinstance(a, int) else _address(a) for a in arguments]
        )
        self._run(words)


def _address(tensor: Tensor) -> int:
    address = tensor.data_ptr()
    if address == 0 and tensor.numel() > 0:
        raise RuntimeError(
            f"a tensor of shape {tuple(tensor.shape)} must have memory (got one whose storage was "
            "freed or resized to 0). Try: giving the storage its size back first"
        )
    return address


def is_available() -> bool:
    """Whether kernels can be compiled here: llvmlite is installed and knows the machine."""
    return _target() is not None


@functools.cache
def _target() -> Any:
    """LLVM's description of this machine, or None."""
    try:
        from llvmlite import binding
    except ImportError:
        return None
    try:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        return binding.Target.from_default_triple()
    except RuntimeError:
        return None


@functools.cache
def has_wide_registers() -> bool:
    """Whether the machine has AVX-512: 32 vector registers of 16 numbers each.

    Others have half of that at most (AVX2: 16 of 8; NEON: 32 of 4).
    """
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("avx512f", False))


def _machine() -> Any:
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    features["prefer-256-bit"] = False  # kernels say themselves how wide they are
    return _target().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=features.flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


@functools.cache
def _threads() -> tuple[int, int] | None:
    """Addresses of GOMP_parallel and omp_get_thread_num in the OpenMP that PyTorch runs on.

    The same library, so the same threads: two pools would fight for the cores. None where there is
    none of that kind (kernels then run on one thread).
    """
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        try:
            library = ctypes.CDLL(str(path))
            functions = (library.GOMP_parallel, library.omp_get_thread_num)
        except (OSError, AttributeError):
            continue
        first, second = (ctypes.cast(f, ctypes.c_void_p).value for f in functions)
        if first is not None and second is not None:
            return first, second
    return None


def _entry(name: str) -> str:
    """The exported function: `args[0]` threads, each with the words behind it."""
    single = f"""define void @{name}_entry(ptr %args) {{
  %rest = getelementptr i64, ptr %args, i64 1
  call void @{name}(ptr %rest, i64 0, i64 1)
  ret void
}}
"""
    found = _threads()
    if found is None:
        return single
    parallel, thread_number = found
    return f"""define void @{name}_thread(ptr %args) {{
  %which = inttoptr i64 {thread_number} to ptr
  %number = call i32 %which()
  %thread = sext i32 %number to i64
  %n_threads = load i64, ptr %args
  %rest = getelementptr i64, ptr %args, i64 1
  call void @{name}(ptr %rest, i64 %thread, i64 %n_threads)
  ret void
}}
define void @{name}_entry(ptr %args) {{
  %n_threads = load i64, ptr %args
  %is_one = icmp sle i64 %n_threads, 1
  br i1 %is_one, label %single, label %many
single:
  %rest = getelementptr i64, ptr %args, i64 1
  call void @{name}(ptr %rest, i64 0, i64 1)
  ret void
many:
  %n = trunc i64 %n_threads to i32
  %start = inttoptr i64 {parallel} to ptr
  call void %start(ptr @{name}_thread, ptr %args, i32 %n, i32 0)
  ret void
}}
"""


def _compile(text: str, name: str) -> tuple[Any, Any]:
    from llvmlite import binding

    module = binding.parse_assembly(text + _entry(name))
    module.verify()
    machine = _machine()
    tuning = binding.create_pipeline_tuning_options(speed_level=2)
    # Kernels are written out as wide and as unrolled as they should be.
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    address = engine.get_function_address(f"{name}_entry")
    engine.remove_module(module)  # the machine code stays with the engine
    module.close()
    passes.close()
    return engine, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
