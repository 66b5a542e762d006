"""Wait for what a server does by itself."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], within: float = 60.0) -> None:
    """Look again and again whether it holds, for some seconds at most."""
    give_up = time.monotonic() + within
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)
