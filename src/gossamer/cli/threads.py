"""How many processor threads training and answering use."""

from __future__ import annotations

import os


def use_threads(n_threads: int | None) -> None:
    """Set the number of threads for this process; None leaves it as it is."""
    if n_threads is not None:
        from gossamer.nn.threads import set_num_threads

        set_num_threads(n_threads)


def one_thread_for_products() -> None:
    """Let NumPy's products use one thread of this process, unless the environment says how many.

    Products of a few messages are small: other threads would mostly wait for work, busily. To be
    called before NumPy is imported; the environment of processes that are started later is as
    before.
    """
    name = "OPENBLAS_NUM_THREADS"
    if name not in os.environ:
        os.environ[name] = "1"
        try:
            import numpy  # noqa: F401
        finally:
            del os.environ[name]
