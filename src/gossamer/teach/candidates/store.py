"""Candidates on disk, and the models that were put in service.

    models/
      20250131-093000-quiet-loom.gossamer    in service, or was once; the latest one answers
      candidates/
        20250131-093000-quiet-loom/          how that one was made, and beside what
          task.json progress log lock
          result.json                        written last: whether it is there decides
        20250131-101500-keen-flax/
          ... 20250131-101500-keen-flax.gossamer    not yet in service

The latest model of a folder is the one that was changed last, as for all commands. So a candidate
is put in service by renaming its file, and an older model by setting its time: one step of the file
system, before which the old one is the latest, and after it the new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.model_files import SUFFIX, latest_model, new_model_path
from gossamer.data.text.files import sync_folder, write_file
from gossamer.teach.candidates.task import TASK_FILE
from gossamer.teach.files.journal import locked

CANDIDATES: Final = "candidates"
RESULT_FILE: Final = "result.json"
LOCK_FILE: Final = "lock"
_SERVICE_LOCK: Final = "service.lock"
"""Held while another model becomes the latest."""
KEPT: Final = 10
"""How many candidates are kept that are not in service."""

_YOUNG: Final = 15.0  # seconds in which a process that was given a task takes its lock
_DIFFERENCES: Final = ("better", "worse", "still_wrong")
_PARTS: Final = ("nlu-", "core-")  # what names of models of parts begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that was trained and compared.

    Attributes:
        id: its name in the folder of candidates.
        folder: where all that belongs to it is.
        name: of its model file, without the suffix.
        when: it was finished, in seconds since 1970.
        base: name of the model file it was compared with, or None.
        comparison: JSON of a `Comparison`.
    """

    id: str
    folder: Path
    name: str
    when: float
    base: str | None
    comparison: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The model file, until it is in service."""
        return self.folder / f"{self.name}{SUFFIX}"

    @property
    def is_waiting(self) -> bool:
        """Whether it can be put in service."""
        return self.path.is_file()

    def write(self) -> None:
        """Write its result: from now on it is there.

        Raises:
            ModelFileError: it cannot be written.
        """
        write_result(
            self.folder,
            {
                "state": "done",
                "when": self.when,
                "name": self.name,
                "base": self.base,
                "comparison": dict(self.comparison),
            },
        )

    @classmethod
    def read(cls, folder: Path) -> Candidate | None:
        """The candidate of a folder; None: there is none, as its training failed or goes on."""
        result = read_result(folder)
        if result is None or result.get("state") != "done":
            return None
        return cls(
            id=folder.name,
            folder=folder,
            name=result["name"],
            when=result["when"],
            base=result.get("base"),
            comparison=result["comparison"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model that can be gone back to.

    Attributes:
        name: of its file, without the suffix.
        path: its file.
        when: it was trained or put in service, in seconds since 1970.
        size: in bytes.
        is_latest: whether it is the one that is loaded next.
        comparison: JSON of what it was compared with, where it was a candidate; else None.
    """

    name: str
    path: Path
    when: float
    size: int
    is_latest: bool
    comparison: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON, without the path."""
        return {
            "name": self.name,
            "when": self.when,
            "size": self.size,
            "is_latest": self.is_latest,
            "comparison": None if self.comparison is None else dict(self.comparison),
        }


def new_folder(models: Path) -> Path:
    """A new folder for a candidate; its name is that of a model, too.

    Raises:
        ModelFileError: it cannot be made.
    """
    try:
        (models / CANDIDATES).mkdir(parents=True, exist_ok=True)
        while True:
            name = new_model_path(models, prefix="").stem
            folder = models / CANDIDATES / name
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
    except OSError as error:
        raise ModelFileError(
            "candidates must have a folder beside the models",
            got=error.strerror,
            where=Location(models / CANDIDATES),
            hint="permission to write there",
        ) from None


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Write what came of a training, whole or not at all.

    Raises:
        ModelFileError: it cannot be written.
    """
    text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    write_file(folder / RESULT_FILE, text.encode("utf-8", "backslashreplace"), error=ModelFileError)


def read_result(folder: Path) -> dict[str, Any] | None:
    """What came of a training; None: nothing, so far, or it is damaged."""
    result = _read_mapping(folder)
    return result if result is not None and _is_sound(result, folder.name) else None


def _read_mapping(folder: Path) -> dict[str, Any] | None:
    try:
        result = json.loads((folder / RESULT_FILE).read_text("utf-8"))
        json.dumps(result, allow_nan=False)
    except (OSError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) else None


def _is_sound(result: Mapping[str, Any], id: str) -> bool:
    """Whether a result is one that this program writes."""
    when, error, comparison = (result.get(key) for key in ("when", "error", "comparison"))
    is_told = isinstance(error, dict) and isinstance(error.get("message"), str)
    is_timed = isinstance(when, int | float) and not isinstance(when, bool)
    if result.get("state") != "done":
        return (
            result.get("state") in ("failed", "cancelled")
            and (when is None or is_timed)
            and (error is None or is_told)
            and comparison is None
        )
    return (
        is_timed
        and error is None
        # Its model must be in its own folder.
        and result.get("name") in [f"{part}{id}" for part in ("", *_PARTS)]
        and (result.get("base") is None or isinstance(result["base"], str))
        and isinstance(comparison, dict)
        and isinstance(comparison.get("summary"), dict)
        and all(_is_differences(comparison.get(key, [])) for key in _DIFFERENCES)
    )


