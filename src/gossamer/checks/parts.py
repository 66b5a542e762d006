"""The parts of a project: read each by itself, whatever is wrong with the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gossamer.data.config import ProjectConfig
from gossamer.data.config_files import read_config
from gossamer.data.domain.domain import Domain
from gossamer.data.domain.reading import read_domain
from gossamer.data.errors import InputError, Location
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.project import Project, strange_files
from gossamer.data.stories.reading import read_stories
from gossamer.data.stories.steps import StoryData
from gossamer.data.text.search import Paths, files_in

T = TypeVar("T")

_SUFFIXES = frozenset({".yml", ".yaml", ".json", ".md", ".csv"})
_LONGEST_EMPTY = 1024  # bytes that are searched for blanks only


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a project, as far as they could be read.

    Attributes:
        config: pipeline and policies; None: unreadable or missing.
        nlu: examples; None: unreadable or missing.
        stories: stories and rules; None: unreadable.
        domain: the domain; None: unreadable or missing.
        wants_nlu: whether NLU components are to be trained.
        wants_dialogue: whether policies are to be trained.
        wants_all: whether a configured pipeline without examples, or configured policies without
            stories, are an error.
        findings: what was found in reading.
        read_at: when reading began, or when parts that were read before were given; seconds since
            the epoch.
    """

    config: ProjectConfig | None = None
    nlu: TrainingData | None = None
    stories: StoryData | None = None
    domain: Domain | None = None
    wants_nlu: bool = True
    wants_dialogue: bool = True
    wants_all: bool = False
    findings: tuple[Finding, ...] = ()
    read_at: float = field(default_factory=time.time)

    @classmethod
    def of(cls, project: Project) -> Parts:
        """The parts of a project that was read."""
        return cls(
            config=project.config,
            nlu=project.nlu,
            stories=project.stories,
            domain=project.domain,
            wants_nlu=project.nlu is not None,
            wants_dialogue=project.has_dialogue,
        )


def read_parts(
    config: Path | None,
    data: Paths,
    domain: Paths | None,
    *,
    stories: Paths | None = None,
    nlu: bool = True,
    dialogue: bool = True,
    wants_all: bool = False,
) -> Parts:
    """Read a project's parts; one that cannot be read does not stop the others.

    Args:
        config: the configuration, or None.
        data: files and folders with NLU data, stories and rules.
        domain: the domain, or None.
        stories: where stories and rules are, if not in `data`.
        nlu: read NLU data.
        dialogue: read stories, rules and domain.
        wants_all: see `Parts`.

    Returns:
        What could be read. Findings hold the errors.
    """
    read_at = time.time()
    findings = _empty_files([data] if stories is None else [data, stories])

    if nlu and dialogue and stories is None:  # both are read from the same places
        findings += map(Finding.of, strange_files(data))
        data = [path for path in _as_list(data) if path.exists()]

    def attempt(read: Callable[[], T]) -> T | None:
        return attempted(read, findings)

    settings = None
    if config is not None:
        settings = attempt(lambda: read_config(config, needs_pipeline=nlu))
    told = StoryData() if not dialogue else None
    if dialogue:
        places = data if stories is None else stories
        told = (
            None
            if not places
            else attempt(lambda: read_stories(places, is_required=not nlu or stories is not None))
        )
    has_dialogue = told is None or bool(told.stories or told.rules)
    examples = None
    if nlu and data:
        examples = attempt(lambda: read_training_data(data, is_required=not has_dialogue))
    known = None
    if dialogue and domain is not None and (has_dialogue or _exists(domain)):
        known = attempt(lambda: read_domain(domain))
    return Parts(
        config=settings,
        nlu=examples if examples is not None and examples.examples else None,
        stories=told,
        domain=known,
        wants_nlu=nlu,
        wants_dialogue=dialogue and has_dialogue,
        wants_all=wants_all,
        findings=tuple(dict.fromkeys(findings)),
        read_at=read_at,
    )


def attempted(read: Callable[[], T], findings: list[Finding]) -> T | None:
    """What was read, or None; then the faults are added to `findings`."""
    try:
        return read()
    except InputError as error:
        findings += map(Finding.of, error.faults)
        return None


def _as_list(paths: Paths) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]


def _exists(paths: Paths) -> bool:
    return any(path.exists() for path in _as_list(paths))


def _empty_files(places: Sequence[Paths]) -> list[Finding]:
    """Files without content, which are skipped as if they did not exist."""
    folders = [path for paths in places for path in _as_list(paths) if path.is_dir()]
    files = dict.fromkeys(file for folder in folders for file in files_in(folder, _SUFFIXES))
    return [
        Finding(Severity.ERROR, "the file is empty", Location(file))
        for file in files
        if file.stat().st_size < _LONGEST_EMPTY and not file.read_bytes().strip()
    ]
