"""The command line. It reads options, calls the package and prints; the work is done elsewhere."""

import sys

try:
    from gossamer.cli.app import app, main
except KeyboardInterrupt:  # while libraries are loaded
    sys.stderr.write("Interrupted.\n")
    raise SystemExit(130) from None

__all__ = ["app", "main"]
