"""From files and folders to stories: which files hold them, and in which format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.stories.markdown import is_story_markdown, parse_story_markdown
from gossamer.data.stories.steps import StoryData
from gossamer.data.stories.yaml import is_story_yaml, parse_story_yaml
from gossamer.data.text.search import FileKind, Parser, Paths, read_files


def read_stories(paths: Paths, *, is_required: bool = True) -> StoryData:
    """Read stories and rules, from Rasa YAML (2.x, 3.x) or Markdown (1.x, 2.x).

    Files are found as `read_training_data` finds them; one file may hold NLU data, a domain and
    stories. Files of test stories in a folder count as well, as in Rasa.

    Args:
        paths: a file, a folder or several of them.
        is_required: whether folders must hold stories; else there may be none at all.

    Returns:
        The stories and rules of all files, one after the other.

    Raises:
        DataError: a path is missing, a named file or, if required, a folder holds no stories, or
            a file cannot be read as meant (the message names file and line).
    """
    return _read(paths, STORY_FILES, is_required=is_required)


def read_test_stories(paths: Paths, *, is_required: bool = True) -> StoryData:
    """Read test stories.

    In folders, they are in files whose name starts with `test_` (in Markdown, also those whose
    name ends with `_tests.md`), as in Rasa; a file that is named itself may have any name.

    Args:
        paths: a file, a folder or several of them.
        is_required: whether folders must hold test stories; else there may be none at all.

    Returns:
        The stories and rules of all files, one after the other.

    Raises:
        DataError: as `read_stories`; a folder holds stories, but no test stories.
    """
    return _read(paths, _TEST_STORIES, is_required=is_required)


def is_test_file(path: Path) -> bool:
    """Whether a file's name marks it as test stories."""
    return path.name.startswith("test_") or path.name.endswith("_tests.md")


def _read(paths: Paths, kind: FileKind[StoryData], *, is_required: bool) -> StoryData:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    data = StoryData().merge(read_files(given, kind, is_required=is_required))
    if is_required and not (data.stories or data.rules):
        raise DataError(
            f"{kind.subject} must hold at least one story or rule",
            where=Location(Path(given[0])),
            hint="add '- story: name' under 'stories:'",
        )
    return data


def _parser(text: str, path: Path) -> Parser[StoryData] | None:
    """How to read a file, or None when it holds no stories."""
    suffix = path.suffix.lower()
    if suffix in (".yml", ".yaml"):
        return parse_story_yaml if is_story_yaml(text, path) else None
    if is_story_markdown(text):
        return parse_story_markdown
    if suffix == ".md":
        return None
    # A suffix that says nothing about the format.
    return parse_story_yaml if is_story_yaml(text, path) else None


STORY_FILES = FileKind(
    subject="stories",
    name="stories",
    formats="Rasa YAML (stories: or rules:), Rasa Markdown (## name of a story)",
    suffixes=frozenset({".yml", ".yaml", ".md"}),
    parser=_parser,
)
_TEST_STORIES = replace(
    STORY_FILES,
    subject="test stories",
    name="test stories",
    is_wanted=is_test_file,
    wanted="in a file whose name starts with 'test_'",
)
