"""Which files of the working folder go with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from gossamer.data.errors import ConfigError, Location

if TYPE_CHECKING:
    from gossamer.data.endpoints import Endpoints

_ENDPOINTS: Final = "endpoints.yml"


def parts_config(given: Path | None) -> Path | None:
    """The configuration that names a model's own components and policies.

    Args:
        given: on the command line; None: `config.yml` of the working folder, if it exists.

    Raises:
        ConfigError: the one that was given is not a file.
    """
    if given is None:
        return Path("config.yml") if Path("config.yml").is_file() else None
    if not given.is_file():
        raise ConfigError("a configuration must be a file", where=Location(given))
    return given


def endpoints_of(given: Path | None, *keys: str) -> Endpoints:
    """What `endpoints.yml` says.

    Args:
        given: on the command line; None: `endpoints.yml` of the working folder, if it exists.
        keys: what is read of it.

    Raises:
        InputError: the file cannot be used.
    """
    from gossamer.data.endpoints import Endpoints, read_endpoints

    if given is None and not Path(_ENDPOINTS).is_file():
        return Endpoints()
    return read_endpoints(Path(_ENDPOINTS) if given is None else given, only=keys)
