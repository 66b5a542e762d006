"""Training from the page: progress, what came of it, in service or not, and models."""

from __future__ import annotations

import pytest
from fake_training import comparison
from judging import focused
from scripted_server import NASTY, Script
from visiting import Visitor

pytestmark = pytest.mark.slow

TAUGHT = {"kind": "message", "text": "to Lowmarsh", "intent": "book_trip", "entities": []}


@pytest.fixture
def train(visitor: Visitor, script: Script) -> Visitor:
    """Somebody at the place to train, after something was taught."""
    script.project.is_on = True
    script.project.teach(TAUGHT, "Ada")
    visitor.go("train")
    visitor.page.wait_for_selector(".models li")
    return visitor


def button(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).press("Enter")


@pytest.mark.long
def test_with_the_keyboard_from_training_to_service(train: Visitor, script: Script) -> None:
    page, keys = train.page, train.page.keyboard
    assert "to Lowmarsh book_trip Ada" in train.texts(".taught-list li")[0]
    button(train, "Train")
    page.wait_for_selector("progress[value='0.4']")
    assert train.texts(".stage") == ["Training DIETClassifier, epoch 40 of 100"]
    assert focused(train) == "Cancel"
    page.wait_for_selector(".verdict")
    assert focused(train) == "11 got better, 1 got worse."
    assert train.texts(".before-after tbody tr") == [
        "All that was ever taught 1 of 3 3 of 3 +2",
        "Test messages 104 of 120 107 of 120 +3",
        "Test stories 8 of 8 7 of 8 \N{MINUS SIGN}1",
    ]
    assert train.texts(".worse li") == [
        "Story: ask for a seat Expected utter_greet, utter_ask_seats Before as expected"
        " After utter_goodbye instead of utter_ask_seats"
    ]
    assert train.texts(".better li")[0].endswith(
        "Expected book_trip Ottersea city · departure Lowmarsh city · destination"
        " Before book_trip 0.66 Ottersea city · destination Lowmarsh city · destination"
        " After book_trip 0.97 Ottersea city · departure Lowmarsh city · destination"
    )
    assert "training 12 s" in train.texts(".result")[0]
    for _ in range(2):
        keys.press("Tab")
    assert focused(train) == "Put in service"
    keys.press("Enter")
    page.wait_for_selector(".done-with")
    assert focused(train) == "The new model answers now."
    page.wait_for_selector(".models .here:has-text('new')")
    page.wait_for_selector("#train:has-text('Nothing. What changed')")
    assert page.locator("#told").inner_text().strip() == "The new model answers now."


@pytest.mark.long
def test_a_training_is_there_again_after_a_reload(train: Visitor, script: Script) -> None:
    script.training.is_held = True
    button(train, "Train")
    train.page.wait_for_selector("progress[value='0.4']")
    train.page.reload()
    train.page.wait_for_selector("progress[value='0.4']")
    assert train.page.get_by_role("button", name="Train", exact=True).is_disabled()
    script.training.is_held = False
    train.page.wait_for_selector(".verdict")
    train.page.reload()
    train.page.wait_for_selector(".verdict")
    assert train.page.get_by_role("button", name="Put in service").is_enabled()


@pytest.mark.long
def test_the_old_model_is_kept(train: Visitor, script: Script) -> None:
    script.training.progress = []
    button(train, "Train")
    button(train, "Keep the old one")
    train.page.wait_for_selector(".done-with")
    assert focused(train) == "The old model stays."
    train.page.reload()
    train.page.wait_for_selector(".models li")
    assert train.texts(".result") == [""]
    assert "now" in train.texts(".models .here")[0]


@pytest.mark.long
def test_cancel(train: Visitor, script: Script) -> None:
    script.training.is_held = True
    button(train, "Train")
    button(train, "Cancel")
    train.page.wait_for_selector(".run h3:has-text('cancelled')")
    assert focused(train) == "The training was cancelled"
    assert train.page.get_by_role("button", name="Train", exact=True).is_enabled()


