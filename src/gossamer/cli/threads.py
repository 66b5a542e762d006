"""How many processor threads PyTorch uses."""

from __future__ import annotations


def use_threads(n_threads: int | None) -> None:
    """Set PyTorch's number of threads for this process; None leaves it as it is."""
    if n_threads is not None:
        import torch

        torch.set_num_threads(n_threads)
