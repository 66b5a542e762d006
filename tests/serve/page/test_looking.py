"""Looking at the model on the page: confusion, confidence, learning curve, layers."""

from __future__ import annotations

import pytest
from fake_look import confusion
from judging import faults_found_by_axe, focused, too_wide
from scripted_server import NASTY, Script
from visiting import Visitor

pytestmark = pytest.mark.slow

SCREENS = [(360, 740), (768, 1024), (1280, 900)]


@pytest.fixture
def look(visitor: Visitor, script: Script) -> Visitor:
    """Somebody at the looks of a server that teaches."""
    script.project.is_on = True
    visitor.go("look")
    visitor.page.wait_for_selector("#look-confusion .lead")
    return visitor


def test_the_confusion_matrix_opens_to_messages(look: Visitor) -> None:
    page, keys = look.page, look.page.keyboard
    assert look.texts("#look-confusion .lead") == ["40 of 44 right (91%)."]
    assert look.texts(".mistakes li") == [
        "2 book_trip taken for cancel_booking_of_a_trip",
        "1 greet taken for goodbye",
        "1 out_of_scope taken for no answer",
    ]
    page.get_by_role("tab", name="Confusion").focus()
    for _ in range(4):
        keys.press("Tab")
    assert focused(look) == "8 right"
    keys.press("ArrowRight")
    assert focused(look) == "2 book_trip taken for cancel_booking_of_a_trip"
    keys.press("Enter")
    assert focused(look).startswith("book_trip, taken for cancel_booking_of_a_trip")
    assert look.texts(".cell-messages .text") == [
        "from Ottersea, book_trip 0",
        "from Ottersea, book_trip 1",
    ]
    page.get_by_role("button", name="from Ottersea, book_trip 1").press("Enter")
    page.wait_for_selector("#sheet[open]:has-text('book_trip 1')")
    page.locator("#sheet").get_by_role("button", name="Cancel").press("Enter")
    assert focused(look) == "Correct : from Ottersea, book_trip 1"
    keys.press("Escape")
    assert focused(look) == "2 book_trip taken for cancel_booking_of_a_trip"
    keys.press("Control+End")
    assert focused(look) == "1 out_of_scope taken for no answer"


@pytest.mark.long
def test_the_suggested_threshold(look: Visitor) -> None:
    look.page.get_by_role("tab", name="Confusion").press("ArrowRight")
    look.page.wait_for_selector("#look-coverage .figures")
    assert look.texts("#look-coverage .lead") == [
        "Suggested threshold: 0.62. It answers 48% of messages, 1.7% of them wrongly."
        " With 0.3, as it is now, it is 75% and 5.9%."
    ]
    assert look.texts("#look-coverage tbody tr")[-1] == "At most 1% wrong no threshold does it"
    assert look.page.locator("#look-coverage svg circle").count() == 3


@pytest.mark.long
def test_no_threshold_is_suggested(look: Visitor, script: Script) -> None:
    answer = script.look.answers["coverage"][0]
    answer |= {"suggested": None, "reaching": [], "no_suggestion_because": "too few errors to tell"}
    look.page.get_by_role("tab", name="Confidence").click()
    look.page.wait_for_selector("#look-coverage .lead")
    assert look.texts("#look-coverage .lead") == [
        "No threshold is suggested: too few errors to tell."
    ]


@pytest.mark.long
def test_a_threshold_that_answers_nothing(look: Visitor, script: Script) -> None:
    own = script.look.answers["coverage"][0]["own"]
    own |= {"threshold": 0.98, "coverage": 0.0, "error": None, "n_answered": 0, "n_wrong": 0}
    look.page.get_by_role("tab", name="Confidence").click()
    look.page.wait_for_selector("#look-coverage .lead")
    assert look.texts("#look-coverage .lead")[0].endswith(
        " With 0.98, as it is now, nothing is answered."
    )
    row = look.page.get_by_role("row", name="Now").get_by_role("cell")
    assert row.all_inner_texts()[1:3] == ["0%", "nothing is answered"]
    assert too_wide(look) == []


@pytest.mark.long
def test_numbers_do_not_say_more_than_is_so(look: Visitor) -> None:
    """No "100%" where one was wrong, no "1 min 60 s"."""
    said = look.page.evaluate(
        """async () => {
            const { percent, duration } = await import("/page/js/teach/words.js");
            const shares = [0, 0.0004, 0.004, 0.059, 40 / 44, 299 / 300, 0.9996, 1];
            return [shares.map(percent), [0.41, 9.97, 12.34, 59.6, 75, 119.6].map(duration)];
        }"""
    )
    assert said == [
        ["0%", "under 0.1%", "0.4%", "5.9%", "91%", "99.7%", "over 99.9%", "100%"],
        ["0.4 s", "10 s", "12 s", "1 min 0 s", "1 min 15 s", "2 min 0 s"],
    ]