@pytest.mark.parametrize("is_text", [True, False])
def test_faults_are_shown_with_their_places(train: Visitor, script: Script, is_text: bool) -> None:
    message = "an intent needs a name (got '')"
    text = f"data/nlu.yml:12: {message}\nand this"
    faults = [{"file": "data/nlu.yml", "line": 12, "message": message}, {"message": "and this"}]
    error = text if is_text else {"message": "two faults", "faults": faults}
    script.training.outcome = {"state": "failed", "error": error}
    script.training.progress = []
    button(train, "Train")
    train.page.wait_for_selector(".faults")
    assert train.texts(".faults li") == [f"data/nlu.yml:12 {message}", "and this"]
    assert train.texts(".faults code") == ["data/nlu.yml:12"]


@pytest.mark.long
def test_one_that_cannot_begin(train: Visitor, script: Script) -> None:
    script.training.next_problem = "a training runs already"
    button(train, "Train")
    train.page.wait_for_selector(".run .problem")
    assert train.texts(".run .problem") == ["A training runs already."]
    assert focused(train) == "Train"


@pytest.mark.long
def test_going_back_to_a_model(train: Visitor, script: Script) -> None:
    assert [line.split()[0] for line in train.texts(".models li")] == [
        "20251120-090000-now",
        "20251101-080000-old",
    ]
    train.page.get_by_role("button", name="Go back to this one").press("Enter")
    train.page.wait_for_selector(".models .here:has-text('old')")
    assert focused(train) == "20251101-080000-old answers now."


@pytest.mark.long
def test_going_back_to_a_model_leaves_a_training_and_its_comparison(
    train: Visitor, script: Script
) -> None:
    script.training.is_held = True
    button(train, "Train")
    train.page.wait_for_selector("progress[value='0.4']")
    train.page.get_by_role("button", name="Go back to this one").press("Enter")
    train.page.wait_for_selector(".models .here:has-text('old')")
    assert train.page.get_by_role("button", name="Cancel").is_visible()
    script.training.is_held = False
    train.page.wait_for_selector(".verdict")
    train.page.get_by_role("button", name="Go back to this one").press("Enter")
    train.page.wait_for_selector(".models .here:has-text('now')")
    assert focused(train) == "20251120-090000-now answers now."
    assert train.texts(".verdict") == ["11 got better, 1 got worse."]
    button(train, "Put in service")
    train.page.wait_for_selector(".models .here:has-text('new')")
    assert train.texts(".done-with") == ["The new model answers now."]
    assert train.page.locator(".verdict").count() == 0


@pytest.mark.long
@pytest.mark.parametrize("name", ["Put in service", "Keep the old one"])
def test_after_a_refusal_the_keyboard_is_at_the_decision(
    train: Visitor, script: Script, name: str
) -> None:
    script.training.progress = []
    button(train, "Train")
    train.page.wait_for_selector(".verdict")
    script.training.next_problem = "the file is gone"
    button(train, name)
    train.page.wait_for_selector(".decision .problem")
    assert focused(train) == name
    assert train.page.locator(".decision button:enabled").count() == 2
    train.page.keyboard.press("Enter")
    train.page.wait_for_selector(".done-with")


@pytest.mark.long
def test_text_never_becomes_html(train: Visitor, script: Script) -> None:
    told = comparison()
    told["better"][1]["text"] = told["worse"][0]["text"] = told["trained"][0] = NASTY
    told["better"][1]["before"]["intent"] = NASTY
    script.training.outcome = {"state": "done", "comparison": told}
    script.training.progress = [{"stage": NASTY, "part": NASTY, "fraction": 0.5, "text": NASTY}]
    button(train, "Train")
    train.page.wait_for_selector(".verdict")
    assert NASTY in train.texts(".worse")[0]
    assert train.page.locator("main b, main img[src=x]").count() == 0
