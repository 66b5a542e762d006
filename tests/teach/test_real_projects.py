"""The starter project and a large public one: some lines come, and all of them can go again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_projects import bytes_of, message, story

import gossamer.starter
from gossamer.checks import check, read_parts
from gossamer.teach import Correction, TaughtProject

STARTER = Path(gossamer.starter.__file__).parent
SARA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sara"

CITY = {"text": "Ottersea", "role": "destination"}
STARTER_LESSONS = [
    message("hello hello", "greet"),
    message("hello", "goodbye"),
    message("quick, to Ottersea", "book_trip", city=CITY),
    message("via Ottersea", "route", city=CITY | {"role": "via"}, train={"text": "via"}),
    message("sing me a song", "out_of_scope"),
    story("sing", {"intent": "route"}, {"action": "utter_greet"}),
]
SARA_LESSONS = [
    message("it does not work at all", "broken"),
    message("what is inside rasa x", "faq/rasa_components", product="rasa x"),
    message("quantas línguas você fala 🎉", "out_of_scope/non_english"),
    message("it's broken", "technical_question"),
    message("who sings here", "chitchat/ask_singer", singer="who"),
    message("I agree", "affirm", language={"text": "agree", "group": "g", "role": "r"}),
    story("broken", {"intent": "broken"}, {"action": "utter_greet"}),
]


@pytest.mark.filterwarnings("ignore")
def test_the_starter(tmp_path: Path) -> None:
    check_project(tmp_path, STARTER, STARTER_LESSONS)


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore")
def test_sara(tmp_path: Path) -> None:
    if not SARA.is_dir():
        pytest.skip("the public reference data is not there")
    check_project(tmp_path, SARA, SARA_LESSONS)


def check_project(tmp_path: Path, source: Path, lessons: list[Correction]) -> None:
    folder = tmp_path / "project"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    parts = (folder / "config.yml", folder / "data", folder / "domain.yml")
    n_errors = len(check(read_parts(*parts)).mistakes)
    states = [bytes_of(folder)]
    project = TaughtProject(folder)
    for correction in lessons:
        done = project.teach(correction, who="me")
        states.append(bytes_of(folder))
        for change in done.patch.files:
            n_new = sum(len(hunk.after) for hunk in change.hunks)
            n_old = sum(len(hunk.before) for hunk in change.hunks)
            assert n_old <= 1
            assert n_new <= 8
            if change.path.startswith("data/nlu"):
                assert n_new <= n_old + 1 or "- intent:" in done.patch.diff()
    assert len(check(read_parts(*parts)).mistakes) <= n_errors
    description = project.description()
    assert {"route", "chitchat/ask_singer"} & description.intents.keys()
    for number in reversed(range(1, len(lessons) + 1)):
        project.undo(number, who="me")
        assert bytes_of(folder) == states[number - 1]
