"""The page for everybody: with the keyboard alone, on a phone, in both themes, in any script."""

from __future__ import annotations

import json

import pytest
from judging import faults_found_by_axe, focused, too_wide
from scripted_server import TRIP, Script
from visiting import Visitor

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
TABLET = {"viewport": {"width": 834, "height": 1112}}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "visitor",
    [
        screen | {"color_scheme": theme}
        for screen in (PHONE, TABLET, DESKTOP)
        for theme in ("light", "dark")
    ],
    indirect=True,
    ids=lambda options: f"{options['viewport']['width']}-{options['color_scheme']}",
)
def test_axe_finds_nothing(visitor: Visitor, script: Script) -> None:
    visitor.open()
    visitor.say("search")
    visitor.say(TRIP)
    visitor.page.locator(".timeline summary").first.evaluate("summary => summary.click()")
    script.n_failures = 1
    visitor.say_in_vain("hello")
    assert faults_found_by_axe(visitor) == []
    if visitor.page.locator("#tab-understood").is_visible():
        visitor.page.click("#tab-understood")
        assert faults_found_by_axe(visitor) == []
    assert too_wide(visitor) == []


@pytest.mark.thinned(1)
@pytest.mark.parametrize("visitor", [{"color_scheme": "dark"}, {}], indirect=True)
def test_axe_finds_nothing_before_anything_is_said(visitor: Visitor) -> None:
    visitor.open()
    assert visitor.page.locator("#welcome").is_visible()
    assert faults_found_by_axe(visitor) == []
    visitor.page.click("#change")
    assert faults_found_by_axe(visitor) == []


def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    visitor.open()
    keys = visitor.page.keyboard
    keys.press("Tab")
    assert focused(visitor) == "Skip to the message box"
    keys.press("Enter")
    assert focused(visitor) == "say"
    for text in ("hello", TRIP):
        keys.type(text)
        keys.press("Enter")
        visitor.page.wait_for_selector(f".turn.looked-at:has-text('{text}')")
        assert focused(visitor) == "say"
    keys.press("ArrowUp")
    assert focused(visitor) == f"You: {TRIP}"
    keys.press("ArrowUp")
    assert focused(visitor) == "You: hello"
    assert visitor.page.locator("#aloud").inner_text() == "Message 1 of 2, greet 0.96"
    assert visitor.page.locator(".sentence").inner_text() == "hello"
    keys.press("End")
    keys.press("Tab")
    assert focused(visitor) == "One"
    keys.press("Tab")
    keys.press("Enter")
    visitor.page.wait_for_selector(".turns > li:nth-child(3).looked-at")
    assert focused(visitor) == "say"
    keys.press("Tab")
    keys.press("Tab")
    assert focused(visitor).startswith("Understood")
    keys.press("Tab")
    assert focused(visitor) == "earlier"
    keys.press("Enter")
    assert visitor.page.locator("#position").inner_text() == "Message 2 of 3"
    for _ in range(2):
        keys.press("Tab")
    assert focused(visitor).startswith("utter_ask_seats")
    assert visitor.page.locator(".policies").first.is_visible()
    keys.press("Enter")
    assert not visitor.page.locator(".policies").first.is_visible()


