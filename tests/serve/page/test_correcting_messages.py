"""Correcting a message on the page: its intent, its entities, out of scope; undo."""

from __future__ import annotations

from typing import Any

import pytest
from fake_teaching import NLU
from judging import focused
from scripted_server import NASTY, TRIP, Script
from visiting import Visitor

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
READY = ".save .main[aria-disabled=false]"


def correct(teacher: Visitor, text: str) -> None:
    """Say a text, and press the button beside it."""
    teacher.say(text)
    teacher.page.locator(".turn.looked-at .correct").click()
    teacher.page.wait_for_selector(".preview .summary:not(:empty)")


def mark(teacher: Visitor, kind: str, role: str = "") -> None:
    """Describe the words that are selected."""
    page = teacher.page
    page.get_by_role("combobox", name="Type").fill(kind)
    page.keyboard.press("Enter")
    if role:
        page.get_by_role("combobox", name="Role").fill(role)
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Mark", exact=True).click()


def teach(teacher: Visitor, script: Script) -> dict[str, Any]:
    """Save, and say what the server was given."""
    teacher.page.locator(READY).click()
    teacher.page.wait_for_selector(".taught")
    taught: dict[str, Any] = script.project.taught[-1]["correction"]
    return taught


def select(teacher: Visitor, first: str, last: str) -> None:
    """Drag from the beginning of one text in the sentence to the end of another."""
    places = teacher.page.evaluate(
        """([first, last]) => {
          const field = document.querySelector('.marking');
          const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
          const range = document.createRange();
          let isBegun = false;
          while (walker.nextNode()) {
            const node = walker.currentNode;
            if (!isBegun && node.data.includes(first)) {
              range.setStart(node, node.data.indexOf(first));
              isBegun = true;
            }
            if (isBegun && node.data.includes(last)) {
              range.setEnd(node, node.data.indexOf(last) + last.length);
              break;
            }
          }
          const boxes = [...range.getClientRects()];
          const [a, b] = [boxes[0], boxes.at(-1)];
          const isBackward = getComputedStyle(field).direction === 'rtl';
          return isBackward
            ? [[a.right - 1, a.y + a.height / 2], [b.left + 1, b.y + b.height / 2]]
            : [[a.left + 1, a.y + a.height / 2], [b.right - 1, b.y + b.height / 2]];
        }""",
        [first, last],
    )
    mouse = teacher.page.mouse
    mouse.move(*places[0])
    mouse.down()
    mouse.move(*places[1], steps=5)
    mouse.up()
    teacher.page.wait_for_selector(".entity-form")


@pytest.mark.long
def test_without_teaching_the_page_is_as_it_was(visitor: Visitor) -> None:
    visitor.open(query="?place=changes")
    visitor.say("hello")
    assert visitor.page.locator("#talk").is_visible()
    for selector in ("#places", ".correct", ".place"):
        assert not visitor.page.locator(selector).first.is_visible()
    visitor.page.locator(".turn > .bubble").press("c")
    assert not visitor.page.locator("#sheet").is_visible()


def test_another_intent(teacher: Visitor, script: Script) -> None:
    correct(teacher, "hello")
    page = teacher.page
    assert focused(teacher).startswith("choose-")
    page.keyboard.press("ArrowDown")
    options = teacher.texts("[role=option]")
    assert options[:2] == [
        "greet 2 examples · model says 0.96",
        "goodbye 0 examples · model says 0.03",
    ]
    page.keyboard.type("book")
    assert teacher.texts("[role=option]") == ["book_trip 1 example", "book new intent"]
    page.keyboard.press("Enter")
    page.wait_for_selector(".similar .agrees:has-text('to Lowmarsh')")
    assert teacher.texts(".preview .summary") == [f"Adds 1 line and takes out 1 line in {NLU}."]
    assert teacher.texts(".diff .added") == ["+ added: - hello"]
    assert teacher.texts(".diff .gone") == ["- taken out: - hello"]
    assert teacher.texts(".similar li") == [
        "hello again greet 0.55 differs",
        "to Lowmarsh book_trip 0.90 agrees",
    ]
    assert (
        "- hello" in script.project.files[NLU].partition("book_trip")[0]
    )  # nothing is written yet
    assert teach(teacher, script) == {
        "kind": "message",
        "text": "hello",
        "intent": "book_trip",
        "entities": [],
    }
    assert script.project.senders == ["ada"]
    assert teacher.texts(".turn .meta") == ["greet 0.96 Correct this message taught"]
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector("#sheet", state="hidden")
    assert script.project.taught[0]["is_undone"]
    assert teacher.texts(".turn .meta") == ["greet 0.96 Correct this message"]


