"""A project that is taught: corrections go into its own files, and can be taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gossamer.data.domain.reading import read_domain
from gossamer.data.errors import DataError, Location
from gossamer.data.text.search import Paths
from gossamer.teach.corrections import Correction, correction_json
from gossamer.teach.description import ProjectDescription, describe
from gossamer.teach.files.patch import Patch
from gossamer.teach.files.reading import FileReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A correction that was written into a project.

    Attributes:
        id: its number, from 1.
        when: seconds since 1970, UTC.
        who: who taught it.
        correction: what was taught.
        patch: what it changed in the files. It is that of the last time it was written: undoing an
            earlier correction may write later ones anew.
        is_undone: whether it was taken out again.
        undone_when: when it was, or None.
        undone_by: who took it out, or None.
    """

    id: int
    when: float
    who: str
    correction: Correction
    patch: Patch
    is_undone: bool = False
    undone_when: float | None = None
    undone_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON, with the `diff` and the `files` of the patch."""
        return {
            "id": self.id,
            "when": self.when,
            "who": self.who,
            "correction": correction_json(self.correction),
            "is_undone": self.is_undone,
            "undone_when": self.undone_when,
            "undone_by": self.undone_by,
            **self.patch.to_json(),
        }


class TaughtProject:
    """A Rasa project whose YAML files take what is taught.

    Args:
        folder: the project.
        config: its configuration, relative to the folder. As for `gossamer train`, these three are
            `config.yml`, `domain.yml` and `data` if they are not given.
        domain: its domain, a file, a folder or several.
        data: its NLU data and stories, files and folders.

    Attributes:
        folder, config, domain, data: the paths, those relative to the folder made whole.

    Raises:
        DataError: the folder is none.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        config: str | Path | None = None,
        domain: Paths | None = None,
        data: Paths | None = None,
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(
                "a project must be a folder", where=Location(self.folder), hint="gossamer init"
            )
        self.config = self.folder / ("config.yml" if config is None else config)
        self.domain = self._paths("domain.yml" if domain is None else domain)
        self.data = self._paths("data" if data is None else data)
        self._reader = FileReader(self.folder, self.data, self.domain)

    def _paths(self, given: Paths) -> tuple[Path, ...]:
        paths: Sequence[str | Path] = [given] if isinstance(given, str | Path) else list(given)
        return tuple(self.folder / path for path in paths)

    def description(self) -> ProjectDescription:
        """What can be taught.

        Raises:
            DataError: a file cannot be read as meant.
        """
        files = self._reader.read()
        tests = (
            FileReader(self.folder, (self.folder / "tests",), ()).read().data
            if (self.folder / "tests").is_dir()
            else ()
        )
        return describe(
            files.examples(),
            read_domain(self.domain) if files.domain else None,
            has_test_messages=any(file.nlu is not None and file.nlu.examples for file in tests),
            has_test_stories=any(
                file.stories is not None and file.stories.stories for file in tests
            ),
        )
