"""The keys at the top of a project's YAML files, and misspelt ones.

A file's keys say what it holds. What is below a misspelt one (`storys:`) would be dropped silently.
"""

from __future__ import annotations

import re
import warnings
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from gossamer.data.errors import DataError, Location
from gossamer.data.text.suggestions import nearest

DOMAIN_KEYS: Final = frozenset(
    {
        "slots",
        "forms",
        "actions",
        "entities",
        "intents",
        "responses",
        "templates",
        "e2e_actions",
        "session_config",
    }
)
"""Keys that make a file a domain; `templates` was the name of `responses` in Rasa 1."""

TOP_KEYS: Final = (
    *sorted(DOMAIN_KEYS),
    *("version", "config", "nlu", "stories", "rules"),
    *("recipe", "language", "assistant_id", "pipeline", "policies", "importers"),
)
"""Keys of all kinds of files, which may share one."""

# Of endpoints: not read with training data, and not meant to be.
_FOREIGN = frozenset({"action_endpoint", "event_broker", "lock_store", "models", "tracker_store"})
_KEY = re.compile(r"^([A-Za-z_][\w-]*)[ \t]*:(?=\s|$)", re.MULTILINE)
_LEAST_ALIKE = 0.72


def check_top_keys(text: str, path: Path) -> None:
    """Refuse a misspelt key at the top of a YAML file; warn of a file without any known one.

    The text is not parsed: a file that holds nothing of a project may be broken in any way.
    Files in braces are skipped, as are those without a key.

    Raises:
        DataError: a key is almost one of `TOP_KEYS`.
    """
    found = {match[1]: match.start() for match in reversed(list(_KEY.finditer(text)))}
    for key in reversed(found):
        meant = None if key in TOP_KEYS or key in _FOREIGN else nearest(key, TOP_KEYS)
        if meant is not None and _is_alike(key.lower(), meant):
            raise DataError(
                "a key at the top of a file must be a known one",
                got=key,
                where=Location(path, text.count("\n", 0, found[key]) + 1),
                hint=f"{meant}:",
            )
    if found and not found.keys() & set(TOP_KEYS) - {"version"} and not found.keys() & _FOREIGN:
        warnings.warn(
            f"{path}: nothing of this file is read; it has none of the keys {', '.join(TOP_KEYS)}",
            stacklevel=2,
        )


def _is_alike(key: str, meant: str) -> bool:
    return (
        sorted(key) == sorted(meant)
        or (len(key) > 4 and meant.startswith(key[:-1]))  # story, stories
        or SequenceMatcher(None, key, meant).ratio() >= _LEAST_ALIKE
    )
