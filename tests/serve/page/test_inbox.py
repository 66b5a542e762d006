"""The inbox on the page: one key accepts, dismisses, takes back."""

from __future__ import annotations

import pytest
from fake_training import LOWMARSH, group, parse
from judging import focused
from scripted_server import NASTY, Script
from visiting import Held, Visitor

pytestmark = pytest.mark.slow


@pytest.fixture
def inbox(visitor: Visitor, script: Script) -> Visitor:
    """Somebody at the inbox of a server that teaches."""
    script.project.is_on = True
    visitor.go("inbox")
    visitor.page.wait_for_selector(".group.current, .nothing-left:not([hidden])")
    return visitor


def told(visitor: Visitor) -> str:
    return str(visitor.page.locator("#told").inner_text()).strip()


def wait_for_left(visitor: Visitor, number: int) -> None:
    last = f".feed:not([aria-busy]) > .group:nth-child({number}):last-child"
    visitor.page.wait_for_selector(last)


def go(visitor: Visitor, *places: str) -> None:
    """From one place to another, and on."""
    for place in places:
        visitor.page.get_by_role("link", name=place, exact=True).click()


def test_the_keyboard_goes_through_it(inbox: Visitor, script: Script) -> None:
    page, keys = inbox.page, inbox.page.keyboard
    assert inbox.texts(".bar .position") == ["4 worth a look, of 321 stored messages"]
    page.locator(".group").first.focus()
    keys.press("ArrowDown")
    assert focused(inbox).startswith("the thing from before")
    keys.press("a")  # the model has no answer there
    assert "Press c to correct it" in told(inbox)
    keys.press("d")
    assert focused(inbox).startswith("see ya")
    assert told(inbox) == "Dismissed “the thing from before”. 3 messages left."
    keys.press("Home")
    keys.press("a")
    assert told(inbox) == f"Accepted “{LOWMARSH}” as book_trip. 2 messages left."
    keys.press("u")
    page.wait_for_selector(f".group.current:has-text('{LOWMARSH[:12]}')")
    assert focused(inbox).startswith("i wanna get 2 Lowmarsh")
    keys.press("u")
    page.wait_for_selector(".group.current:has-text('the thing')")
    keys.press("u")
    assert told(inbox) == "There is nothing to undo."
    assert script.training.dismissed == []
    assert [one["is_undone"] for one in script.project.taught] == [True]
    assert script.project.taught[0]["correction"]["entities"][0]["value"] == "Lowmarsh"


@pytest.mark.long
def test_it_is_empty_at_the_end(inbox: Visitor, script: Script) -> None:
    for _ in range(4):
        inbox.page.keyboard.press("d") if _ else inbox.page.locator(".group").first.press("d")
    inbox.page.wait_for_selector(".nothing-left:not([hidden])")
    assert focused(inbox).startswith("The inbox is empty.")
    assert "The inbox is empty." in told(inbox)
    inbox.page.keyboard.press("u")
    wait_for_left(inbox, 1)
    assert focused(inbox).startswith("hiya")


@pytest.mark.long
def test_more_is_fetched_when_all_is_done(inbox: Visitor, script: Script) -> None:
    for text in ("one more", "and one"):
        script.training.groups.append(group(text, 1, "often", parse(text, "greet", 0.9)))
    inbox.page.locator(".group").first.press("d")
    for _ in range(3):
        inbox.page.keyboard.press("d")
    inbox.page.wait_for_selector(".group.current:has-text('one more')")
    assert focused(inbox).startswith("one more")
    assert told(inbox) == "2 more messages."


@pytest.mark.long
def test_what_the_server_refuses_is_back_with_the_reason(inbox: Visitor, script: Script) -> None:
    script.training.next_problem = "the file was edited meanwhile"
    inbox.page.locator(".group").first.press("a")
    alert = inbox.page.locator(".group.current .problem")
    assert alert.inner_text() == "The file was edited meanwhile."
    assert script.training.accepted == []
    inbox.page.keyboard.press("a")
    wait_for_left(inbox, 3)
    assert script.training.accepted == [LOWMARSH]


@pytest.mark.long
def test_a_click_opens_a_group_and_its_messages(inbox: Visitor, script: Script) -> None:
    inbox.page.get_by_text("see ya").click()
    current = inbox.page.locator(".group.current")
    assert inbox.texts(".current .reasons li") == [
        "policies disagree the policies disagree: utter_greet or utter_goodbye"
    ]
    current.get_by_text("2 messages are alike").click()
    assert [line.split(" goodbye ")[0] for line in inbox.texts(".current .messages li")] == [
        "see ya",
        "see ya!",
    ]
    current.get_by_role("button", name="Accept goodbye").click()
    wait_for_left(inbox, 3)
    inbox.page.get_by_role("button", name="Undo").click()
    wait_for_left(inbox, 4)


