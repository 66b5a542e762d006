"""Whether a compiled kernel may read and write the given tensors, here and now.

A kernel gets addresses. Whatever traces, fakes or batches tensors, or computes tangents beside
them, sees nothing of what it does, and a tensor without memory of its own ends the process. So
every caller of a kernel asks `may_run_kernel`, and computes in operations of PyTorch where it says
no.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from gossamer.sparse.errors import complaint
from gossamer.sparse.kernels.build import is_available

_KINDS = (Tensor, nn.Parameter)
# By name, since every answer asks: a single token counts the look-ups.
_interpreter = torch._C._functorch.peek_interpreter_stack
_n_dispatch_modes = torch._C._len_torch_dispatch_stack
_n_function_modes = torch._C._len_torch_function_stack
_tracing = torch._C._get_tracing_state
_keys_of = torch._C._dispatch_keys
_has_autocast = torch.is_autocast_enabled
_default_dtype = torch.get_default_dtype


def may_run_kernel(*tensors: Tensor | None) -> bool:
    """Whether kernels can be called on these tensors: plain float32 tensors on the CPU.

    No under compilers, tracers, autocast, `torch.func`, forward-mode derivatives and modes, and
    where llvmlite is not installed. Strides and shapes are the caller's to check.

    Args:
        tensors: what a kernel is to read; None for an absent one.
    """
    if torch.compiler.is_compiling():  # a compiler must not look further
        return False
    foreign = ~_ordinary_keys("cpu")
    for tensor in tensors:
        if tensor is not None and (
            tensor.dtype is not torch.float32
            or not tensor.is_cpu
            or type(tensor) not in _KINDS
            or _keys_of(tensor).raw_repr() & foreign
        ):
            return False
    return (
        not is_watched()
        and not _has_autocast("cpu")
        and _default_dtype() is torch.float32  # what kernels write is made in it
        and is_available()
    )


def require_kernel(what: str, *tensors: Tensor | None) -> None:
    """Refuse what only a kernel could do where none may run.

    Args:
        what: the operation, for the message.
        tensors: what the kernel is to read.

    Raises:
        RuntimeError: `may_run_kernel` says no.
    """
    if not may_run_kernel(*tensors):
        raise RuntimeError(
            complaint(
                f"{what} needs plain float32 tensors on the CPU, and nothing that traces, batches "
                "or fakes them",
                got=[(t.dtype, str(t.device), type(t).__name__) for t in tensors if t is not None],
                hint="an ordinary forward and backward pass, outside of vmap and tracers",
            )
        )


def is_watched() -> bool:
    """Whether anything here traces, fakes, batches or differentiates operations as they run."""
    return (
        _interpreter() is not None
        or _n_dispatch_modes() > 0
        or _n_function_modes() > 0
        or _tracing() is not None
        or forward_ad._current_level >= 0
    )


def are_ordinary(*tensors: Tensor | None) -> bool:
    """Whether the tensors are dense ones with memory of their own, of no subclass.

    Not so are nested, sparse, quantised, batched and functional tensors, those with a pending
    conjugation or negation, and the zeros that autograd makes without memory.
    """
    return all(
        t is None
        or (type(t) in _KINDS and not _keys_of(t).raw_repr() & ~_ordinary_keys(t.device.type))
        for t in tensors
    )


@functools.cache
def _ordinary_keys(device: str) -> int:
    """The dispatch keys that a plain tensor has, as bits."""
    with torch.inference_mode(False):
        keys = _keys_of(torch.empty(0, device=device))
    return int(keys.raw_repr())
