"""How many processor threads training and answering use."""

from __future__ import annotations


def use_threads(n_threads: int | None) -> None:
    """Set the number of threads for this process; None leaves it as it is."""
    if n_threads is not None:
        from gossamer.nn.threads import set_num_threads

        set_num_threads(n_threads)
