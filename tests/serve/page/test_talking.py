"""Talking on the page, and seeing what was understood."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from judging import focused
from scripted_server import ELSEWHERE, NASTY, TOKEN, TRIP, Script
from visiting import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Request, Route

pytestmark = pytest.mark.slow


def texts(visitor: Visitor, selector: str) -> list[str]:
    return [" ".join(text.split()) for text in visitor.page.locator(selector).all_inner_texts()]


def give_token(visitor: Visitor) -> None:
    """Open the page, which asks for the token."""
    visitor.open_without_waiting()
    use_token(visitor)
    visitor.page.wait_for_selector("#cards > *", state="attached")


def use_token(visitor: Visitor) -> None:
    """Answer the question for the token."""
    visitor.page.get_by_label("Token", exact=True).fill(TOKEN)
    visitor.page.get_by_role("button", name="Use it").click()


def test_talk_then_inspect(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("hello")
    visitor.say(TRIP)
    assert texts(visitor, ".bot p.bubble") == [
        "Assistant: Hello! You said: hello",
        "Assistant: How many seats?",
    ]
    assert texts(visitor, ".intent-card li") == ["book_trip 0.96", "goodbye 0.03"]
    assert texts(visitor, ".slots li") == [
        "city now New York City changed",
        "date now tomorrow changed",
        "language en",
    ]
    assert texts(visitor, ".entities li") == [
        "city New York City role destination found by DIETClassifier confidence 0.98",
        "city York found by RegexEntityExtractor",
        "date tomorrow group 1 found by DIETClassifier confidence 0.98",
    ]
    assert texts(visitor, ".actions > li:first-child .policy") == [
        "RulePolicy chosen priority 4 utter_ask_seats 1.00",
        "TEDPolicy priority 1 utter_goodbye 0.71 utter_ask_seats 0.24",
    ]
    assert texts(visitor, ".actions > li:first-child .reason") == ["rules always so"]
    assert visitor.page.locator(".timeline > li").count() == 13


def test_overlapping_entities_are_marked_where_they_are(visitor: Visitor) -> None:
    """Places count code points: characters beyond the basic plane come before the entities."""
    visitor.open()
    visitor.say(TRIP)
    words = texts(visitor, "mark .words")
    assert words == ["New", "York", "City", "tomorrow"]
    sentence = visitor.page.locator(".sentence")
    said = sentence.evaluate(
        "s => [...s.querySelectorAll('.label')].map(l => l.remove()) && s.textContent"
    )
    assert said == TRIP


def test_an_earlier_message_shows_its_turn(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("hello")
    visitor.say(TRIP)
    visitor.page.get_by_role("button", name="You: hello").click()
    assert texts(visitor, "#position") == ["Message 1 of 2"]
    assert texts(visitor, ".sentence") == ["hello"]
    assert texts(visitor, ".slots li") == ["language en"]
    visitor.page.get_by_role("button", name="Later message").click()
    assert texts(visitor, "#position") == ["Message 2 of 2"]


def test_a_button_says_its_payload_and_shows_its_title(visitor: Visitor, script: Script) -> None:
    visitor.open()
    visitor.say(TRIP)
    visitor.page.get_by_role("button", name="Two").click()
    visitor.page.wait_for_selector(".turns > li:nth-child(2):not(.waiting)")
    assert script.asked[-1]["text"] == '/seats{"n": 2}'
    assert texts(visitor, ".turn > .bubble")[-1] == "You: Two"
    assert visitor.page.locator(".turn:not(.last) .bot button").first.is_disabled()


def test_every_event_opens_to_its_json(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("hello")
    visitor.page.locator(".timeline .is-user summary").click()
    assert '"text": "hello"' in visitor.page.locator(".timeline pre").inner_text()


def test_a_reload_brings_the_conversation_back(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("hello")
    visitor.say(TRIP)
    visitor.page.reload()
    visitor.page.wait_for_selector(".turn.looked-at")
    assert texts(visitor, ".turn > .bubble") == ["You: hello", f"You: {TRIP}"]
    assert texts(visitor, ".slots .changed") == [
        "city now New York City changed",
        "date now tomorrow changed",
    ]
    assert "RulePolicy" in texts(visitor, ".actions summary")[0]


def test_a_message_waits_for_the_stored_conversation(visitor: Visitor, script: Script) -> None:
    """Else what is stored would be shown twice, or not at all."""
    script.say("ada", "hello", "0")
    held: list[Route] = []
    visitor.page.route("**/tracker?*", lambda route: held.append(route))
    visitor.open()
    visitor.page.fill("#say", "hello again")
    visitor.page.press("#say", "Enter")
    visitor.page.wait_for_selector(".waiting")
    visitor.page.wait_for_timeout(200)
    assert script.asked == []
    held[0].continue_()
    visitor.page.wait_for_selector(".turns > li:nth-child(2).looked-at")
    assert texts(visitor, ".turn > .bubble") == ["You: hello", "You: hello again"]


def test_conversations_of_other_ids(visitor: Visitor) -> None:
    visitor.open("first")
    visitor.say("hello")
    visitor.page.get_by_role("button", name="New conversation").click()
    visitor.page.wait_for_selector("#welcome:not([hidden])")
    assert re.fullmatch("[0-9a-f]{8}", visitor.page.locator("#conversation").inner_text())
    visitor.page.locator("#change").click()
    visitor.page.get_by_label("Conversation id").fill("first")
    visitor.page.get_by_role("button", name="Open").click()
    visitor.page.wait_for_selector(".turn.looked-at")
    assert visitor.page.url.endswith("#first")


@pytest.mark.parametrize("fails_late", [False, True])
def test_a_failure_can_be_tried_again(visitor: Visitor, script: Script, fails_late: bool) -> None:
    """With the same id, so that it is handled once, also where only the answer was lost."""
    visitor.open()
    script.n_failures = 1
    script.fails_late = fails_late
    visitor.say_in_vain("hello")
    assert "Too many messages are waiting." in visitor.page.get_by_role("alert").inner_text()
    visitor.page.get_by_role("button", name="Try again").press("Enter")
    visitor.page.wait_for_selector(".turn.looked-at")
    first, second = script.asked
    assert first == second
    assert texts(visitor, ".bot p.bubble") == ["Assistant: Hello! You said: hello"]
    assert visitor.page.locator(".timeline .is-user").count() == 1


def test_a_failed_message_can_be_edited(visitor: Visitor, script: Script) -> None:
    visitor.open()
    script.n_failures = 1
    visitor.say_in_vain("helo")
    visitor.page.get_by_role("button", name="Edit").click()
    assert visitor.page.input_value("#say") == "helo"
    visitor.say("hello")
    assert texts(visitor, ".turn > .bubble") == ["You: hello"]


@pytest.mark.long
def test_a_failure_leaves_the_keyboard_to_who_types(visitor: Visitor, script: Script) -> None:
    """And what is typed stays when the message that failed is edited."""
    visitor.open()
    held: list[Route] = []
    visitor.page.route("**/turns", lambda route: held.append(route))
    visitor.page.fill("#say", "helo")
    visitor.page.press("#say", "Enter")
    visitor.page.keyboard.type("and a ti")
    visitor.page.wait_for_timeout(200)
    script.n_failures = 1
    held[0].continue_()
    visitor.page.wait_for_selector(".failure")
    visitor.page.keyboard.type("cket")
    visitor.page.get_by_role("button", name="Edit").click()
    assert visitor.page.input_value("#say") == "helo\nand a ticket"


@pytest.mark.long
def test_what_is_said_when_a_session_begins_is_there_once(visitor: Visitor, script: Script) -> None:
    """The session that was asked for is not stored: it begins again with the first message."""
    script.greeting = [{"event": "bot", "text": "Welcome aboard!", "data": {}, "timestamp": 0}]
    visitor.open()
    visitor.say("hello")
    assert texts(visitor, ".bot p.bubble") == [
        "Assistant: Welcome aboard!",
        "Assistant: Hello! You said: hello",
    ]
    assert visitor.page.locator(".timeline .is-bot").count() == 2


def test_an_action_that_failed(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("search")
    assert texts(visitor, ".cards > .problem") == ["1 action failed: action_search"]
    assert "the action server does not answer" in texts(visitor, ".why .problem")[0]


@pytest.mark.parametrize("by_address", [True, False])
def test_a_token(visitor: Visitor, script: Script, by_address: bool) -> None:
    script.token = TOKEN
    if by_address:
        visitor.open(query="?token=open%20sesame")
        assert "token" not in visitor.page.url
    else:
        give_token(visitor)
    visitor.say("hello")
    visitor.page.reload()
    visitor.page.wait_for_selector(".turn.looked-at")  # it is not asked for again
    assert not visitor.page.get_by_label("Token", exact=True).is_visible()


@pytest.mark.long
def test_a_token_where_storage_is_forbidden(visitor: Visitor, script: Script) -> None:
    visitor.page.add_init_script(
        "for (const name of ['sessionStorage', 'localStorage']) Object.defineProperty(window, name,"
        " {get() { throw new DOMException('forbidden', 'SecurityError'); }})"
    )
    script.token = TOKEN
    give_token(visitor)
    visitor.say("hello")
    assert texts(visitor, ".bot p.bubble") == ["Assistant: Hello! You said: hello"]


@pytest.mark.long
def test_teaching_begins_once_when_the_token_is_given(visitor: Visitor, script: Script) -> None:
    script.token = TOKEN
    script.project.is_on = True
    asked: list[Request] = []
    visitor.page.on("request", lambda one: asked.append(one))
    give_token(visitor)
    visitor.page.wait_for_selector("#places:not([hidden])")
    assert [one.url for one in asked].count(f"{visitor.url}/teach/project") == 1
    assert visitor.page.locator("#look [role=tablist]").count() == 1


@pytest.mark.long
def test_requests_refused_together_ask_for_the_token_once(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    visitor.open()
    page = visitor.page
    page.wait_for_selector("#places:not([hidden])")
    held: list[Route] = []
    for path in ("**/turns", "**/teach/inbox?*"):
        page.route(path, lambda route: held.append(route))
    page.fill("#say", "hello")
    page.press("#say", "Enter")
    page.locator("#places [data-place=inbox]").click()
    page.wait_for_timeout(200)
    script.token = TOKEN
    for route in held:
        route.continue_()
    page.unroute_all()
    use_token(visitor)
    page.wait_for_selector(".group")
    page.locator("#places [data-place=talk]").click()
    page.wait_for_selector(".turn.looked-at")
    assert page.locator(".failure, .problem:visible, dialog[open]").count() == 0


def test_why_nothing_can_be_taught_is_said(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    mistake = {"message": "data/nlu.yml:3: an intent needs a name"}
    visitor.page.route("**/teach/project", lambda route: route.fulfill(status=400, json=mistake))
    visitor.open()
    alert = visitor.page.get_by_role("alert")
    assert mistake["message"] in alert.inner_text()
    alert.get_by_role("button", name="Try again").press("Enter")
    alert.get_by_text(mistake["message"]).wait_for()
    visitor.page.unroute_all()
    alert.get_by_role("button", name="Try again").press("Enter")
    visitor.page.wait_for_selector("#places:not([hidden])")
    assert alert.count() == 0
    assert focused(visitor) == "say"


@pytest.mark.long
@pytest.mark.parametrize("status", [401, 403, 404])
def test_nothing_is_said_where_nobody_may_teach(visitor: Visitor, status: int) -> None:
    no = {"message": "no"}
    visitor.page.route("**/teach/project", lambda route: route.fulfill(status=status, json=no))
    visitor.open()
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.get_by_role("alert").count() == 0
    assert visitor.page.locator("#places").is_hidden()


def test_text_never_becomes_html(visitor: Visitor) -> None:
    visitor.open("<b>x")
    visitor.say(NASTY)
    visitor.page.locator(".timeline .is-user summary").click()
    assert visitor.page.title() == "<b>x · Gossamer"
    assert visitor.page.locator("main b, main img[src=x], a[href^=javascript]").count() == 0
    assert f"You: {NASTY}" in texts(visitor, ".turn > .bubble")
    assert NASTY in texts(visitor, ".slots .name")


def test_pictures_of_others_are_loaded_only_when_asked_for(visitor: Visitor) -> None:
    visitor.open()
    visitor.say("a picture")  # a request to another host would fail the test
    assert visitor.page.locator(".picture").count() == 1
    visitor.page.route(ELSEWHERE, lambda route: route.fulfill(body=b"", content_type="image/png"))
    visitor.page.get_by_role("button", name="Show the picture from pictures.example").click()
    assert visitor.page.locator(".picture").first.get_attribute("src") == ELSEWHERE
    assert visitor.faults == [f"a request to {ELSEWHERE}"]
    visitor.faults.clear()


def test_the_theme_is_remembered(visitor: Visitor) -> None:
    visitor.open()
    toggle = visitor.page.get_by_role("button", name="Dark theme")
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    visitor.page.reload()
    visitor.page.wait_for_selector("#theme[aria-pressed=true]")
    assert visitor.page.locator("html").get_attribute("data-theme") == "dark"