@pytest.mark.long
def test_a_new_intent(teacher: Visitor, script: Script) -> None:
    correct(teacher, "hello")
    teacher.page.get_by_role("combobox", name="Intent").fill("say_hi")
    teacher.page.keyboard.press("Tab")
    assert teacher.texts(".choose-note")[0] == "new intent"
    teacher.page.wait_for_selector(".diff .added:has-text('intent: say_hi')")
    assert teach(teacher, script)["intent"] == "say_hi"
    teacher.page.get_by_role("button", name="Train").click()
    assert teacher.page.url.endswith("?place=train#ada")


@pytest.mark.long
def test_out_of_scope(teacher: Visitor, script: Script) -> None:
    correct(teacher, "hello")
    outside = teacher.page.get_by_role("button", name="This is out of scope")
    outside.click()
    assert outside.get_attribute("aria-pressed") == "true"
    outside.click()
    assert teacher.page.get_by_role("combobox", name="Intent").input_value() == "greet"
    outside.click()
    teacher.page.wait_for_selector(".diff .added:has-text('out_of_scope')")
    assert teach(teacher, script)["intent"] == "out_of_scope"


@pytest.mark.long
def test_what_the_model_found_can_be_changed_and_removed(teacher: Visitor, script: Script) -> None:
    correct(teacher, TRIP)
    assert teacher.texts(".marked .what-marked") == [  # of two that overlap the longer one
        "city · destination New York City",
        "date · 1 tomorrow",
    ]
    page = teacher.page
    page.get_by_role("button", name="Remove date").click()
    page.get_by_role("button", name="Edit city").click()
    page.get_by_role("combobox", name="Role").fill("dep")
    page.keyboard.press("Enter")
    page.get_by_label("Value").fill("NYC")
    page.get_by_role("button", name="Change", exact=True).click()
    page.wait_for_selector(".diff .added:has-text('NYC')")
    (entity,) = teach(teacher, script)["entities"]
    start, end = TRIP.index("New York City"), TRIP.index(" tomorrow")
    assert entity == {
        "start": start,
        "end": end,
        "entity": "city",
        "value": "NYC",
        "role": "departure",
    }


TEXTS = {  # what is said, and a part of it that becomes an entity
    "plain": ("fly to Ottersea please", "Ottersea"),
    "emoji": ("\N{FERRY}\N{RAINBOW}\N{FAMILY} to \N{BEACH WITH UMBRELLA} Ottersea!", "Ottersea"),
    "an emoji": ("to \N{FERRY}\N{RAINBOW} now", "\N{RAINBOW}"),
    "joined emoji": ("\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL} to Rome", "Rome"),
    "hebrew": (
        "\N{RAINBOW} \u05dc\u05d8\u05d5\u05e1 \u05d0\u05dc \u05d7\u05d9\u05e4\u05d4",
        "\u05d7\u05d9\u05e4\u05d4",
    ),
    "combining": ("cafe\u0301 in Bou\u0301i", "Bou\u0301i"),
    "beyond the basic plane": ("\U00020000\U00020001 to Ottersea", "Ottersea"),
}


