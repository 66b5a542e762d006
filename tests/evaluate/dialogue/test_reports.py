from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import InputError
from gossamer.data.stories.reading import read_test_stories
from gossamer.data.stories.steps import ActionStep, EventStep, Story, StoryData, UserStep
from gossamer.dialogue.history.tracker import Tracker
from gossamer.evaluate import (
    DialogueEvaluation,
    dialogue_report_text,
    dialogue_summary_text,
    evaluate_dialogue,
    write_dialogue_reports,
)

Make = Callable[..., Any]

THREE = """
- story: right
  steps:
  - intent: book
    entities:
    - city: Rome
  - slot_was_set:
    - city: Rome
  - action: utter_book
- story: wrong [very]
  steps:
  - user: hi # there
    intent: greet
  - action: utter_greet
  - intent: bye
  - action: utter_bye
- story: suspicious
  steps:
  - intent: faq
  - action: utter_faq
"""


@pytest.fixture
def three(
    scripted: Make, by_heart: Make, choice: Make, stories: Make, small_domain: Domain
) -> DialogueEvaluation:
    """One right; one with a wrong greeting, and a word too much after it; one with a warning."""
    right = by_heart()

    def script(tracker: Tracker) -> Any:
        said = right(tracker)
        if said == "utter_greet":
            return choice(action="utter_faq", policy="TEDPolicy", confidence=0.512)
        if tracker.latest_action_name == "utter_greet":
            return "utter_book"
        return "action_unlikely_intent" if said == "utter_faq" and not _warned(tracker) else said

    def _warned(tracker: Tracker) -> bool:
        return tracker.latest_action_name == "action_unlikely_intent"

    def and_after_it(tracker: Tracker) -> Any:
        return "utter_faq" if _warned(tracker) else script(tracker)

    evaluation = evaluate_dialogue(scripted(and_after_it), stories(THREE), small_domain)
    assert len(evaluation.failed) == len(evaluation.with_warnings) == 1
    return evaluation


