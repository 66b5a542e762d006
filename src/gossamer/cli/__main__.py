"""`python -m gossamer.cli` is `gossamer`."""

from gossamer.cli.app import main

main()
