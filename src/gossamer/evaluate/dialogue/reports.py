"""Report files of dialogue, with the names and the layout that Rasa's `test core` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.errors import DataError, InputError
from gossamer.data.installed import FIGURES, require
from gossamer.data.stories.steps import ActionStep, Step, Story, StoryData
from gossamer.data.stories.yaml_writer import dump_stories
from gossamer.data.text.files import write_files
from gossamer.evaluate.dialogue.evaluation import DialogueEvaluation
from gossamer.evaluate.dialogue.outcomes import ActionOutcome, ConversationOutcome
from gossamer.evaluate.dialogue.tables import dialogue_report_text
from gossamer.evaluate.files import json_bytes, text_bytes


def write_dialogue_reports(
    evaluation: DialogueEvaluation,
    folder: Path,
    *,
    errors: bool = True,
    successes: bool = False,
    warnings: bool = True,
    plots: bool = True,
) -> list[Path]:
    """Write an evaluation into a folder.

    Always `story_report.json`: scikit-learn's classification report, with `conversation_accuracy`;
    and `story_report.txt`, to be read, which Rasa does not have. Stories are written back as they
    were gone through, one for each way through checkpoints and alternatives; what was predicted
    instead is a remark after the step. Either all files are replaced or none; files of an earlier
    run that this run would not write are left alone.

    Departure from Rasa: `stories_with_warnings.yml` is in the order of the stories.

    Args:
        evaluation: what to write.
        folder: made when it is not there.
        errors: write `failed_test_stories.yml`.
        successes: write `successful_test_stories.yml`.
        warnings: write `stories_with_warnings.yml`.
        plots: draw `story_confusion_matrix.png`, of actions.

    Returns:
        The files written.

    Raises:
        InputError: the folder cannot be written, or figures are wanted and matplotlib is not there.
    """
    if plots:
        require("figures (plots=True)", *FIGURES)
    contents = {
        "story_report.json": json_bytes(story_report(evaluation)),
        "story_report.txt": text_bytes(dialogue_report_text(evaluation)),
    }
    stories = {
        "failed_test_stories.yml": (errors, evaluation.failed, "No test story failed."),
        "successful_test_stories.yml": (
            successes,
            evaluation.successful,
            "No test story succeeded.",
        ),
        "stories_with_warnings.yml": (
            warnings,
            evaluation.with_warnings,
            "No test story has a warning.",
        ),
    }
    for name, (is_wanted, outcomes, message_if_none) in stories.items():
        if is_wanted:
            content = stories_text(outcomes) if outcomes else f"# {message_if_none}\n"
            contents[name] = text_bytes(content)
    if plots:
        # Drawing is imported late: the figures are optional, matplotlib takes a second to load.
        from gossamer.evaluate.plots import confusion_matrix_png

        scores = evaluation.actions
        contents["story_confusion_matrix.png"] = confusion_matrix_png(
            scores.confusion, scores.confusion_labels, title="Actions: confusion matrix"
        )
    files = {folder / name: content for name, content in contents.items()}
    write_files(files, error=InputError)
    return list(files)


def story_report(evaluation: DialogueEvaluation) -> dict[str, object]:
    """The content of `story_report.json`."""
    return {
        **evaluation.labels.report,
        "conversation_accuracy": {
            "accuracy": evaluation.conversation_accuracy,
            "correct": len(evaluation.successful),
            "with_warnings": len(evaluation.with_warnings),
            "total": len(evaluation.outcomes),
        },
    }


def stories_text(outcomes: Sequence[ConversationOutcome]) -> str:
    """Conversations as a YAML file of stories, with remarks where something else was predicted.

    A conversation that YAML cannot carry is left out; a comment at the end says so.
    """
    told = [_with_remarks(outcome) for outcome in outcomes]
    try:
        return _dumped(told)
    except DataError:
        pass  # The error does not say which conversation, so they are tried one by one.
    writable: list[tuple[Story, dict[int, str]]] = []
    comments: list[str] = []
    for story, remarks in told:
        try:
            _dumped([(story, remarks)])
        except DataError as problem:
            words = f"'{story.name}' cannot be written: {problem}".split()
            comments.append(f"# {' '.join(words)}\n")
        else:
            writable.append((story, remarks))
    return _dumped(writable) + "".join(comments)


def _dumped(told: Sequence[tuple[Story, dict[int, str]]]) -> str:
    return dump_stories(
        StoryData(stories=tuple(story for story, _ in told)),
        comments={
            (number, position): remark
            for number, (_, remarks) in enumerate(told)
            for position, remark in remarks.items()
        },
    )


def _with_remarks(outcome: ConversationOutcome) -> tuple[Story, dict[int, str]]:
    """The story, with steps added where listening is implied but was not predicted."""
    wrong_listens: dict[int, str] = {}
    said: dict[int, str] = {}
    for part in outcome.parts:
        if part.remark is not None:
            is_implied = isinstance(part, ActionOutcome) and part.is_implied
            (wrong_listens if is_implied else said)[part.position] = part.remark
    steps: list[Step] = []
    remarks: dict[int, str] = {}
    for position in range(len(outcome.conversation.steps) + 1):
        if position in wrong_listens:
            remarks[len(steps)] = wrong_listens[position]
            steps.append(ActionStep(name=ACTION_LISTEN))
        if position in said:
            remarks[len(steps)] = said[position]
        steps += outcome.conversation.steps[position : position + 1]
    return Story(name=outcome.name, steps=tuple(steps)), remarks
