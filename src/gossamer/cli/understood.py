"""What was understood of a message, for human eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossamer.cli.streams import visible

if TYPE_CHECKING:
    from rich.text import Text

    from gossamer.data.entities import Entity
    from gossamer.nlu.pipeline.parse import Parse

_STYLES = ("cyan", "magenta", "green", "yellow", "blue", "red")


def describe(result: Parse) -> Text:
    """A parse for human eyes: intent, the text with its entities marked, one line per entity."""
    from rich.text import Text

    types = list(dict.fromkeys(entity.entity for entity in result.entities))
    styles = {name: _STYLES[i % len(_STYLES)] for i, name in enumerate(types)}
    shown = Text("  intent  ")
    shown.append("none" if result.intent.name is None else result.intent.name, style="bold")
    shown.append(f"  {result.intent.confidence:.3f}\n")
    if result.entities:
        text = Text(visible(result.text))
        for entity in result.entities:
            if not entity.has_place:
                continue
            text.stylize(f"bold {styles[entity.entity]} underline", *entity.span)
        shown.append("  text    ").append_text(text).append("\n")
    for entity in result.entities:
        shown.append("  entity  ").append(entity.entity, style=f"bold {styles[entity.entity]}")
        shown.append(f" = {_details(entity)}\n")
    shown.right_crop(1)
    return shown


def _details(entity: Entity) -> str:
    parts = [visible(str(entity.value))]
    if entity.role is not None:
        parts.append(f"role {entity.role}")
    if entity.group is not None:
        parts.append(f"group {entity.group}")
    parts.append(str(entity.extractor))
    if entity.confidence is not None:
        parts.append(f"{entity.confidence:.3f}")
    return "  ".join(parts)