def test_file_names_are_those_of_rasa(three: DialogueEvaluation, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    written = write_dialogue_reports(three, folder, successes=True)
    assert {path.name for path in written} == {
        "story_report.json",
        "story_report.txt",
        "story_confusion_matrix.png",
        "failed_test_stories.yml",
        "successful_test_stories.yml",
        "stories_with_warnings.yml",
    }
    assert sorted(folder.iterdir()) == sorted(written)
    assert (folder / "story_confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_flags_leave_files_out(three: DialogueEvaluation, tmp_path: Path) -> None:
    write_dialogue_reports(three, tmp_path, errors=False, warnings=False, plots=False)
    assert {path.name for path in tmp_path.iterdir()} == {"story_report.json", "story_report.txt"}


def test_the_report(three: DialogueEvaluation, tmp_path: Path) -> None:
    write_dialogue_reports(three, tmp_path, plots=False)
    report = json.loads((tmp_path / "story_report.json").read_text("utf-8"))
    assert report["conversation_accuracy"] == {
        "accuracy": pytest.approx(2 / 3),
        "correct": 2,
        "with_warnings": 1,
        "total": 3,
    }
    assert report["accuracy"] == pytest.approx(6 / 8)
    assert report["utter_greet"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1-score": 0.0,
        "support": 1,
        "confused_with": {"utter_faq": 1},
    }
    assert {"weighted avg", "macro avg", "action_listen"} <= report.keys()


def test_stories_are_written_back_with_remarks(three: DialogueEvaluation, tmp_path: Path) -> None:
    write_dialogue_reports(three, tmp_path, successes=True, plots=False)
    failed = (tmp_path / "failed_test_stories.yml").read_text("utf-8")
    remarks = [line.strip() for line in failed.splitlines() if "predicted" in line]
    assert remarks == [
        "- action: utter_greet  # predicted: utter_faq",
        "- action: action_listen  # predicted: utter_book",
    ]
    warned = (tmp_path / "stories_with_warnings.yml").read_text("utf-8")
    assert "- action: utter_faq  # predicted: action_unlikely_intent" in warned

    (story,) = read_test_stories(tmp_path / "failed_test_stories.yml").stories
    assert story.name == "wrong [very]"
    assert story.steps == (
        UserStep(intent="greet", text="hi"),  # YAML has a comment there
        ActionStep(name="utter_greet"),
        ActionStep(name="action_listen"),
        UserStep(intent="bye"),
        ActionStep(name="utter_bye"),
    )
    right, suspicious = read_test_stories(tmp_path / "successful_test_stories.yml").stories
    assert (right.name, suspicious.name) == ("right", "suspicious")
    assert right.steps == three.outcomes[0].conversation.steps


def test_what_was_written_back_can_be_tested_again(
    three: DialogueEvaluation, tmp_path: Path, scripted: Make, by_heart: Make, small_domain: Domain
) -> None:
    write_dialogue_reports(three, tmp_path, plots=False)
    again = evaluate_dialogue(
        scripted(by_heart()), read_test_stories(tmp_path / "failed_test_stories.yml"), small_domain
    )
    assert [(a.target, a.prediction) for a in again.action_outcomes] == [
        (target, target)
        for target in ("utter_greet", "action_listen", "utter_bye", "action_listen")
    ]


def test_messages_have_remarks_too(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain, make_parse: Make,
    found: Make, tmp_path: Path,
) -> None:  # fmt: skip
    text = "to Rome # now"

    class Parser:
        def parse_many(self, texts: Any, /) -> Any:
            assert texts == [text]
            return [make_parse(text, "bye", entities=[found(text, "Rome", "city")])]

    data = stories(f'- story: a\n  steps:\n  - user: "{text}"\n    intent: book\n')
    evaluation = evaluate_dialogue(
        scripted(by_heart()), data, small_domain, parser=Parser(), end_to_end=True
    )
    write_dialogue_reports(evaluation, tmp_path, plots=False)
    written = (tmp_path / "failed_test_stories.yml").read_text("utf-8")
    assert "- intent: book  # predicted: bye: to [Rome](city) # now" in written
    assert read_test_stories(tmp_path / "failed_test_stories.yml").stories[0].steps[0] == UserStep(
        intent="book", text=text
    )


def test_nothing_failed(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain, tmp_path: Path
) -> None:
    data = stories("- story: a\n  steps:\n  - intent: greet\n  - action: utter_greet\n")
    evaluation = evaluate_dialogue(scripted(by_heart()), data, small_domain)
    write_dialogue_reports(evaluation, tmp_path, plots=False)
    assert (tmp_path / "failed_test_stories.yml").read_text() == "# No test story failed.\n"
    assert "no test story has a warning" in (
        (tmp_path / "stories_with_warnings.yml").read_text().lower()
    )
    assert "Failed" not in dialogue_report_text(evaluation)


def test_a_story_that_yaml_cannot_carry_is_told(
    scripted: Make, small_domain: Domain, tmp_path: Path
) -> None:
    event = EventStep(name="followup", fields={"name": "utter_bye"})
    stories = [
        Story(name="odd", steps=(UserStep(intent="greet"), event, ActionStep(name="utter_greet"))),
        Story(name="plain", steps=(UserStep(intent="bye"), ActionStep(name="utter_bye"))),
    ]
    evaluation = evaluate_dialogue(
        scripted(lambda _: "utter_book"), StoryData(stories=tuple(stories)), small_domain
    )
    write_dialogue_reports(evaluation, tmp_path, plots=False)
    path = tmp_path / "failed_test_stories.yml"
    assert [story.name for story in read_test_stories(path).stories] == ["plain"]
    text = path.read_text("utf-8")
    assert "# 'odd' cannot be written: " in text
    # Remarks stand in the right story although one is missing.
    assert "- action: utter_bye  # predicted: utter_book" in text


def test_a_file_in_the_way(three: DialogueEvaluation, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="a place that can be written"):
        write_dialogue_reports(three, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_summary_says_what_is_wrong(three: DialogueEvaluation) -> None:
    text = dialogue_summary_text(three)
    lines = [line.split() for line in text.splitlines()]
    assert ["conversations", "2", "3", "0.6667"] in lines
    assert ["actions", "6", "8", "0.7500"] in lines
    assert "1 right but for an unlikely intent" in text
    assert (
        "  wrong [very]\n    expected: utter_greet; predicted: utter_faq (TEDPolicy, 0.51)\n"
        in text
    )
    assert "    expected: action_listen; predicted: utter_book (RulePolicy, 0.90)\n" in text
    assert "messages" not in text


def test_the_report_text_has_all_actions_and_policies(three: DialogueEvaluation) -> None:
    text = dialogue_report_text(three)
    lines = [line.split() for line in text.splitlines()]
    assert ["TEDPolicy", "1", "0"] in lines
    assert ["RulePolicy", "7", "6"] in lines
    for action in three.actions.labels:
        assert any(line[:1] == [action] for line in lines), action


def test_a_summary_of_many_failures_is_short(
    scripted: Make, stories: Make, small_domain: Domain
) -> None:
    text = "".join(
        f"- story: number {n}\n  steps:\n  - intent: greet\n"
        + "  - action: utter_greet\n" * (n + 1)
        for n in range(25)
    )
    evaluation = evaluate_dialogue(
        scripted(lambda _: "utter_book"), stories(text), small_domain, max_actions=100
    )
    summary = dialogue_summary_text(evaluation)
    assert "number 19\n" in summary
    assert "number 20" not in summary
    assert "... and 5 more" in summary
    assert "number 24\n" in dialogue_report_text(evaluation)
