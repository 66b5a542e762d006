"""`python -m gossamer.serve.training FOLDER`: do the task that a server has put there."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    """Do the task, and end with the server that asked for it, however that ends."""
    folder = Path(sys.argv[1]).resolve()
    threading.Thread(target=_end_with_server, daemon=True).start()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)  # conversations go first

    from gossamer.serve.training.work import run

    run(folder).write(folder)


def _end_with_server() -> None:
    """The server holds the other end of the standard input, and never writes."""
    os.read(0, 1)  # not sys.stdin, whose lock Python wants when it ends
    os._exit(1)


if __name__ == "__main__":
    main()
