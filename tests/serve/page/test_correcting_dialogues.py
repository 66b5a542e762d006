"""Correcting a dialogue on the page: another action, slots, forms; and the list of changes."""

from __future__ import annotations

from typing import Any

import pytest
from fake_teaching import STORIES
from judging import faults_found_by_axe, focused, too_wide
from scripted_server import TRIP, Script
from visiting import Visitor

pytestmark = pytest.mark.slow

READY = ".save .main[aria-disabled=false]"
SCREENS = [
    {"width": 360, "height": 740},
    {"width": 768, "height": 1024},
    {"width": 1280, "height": 900},
]
TRIP_STEP = {
    "intent": "book_trip",
    "entities": [
        {"entity": "city", "value": "New York City", "role": "destination"},
        {"entity": "city", "value": "York"},
        {"entity": "date", "value": "tomorrow", "group": "1"},
    ],
}


def correct(teacher: Visitor, number: int) -> None:
    """Open the action with this number, from 1, and press its button."""
    row = teacher.page.locator(f".actions > li:nth-child({number})")
    if not row.locator(".correct").is_visible():
        row.locator("summary").click()
    row.locator(".correct").click()


def use(teacher: Visitor, label: str, name: str) -> None:
    """Choose in the form of a step, and use it."""
    teacher.page.get_by_role("combobox", name=label, exact=True).fill(name)
    teacher.page.keyboard.press("Enter")
    teacher.page.get_by_role("button", name="Use this step").click()


def teach(teacher: Visitor, script: Script) -> dict[str, Any]:
    """Save, and say what the server was given."""
    teacher.page.locator(READY).click()
    teacher.page.wait_for_selector(".taught")
    taught: dict[str, Any] = script.project.taught[-1]["correction"]
    return taught


def test_another_action(teacher: Visitor, script: Script) -> None:
    teacher.say("hello")
    teacher.say(TRIP)
    correct(teacher, 1)
    assert focused(teacher).startswith("choose-")
    assert teacher.texts(".step-form .what") == ["Instead of utter_ask_seats"]
    teacher.page.keyboard.press("ArrowDown")
    options = teacher.texts("[role=option]")
    assert options[:2] == ["utter_goodbye 0.71", "action_listen waits for the user"]
    assert "utter_ask_seats 0.24" not in options
    use(teacher, "Action", "utter_greet")
    teacher.page.wait_for_selector(READY)
    assert teacher.texts(".preview .summary") == [f"Adds 7 lines in {STORIES}, a new file."]
    assert teach(teacher, script) == {
        "kind": "story",
        "name": "greet, book_trip (ada)",
        "steps": [
            {"intent": "greet"},
            {"action": "utter_greet"},
            TRIP_STEP,
            {"action": "utter_greet"},
        ],
    }
    assert focused(teacher) == "Taught"
    teacher.page.get_by_role("button", name="Undo").click()
    teacher.page.wait_for_selector("#sheet", state="hidden")
    assert STORIES not in script.project.files


@pytest.mark.long
def test_it_should_not_have_listened(teacher: Visitor, script: Script) -> None:
    """What the actions before it did is told, slots too."""
    teacher.say(TRIP)
    correct(teacher, 2)
    assert teacher.texts(".step-form .what") == ["It listened; what should it have done?"]
    use(teacher, "Action", "action_search")
    teacher.page.wait_for_selector(READY)
    assert teach(teacher, script)["steps"] == [
        TRIP_STEP,
        {"action": "utter_ask_seats"},
        {"slot_was_set": {"city": "New York City"}},
        {"slot_was_set": {"date": "tomorrow"}},
        {"action": "action_search"},
    ]


@pytest.mark.long
def test_it_should_have_listened(teacher: Visitor, script: Script) -> None:
    teacher.say("hello")
    correct(teacher, 1)
    use(teacher, "Action", "action_listen")
    teacher.page.wait_for_selector(READY)
    assert teach(teacher, script)["steps"] == [{"intent": "greet"}]


