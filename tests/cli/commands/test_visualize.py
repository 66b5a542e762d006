from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

STORIES = """\
stories:
- story: hello
  steps: [{intent: greet}, {action: utter_greet}]
"""
DOMAIN = """\
intents: [greet]
responses:
  utter_greet: [{text: Good to see you}]
"""


@pytest.fixture
def told(project: Path) -> Path:
    (project / "data" / "stories.yml").write_text(STORIES, encoding="utf-8")
    (project / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    return project


def test_a_page_is_written(run: Run, told: Path) -> None:
    result = run("visualize", "--nlu", "data")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "graph.html\n", "")
    page = (told / "graph.html").read_text(encoding="utf-8")
    assert "Good to see you" in page
    assert "good morning" in page


def test_options_of_rasa(run: Run, told: Path) -> None:
    result = run(
        "visualize", "-d", "domain.yml", "-s", "data/stories.yml", "-c", "config.yml", "-u",
        "data/nlu.yml", "--out", "a/b.html", "--max-history", "3",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "--config changes nothing here" in result.stderr
    assert (told / "a" / "b.html").exists()


def test_without_a_domain_and_without_stories(run: Run, told: Path) -> None:
    (told / "domain.yml").unlink()
    assert run("visualize").exit_code == 0
    (told / "data" / "stories.yml").unlink()
    result = run("visualize", "--out", "other.html")
    assert result.exit_code == 1
    assert "must hold at least one file of stories" in result.stderr
    assert not (told / "other.html").exists()