@pytest.mark.long
def test_a_learning_curve_comes_after_a_while(look: Visitor) -> None:
    page = look.page
    page.get_by_role("tab", name="More examples?").click()
    page.get_by_label("Would more examples help").select_option("greet")
    page.get_by_role("button", name="Find out").click()
    page.wait_for_selector("#look-curve progress[value='0.25']")
    page.wait_for_selector("#look-curve .figures")
    assert look.texts("#look-curve tbody tr")[-1] == "20 0.81 0.06 0.86 0.81"
    assert "will probably help" in look.texts("#look-curve .lead")[0]


@pytest.mark.long
def test_a_learning_curve_that_failed_is_tried_again(look: Visitor, script: Script) -> None:
    found = script.look.answers["learning-curve"][-1]
    script.look.answers["learning-curve"] = [{"state": "failed", "error": "it went wrong"}, found]
    page = look.page
    page.get_by_role("tab", name="More examples?").click()
    page.get_by_label("Would more examples help").select_option("greet")
    page.get_by_role("button", name="Find out").click()
    page.get_by_text("it went wrong").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#look-curve .figures")


def test_layers_with_counts(look: Visitor) -> None:
    page = look.page
    page.get_by_role("tab", name="Layers").click()
    page.wait_for_selector(".layers img")
    widths = page.evaluate("[...document.querySelectorAll('.kernel')].map(i => i.naturalWidth)")
    assert widths == [96, 64, 480]
    assert "connections 1,228 of 6,144 (20%)" in look.texts(".layers li")[0]
    page.get_by_role("button", name="Larger: input layer of text").click()
    assert page.locator(".layers .large").count() == 1


@pytest.mark.long
def test_what_cannot_be_looked_at(look: Visitor, script: Script) -> None:
    script.look.answers["layers"] = [{"state": "none", "text": "No layer is sparse.", "hint": "x"}]
    script.look.answers["coverage"] = [{"state": "failed", "error": "it went wrong"}]
    look.page.get_by_role("tab", name="Layers").click()
    look.page.get_by_text("No layer is sparse.").wait_for()
    look.page.get_by_role("tab", name="Confidence").click()
    look.page.get_by_text("it went wrong").wait_for()
    look.page.get_by_role("button", name="Try again").wait_for()


@pytest.mark.long
def test_text_never_becomes_html(visitor: Visitor, script: Script) -> None:
    script.project.is_on = True
    answer = confusion()
    answer["intents"][0] = answer["cells"][0]["expected"] = answer["cells"][0]["predicted"] = NASTY
    answer["cells"][0]["messages"][0]["text"] = NASTY
    script.look.answers["confusion"] = [answer]
    visitor.go("look")
    visitor.page.locator(".grid td button").first.click()
    assert NASTY in visitor.texts(".cell-messages .text")
    assert visitor.page.locator("main b, main img[src=x]").count() == 0


@pytest.mark.long
@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "visitor",
    [
        {"viewport": {"width": width, "height": height}, "color_scheme": theme}
        for width, height in SCREENS
        for theme in ("light", "dark")
    ],
    indirect=True,
    ids=lambda options: f"{options['viewport']['width']}-{options['color_scheme']}",
)
def test_axe_finds_nothing_and_nothing_is_too_wide(visitor: Visitor, script: Script) -> None:
    """At the inbox, a training and each look."""
    script.project.is_on = True
    script.project.teach({"kind": "story", "name": "ask for a seat", "steps": []}, "Ada")

    def judge() -> None:
        assert faults_found_by_axe(visitor) == []
        assert too_wide(visitor) == []

    page = visitor.page
    visitor.go("inbox")
    page.locator(".messages summary").first.click()
    judge()
    visitor.go("train")
    script.training.is_held = True
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector("progress[value='0.4']")
    judge()
    script.training.is_held = False
    page.wait_for_selector(".verdict")
    judge()
    visitor.go("look")
    page.locator(".mistake").first.click()
    judge()
    for tab, shown in {"Confidence": ".figures", "Layers": ".kernel"}.items():
        page.get_by_role("tab", name=tab).click()
        page.locator(f".look-panel:not([hidden]) {shown}").first.wait_for()
        judge()
    page.get_by_role("tab", name="More examples?").click()
    page.get_by_role("button", name="Find out").click()
    page.locator("#look-curve .figures").wait_for()
    judge()
