"""What is undone under Changes is undone in Talk, in a story and in the inbox."""

from __future__ import annotations

import pytest
from fake_training import LOWMARSH
from scripted_server import Script
from visiting import Visitor

pytestmark = pytest.mark.slow

READY = ".save .main[aria-disabled=false]"


def go(visitor: Visitor, place: str) -> None:
    visitor.page.get_by_role("link", name=place, exact=True).click()


def teach_out_of_scope(teacher: Visitor) -> None:
    """Teach that the last message is out of scope."""
    teacher.page.locator(".turn.looked-at .correct").click()
    teacher.page.get_by_role("button", name="This is out of scope").click()
    teacher.page.locator(READY).click()
    teacher.page.wait_for_selector(".taught")
    teacher.page.get_by_role("button", name="Close").last.click()


def correct_dialogue(teacher: Visitor) -> None:
    teacher.page.locator(".actions-card > header .correct").click()
    teacher.page.wait_for_selector(READY)


def undo_under_changes(teacher: Visitor, number: int) -> None:
    go(teacher, "Changes")
    teacher.page.get_by_role("button", name=f"Undo change {number}", exact=True).click()
    teacher.page.wait_for_selector(".is-undone")


@pytest.mark.long
def test_a_story_that_was_begun_has_what_was_taught_since(teacher: Visitor, script: Script) -> None:
    """But not in steps that were written anew; and without what was undone."""
    page, intents = teacher.page, ".steps-list .is-user .name"
    for _ in range(2):
        teacher.say("hello")
    correct_dialogue(teacher)
    page.get_by_role("button", name="Edit User greet").first.click()
    page.get_by_role("combobox", name="Intent").fill("goodbye")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use this step").click()
    page.get_by_role("button", name="Remove Action utter_greet").first.click()
    page.keyboard.press("Escape")
    teach_out_of_scope(teacher)
    correct_dialogue(teacher)
    assert teacher.texts(intents) == ["goodbye", "out_of_scope"]
    assert page.locator(".steps-list > li").count() == 3
    page.locator(READY).click()
    page.wait_for_selector(".taught")
    assert script.project.taught[-1]["correction"]["steps"] == [
        {"intent": "goodbye"},
        {"intent": "out_of_scope"},
        {"action": "utter_greet"},
    ]
    undo_under_changes(teacher, 1)
    go(teacher, "Talk")
    correct_dialogue(teacher)
    assert teacher.texts(intents) == ["greet", "greet"]


@pytest.mark.long
def test_what_is_undone_is_not_marked_as_taught(teacher: Visitor, script: Script) -> None:
    for number, text in ((1, "hello"), (2, "hi there")):
        teacher.say(text)
        teach_out_of_scope(teacher)
        assert teacher.page.locator(".was-taught").count() == number
    undo_under_changes(teacher, 1)
    go(teacher, "Talk")
    assert [line.endswith("taught") for line in teacher.texts(".turn .meta")] == [False, True]


@pytest.mark.long
def test_the_inbox_takes_back_only_what_is_not_undone_yet(teacher: Visitor, script: Script) -> None:
    page = teacher.page
    go(teacher, "Inbox")
    page.locator(".group").first.press("d")
    page.wait_for_selector(".group:nth-child(3):last-child")
    page.keyboard.press("Home")
    page.keyboard.press("End")
    page.keyboard.press("a")
    page.wait_for_selector(".group:nth-child(2):last-child")
    undo_under_changes(teacher, 1)
    go(teacher, "Inbox")
    page.locator(".group").first.press("u")
    page.wait_for_selector(f".group.current:has-text('{LOWMARSH[:12]}')")
    assert page.get_by_role("button", name="Undo").is_disabled()
