"""What fails in the places of teaching: where it is said, and where the keyboard is then."""

from __future__ import annotations

import pytest
from judging import focused
from scripted_server import Script
from visiting import Visitor

pytestmark = pytest.mark.slow

READY = ".save .main[aria-disabled=false]"


def go(visitor: Visitor, place: str) -> None:
    visitor.page.get_by_role("link", name=place, exact=True).click()


@pytest.mark.long
def test_a_refusal_is_said_at_the_change(teacher: Visitor, script: Script) -> None:
    for number in range(30):
        story = {"kind": "story", "name": f"story {number}", "steps": []}
        script.project.teach(story, "Ada")
    go(teacher, "Changes")
    script.project.problem = "that part of the file was edited since"
    undo = teacher.page.get_by_role("button", name="Undo change 1", exact=True)
    undo.press("Enter")
    problem = teacher.page.get_by_role("article", name="Change 1", exact=True).get_by_role("alert")
    problem.get_by_text("That part of the file was edited since.").wait_for()
    assert focused(teacher) == "Undo change 1"
    box, screen = problem.bounding_box(), teacher.page.viewport_size
    assert box is not None and screen is not None
    assert 0 < box["y"] < screen["height"] - box["height"]
    undo.press("Enter")
    teacher.page.wait_for_selector(".is-undone")


@pytest.mark.long
def test_after_a_refusal_the_keyboard_is_at_undo(teacher: Visitor, script: Script) -> None:
    teacher.say("hello")
    teacher.page.locator(".turn .correct").click()
    teacher.page.get_by_role("button", name="This is out of scope").click()
    teacher.page.locator(READY).click()
    teacher.page.wait_for_selector(".taught")
    script.project.problem = "the file was edited"
    undo = teacher.page.get_by_role("button", name="Undo")
    undo.press("Enter")
    teacher.page.wait_for_selector(".taught [role=alert]:not(:empty)")
    assert focused(teacher) == "Undo"
    teacher.page.keyboard.press("Enter")
    teacher.page.wait_for_selector("#sheet", state="hidden")


PLACES = {
    "Inbox": ("**/teach/inbox?*", ".group.current"),
    "Changes": ("**/teach/corrections", "#changes .lead:not(:empty)"),
    "Train": ("**/teach/models", ".models li"),
    "Look": ("**/teach/look/confusion", "#look-confusion .lead"),
}


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_trying_again_keeps_the_keyboard_in_the_place(teacher: Visitor, place: str) -> None:
    page = teacher.page
    address, shown = PLACES[place]
    page.route(address, lambda route: route.fulfill(status=503, json={"message": "not now"}))
    go(teacher, place)
    again = page.locator(".place").get_by_role("button", name="Try again")
    again.wait_for()
    page.unroute(address)
    again.press("Enter")
    page.wait_for_selector(shown)
    assert again.count() == 0
    assert focused(teacher) == place