@pytest.mark.long
def test_the_keyboard_stays_at_the_first_message_and_the_last(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("hello")
    visitor.say(TRIP)
    for name, position in (("earlier", "Message 1 of 2"), ("later", "Message 2 of 2")):
        button = visitor.page.locator(f"#{name}")
        button.press("Enter")
        button.press("Enter")
        assert visitor.texts("#position") == [position]
        assert focused(visitor) == name
        assert button.get_attribute("aria-disabled") == "true"


@pytest.mark.long
def test_the_keyboard_has_a_place_after_try_again(visitor: Visitor, script: Script) -> None:
    script.say("ada", "hello", "0")
    visitor.page.route("**/tracker?*", lambda route: route.abort())
    visitor.open()
    visitor.page.unroute_all()
    visitor.page.get_by_role("button", name="Try again").press("Enter")
    visitor.page.wait_for_selector(".turn.looked-at")
    assert focused(visitor).startswith("Understood")


@pytest.mark.long
def test_a_name_typed_in_full_is_chosen(visitor: Visitor, script: Script) -> None:
    """Also where more names than are shown have it in them."""
    script.project.is_on = True
    names = [*(f"ask_price_{i}" for i in range(100)), "price"]
    project = script.project.description() | {"intents": [{"name": name} for name in names]}
    visitor.page.route("**/teach/project", lambda route: route.fulfill(json=project))
    visitor.open()
    visitor.page.wait_for_selector("#places:not([hidden])")
    visitor.say("hello")
    visitor.page.locator(".message-card .correct").click()
    field = visitor.page.get_by_role("combobox", name="Intent", exact=True)
    field.fill("price")
    assert visitor.texts("[role=option][aria-selected=true] .name") == ["price"]
    field.press("Enter")
    assert field.input_value() == "price"


@pytest.mark.long
def test_an_action_without_a_score_has_no_note(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    visitor.open()
    visitor.page.wait_for_selector("#places:not([hidden])")
    visitor.say(TRIP)
    visitor.page.locator(".actions > li:first-child .correct").click()
    visitor.page.get_by_role("combobox", name="Action", exact=True).press("ArrowDown")
    options = visitor.texts("[role=option]")
    assert options[0] == "utter_goodbye 0.71"
    assert "utter_greet" in options


def test_the_keyboard_s_place_is_seen(visitor: Visitor) -> None:
    visitor.open()
    visitor.say(TRIP)
    unseen = []
    for _ in range(24):
        visitor.page.keyboard.press("Tab")
        look = visitor.page.evaluate(
            "(() => { let e = document.activeElement; const name = e.id || e.innerText;"
            " if (e === document.body) return [name, 'past the end', 9];"
            " if (e.id === 'say') e = e.parentElement; const s = getComputedStyle(e);"
            " return [name, s.outlineStyle, parseFloat(s.outlineWidth)]; })()"
        )
        if look[1] == "none" or look[2] < 1:
            unseen.append(look)
    assert unseen == []


@pytest.mark.parametrize("visitor", [PHONE], indirect=True)
def test_a_phone_shows_one_side_at_a_time(visitor: Visitor) -> None:
    visitor.open()
    visitor.say(TRIP)
    page = visitor.page
    assert page.locator("#talk").is_visible()
    assert not page.locator("#understood").is_visible()
    page.get_by_role("tab", name="Talk").press("ArrowRight")
    assert page.locator(".entities").is_visible()
    assert not page.locator("#talk").is_visible()
    page.get_by_role("tab", name="Talk").click()
    page.get_by_role("button", name=f"You: {TRIP}").click()
    assert page.locator(".entities").is_visible()
    assert too_wide(visitor) == []


@pytest.mark.parametrize("visitor", [PHONE], indirect=True)
@pytest.mark.parametrize(
    "text",
    ["x" * 3000, "\N{FAMILY}" * 300, "\u05e9\u05dc\u05d5\u05dd " * 40, "a\u0301\u0323" * 400],
    ids=["long", "emoji", "hebrew", "combining"],
)
def test_any_text_fits(visitor: Visitor, text: str) -> None:
    visitor.open(text[:200].strip())
    visitor.say(text)
    assert too_wide(visitor) == []
    visitor.page.evaluate("document.body.dataset.view = 'understood'")
    assert too_wide(visitor) == []
    said = visitor.page.locator(".sentence").inner_text()
    assert said.strip() == text.strip(), json.dumps(said[:100])


def test_new_messages_are_read_out_and_nothing_else(visitor: Visitor) -> None:
    visitor.open()
    log = visitor.page.get_by_role("log")
    assert log.get_attribute("aria-live") == "polite"
    visitor.say("hello")
    first = visitor.page.locator(".turn").first.element_handle()
    visitor.say("hello again")
    assert first.evaluate("element => element.isConnected")  # what was said stays as it is
    assert visitor.page.locator("#aloud").inner_text() == ""