@pytest.mark.long
def test_slots_forms_and_messages(teacher: Visitor, script: Script) -> None:
    page = teacher.page
    teacher.say("hello")
    correct(teacher, 1)
    page.get_by_label("Kind of step").select_option("slot")
    page.get_by_role("combobox", name="Slot").fill("lang")
    page.keyboard.press("Enter")
    page.get_by_label("Value").select_option("de")
    page.get_by_role("button", name="Use this step").click()
    for kind, label, name in (
        ("loop", "Form", "trip_form"),
        ("user", "Intent", "goodbye"),
        ("action", "Action", "utter_new"),
    ):
        page.get_by_role("button", name="Add a step").click()
        page.get_by_label("Kind of step").select_option(kind)
        use(teacher, label, name)
    page.get_by_role("button", name="Add a step").click()
    page.get_by_role("button", name="Use this step").click()
    assert teacher.texts(".step-form [role=alert]") == ["Choose what the step is."]
    page.keyboard.press("Escape")
    assert page.locator("#sheet").is_visible()
    page.get_by_label("Name of the story").fill("  in German ")
    page.wait_for_selector(READY)
    assert teach(teacher, script) == {
        "kind": "story",
        "name": "in German",
        "steps": [
            {"intent": "greet"},
            {"slot_was_set": {"language": "de"}},
            {"active_loop": "trip_form"},
            {"intent": "goodbye"},
            {"action": "utter_new"},
        ],
    }


@pytest.mark.long
def test_steps_are_moved_edited_and_removed_by_keyboard(teacher: Visitor, script: Script) -> None:
    page, keys = teacher.page, teacher.page.keyboard
    teacher.say(TRIP)
    page.locator(".actions-card > header .correct").focus()
    keys.press("Enter")
    assert focused(teacher) == "Add a step"
    names = ".steps-list .name"
    assert teacher.texts(names) == ["book_trip", "utter_ask_seats", "city", "date"]
    page.get_by_role("button", name="Move up Slot date").press("Enter")
    assert teacher.texts(names) == ["book_trip", "utter_ask_seats", "date", "city"]
    assert focused(teacher).startswith("Move up")
    keys.press("Alt+ArrowUp")
    assert teacher.texts(names) == ["book_trip", "date", "utter_ask_seats", "city"]
    keys.press("Delete")
    assert teacher.texts(names) == ["book_trip", "utter_ask_seats", "city"]
    page.get_by_role("button", name="Edit User book_trip").press("Enter")
    page.get_by_label("city: York", exact=True).press("Space")
    page.get_by_role("button", name="Use this step").press("Enter")
    assert focused(teacher).startswith("Edit")
    page.get_by_label("Name of the story").fill("")
    assert teacher.texts(".preview .summary") == ["A story needs a name."]
    page.get_by_label("Name of the story").fill("a trip")
    page.wait_for_selector(READY)
    steps = teach(teacher, script)["steps"]
    assert steps == [
        {"intent": "book_trip", "entities": [TRIP_STEP["entities"][i] for i in (0, 2)]},
        {"action": "utter_ask_seats"},
        {"slot_was_set": {"city": "New York City"}},
    ]


@pytest.mark.long
def test_a_message_that_was_taught_counts_in_the_story(teacher: Visitor, script: Script) -> None:
    teacher.say("hello")
    teacher.page.locator(".turn .correct").click()
    teacher.page.get_by_role("combobox", name="Intent").fill("goodbye")
    teacher.page.keyboard.press("Enter")
    teacher.page.wait_for_selector(READY)
    teach(teacher, script)
    teacher.page.get_by_role("button", name="Close").last.click()
    correct(teacher, 1)
    use(teacher, "Action", "utter_goodbye")
    teacher.page.wait_for_selector(READY)
    assert teach(teacher, script)["steps"] == [{"intent": "goodbye"}, {"action": "utter_goodbye"}]


@pytest.mark.long
def test_what_was_taken_back_is_not_told(teacher: Visitor, script: Script) -> None:
    """A restart, a message that was reverted, slots of the server's own, values that stay."""
    said = [
        script.say("bob", text, str(i))["events"] for i, text in enumerate(("hello", TRIP, "hello"))
    ]
    restart = {"event": "restart", "timestamp": 1.0}
    rewind = {"event": "rewind", "timestamp": 1.0}
    own = {"event": "slot", "name": "requested_slot", "value": "city", "timestamp": 1.0}
    loop = {"event": "active_loop", "name": "trip_form", "timestamp": 1.0}
    same = {"event": "slot", "name": "city", "value": "New York City", "timestamp": 1.0}
    script.events["bob"] = [*said[0], restart, *said[1], own, same, loop, *said[2], rewind]
    script.say("bob", "search", "9")
    teacher.open("bob")
    teacher.page.wait_for_selector(".turn.looked-at")
    correct(teacher, 1)
    use(teacher, "Action", "utter_goodbye")
    assert teacher.texts(".steps-list li .name") == [
        *("book_trip", "utter_ask_seats", "city", "date", "trip_form", "greet", "utter_goodbye")
    ]


