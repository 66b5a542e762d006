"""Compiling functions for this machine and calling them, on PyTorch's own threads.

Machine code is kept by `cache`; it holds no address, so that another process can use it.
"""

from __future__ import annotations

import ctypes
import functools
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gossamer.sparse.kernels import cache
from gossamer.sparse.kernels.arguments import Declaration, are_checked, check
from gossamer.sparse.kernels.function import Function


class CompileTime(NamedTuple):
    """What compiling kernels, or loading compiled ones, has taken in this process.

    Attributes:
        seconds: on the clock.
        cpu_seconds: of processor time.
    """

    seconds: float
    cpu_seconds: float


_spent = CompileTime(0.0, 0.0)


def compile_time() -> CompileTime:
    """What kernels have taken since the process began, for who times something else."""
    return _spent


class Kernel:
    """A compiled function. Calling it releases Python's lock until it is done.

    Args:
        function: what to compile.
        name: the function's name.
        declared: what it must be called with, word by word.
    """

    def __init__(self, function: Function, name: str, declared: Declaration) -> None:
        global _spent
        began, cpu_began = time.perf_counter(), time.process_time()
        self._engine, self._run = _made(function.text(), name)
        _spent = CompileTime(
            _spent.seconds + time.perf_counter() - began,
            _spent.cpu_seconds + time.process_time() - cpu_began,
        )
        self.name, self.declared = name, declared
        self._is_checked = are_checked()

    def __call__(self, *arguments: int | Tensor, n_threads: int = 1) -> None:
        """Run it.

        Args:
            arguments: sizes and other whole numbers, and contiguous tensors, which a kernel gets by
                the address of their first element. 0 is passed for no tensor.
            n_threads: how many of PyTorch's threads share the work.

        Raises:
            RuntimeError: the memory of a tensor has been freed.
            ValueError: arguments are checked (see `arguments`), and one is not what was declared.
        """
        if self._is_checked:
            check(self.name, self.declared, arguments, n_threads)
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
    return _target().create_target_machine(**_machine_options())


@functools.cache
def _machine_options() -> dict[str, Any]:
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    features["prefer-256-bit"] = False  # kernels say themselves how wide they are
    return {
        "cpu": binding.get_host_cpu_name(),
        "features": features.flatten(),
        "opt": 3,
        "codemodel": "jitdefault",
        "jit": True,
    }


# Functions of the OpenMP that PyTorch runs on.
_OF_OPENMP = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")


@functools.cache
def _threads() -> tuple[int, ...]:
    """Addresses of these.

    The same library, so the same threads: two pools would fight for the cores. Zeros where there is
    none of that kind (kernels then run on one thread).
    """
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        try:
            library = ctypes.CDLL(str(path))
            functions = [getattr(library, name) for name in _OF_OPENMP]
        except (OSError, AttributeError):
            continue
        return tuple(ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)
    return (0,) * len(_OF_OPENMP)


def _with_entry(text: str, name: str, key: str) -> str:
    """The function, and what is exported: `entry_KEY`, whose words are the threads and `args`.

    OpenMP may give fewer threads than asked for (OMP_THREAD_LIMIT, OMP_DYNAMIC): those that there
    are share all the work. Its functions' addresses come in a variable, `openmp_KEY`, which is set
    after loading: they differ from process to process, and the machine code must not. With the key
    in all names, kernels of one name can be in one process.
    """
    own = f"@{name}_{key}"
    places = [f"getelementptr (ptr, ptr @openmp_{key}, i64 {i})" for i in range(len(_OF_OPENMP))]
    parallel, number, n_threads = (f"load ptr, ptr {place}" for place in places)
    entry = f"""@openmp_{key} = global [{len(places)} x ptr] zeroinitializer
define void @thread_{key}(ptr %args) {{
  %which = {number}
  %number = call i32 %which()
  %thread = sext i32 %number to i64
  %how_many = {n_threads}
  %count = call i32 %how_many()
  %n_threads = sext i32 %count to i64
  %rest = getelementptr i64, ptr %args, i64 1
  call void {own}(ptr %rest, i64 %thread, i64 %n_threads)
  ret void
}}
define void @entry_{key}(ptr %args) {{
  %n_threads = load i64, ptr %args
  %start = {parallel}
  %is_one = icmp sle i64 %n_threads, 1
  %is_alone = icmp eq ptr %start, null
  %is_single = or i1 %is_one, %is_alone
  br i1 %is_single, label %single, label %many
single:
  %rest = getelementptr i64, ptr %args, i64 1
  call void {own}(ptr %rest, i64 0, i64 1)
  ret void
many:
  %n = trunc i64 %n_threads to i32
  call void %start(ptr @thread_{key}, ptr %args, i32 %n, i32 0)
  ret void
}}
"""
    return text.replace(f"@{name}(", f"{own}(", 1) + entry


# Kernels are written out as wide and as unrolled as they should be.
_TUNING = {
    "speed_level": 2,
    "loop_vectorization": False,
    "slp_vectorization": False,
    "loop_unrolling": False,
}


def _made(text: str, name: str) -> tuple[_Engine, Any]:
    """The engine that holds a function's machine code, and the function; compiled if need be."""
    key = cache.key_of(_with_entry(text, name, "key"), *_circumstances())
    engine = _engine()
    run = engine.find(key)
    if run is None:
        code = cache.load(key)
        run = None if code is None else engine.add(key, code)
    if run is None:
        code = _compiled(_with_entry(text, name, key))
        cache.store(key, code)
        run = engine.add(key, code)
    if run is None:
        raise RuntimeError(f"LLVM must know the function {name} that it compiled (got none)")
    return engine, run


@functools.cache
def _circumstances() -> tuple[str, ...]:
    """All that machine code depends on beside the text it is made from."""
    import llvmlite
    from llvmlite import binding

    return (
        llvmlite.__version__,
        repr(binding.llvm_version_info),
        _target().triple,
        *(repr(sorted(options.items())) for options in (_machine_options(), _TUNING)),
    )


def _compiled(text: str) -> bytes:
    """Machine code, as an object file."""
    from llvmlite import binding

    module = binding.parse_assembly(text)
    module.verify()
    machine = _machine()
    tuning = binding.create_pipeline_tuning_options()
    for option, value in _TUNING.items():
        setattr(tuning, option, value)
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    code: bytes = machine.emit_object(module)
    passes.close()
    module.close()
    return code


class _Engine:
    """All machine code of this process, ready to run. One for all: each costs a millisecond."""

    def __init__(self) -> None:
        from llvmlite import binding

        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Any:
        """The function of a key; None if it was not added yet."""
        return self._known.get(key)

    def add(self, key: str, code: bytes) -> Any:
        """Add what `_compiled` gave; its function, or None if it is not in there."""
        from llvmlite import binding

        with self._lock:
            if key in self._known:  # by another thread
                return self._known[key]
            self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            address = self._engine.get_function_address(f"entry_{key}")
            variable = self._engine.get_global_value_address(f"openmp_{key}")
            if not address or not variable:
                return None
            addresses = (ctypes.c_void_p * len(_OF_OPENMP)).from_address(variable)
            addresses[:] = list(_threads())
            self._known[key] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
            return self._known[key]


@functools.cache
def _engine() -> _Engine:
    return _Engine()
