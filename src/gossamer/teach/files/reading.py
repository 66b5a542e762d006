"""The files of a project, as they are now; each is parsed once as long as it stays the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.reading import DOMAIN_FILES, domain_of
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.reading import NLU_FILES
from gossamer.data.stories.reading import STORY_FILES
from gossamer.data.stories.steps import Rule, Story
from gossamer.data.text.search import files_in
from gossamer.data.text.text_files import decoded_text
from gossamer.teach.files.source import SourceFile

_SUFFIXES = NLU_FILES.suffixes | STORY_FILES.suffixes


@dataclass(frozen=True, kw_only=True)
class ProjectFiles:
    """All files that a project is trained from, but for its configuration.

    Attributes:
        folder: the project.
        data: files of NLU data and stories, in the order in which they are read.
        domain: files of the domain, in the order in which they are read.
        data_folder: the first folder of data; None where data are named files.
    """

    folder: Path
    data: tuple[SourceFile, ...]
    domain: tuple[SourceFile, ...]
    data_folder: Path | None

    def all(self) -> tuple[SourceFile, ...]:
        """Each file once."""
        return tuple({file.path: file for file in (*self.data, *self.domain)}.values())

    def nlu(self) -> Iterator[tuple[SourceFile, tuple[Example, ...]]]:
        """Files with NLU data, and their examples."""
        for file in self.data:
            if file.nlu is not None:
                yield file, file.nlu.examples

    def examples(self) -> list[Example]:
        """All examples, in the order in which they are read."""
        return [example for _, examples in self.nlu() for example in examples]

    def stories(self) -> list[Story]:
        """All stories."""
        return [each for file in self.data if file.stories for each in file.stories.stories]

    def rules(self) -> list[Rule]:
        """All rules."""
        return [each for file in self.data if file.stories for each in file.stories.rules]

    def domain_now(self) -> Domain | None:
        """What the files of the domain say, with the responses of NLU data; None without any.

        Raises:
            DataError: as `read_domain`.
        """
        if not self.domain:
            return None
        domain = domain_of((file.tree for file in self.domain), Location(self.domain[0].path))
        for file in self.data:
            if file.nlu is not None and file.nlu.responses:
                domain = domain.with_responses(file.nlu.responses)
        return domain

    def text(self, relative: str) -> str | None:
        """The text of a file, as it is on the disk, by its path below the project."""
        file = self.find(relative)
        return None if file is None else file.raw

    def relative(self, path: Path) -> str:
        """A file's path below the project, with slashes.

        Raises:
            DataError: it is not in the project, also where a symbolic link leads out of it.
        """
        real, folder = real_path(path), real_path(self.folder)
        if not real.is_relative_to(folder):
            raise DataError(
                "what is taught must not change a file outside the project",
                got=str(real),
                where=Location(path),
                hint=f"the file itself in {self.folder}, not a link to it",
            )
        return real.relative_to(folder).as_posix()

    def find(self, relative: str) -> SourceFile | None:
        """The file of a path below the project, with slashes; None where it is not read."""
        real = real_path(self.folder) / relative
        return next((file for file in self.all() if real_path(file.path) == real), None)

    def replaced(self, texts: Mapping[str, str | None]) -> ProjectFiles:
        """The same project with other texts of some files, by their paths below it.

        None takes a file out; a path that is new is a file of data.
        """
        folder = real_path(self.folder)
        new = {folder / path: text for path, text in texts.items()}

        def with_texts(files: Sequence[SourceFile]) -> list[SourceFile]:
            result = []
            for file in files:
                real = real_path(file.path)
                text = new.get(real, file.raw)
                if text is not None:
                    result.append(file if text == file.raw else SourceFile(file.path, text))
            return result

        known = {real_path(file.path) for file in self.all()}
        added = [
            SourceFile(path, text)
            for path, text in new.items()
            if path not in known and text is not None
        ]
        return ProjectFiles(
            folder=self.folder,
            data=(*with_texts(self.data), *added),
            domain=tuple(with_texts(self.domain)),
            data_folder=self.data_folder,
        )


@dataclass(slots=True)
class FileReader:
    """Reads a project's files again and again.

    Attributes:
        folder: the project.
        data: files and folders of NLU data and stories.
        domain: files and folders of the domain.
    """

    folder: Path
    data: tuple[Path, ...]
    domain: tuple[Path, ...]
    _known: dict[Path, SourceFile] = field(default_factory=dict)

    def read(self) -> ProjectFiles:
        """The files as they are now. Files of other kinds, and empty ones, are left out.

        Raises:
            DataError: a path of data is missing, a file cannot be read or is not UTF-8.
        """
        read: dict[Path, SourceFile] = {}
        data: list[SourceFile] = []
        for path in self.data:
            if not path.exists():
                raise DataError("a path of training data must exist", where=Location(path))
            for file in files_in(path, _SUFFIXES) if path.is_dir() else [path]:
                if (real := real_path(file)) not in read:
                    read[real] = self._file(file)
                    data.append(read[real])
        domain: list[SourceFile] = []
        for path in filter(Path.exists, self.domain):
            for file in files_in(path, DOMAIN_FILES.suffixes) if path.is_dir() else [path]:
                source = read.get(real_path(file)) or self._file(file)
                is_new = source.path not in (each.path for each in domain)
                if is_new and DOMAIN_FILES.parser(source.text, file) is not None:
                    domain.append(source)
        self._known = {file.path: file for file in (*data, *domain)}
        return ProjectFiles(
            folder=self.folder,
            data=tuple(data),
            domain=tuple(domain),
            data_folder=next((path for path in self.data if path.is_dir()), None),
        )

    def _file(self, path: Path) -> SourceFile:
        try:
            raw = path.read_bytes()
        except OSError as problem:
            raise DataError(
                "a file must be readable", got=problem.strerror, where=Location(path)
            ) from None
        known = self._known.get(path)
        if known is not None and known.raw.encode("utf-8") == raw:
            return known
        decoded_text(raw, path)  # says what is wrong
        return SourceFile(path, raw.decode("utf-8"))


def real_path(path: Path) -> Path:
    """Where a file really is, symbolic links followed."""
    return Path(os.path.realpath(path))