@pytest.mark.parametrize(
    "by", [*(pytest.param(by, marks=pytest.mark.long) for by in ("drag", "click")), "keys"]
)
def test_places_count_characters(teacher: Visitor, script: Script, by: str) -> None:
    """However words are selected, what is sent covers them as Python counts."""
    page = teacher.page
    for key in TEXTS if by == "drag" else ("emoji", "hebrew"):
        text, part = TEXTS[key]
        correct(teacher, text)
        if by == "drag":
            select(teacher, part, part)
        elif by == "click":
            page.locator(".marking .word", has_text=part).last.click()
        else:
            page.locator(".marking .word").first.focus()
            while focused(teacher) != part:
                before = focused(teacher)
                page.keyboard.press("ArrowLeft" if key == "hebrew" else "ArrowRight")
                assert focused(teacher) != before
            page.keyboard.press("Enter")
            assert focused(teacher).startswith("choose-")
        mark(teacher, "city", "destination")
        page.wait_for_selector(f".diff .added:has-text('[{part}]')")
        (entity,) = teach(teacher, script)["entities"]
        assert text[entity.pop("start") : entity.pop("end")] == part
        assert entity == {"entity": "city", "role": "destination"}


@pytest.mark.long
def test_several_words_and_parts_of_words(teacher: Visitor, script: Script) -> None:
    text = "\N{FERRY} from Great Ottersea-on-Sea to Lowmarsh!"
    correct(teacher, text)
    page, keys = teacher.page, teacher.page.keyboard
    select(teacher, "Great", "Otter")
    mark(teacher, "city")
    assert teacher.texts(".marked .value") == ["Great Otter"]
    page.locator(".marking .word", has_text="Lowmarsh").focus()
    keys.press("Space")
    keys.press("Shift+ArrowLeft")
    assert teacher.texts(".what q") == ["to Lowmarsh"]
    keys.press("Shift+ArrowRight")
    keys.press("Alt+Shift+ArrowLeft")
    assert teacher.texts(".what q") == ["Lowmars"]
    keys.press("Escape")
    assert page.locator(".entity-form").count() == 0
    assert page.locator("#sheet").is_visible()
    page.locator(".marking .word", has_text="from").click()
    page.locator(".marking .word", has_text="Great").click()  # it is in an entity
    assert teacher.texts(".what q") == ["from Great"]
    assert "It takes the place of: city." in teacher.texts(".correct-message .none")
    mark(teacher, "part of a trip")
    assert teacher.texts(".marked .what-marked") == ["part of a trip from Great"]
    page.locator(".marking .word", has_text="Great").focus()
    keys.press("Delete")
    assert teacher.texts(".correct-message .none") == ["No entities are marked."]


@pytest.mark.long
def test_the_keyboard_is_enough(teacher: Visitor, script: Script) -> None:
    page, keys = teacher.page, teacher.page.keyboard
    teacher.say("hello")
    teacher.say("off to Ottersea")
    keys.press("ArrowUp")
    assert focused(teacher) == "You: off to Ottersea"
    keys.press("c")
    page.wait_for_selector(READY)
    keys.type("book_trip")
    keys.press("Tab")
    assert focused(teacher) == "This is out of scope"
    keys.press("Tab")
    assert focused(teacher) == "off"
    keys.press("End")
    keys.press("Enter")
    keys.type("cit")
    keys.press("Enter")
    keys.press("Tab")
    keys.type("dest")
    keys.press("Enter")
    keys.press("Enter")  # the form is sent
    assert focused(teacher) == "Ottersea"
    page.wait_for_selector(".diff .added:has-text('[Ottersea]')")
    for _ in range(4):
        keys.press("Tab")
    assert focused(teacher) == "Teach"
    keys.press("Enter")
    page.wait_for_selector(".taught")
    assert focused(teacher) == "Taught"
    assert script.project.taught[0]["correction"]["entities"] == [
        {"start": 7, "end": 15, "entity": "city", "role": "destination"}
    ]
    keys.press("Escape")
    assert focused(teacher) == "You: off to Ottersea"