def test_changes(teacher: Visitor, script: Script) -> None:
    page = teacher.page
    page.get_by_role("link", name="Changes").click()
    page.wait_for_selector(".place .lead:has-text('Nothing has been taught yet')")
    page.get_by_role("button", name="Give your name").click()
    page.get_by_label("Name", exact=True).fill("Zo\u00eb \u05d0")
    page.get_by_role("button", name="Keep it").click()
    page.go_back()
    teacher.say("hello")
    page.locator(".turn .correct").click()
    page.get_by_role("button", name="This is out of scope").click()
    page.wait_for_selector(READY)
    teach(teacher, script)
    page.reload()
    page.wait_for_selector("#places:not([hidden])")
    page.get_by_role("link", name="Changes").click()
    page.wait_for_selector(".changes-list > li")
    assert focused(teacher) == "Changes"
    (row,) = teacher.texts(".changes-list > li")
    assert row.startswith("hello is out_of_scope Undo change 1 Zo\u00eb \u05d0 \u00b7 ")
    assert row.endswith("Adds 3 lines and takes out 1 line in data/nlu.yml.")
    script.project.problem = "that part of the file was edited since"
    page.get_by_role("button", name="Undo change 1").click()
    page.wait_for_selector(".place .problem:has-text('edited since')")
    page.get_by_role("button", name="Undo change 1").click()
    page.wait_for_selector(".is-undone")
    assert teacher.texts(".is-undone .badge") == ["undone by Zo\u00eb \u05d0"]
    assert teacher.texts("#changes .lead") == ["0 changes in the project's files."]
    page.go_back()
    assert page.locator("#talk").is_visible()
    assert page.url.endswith("/#ada")


@pytest.mark.long
def test_a_token_is_asked_for_before(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    script.token = "open sesame"
    visitor.open_without_waiting(query="?place=changes")
    visitor.page.get_by_label("Token", exact=True).fill("open sesame")
    visitor.page.get_by_role("button", name="Use it").click()
    visitor.page.wait_for_selector("#changes .lead:not(:empty)")
    assert visitor.page.title() == "Changes \u00b7 Gossamer"


LOOKS = [(0, "light"), (2, "dark"), (0, "dark"), (1, "light"), (1, "dark"), (2, "light")]


@pytest.mark.parametrize(
    "visitor",
    [
        pytest.param(
            {"viewport": SCREENS[i], "color_scheme": theme},
            marks=[pytest.mark.long] if n > 0 else [],
            id=f"{SCREENS[i]['width']}-{theme}",
        )
        for n, (i, theme) in enumerate(LOOKS)
    ],
    indirect=True,
)
def test_axe_finds_nothing(teacher: Visitor, script: Script) -> None:
    page = teacher.page
    teacher.say("hello")
    teacher.say(TRIP)

    def check(state: str) -> None:
        assert faults_found_by_axe(teacher) == [], state
        assert too_wide(teacher) == [], state
        wide = page.evaluate(
            "(s => s.scrollWidth - s.clientWidth)(document.querySelector('#sheet'))"
        )
        assert wide <= 0, state

    page.locator(".turn.looked-at .correct").click()
    page.wait_for_selector(READY)
    page.locator(".marking .word", has_text="please").click()
    page.get_by_role("combobox", name="Type").fill("c")
    check("a message")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Mark", exact=True).click()
    page.get_by_role("button", name="This is out of scope").click()
    page.wait_for_selector(READY)
    teach(teacher, script)
    page.get_by_role("button", name="Close").last.click()
    if page.locator("#tab-understood").is_visible():
        page.click("#tab-understood")
    correct(teacher, 1)
    use(teacher, "Action", "utter_goodbye")
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Add a step").click()
    script.project.problem = "no"
    page.get_by_label("Name of the story").fill("other")
    page.wait_for_selector(".preview [role=alert]")
    check("a dialogue")
    page.get_by_label("Name of the story").fill("another")
    page.wait_for_selector(READY)
    teach(teacher, script)
    page.get_by_role("button", name="Close").last.click()
    page.get_by_role("link", name="Changes").click()
    page.locator(".changes-list summary").first.click()
    page.get_by_role("button", name="Undo change 1").click()
    page.wait_for_selector(".is-undone")
    check("changes")