def test_text_never_becomes_html(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    script.training.groups = [group(NASTY, 2, "often", parse(NASTY, NASTY, 0.5))]
    visitor.go("inbox")
    visitor.page.locator(".messages summary").click()
    assert visitor.page.locator("main b, main img[src=x]").count() == 0
    assert NASTY in visitor.texts(".said")[0]


@pytest.mark.long
def test_c_corrects(inbox: Visitor, script: Script) -> None:
    page, keys = inbox.page, inbox.page.keyboard
    page.locator(".group").first.press("c")
    page.wait_for_selector("#sheet[open] .preview .summary:not(:empty)")
    keys.press("Escape")
    page.wait_for_selector("#sheet:not([open])", state="attached")
    assert focused(inbox).startswith("i wanna get 2 Lowmarsh")
    keys.press("Enter")
    page.get_by_role("combobox", name="Intent").fill("goodbye")
    keys.press("Enter")
    page.locator(".save .main[aria-disabled=false]").press("Enter")
    wait_for_left(inbox, 3)
    assert focused(inbox).startswith("the thing from before")
    assert script.project.taught[-1]["correction"]["intent"] == "goodbye"
    assert script.project.senders == ["sender-0"]
    keys.press("u")
    wait_for_left(inbox, 4)
    assert script.project.taught[-1]["is_undone"]


@pytest.mark.long
def test_an_answer_from_before_does_not_bring_back_what_was_accepted(
    inbox: Visitor, script: Script
) -> None:
    page = inbox.page
    held = Held(page, "**/teach/inbox?*")
    go(inbox, "Talk", "Inbox")
    held.wait()
    page.locator(".group").first.press("a")
    page.wait_for_selector(".group:nth-child(3):last-child")
    held.let_go()
    wait_for_left(inbox, 3)
    assert focused(inbox).startswith("the thing from before")
    page.keyboard.press("d")
    wait_for_left(inbox, 2)


@pytest.mark.long
def test_only_the_last_answer_is_shown(inbox: Visitor, script: Script) -> None:
    held = Held(inbox.page, "**/teach/inbox?*")
    go(inbox, "Talk", "Inbox")
    held.wait()
    script.training.groups = script.training.groups[:1]
    go(inbox, "Talk", "Inbox")
    wait_for_left(inbox, 1)
    held.let_go()
    inbox.page.wait_for_timeout(200)
    wait_for_left(inbox, 1)


@pytest.mark.long
def test_what_is_corrected_while_the_inbox_is_asked_for_goes(
    inbox: Visitor, script: Script
) -> None:
    page = inbox.page
    held = Held(page, "**/teach/inbox?*")
    go(inbox, "Talk", "Inbox")
    page.locator(".group").first.press("c")
    held.let_go()
    page.wait_for_selector(".feed:not([aria-busy])")
    page.locator(".save .main[aria-disabled=false]").press("Enter")
    page.wait_for_selector(".group:nth-child(3):last-child")
    assert focused(inbox).startswith("the thing from before")
    assert told(inbox) == f"Taught “{LOWMARSH}”. 3 messages left."


@pytest.mark.long
def test_a_correction_that_is_left_is_kept(inbox: Visitor, script: Script) -> None:
    """With Escape, and when another place is gone to; until it is cancelled or taught."""
    page, keys = inbox.page, inbox.page.keyboard
    intent = page.get_by_role("combobox", name="Intent")
    go(inbox, "Changes", "Inbox")
    page.locator(".group").first.press("c")
    page.get_by_role("button", name="This is out of scope").press("Enter")
    keys.press("Escape")
    keys.press("c")
    assert intent.input_value() == "out_of_scope"
    page.go_back()
    page.wait_for_selector("#sheet:not([open])", state="attached")
    go(inbox, "Inbox")
    page.locator(".group.current").press("c")
    assert intent.input_value() == "out_of_scope"
    page.locator("#sheet").get_by_role("button", name="Cancel").press("Enter")
    assert focused(inbox).startswith("i wanna get 2 Lowmarsh")
    keys.press("c")
    assert intent.input_value() == "book_trip"
    page.get_by_role("button", name="This is out of scope").press("Enter")
    keys.press("Escape")
    keys.press("c")
    page.locator(".save .main[aria-disabled=false]").press("Enter")
    wait_for_left(inbox, 3)
    assert script.project.taught[-1]["correction"]["intent"] == "out_of_scope"
    assert focused(inbox).startswith("the thing from before")


@pytest.mark.long
def test_an_answer_in_talk_leaves_a_correction_open(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    visitor.open()
    page = visitor.page
    page.wait_for_selector("#places:not([hidden])")
    held = Held(page, "**/turns")
    page.fill("#say", "hello")
    page.press("#say", "Enter")
    go(visitor, "Inbox")
    page.locator(".group").first.press("c")
    page.get_by_role("button", name="This is out of scope").press("Enter")
    held.let_go()
    page.wait_for_selector(".turns > li:not(.waiting)", state="attached")
    assert page.get_by_role("combobox", name="Intent").input_value() == "out_of_scope"
    assert focused(visitor) == "This is out of scope"
