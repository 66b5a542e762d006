"""The command that times one layer against `nn.Linear` on this machine.

python -m gossamer.sparse.timing 256 1024 --density 0.2 --tokens 1024
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gossamer.sparse.speed import compare_speed


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: time one layer and print the table.

    Args:
        arguments: those of the command line; None takes the process's own.

    Returns:
        The exit code: 0, or 2 if an argument cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gossamer.sparse.timing",
        description="Time a randomly connected layer of your shape against nn.Linear.",
    )
    parser.add_argument("in_features", type=int, help="width of the input")
    parser.add_argument("out_features", type=int, help="width of the output")
    parser.add_argument("--density", type=float, default=0.2, help="share of connections (0.2)")
    parser.add_argument("--tokens", type=int, default=1024, help="rows of the input (1024)")
    parser.add_argument("--topology", default="blocked", help="how connections are drawn (blocked)")
    parser.add_argument("--threads", type=int, help="PyTorch's threads (as many as it takes)")
    parser.add_argument("--rounds", type=int, default=15, help="times that each is timed (15)")
    chosen = parser.parse_args(arguments)
    try:
        report = compare_speed(**vars(chosen))
    except (TypeError, ValueError, MemoryError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write(f"{report}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
