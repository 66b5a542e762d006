"""The folder of a study, and its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_study import row

from gossamer.data.errors import InputError
from gossamer.study import StudyFolder, study_named, write_index
from gossamer.study.results.folder import About, check_together

ROWS = [
    row(f1=f1 + seed / 100, density=density, size=size, seed=seed, sparse_weights=weights)
    for density, size, f1, weights in (
        (1.0, 16, 0.8, 900),
        (0.2, 16, 0.7, 200),
        (0.2, 32, 0.79, 400),
    )
    for seed in (0, 1)
]


def folder_with(path: Path, rows: list[dict[str, Any]], **about: Any) -> StudyFolder:
    folder = StudyFolder(path)
    folder.describe(About(**{"study": "density"} | about))
    for each in rows:
        folder.store.append(each)
    return folder


def test_the_reports_files(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ROWS)
    written = folder.write_report()
    assert {path.name for path in written} == {"README.md", "report.html", "density.png"}
    assert (tmp_path / "density.png").read_bytes().startswith(b"\x89PNG")
    markdown = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "](density.png)" in markdown
    for finding in folder.document().findings:
        assert f"- {finding}" in markdown
    assert not list(tmp_path.glob("*.part"))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ROWS, title="T", commands=("c",), notes=("n",))
    written = folder.write_report()
    before = [path.read_bytes() for path in written]
    assert StudyFolder(tmp_path).write_report() == written
    assert [path.read_bytes() for path in written] == before


def test_the_order_of_rows_does_not_count(tmp_path: Path) -> None:
    one = folder_with(tmp_path / "one", ROWS)
    two = folder_with(tmp_path / "two", ROWS[::-1])
    one.write_report()
    two.write_report()
    for name in ("README.md", "report.html"):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()


def test_what_the_page_says_of_the_rows(tmp_path: Path) -> None:
    rows = [
        *ROWS[:-1],
        ROWS[-1] | {"finished": "2025-02-03T00:00:00Z", "commit": "def-dirty", "threads": 2},
    ]
    document = folder_with(tmp_path, rows, notes=("cut",)).document()
    assert document.title == "F1 against trainable weights at several densities: intent"
    assert document.source == (
        "Made from 6 rows in rows.jsonl (0 minutes of training and testing; 2025-01-02 to "
        "2025-02-03; commits abc and def-dirty)."
    )
    assert document.limits[0] == "cut"
    settings = dict(document.settings)
    assert settings["seeds"] == "0, 1"
    assert settings["threads of a run"] == "1; 2"
    assert settings["epochs"] == "2"
    assert settings["input layer"] == "learned"
    assert (settings["trained on"], settings["tested on"]) == ("10", "4")
    assert "density" not in settings  # it varies
    assert "weighted F1 of intents" in " ".join(document.protocol)


def test_options_of_all_runs_are_settings(tmp_path: Path) -> None:
    rows = [row(f1=0.5, options={"drop_rate": 0.0, "name": "x"})]
    settings = dict(folder_with(tmp_path, rows).document().settings)
    assert (settings["drop_rate"], settings["name"]) == ("0.0", '"x"')


def test_without_a_commit(tmp_path: Path) -> None:
    document = folder_with(tmp_path, [row(f1=0.5) | {"commit": None}]).document()
    assert "commit unknown" in document.source


def test_where_nothing_can_be_compared_it_says_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [row(f1=0.5)], study="input-layer")
    assert folder.document().findings == (
        "These rows allow no comparison yet.",
        "Each model was trained with one seed: differences between models may be chance.",
    )


def test_reports_need_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one row"):
        folder_with(tmp_path, []).write_report()
    assert not (tmp_path / "report.html").exists()


def test_rows_that_do_not_belong_together(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [row(f1=0.5, epochs=1), row(f1=0.5, epochs=2)])
    with pytest.raises(InputError, match=r"rows\.jsonl: .* must agree in epochs \(got '1 and 2'\)"):
        folder.write_report()


def test_rows_without_a_setting(tmp_path: Path) -> None:
    short = row(f1=0.5)
    del short["topology"], short["epochs"]
    with pytest.raises(InputError, match="must have epochs"):
        folder_with(tmp_path, [short]).document()
    with pytest.raises(InputError, match="density must have epochs and topology"):
        check_together([short], study_named("density"), tmp_path)


def test_a_study_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a known one"):
        folder_with(tmp_path, [row(f1=0.5)], study="colour").document()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"study": "density"}', '{"study": "d", "title": "", "commands"'],
)
def test_a_damaged_description(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text, encoding="utf-8")
    folder = StudyFolder(tmp_path)
    with pytest.raises(InputError, match="must say study, title, commands and notes"):
        folder.about()
    with pytest.raises(InputError, match="must say study"):
        folder.check_kind("density")


def test_a_folder_that_is_no_studys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must hold study\.json"):
        StudyFolder(tmp_path / "nowhere").write_report()
    assert not (tmp_path / "nowhere").exists()


def test_a_description_is_plain_json(tmp_path: Path) -> None:
    folder_with(tmp_path, [], title="Ä", notes=("n",))
    assert json.loads((tmp_path / "study.json").read_text(encoding="utf-8")) == {
        "study": "density",
        "title": "Ä",
        "commands": [],
        "notes": ["n"],
    }


def test_an_index_of_studies(tmp_path: Path) -> None:
    one = folder_with(tmp_path / "studies" / "one", ROWS, title="One")
    two = folder_with(tmp_path / "studies" / "two", ROWS, title="Two")
    page = tmp_path / "studies" / "README.md"
    write_index([one, two], page)
    text = page.read_text(encoding="utf-8")
    assert text.index("## [One](one/README.md)") < text.index("## [Two](two/README.md)")
    assert all(f"- {finding}" in text for finding in one.document().findings)
    write_index([two], tmp_path / "elsewhere" / "index.md")
    other = (tmp_path / "elsewhere" / "index.md").read_text(encoding="utf-8")
    assert "[Two](../studies/two/README.md)" in other
    assert "One" not in other
