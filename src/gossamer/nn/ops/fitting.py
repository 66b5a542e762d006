"""When the operations of this folder run by kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gossamer.sparse.products.guard import may_run_kernel

#: What kernels take at a time; rows are whole multiples of it.
WIDTH = 16
#: Answers to fewer rows are computed by PyTorch: it is as quick, and nothing is compiled.
LEAST_ROWS_TO_ANSWER = 256


def fits(x: Tensor, *others: Tensor | None) -> bool:
    """Whether a kernel over the rows of `x` can run here, and pays.

    Args:
        x: *Shape:* (n_rows, width).
        others: what else the kernel reads.
    """
    return (
        x.ndim == 2
        and x.shape[0] > 0
        and x.shape[1] % WIDTH == 0
        and (x.shape[0] >= LEAST_ROWS_TO_ANSWER or torch.is_grad_enabled())
        and may_run_kernel(x, *others)
    )


def has_hooks(module: nn.Module) -> bool:
    """Whether a module has hooks, which run only if the module itself is called."""
    return bool(
        module._forward_pre_hooks
        or module._forward_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
