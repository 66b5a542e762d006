"""The pages in docs/studies say what the rows beside them give, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gossamer.study import Run, Task, read_study_data
from gossamer.study.report.document import to_markdown
from gossamer.study.results.folder import StudyFolder, write_index

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "docs" / "studies"
FOLDERS = sorted(path.parent for path in STUDIES.glob("*/rows.jsonl"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_page_is_what_its_rows_give(folder: Path) -> None:
    document = StudyFolder(folder).document()

    assert (folder / "README.md").read_text(encoding="utf-8") == to_markdown(document)
    for picture in document.pictures:
        assert (folder / f"{picture.name}.png").is_file()


def test_the_index_is_what_the_rows_give(tmp_path: Path) -> None:
    copy = tmp_path / "studies"
    shutil.copytree(STUDIES, copy)
    index = copy / "README.md"
    index.unlink()
    write_index((StudyFolder(copy / folder.name) for folder in FOLDERS), index)

    assert (STUDIES / "README.md").read_text(encoding="utf-8") == index.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_keys_are_those_of_today(folder: Path) -> None:
    names = ("task", "density", "size", "seed", "epochs", "topology", "method", "input_layer")
    for row in rows_of(folder):
        run = Run(**{name: row[name] for name in names}, options=row["options"])
        assert run.key(row["data"]["digest"]) == row["key"]


@pytest.mark.shared_data
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_same_command_again_trains_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # where the commands were given
    rows = rows_of(folder)
    for data in map(json.loads, {json.dumps(row["data"]) for row in rows}):
        if not all(Path(path).exists() for path in (data["config"], *data["train"])):
            pytest.skip("the reference data is not beside the checkout")
        read = read_study_data(
            Task(rows[0]["task"]),
            data["config"],
            data["train"],
            data["test"],
            domain=data.get("domain", "domain.yml"),
        )
        assert read.digest == data["digest"]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
