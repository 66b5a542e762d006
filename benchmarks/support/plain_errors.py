"""Scripts that report input that cannot be used in one line, without a traceback."""

from __future__ import annotations

from collections.abc import Callable

from gossamer.data.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Run a script; input that cannot be used ends it with the message alone, and code 1."""
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
