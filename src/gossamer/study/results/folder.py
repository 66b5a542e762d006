"""The folder of a study: its rows, what it is, and the report made of both."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gossamer.data.errors import InputError, Location
from gossamer.data.text.files import write_file, write_files
from gossamer.data.text.wording import counted
from gossamer.evaluate.files import json_bytes, png_bytes, text_bytes
from gossamer.study.catalog import study_named
from gossamer.study.kind import F1_NAMES, Study
from gossamer.study.report.analysis import listed
from gossamer.study.report.document import Document, to_html, to_markdown
from gossamer.study.report.summary import Cell, Row, cells, seeds_of
from gossamer.study.results.row_fields import check_row
from gossamer.study.results.rows import RowStore
from gossamer.study.run import Run, Task

_ROWS = "rows.jsonl"
_ABOUT = "study.json"
_PAGE = "README.md"
_PNG_DPI = 110
_RUN_FIELDS = tuple(each.name for each in dataclasses.fields(Run))


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a study's folder holds, in `study.json`.

    Attributes:
        study: name of the kind of study.
        title: of its page; empty for a generated one.
        commands: that made the rows.
        notes: further limits for its page, such as what was left out.
    """

    study: str
    title: str = ""
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class StudyFolder:
    """A folder with the rows of one study.

    Args:
        path: the folder; made when first written to.

    Attributes:
        path: as given.
        store: its rows, `rows.jsonl`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.store = RowStore(self.path / _ROWS)

    def about(self) -> About:
        """What the folder holds.

        Raises:
            InputError: there is no `study.json`, or it is damaged.
        """
        path = self.path / _ABOUT
        hint = "a folder that `gossamer study` wrote"
        if not path.is_file():
            raise InputError(
                "a study's folder must hold study.json", where=Location(path), hint=hint
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return About(
                study=str(content["study"]),
                title=str(content["title"]),
                commands=tuple(map(str, content["commands"])),
                notes=tuple(map(str, content["notes"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "study.json must say study, title, commands and notes",
                got=str(error),
                where=Location(path),
                hint=hint,
            ) from error

    def check_kind(self, name: str) -> None:
        """Check that the folder is new, or holds this kind of study.

        Raises:
            InputError: it holds another kind, or a damaged `study.json`.
        """
        if not (self.path / _ABOUT).exists():
            return
        before = self.about().study
        if before != name:
            raise InputError(
                "a folder holds one kind of study",
                got=f"{name}, where {before} is",
                where=Location(self.path),
                hint="another --out",
            )

    def describe(self, about: About) -> None:
        """Write what the folder holds, together with its earlier content.

        Raises:
            InputError: it holds another kind of study, or cannot be written.
        """
        self.check_kind(about.study)
        if (self.path / _ABOUT).exists():
            before = self.about()
            about = dataclasses.replace(
                about,
                title=about.title or before.title,
                commands=_joined(before.commands, about.commands),
                notes=_joined(before.notes, about.notes),
            )
        write_file(self.path / _ABOUT, json_bytes(dataclasses.asdict(about)), error=InputError)

    def document(self) -> Document:
        """The report of the existing rows.

        Raises:
            InputError: there are no rows, one lacks something, or they do not belong together.
        """
        about = self.about()
        rows = self.store.rows()
        if not rows:
            raise InputError(
                "a report needs at least one row",
                where=Location(self.store.path),
                hint="running the study",
            )
        study = study_named(about.study)
        for row in rows:
            check_row(row, self.store.path)
        check_together(rows, study, self.store.path)
        return _document(study, about, rows)

    def write_report(self) -> list[Path]:
        """Write `report.html`, `README.md` and the figures, all or none.

        Returns:
            The files.

        Raises:
            InputError: as `document`, or the folder cannot be written.
        """
        document = self.document()
        files = {
            self.path / f"{picture.name}.png": png_bytes(picture.figure, dpi=_PNG_DPI)
            for picture in document.pictures
        }
        files[self.path / _PAGE] = text_bytes(to_markdown(document))
        files[self.path / "report.html"] = text_bytes(to_html(document))
        write_files(files, error=InputError)
        return list(files)


def write_index(folders: Iterable[StudyFolder], path: str | Path) -> None:
    """Write a page in Markdown that lists studies with what they found and links their reports.

    Args:
        folders: with reports, in the order of the page.
        path: the page, in a folder above or next to them; replaced.

    Raises:
        InputError: a folder has no rows, or they do not belong together.
    """
    path = Path(path)
    parts = ["# Studies", "Each is made from the rows in its folder, and says nothing else."]
    for folder in folders:
        document = folder.document()
        link = os.path.relpath(folder.path / _PAGE, path.parent)
        findings = "\n".join(f"- {text}" for text in document.findings)
        parts += [f"## [{document.title}]({Path(link).as_posix()})", document.question, findings]
    write_file(path, text_bytes("\n\n".join(parts) + "\n"), error=InputError)


def check_together(rows: Sequence[Mapping[str, Any]], study: Study, path: Path) -> None:
    """Check that rows differ only in what a study varies, and have what it needs.

    Args:
        rows: or future rows, with at least the settings of `Run` and `data`.
        study: the kind.
        path: where they are, for the message.

    Raises:
        InputError: they differ in something else, lack a setting, or lack an option that the study
            compares.
    """
    for row in rows:
        missing = [name for name in (*_RUN_FIELDS, "data") if name not in row]
        missing += [
            f"options.{name}" for name in study.needed_options if name not in row.get("options", {})
        ]
        if missing:
            raise InputError(
                f"every run of the study {study.name} must have {listed(missing)}",
                got=row.get("key"),
                where=Location(path),
                hint="the runs that the study makes by itself",
            )
    fixed = [name for name in _RUN_FIELDS if name not in (*study.varied, "seed")]
    free_options = {
        name.removeprefix("options.") for name in study.varied if name.startswith("options.")
    }
    for name in (*fixed, "data"):
        found: dict[str, None] = {}
        for row in rows:
            value = row[name]
            if name == "options":
                value = {k: v for k, v in value.items() if k not in free_options}
            elif name == "data":
                value = value["digest"]
            found[json.dumps(value, sort_keys=True)] = None
        if len(found) > 1:
            raise InputError(
                f"the rows of a study must agree in {name}",
                got=" and ".join(list(found)[:3]),
                where=Location(path),
                hint="another --out for runs with other settings or other data",
            )


def _document(study: Study, about: About, rows: Sequence[Row]) -> Document:
    task = Task(rows[0]["task"])
    analysis = study.analyse(rows)
    seconds = sum(row["train_seconds"] + row["test_seconds"] for row in rows)
    commits = sorted({row["commit"] for row in rows if row["commit"]})
    days = sorted({row["finished"][:10] for row in rows})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return Document(
        title=about.title or f"{study.summary.rstrip('.')}: {task}",
        question=study.question(task),
        findings=(
            *(analysis.findings or ("These rows allow no comparison yet.",)),
            _about_seeds(cells(rows, study.varied)),
        ),
        pictures=analysis.pictures,
        tables=analysis.tables,
        protocol=(
            study.protocol(),
            f"F1 is the {F1_NAMES[task]}. Seconds are those of training the network, its features "
            "made and kernels compiled before. Runs shared the machine, each on threads of its "
            "own, so processor seconds are given.",
        ),
        commands=about.commands,
        settings=_settings(study, rows),
        limits=(*about.notes, *study.limits()),
        rows=_ROWS,
        source=f"Made from {counted(len(rows), 'row')} in {_ROWS} "
        f"({counted(round(seconds / 60), 'minute')} of training and testing; {when}; "
        f"commit{'s' if len(commits) > 1 else ''} {listed(commits) if commits else 'unknown'}).",
    )


def _about_seeds(found: Sequence[Cell]) -> str:
    seeds = seeds_of(found)
    if seeds == "one seed":
        return "Each model was trained with one seed: differences between models may be chance."
    return f"Each mean is over {seeds}."


def _settings(study: Study, rows: Sequence[Row]) -> list[tuple[str, str]]:
    first = rows[0]
    data = first["data"]
    shown = [
        (name.replace("_", " "), str(first[name]))
        for name in _RUN_FIELDS
        if name not in (*study.varied, "seed", "options")
    ]
    shown += [
        (name, json.dumps(value))
        for name, value in sorted(first["options"].items())
        if f"options.{name}" not in study.varied
    ]
    shown += [
        ("seeds", ", ".join(map(str, sorted({row["seed"] for row in rows})))),
        ("trained on", f"{data['n_train']:,}"),
        ("tested on", f"{data['n_test']:,}"),
        ("threads of a run", _values(row["threads"] for row in rows)),
        ("machine", _values(row["machine"] for row in rows)),
        (
            "versions",
            _values(", ".join(f"{n} {v}" for n, v in row["versions"].items()) for row in rows),
        ),
    ]
    return shown


def _values(values: Iterable[Any]) -> str:
    return "; ".join(sorted(map(str, set(values))))


def _joined(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *after)))
