"""Stories that are taught: they go into a file of their own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from gossamer.data.errors import DataError, Location
from gossamer.data.stories.steps import Story, StoryData
from gossamer.data.stories.yaml_writer import dump_stories
from gossamer.teach.files.places import add_key, append_item, entries
from gossamer.teach.files.source import SourceFile

TAUGHT_STORIES: Final = "taught_stories.yml"

_HEADER: Final = "# Conversations that were taught (gossamer run --teach, gossamer interactive).\n"


def with_story(file: SourceFile | None, path: Path, story: Story) -> str:
    """The text of the file of taught stories with another story.

    Args:
        file: the file as it is; None where there is none yet.
        path: where it is.
        story: what is added at the end.

    Raises:
        DataError: the story cannot be written, or the file has another layout.
    """
    text = dump_stories(StoryData(stories=(story,)))
    if file is None or not file.text.strip():
        return _HEADER + text
    _, _, rest = text.partition("stories:\n")
    lines = rest.removesuffix("\n").split("\n")
    found = entries(file.root).get("stories")
    if found is None:
        splice = add_key(file, file.root, ["stories:", *lines])
    else:
        splice = append_item(file, *found, lines, None)
    return file.edited([splice])


def check_story_added(before: SourceFile | None, after: SourceFile, story: Story) -> None:
    """Refuse a text that does not say the same as before and the story after it.

    Raises:
        DataError: it does not.
    """
    old = StoryData() if before is None or before.stories is None else before.stories
    meant = dataclasses.replace(old, stories=(*old.stories, story))
    others = [] if before is None or not before.text.strip() else _others(before)
    if repr(after.stories) != repr(meant) or (others and repr(_others(after)) != repr(others)):
        raise DataError(
            "a file of taught stories must be in a layout that can grow",
            where=Location(after.path),
            hint="move it away, and a new one is made",
        )


def _others(file: SourceFile) -> list[tuple[str, object]]:
    return [(k.text, v.to_python()) for k, v in file.tree.pairs if k.text != "stories"]