def _is_differences(found: object) -> bool:
    return isinstance(found, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("kind"), str)
        and isinstance(each.get("text"), str)
        for each in found
    )


def is_alive(folder: Path) -> bool:
    """Whether a process trains there, or was told to just now."""
    try:
        if not (folder / LOCK_FILE).exists():
            return time.time() - (folder / TASK_FILE).stat().st_mtime < _YOUNG
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def candidates_of(models: Path) -> list[Path]:
    """Folders of all trainings, newest first."""
    folder = models / CANDIDATES
    found = [path for path in folder.glob("*/") if path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda path: path.name, reverse=True)


def find_candidate(models: Path, id: str) -> Candidate:
    """A candidate by its name.

    Raises:
        DataError: there is none.
    """
    folder = next((path for path in candidates_of(models) if path.name == id), None)
    candidate = None if folder is None else Candidate.read(folder)
    if candidate is None:
        raise DataError("there must be a candidate of this name", got=id)
    return candidate


def candidate_of(models: Path, name: str) -> Candidate | None:
    """How a model of this name was made; None where it was not a candidate."""
    id = name
    for part in _PARTS:
        id = id.removeprefix(part)
    made = Candidate.read(models / CANDIDATES / id)
    return made if made is not None and made.name == name else None


def put_in_service(candidate: Candidate, models: Path) -> Path:
    """Make a candidate the latest model of a folder. When this returns, it is on the disk.

    Raises:
        ModelFileError: it cannot be moved there, or is not there any more.
        DataError: others hold the folder's lock for a minute.
    """
    target = models / candidate.path.name
    with locked(models / CANDIDATES / _SERVICE_LOCK):
        if not candidate.is_waiting and target.is_file():
            return _make_latest(target, models)
        try:
            _set_time(candidate.path, models)
            candidate.path.replace(target)
            sync_folder(models)
        except OSError as error:
            raise ModelFileError(
                "a candidate must be there, and the folder of models be writable",
                got=error.strerror,
                where=Location(candidate.path),
            ) from None
    return target


def go_back(models: Path, name: str) -> Path:
    """Make an older model the latest of its folder again.

    Args:
        models: the folder.
        name: of the model file, with or without its suffix.

    Raises:
        ModelFileError: there is no such model, or its time cannot be set.
        DataError: others hold the folder's lock for a minute.
    """
    stem = name.removesuffix(SUFFIX)
    entry = next((each for each in models_of(models) if each.name == stem), None)
    if entry is None:
        raise ModelFileError(
            "there must be a model of this name in the folder",
            got=name,
            where=Location(models),
        )
    with locked(models / CANDIDATES / _SERVICE_LOCK):
        return _make_latest(entry.path, models)


def models_of(models: Path) -> list[ModelEntry]:
    """All models of a folder, the latest first."""
    found = []
    for path in models.glob(f"*{SUFFIX}") if models.is_dir() else ():
        with contextlib.suppress(OSError):
            status = path.stat()
            if path.is_file():
                found.append((status.st_mtime_ns, path.name, path, status.st_size))
    entries: list[ModelEntry] = []
    for mtime, _, path, size in sorted(found, reverse=True):
        made = candidate_of(models, path.stem)
        entries.append(
            ModelEntry(
                name=path.stem,
                path=path,
                when=mtime / 1e9,
                size=size,
                is_latest=not entries,
                comparison=None if made is None else made.comparison,
            )
        )
    return entries


def erase_texts(models: Path, texts: Collection[str]) -> None:
    """Leave texts out of the comparisons of all candidates, for the person who wrote them.

    Raises:
        ModelFileError: a comparison cannot be written.
    """
    for folder in candidates_of(models):
        result = _read_mapping(folder)  # also of one that is damaged
        comparison = None if result is None else result.get("comparison")
        if result is None or not isinstance(comparison, dict):
            continue
        left = {
            key: [each for each in value if not _is_of(each, texts)]
            if key in _DIFFERENCES and isinstance(value, list)
            else value
            for key, value in comparison.items()
        }
        if left != comparison:
            write_result(folder, {**result, "comparison": left})


def _is_of(difference: object, texts: Collection[str]) -> bool:
    return isinstance(difference, dict) and difference.get("text") in [*texts]


def clean(models: Path, *, keep: int = KEPT) -> list[Path]:
    """Remove what killed processes left, and candidates that were not put in service long ago.

    Call it when a server starts.

    Args:
        models: the folder of models.
        keep: how many trainings stay whose model is not among the models, newest first.

    Returns:
        The folders that were removed.
    """
    names = {entry.name for entry in models_of(models)}
    removed: list[Path] = []
    n_kept = 0
    for folder in candidates_of(models):
        result = read_result(folder)
        if result is None and is_alive(folder):
            continue
        if result is not None and result.get("name") in names:
            continue
        n_kept += result is not None
        if result is None or n_kept > keep:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _make_latest(path: Path, models: Path) -> Path:
    try:
        _set_time(path, models)
    except OSError as error:
        raise ModelFileError(
            "the time of a model file must be one that can be set",
            got=error.strerror,
            where=Location(path),
            hint="a file of one's own",
        ) from None
    return path


def _set_time(path: Path, models: Path) -> None:
    """Give a file a time after that of all models, and see to it that it is on the disk."""
    now = time.time_ns()
    with contextlib.suppress(ModelFileError):
        now = max(now, latest_model(models).stat().st_mtime_ns + 1_000_000)
    os.utime(path, ns=(now, now))
    with path.open("rb") as file:
        os.fsync(file.fileno())
