"""`python -m gossamer.serve.training FOLDER`: do the task that a server has put there."""

from __future__ import annotations

import sys
from pathlib import Path

from gossamer.data.child_processes import work_in_background


def main() -> None:
    """Do the task, and end with the server that asked for it, however that ends."""
    folder = Path(sys.argv[1]).resolve()
    work_in_background()  # conversations go first

    from gossamer.serve.training.work import run

    run(folder).write(folder)


if __name__ == "__main__":
    main()
