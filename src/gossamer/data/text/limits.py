"""How much work files may ask for; each limit can be set in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from gossamer.data.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of things.

    Attributes:
        variable: the environment variable that sets it.
        default: the limit without it.
    """

    variable: str
    default: int

    def value(self) -> int:
        """The number in force.

        Raises:
            ConfigError: the variable is not a whole number above 0.
        """
        text = os.environ.get(self.variable, "").strip().replace("_", "")
        if not text:
            return self.default
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
            raise ConfigError(
                f"{self.variable} must be a whole number above 0",
                got=text,
                hint=f"{self.variable}={self.default}, or unset it",
            )
        return int(text)


MAX_YAML_NODES: Final = Limit("GOSSAMER_MAX_YAML_NODES", 5_000_000)
"""Texts, lists and mappings of a YAML document, those an alias refers to counted at each alias."""

MAX_CONVERSATIONS: Final = Limit("GOSSAMER_MAX_CONVERSATIONS", 5_000)
"""Conversations that stories are unfolded into, those on the way counted at each branch."""

MAX_DEPTH: Final = 100
"""How deeply lists and mappings of YAML and JSON may be nested."""


def is_too_deep(value: object) -> bool:
    """Whether lists and mappings are nested more than `MAX_DEPTH` deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
