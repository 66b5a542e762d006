"""A project that is taught: corrections go into its own files, and can be taken out again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gossamer.data.errors import DataError, Location
from gossamer.data.text.search import Paths
from gossamer.teach.corrections import Correction, correction_json, correction_of
from gossamer.teach.description import ProjectDescription, describe
from gossamer.teach.files.derive import AlreadySo, derive
from gossamer.teach.files.erasing import erased
from gossamer.teach.files.hunks import Moved, applied, inverse
from gossamer.teach.files.journal import (
    DONE,
    JOURNAL,
    Journal,
    Step,
    put_in_place,
    text_hash,
    text_now,
)
from gossamer.teach.files.patch import FileChange, Patch
from gossamer.teach.files.reading import FileReader, quiet, real_path
from gossamer.teach.files.undo import derive_undo, step_of
from gossamer.teach.history import Taught, entries_of, history_of, rest_json

_MOST_TRIES: Final = 5
_LONGEST_NAME: Final = 200


class _ChangedSince(Exception):
    """A file is not any more as it was read."""


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
        DataError: the folder is none, or what a killed process began cannot be finished.
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
        self._journal = Journal(self.folder)
        if self._journal.pending() is not None:
            with self._journal.locked(), quiet():
                self._finish()

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
            files.domain_now(),
            has_test_messages=any(file.nlu is not None and file.nlu.examples for file in tests),
            has_test_stories=any(
                file.stories is not None and file.stories.stories for file in tests
            ),
        )

    def preview(self, correction: Correction) -> Patch:
        """What teaching a correction would change; nothing is written.

        Raises:
            DataError: it cannot be taught; the message says why.
        """
        _json_of(correction)
        with quiet():
            files = self._reader.read()
            return step_of(files, derive(files, correction).texts).patch

    def teach(self, correction: Correction, *, who: str, senders: Collection[str] = ()) -> Taught:
        """Write a correction into the project's files.

        What changes is worked out from the files as they are now. When this returns, it is on the
        disk; when it raises, nothing has changed.

        Args:
            correction: what is taught.
            who: who teaches it.
            senders: whose messages it comes from, for `gossamer forget`.

        Raises:
            DataError: it cannot be taught, a file cannot be written, or somebody else teaches for
                longer than a minute.
        """
        content = _json_of(correction)
        _check_name(who)
        _check_senders(senders)
        with self._journal.locked(), quiet():
            records = self._finish()
            for _ in range(_MOST_TRIES):
                files = self._reader.read()
                derived = derive(files, correction)
                step = step_of(files, derived.texts)
                record: dict[str, Any] = {
                    "record": "taught",
                    "id": 1 + max((record.get("id", 0) for record in records), default=0),
                    "when": time.time(),
                    "who": who,
                    "senders": sorted(senders),
                    "correction": content,
                    "files": step.to_json(),
                } | rest_json(derived)
                if self._write(record, step, derived.texts):
                    return history_of([*records, record])[record["id"]]
        raise _too_busy(self.folder)

    def taught(self) -> list[Taught]:
        """All that was taught, in order, also what was undone; not what was erased.

        Raises:
            DataError: the journal cannot be read.
        """
        return list(history_of(self._journal.records()).values())

    def undo(self, number: int, *, who: str) -> Taught:
        """Take out what was taught, wherever it now is; everything else stays.

        Args:
            number: the `id` of what was taught.
            who: who takes it out.

        Raises:
            DataError: there is no such correction, it is undone already or was edited since, or a
                file cannot be written.
        """
        _check_name(who)
        with self._journal.locked(), quiet():
            records = self._finish()
            known = history_of(records)
            if number not in known or known[number].is_undone:
                raise DataError(
                    "what is undone must have been taught, and not be undone yet", got=number
                )
            entries = entries_of(records)
            later = [entry for entry in entries.values() if entry.id > number]
            for _ in range(_MOST_TRIES):
                files = self._reader.read()
                undone = derive_undo(files, entries[number], later)
                step = step_of(files, undone.texts)
                record = {
                    "record": "undone",
                    "id": number,
                    "when": time.time(),
                    "who": who,
                    "files": step.to_json(),
                    "others": {
                        str(entry.id): {
                            "files": entry.step.to_json(),
                            **rest_json(entry),
                        }
                        for entry in undone.others
                    },
                }
                if self._write(record, step, undone.texts):
                    return history_of([*records, record])[number]
        raise _too_busy(self.folder)

    def erase(self, number: int, *, who: str) -> None:
        """Leave nothing of what was taught in the project, nor in its journal.

        This is for the person whose words it has. If it is not undone, it is undone first.

        Args:
            number: the `id` of what was taught.
            who: who erases it.

        Raises:
            DataError: there is no such correction, it cannot be undone (see `undo`), or the journal
                cannot be written.
        """
        _check_name(who)
        known = {each.id: each for each in self.taught()}
        if number not in known:
            raise DataError("what is erased must have been taught", got=number)
        if not known[number].is_undone:
            self.undo(number, who=who)
        with self._journal.locked():
            records = self._finish()
            self._journal.rewrite(erased(records, number, who=who, when=time.time()))

    def _write(
        self, record: Mapping[str, Any], step: Step, texts: Mapping[str, str | None]
    ) -> bool:
        """Write files and their record; False, and nothing is done, if they have changed since."""
        paths = {change.path: self._inside(change.path) for change in step.patch.files}
        size: int | None = None

        def is_as_before() -> bool:
            return all(text_hash(text_now(paths[name])) == step.before[name] for name in paths)

        def add_record() -> None:
            nonlocal size
            if any(self._inside(name) != path for name, path in paths.items()):
                raise _ChangedSince
            if not is_as_before():
                raise _ChangedSince
            size = self._journal.add(record)

        try:
            put_in_place({paths[name]: texts[name] for name in paths}, when_ready=add_record)
        except _ChangedSince:
            return False
        except DataError:
            if size is not None and is_as_before():
                self._journal.cut(size)
            raise
        with contextlib.suppress(DataError):  # else the next one who opens the journal says it
            self._journal.add(DONE)
        return True

    def _finish(self) -> list[dict[str, Any]]:
        """Finish what a killed process began, under the lock; gives all records."""
        record = self._journal.pending()
        if record is None:
            return self._journal.records()
        step = Step.of(record["files"])
        paths = {name: self._inside(name) for name in step.before}
        hashes = self._move(step, paths, forward=True)
        is_edited = any(hashes[name] not in (step.before[name], step.after[name]) for name in paths)
        if is_edited and record["record"] == "taught" and not self._says(record["correction"]):
            # Somebody edited a file in the meantime. It was never acknowledged, so it is given up.
            self._move(step, paths, forward=False)
            self._journal.add(
                {"record": "undone", "id": record["id"], "when": time.time(), "who": ""}
                | {"files": [], "others": {}}
            )
        self._journal.add(DONE)
        return self._journal.records()

    def _move(
        self, step: Step, paths: Mapping[str, Path], *, forward: bool
    ) -> dict[str, str | None]:
        """Do a step, or take it back, in the files that are at its other end.

        Returns:
            The hash of each file before that.
        """
        texts = {name: text_now(path) for name, path in paths.items()}
        hashes = {name: text_hash(text) for name, text in texts.items()}
        begin, end = (step.before, step.after) if forward else (step.after, step.before)
        put_in_place(
            {
                paths[change.path]: _moved(
                    change if forward else inverse(change), texts[change.path], end[change.path]
                )
                for change in step.patch.files
                if hashes[change.path] == begin[change.path]
            }
        )
        return hashes

    def _inside(self, name: str) -> Path:
        """Where a file of the project is.

        Raises:
            DataError: a symbolic link leads out of the project.
        """
        folder = real_path(self.folder)
        path = folder / name
        if not real_path(path).is_relative_to(folder):
            raise DataError(
                "what is taught must not change a file outside the project", where=Location(path)
            )
        return path

    def _says(self, content: object) -> bool:
        """Whether the files say what a correction teaches."""
        try:
            derive(self._reader.read(), correction_of(content))
        except AlreadySo:
            return True
        except DataError:
            pass
        return False


def _moved(change: FileChange, before: str | None, meant: str | None) -> str | None:
    """The text of a file after a change that a journal says, or after its inverse."""
    with contextlib.suppress(Moved):
        after = applied(change, before)
        if text_hash(after) == meant:
            return after
    raise DataError(
        "the journal of what was taught must be as it was written",
        got=change.path,
        hint=f"moving {JOURNAL} away; what it says cannot be undone then",
    )


def _json_of(correction: Correction) -> dict[str, Any]:
    """The JSON of a correction, as the journal keeps it.

    Raises:
        DataError: it is none, or JSON cannot carry it.
    """
    if not isinstance(correction, Correction):
        raise DataError(
            "what is taught must be a correction", got=correction, hint="correction_of(...)"
        )
    content = correction_json(correction)
    try:
        kept = json.loads(json.dumps(content, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        kept = None
    if kept is None or correction_of(kept) != correction:
        raise DataError("a correction must be one that its JSON can carry", got=correction)
    return content


def _check_name(who: str) -> None:
    if not isinstance(who, str) or not who.strip() or len(who) > _LONGEST_NAME:
        raise DataError(
            f"who teaches must be named, in at most {_LONGEST_NAME} characters", got=who
        )
    if not who.isprintable():
        raise DataError("the name of who teaches must be printable", got=who)


def _check_senders(senders: Collection[str]) -> None:
    try:
        "".join(senders).encode()
    except (TypeError, UnicodeEncodeError):
        raise DataError(
            "senders must be texts that hold no half surrogate pair", got=senders
        ) from None


def _too_busy(folder: Path) -> DataError:
    return DataError(
        "files of a project must stay as they are for a moment while it is taught",
        where=Location(folder),
        hint="once more",
    )
