"""Which classes of the user's own a model file may use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gossamer.data.config import ProjectConfig
from gossamer.data.errors import Location
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, not_named


def own_parts_of(
    content: Mapping[str, Any],
    stored: ProjectConfig,
    config: ProjectConfig | str | Path | None,
    where: Location,
) -> OwnParts:
    """The classes of the user's own that a model may have.

    Raises:
        ModelFileError: it has others.
        ConfigError: the configuration cannot be read.
    """
    parts = (*content.get("pipeline", ()), *content.get("dialogue", {}).get("policies", ()))
    items = (*stored.pipeline, *stored.policies)
    names = [*(str(part["name"]) for part in parts), *(item.name for item in items)]
    if not NO_OWN_PARTS.refused(names):
        return NO_OWN_PARTS
    if isinstance(config, str | Path):
        from gossamer.data.config_files import read_config

        config = read_config(config, needs_pipeline=False)
    own = NO_OWN_PARTS if config is None else OwnParts.of(config)
    refused = own.refused(names)
    if refused:
        raise not_named(refused, where)
    return own
