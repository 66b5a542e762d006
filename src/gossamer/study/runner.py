"""Running a study: finished runs are not repeated, and their rows are on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gossamer.data.errors import InputError
from gossamer.data.installed import STUDYING, require
from gossamer.study.catalog import study_named
from gossamer.study.data import StudyData
from gossamer.study.executors.executor import Backend, Failure, run_all
from gossamer.study.grid import Grid
from gossamer.study.kind import Study
from gossamer.study.results.folder import About, StudyFolder, check_together
from gossamer.study.results.row_fields import check_row
from gossamer.study.run import Run
from gossamer.study.training import check_run, perform


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a study.

    Attributes:
        n_all: runs of the study.
        n_before: done before it was started this time.
        n_done: done by now, those included.
        n_running: being done.
        n_failed: failed this time.
    """

    n_all: int
    n_before: int
    n_done: int
    n_running: int
    n_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """The result of running a study.

    Attributes:
        folder: with rows and report.
        n_new: rows that this call added.
        failures: by a description of the run.
        reports: the files of the report; none when there is no row.
        n_torn: rows that a power cut had torn, set aside in `rows.jsonl.torn`.
    """

    folder: StudyFolder
    n_new: int
    failures: dict[str, Failure] = field(default_factory=dict)
    reports: Sequence[Path] = ()
    n_torn: int = 0


def run_study(
    study: Study | str,
    data: StudyData,
    out: str | Path,
    *,
    grid: Grid | None = None,
    backend: Backend | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    title: str = "",
    command: str | None = None,
    notes: Sequence[str] = (),
) -> StudyResult:
    """Make all runs of a study that are not in its folder yet, then write its report.

    Each row is on the disk before the next is begun in its place, so that a study that is
    interrupted, even by a power cut, continues where it was when it is run again; only unfinished
    runs are lost.

    Args:
        study: the kind, or its name.
        data: what to train and test on.
        out: the folder: `rows.jsonl`, figures, `README.md`, `report.html`.
        grid: the runs; None for those the study makes by default.
        backend: where and how many at a time; None for processes on this machine.
        on_progress: called when a run begins or ends.
        title: of the report; generated if empty.
        command: how this was called, for the report.
        notes: what the report says was left out.

    Returns:
        What was done. Runs that failed are listed there, and are tried again next time.

    Raises:
        InputError: settings or folder cannot be used; nothing has been trained then, and the folder
            is unchanged.
        MissingPartError: an InputError too; a library is not installed.
    """
    require("a study", *STUDYING)
    if isinstance(study, str):
        study = study_named(study)
    if data.task not in study.tasks:
        raise InputError(
            f"the study {study.name} must be done on a task that it knows",
            got=str(data.task),
            hint=" or ".join(study.tasks),
        )
    runs = (study.grid(data.task) if grid is None else grid).runs(data.task)
    for run in runs:
        check_run(data, run)
    tasks = {run.key(data.digest): run for run in runs}
    folder = StudyFolder(out)
    about = About(
        study=study.name,
        title=title,
        commands=() if command is None else (command,),
        notes=tuple(notes),
    )
    folder.check_kind(study.name)
    failures: dict[str, Failure] = {}
    running: set[str] = set()
    with folder.store.locked():
        rows = folder.store.rows()
        for row in rows:
            check_row(row, folder.store.path)
        planned = [run.to_dict() | {"data": {"digest": data.digest}} for run in runs]
        check_together([*rows, *planned], study, folder.store.path)
        folder.describe(about)
        done = {row["key"] for row in rows}
        n_before = len(done & set(tasks))
        left = {key: run for key, run in tasks.items() if key not in done}
        n_new = 0

        def tell() -> None:
            if on_progress is not None:
                on_progress(
                    Progress(
                        n_all=len(tasks),
                        n_before=n_before,
                        n_done=n_before + n_new,
                        n_running=len(running),
                        n_failed=len(failures),
                    )
                )

        def started(key: str) -> None:
            running.add(key)
            tell()

        def finished(key: str, row: dict[str, Any]) -> None:
            nonlocal n_new
            folder.store.append(row)
            running.discard(key)
            n_new += 1
            tell()

        def failed(key: str, failure: Failure) -> None:
            running.discard(key)
            failures[_described(left[key])] = failure
            tell()

        tell()
        if left:
            run_all(
                perform,
                data,
                left,
                backend=Backend() if backend is None else backend,
                on_start=started,
                on_result=finished,
                on_failure=failed,
            )
        n_rows = len(folder.store.keys)
    reports = folder.write_report() if n_rows else []
    return StudyResult(
        folder=folder,
        n_new=n_new,
        failures=failures,
        reports=reports,
        n_torn=folder.store.n_torn,
    )


def _described(run: Run) -> str:
    """A run in a few words, for messages."""
    parts = [f"density {run.density:g}", f"size {run.size}", f"seed {run.seed}"]
    parts += [f"{run.epochs} epochs", str(run.topology)]
    parts += [str(run.method)] if run.method != "fixed" else []
    parts += [f"input layer {run.input_layer}"] if run.input_layer != "learned" else []
    parts += [f"{name} {value}" for name, value in run.options.items()]
    return ", ".join(parts)
