"""Stored weights that do not fit are refused as a damaged model file is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gossamer.data.errors import ModelFileError

_DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


@contextmanager
def refusing_what_does_not_fit(what: str = "options") -> Iterator[None]:
    """Whatever goes wrong in here becomes a `ModelFileError`; wrap `restore` in it."""
    try:
        yield
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        raise ModelFileError(
            f"the stored weights must fit the stored {what}",
            got=str(error),
            hint="training the model again",
        ) from error
