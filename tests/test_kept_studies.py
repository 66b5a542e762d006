"""The pages in docs/studies say what the rows beside them give, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gossamer.study.document import to_markdown
from gossamer.study.folder import StudyFolder, write_index

STUDIES = Path(__file__).parents[1] / "docs" / "studies"
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
