"""Compiling functions for this machine and calling them.

On PyTorch's own threads where PyTorch has been imported, else on one; nothing here imports it.
Machine code is kept by `cache`; it holds no address, so that another process can use it.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from gossamer.sparse.kernels import addresses, cache
from gossamer.sparse.kernels.addresses import Word
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
        self._engine, self._code = _made(function.text(), name)
        self._run, self._has_threads = self._code.run, False
        _spent = CompileTime(
            _spent.seconds + time.perf_counter() - began,
            _spent.cpu_seconds + time.process_time() - cpu_began,
        )
        self.name, self.declared = name, declared
        self._pack = struct.Struct(f"{len(declared) + 1}q").pack
        self._is_checked = are_checked()

    def __call__(self, *arguments: Word, n_threads: int = 1) -> None:
        """Run it.

        Args:
            arguments: sizes and other whole numbers; contiguous arrays and tensors, which a kernel
                gets by the address of their first element. 0 is passed for none. What a kernel
                only reads may be read-only.
            n_threads: how many of PyTorch's threads share the work; one if it is not imported.

        Raises:
            RuntimeError: the memory of a tensor has been freed.
            ValueError: arguments are checked (see `arguments`), and one is not what was declared.
        """
        if self._is_checked:
            check(self.name, self.declared, arguments, n_threads)
        if n_threads > 1 and not self._has_threads:
            self._has_threads = self._engine.gives_threads(self._code)
            n_threads = n_threads if self._has_threads else 1
        # Written out, and with struct: a call costs 2 microseconds, not 6. Arguments are held by
        # their tuple until the kernel is done.
        quick, memory, head = addresses.QUICK, addresses.MEMORY, addresses.BEHIND_HEAD
        words = self._pack(
            n_threads,
            *[
                memory[(id(a) >> 3) + head]
                if type(a) is quick
                else a
                if type(a) is int
                else addresses.word_of(a)
                for a in arguments
            ],
        )
        self._run(words)


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


def _threads() -> tuple[int, ...]:
    """Addresses of these; none where PyTorch is not imported, or has none of that kind.

    The same library, so the same threads: two pools would fight for the cores.
    """
    file = getattr(sys.modules.get("torch"), "__file__", None)
    return () if file is None else _threads_of(file)


@functools.cache
def _threads_of(file: str) -> tuple[int, ...]:
    for path in sorted((Path(file).parent / "lib").glob("lib*omp*")):
        try:
            library = ctypes.CDLL(str(path))
            functions = [getattr(library, name) for name in _OF_OPENMP]
        except (OSError, AttributeError):
            continue
        return tuple(ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)
    return ()


def _with_entry(text: str, name: str, key: str) -> str:
    """The function, and what is exported: `entry_KEY`, whose words are the threads and `args`.

    OpenMP may give fewer threads than asked for (OMP_THREAD_LIMIT, OMP_DYNAMIC): those that there
    are share all the work. Its functions' addresses come in a variable, `openmp_KEY`, which is set
    when they are first needed: they differ from process to process, and the machine code must not.
    With the key in all names, kernels of one name can be in one process.
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


class _Code(NamedTuple):
    """A function in memory.

    Attributes:
        run: calls it with its words.
        openmp: where the addresses of OpenMP's functions belong.
    """

    run: Any
    openmp: int


def _made(text: str, name: str) -> tuple[_Engine, _Code]:
    """The engine that holds a function's machine code, and the function; compiled if need be."""
    key = cache.key_of(_with_entry(text, name, "key"), *_circumstances())
    engine = _engine()
    made = engine.find(key)
    if made is None:
        code = cache.load(key)
        made = None if code is None else engine.add(key, code)
    if made is None:
        code = _compiled(_with_entry(text, name, key))
        cache.store(key, code)
        made = engine.add(key, code)
    if made is None:
        raise RuntimeError(f"LLVM must know the function {name} that it compiled (got none)")
    return engine, made


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
        self._known: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> _Code | None:
        """The function of a key; None if it was not added yet."""
        return self._known.get(key)

    def add(self, key: str, code: bytes) -> _Code | None:
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
            run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
            self._known[key] = _Code(run, variable)
            return self._known[key]

    def gives_threads(self, code: _Code) -> bool:
        """Tell a function where OpenMP is; whether there is one by now.

        Who calls it with more than one thread comes by here first, so none reads half of it.
        """
        found = _threads()
        if not found:
            return False
        with self._lock:
            (ctypes.c_void_p * len(_OF_OPENMP)).from_address(code.openmp)[:] = list(found)
        return True


@functools.cache
def _engine() -> _Engine:
    return _Engine()
