"""The command line. It reads options, calls the package and prints; the work is done elsewhere."""

from gossamer.cli.app import app, main

__all__ = ["app", "main"]
