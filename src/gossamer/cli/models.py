"""Which configuration goes with a model file."""

from __future__ import annotations

from pathlib import Path

from gossamer.data.errors import ConfigError, Location


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
