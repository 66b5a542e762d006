"""The project that is taught, and who teaches."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from gossamer.data.errors import DataError, InputError
from gossamer.teach import TaughtProject

_LOCAL = "local"
_LONGEST_NAME = 100


def found_project(config: Path, domain: Sequence[Path], data: Sequence[Path]) -> TaughtProject:
    """The project in the working folder.

    Raises:
        DataError: none of its data is there.
    """
    if not any(path.exists() for path in data):
        raise DataError(
            "the working folder must hold a project to teach, with training data",
            got=", ".join(map(str, data)),
            hint="another folder, or --data; gossamer init makes a project",
        )
    return TaughtProject(Path(), config=config, domain=list(domain), data=list(data))


def teacher_name(given: str | None) -> str:
    """Who teaches, as it is recorded.

    Args:
        given: on the command line; None: the name of the login, if there is one.

    Raises:
        InputError: it cannot be a name.
    """
    if given is None:
        try:
            return getpass.getuser() or _LOCAL
        except (OSError, ImportError, KeyError):
            return _LOCAL
    name = given.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"a teacher's name must have 1 to {_LONGEST_NAME} printable characters", got=given
        )
    return name
