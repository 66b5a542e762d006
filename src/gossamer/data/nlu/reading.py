"""From files and folders to training data: which files hold NLU data, and in which format."""

from __future__ import annotations

from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.formats.rasa_json import is_nlu_json, parse_rasa_json
from gossamer.data.nlu.formats.rasa_markdown import is_nlu_markdown, parse_rasa_markdown
from gossamer.data.nlu.formats.rasa_yaml import is_nlu_yaml, parse_rasa_yaml
from gossamer.data.nlu.formats.text_intent_csv import is_nlu_csv, parse_csv
from gossamer.data.text.search import FileKind, Parser, Paths, read_files


def read_training_data(paths: Paths, *, is_required: bool = True) -> TrainingData:
    """Read NLU training data.

    Files and their format are recognised by their content. In folders, which are searched
    with their subfolders, files that hold no NLU data (stories, domain, README) are skipped, as are
    hidden ones; a file that is named itself must hold NLU data. Symbolic links are followed; a file
    that is reached twice is read once.

    Args:
        paths: a file, a folder or several of them. Folders are read in the order of their
            files' absolute paths.
        is_required: whether folders must hold examples; else there may be none at all.

    Returns:
        The data of all files, one after the other; at least one example, if required.

    Raises:
        DataError: a path is missing, a folder holds no NLU data, there is no example, or a file
            cannot be read as meant (the message names file and line).
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    data = TrainingData().merge(read_files(given, NLU_FILES, is_required=is_required))
    if is_required and not data.examples:
        raise DataError(
            "training data needs at least one example",
            where=Location(Path(given[0])),
            hint="add examples under 'nlu:', '- intent: greet'",
        )
    return data


def _parser(text: str, path: Path) -> Parser[TrainingData] | None:
    """How to read a file, or None when it holds no NLU data."""
    suffix = path.suffix.lower()
    if suffix in (".yml", ".yaml"):
        return parse_rasa_yaml if is_nlu_yaml(text, path) else None
    if suffix == ".json":
        return parse_rasa_json if is_nlu_json(text, path) else None
    if suffix == ".csv":
        return parse_csv if is_nlu_csv(text) else None
    if is_nlu_markdown(text):
        return parse_rasa_markdown
    if suffix == ".md":
        return None
    # A suffix that says nothing about the format.
    if is_nlu_csv(text):
        return parse_csv
    if text.lstrip().startswith("{") and is_nlu_json(text, path):
        return parse_rasa_json
    return parse_rasa_yaml if is_nlu_yaml(text, path) else None


NLU_FILES = FileKind(
    subject="training data",
    name="NLU data",
    formats="Rasa YAML (nlu:), Rasa Markdown (## intent:name), rasa_nlu_data JSON, CSV of "
    "text,intent",
    suffixes=frozenset({".yml", ".yaml", ".json", ".md", ".csv"}),
    parser=_parser,
)
