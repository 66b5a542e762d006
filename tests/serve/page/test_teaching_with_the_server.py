"""Correcting on the page, with the real server: what it sends is taken, and written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import StartServer
from visiting import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

READY = ".save .main[aria-disabled=false]"


def files_of(project: Path) -> dict[str, str]:
    """All YAML of a project."""
    found = sorted(project.rglob("*.yml"))
    return {str(path.relative_to(project)): path.read_text("utf-8") for path in found}


@pytest.mark.long
def test_correct_see_undo(
    browser: Browser, start_server: StartServer, tiny_project: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(tiny_project, project, ignore=shutil.ignore_patterns("models"))
    before = files_of(project)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    visitor = Visitor(context.new_page(), start_server(teach=project).url)
    page = visitor.page
    visitor.open("grace/ä b")
    page.wait_for_selector("#places:not([hidden])")
    visitor.say("hello \N{FERRY}\N{RAINBOW} Kyiv")
    visitor.say("hello")

    page.locator(".turn .correct").first.click()
    page.get_by_role("combobox", name="Intent").fill("book")
    page.keyboard.press("Enter")
    page.locator(".marking .word", has_text="Kyiv").click()
    page.get_by_role("combobox", name="Type").fill("city")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Mark", exact=True).click()
    page.wait_for_selector(".diff .added:has-text('[Kyiv](city)')")
    assert files_of(project) == before
    shown = [text.split(" added: ")[1] for text in visitor.texts(".diff .added")]
    page.locator(READY).click()
    page.wait_for_selector(".taught")
    (name,) = [name for name, text in files_of(project).items() if text != before.get(name)]
    lines = files_of(project)[name].splitlines()
    added = [line.strip() for line in lines if line not in before[name].splitlines()]
    assert added == shown == ["- hello \N{FERRY}\N{RAINBOW} [Kyiv](city)"]
    page.get_by_role("button", name="Close").last.click()

    page.locator(".turn > .bubble").last.click()
    page.locator(".actions > li:first-child .correct").click()
    page.get_by_role("combobox", name="Action").fill("utter_bye")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use this step").click()
    page.locator(READY).click()
    page.wait_for_selector(".taught .added:has-text('utter_bye')")
    story = files_of(project)["data/taught_stories.yml"]
    assert [line.strip() for line in story.splitlines() if "- " in line][-5:] == [
        "- intent: book",
        "- city: Kyiv",
        "- action: utter_greet",
        "- intent: greet",
        "- action: utter_bye",
    ]
    page.get_by_role("button", name="Train").click()
    page.get_by_role("link", name="Changes").click()
    for number in (2, 1):
        page.get_by_role("button", name=f"Undo change {number}").click()
        page.wait_for_selector(f"[aria-label='Change {number}'].is-undone")
    assert files_of(project) == before
    context.close()
    assert visitor.faults == []