@pytest.mark.long
def test_what_was_begun_is_kept(teacher: Visitor, script: Script) -> None:
    correct(teacher, "hello")
    teacher.page.get_by_role("button", name="This is out of scope").click()
    teacher.say("hello again")
    assert not teacher.page.locator("#sheet").is_visible()
    teacher.page.locator(".turn .correct").first.click()
    assert teacher.page.get_by_role("combobox", name="Intent").input_value() == "out_of_scope"
    teacher.page.get_by_role("button", name="Cancel").click()
    teacher.page.locator(".turn .correct").first.click()
    assert teacher.page.get_by_role("combobox", name="Intent").input_value() == "greet"


@pytest.mark.long
def test_errors_are_shown_beside_the_form(teacher: Visitor, script: Script) -> None:
    correct(teacher, "hello")
    script.project.problem = "an intent must have a name without blanks"
    teacher.page.get_by_role("combobox", name="Intent").fill("two words")
    teacher.page.keyboard.press("Tab")
    alert = teacher.page.locator(".preview [role=alert]")
    alert.wait_for()
    assert alert.inner_text() == "An intent must have a name without blanks."
    assert teacher.page.locator(READY).count() == 0
    teacher.page.get_by_role("button", name="This is out of scope").click()
    teacher.page.wait_for_selector(READY)
    script.project.problem = "the file was edited"
    teacher.page.locator(READY).click()
    alert.wait_for()
    assert alert.inner_text() == "The file was edited."
    assert script.project.taught == []
    assert teach(teacher, script)["intent"] == "out_of_scope"


@pytest.mark.long
def test_what_the_project_says_already_is_not_taught(teacher: Visitor) -> None:
    teacher.say("hi there")
    teacher.page.locator(".turn .correct").click()
    teacher.page.wait_for_selector(".summary:has-text('say so already')")
    assert teacher.page.locator(READY).count() == 0


def test_text_never_becomes_html(teacher: Visitor, script: Script) -> None:
    teacher.say(NASTY)
    teacher.page.locator(".turn .correct").click()
    teacher.page.get_by_role("combobox", name="Intent").fill(NASTY)
    teacher.page.keyboard.press("Tab")
    teacher.page.wait_for_selector(READY)
    assert teach(teacher, script)["text"] == NASTY
    teacher.page.get_by_role("button", name="Close").last.click()
    teacher.page.get_by_role("link", name="Changes").click()
    teacher.page.locator(".changes-list summary").click()
    assert teacher.page.locator("main b:not(.plain b), main img[src=x]").count() == 0
    assert NASTY in teacher.texts(".changes-list q")[0]


@pytest.mark.long
def test_messages_that_say_their_intent_themselves(teacher: Visitor) -> None:
    teacher.say('/seats{"n": 2}')
    assert teacher.page.locator(".turn .correct, .message-card .correct").count() == 0
    teacher.page.locator(".turn > .bubble").press("c")
    assert not teacher.page.locator("#sheet").is_visible()


@pytest.mark.long
@pytest.mark.parametrize("visitor", [PHONE], indirect=True)
def test_on_a_phone_it_is_a_sheet(teacher: Visitor, script: Script) -> None:
    teacher.say(TRIP)
    teacher.page.locator(".turn .correct").tap()
    teacher.page.wait_for_selector(READY)
    assert teacher.page.locator("#sheet:modal").is_visible()
    for word in ("please", "tomorrow"):  # one beside the other
        teacher.page.locator(".marking .word", has_text=word).tap()
    assert teacher.texts(".what q") == ["tomorrow, please"]
    mark(teacher, "date")
    teacher.page.wait_for_selector(".diff .added:has-text('[tomorrow, please]')")
    assert [one["entity"] for one in teach(teacher, script)["entities"]] == ["city", "date"]
    teacher.page.keyboard.press("Escape")
    assert not teacher.page.locator("#sheet").is_visible()
    assert teacher.page.locator("#talk").is_visible()
