"""Writing stories and rules as Rasa 3.1 YAML, such that reading it gives the same data.

Nothing is lost silently: the text is read back before it is handed out, and what cannot be written
is a `DataError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.nlu.intents import intent_name
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    CheckpointStep,
    EventStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.data.text.text_files import write_text
from gossamer.data.text.yaml_writer import double_quoted, is_block_safe, yaml_entry, yaml_text

Comments = Mapping[tuple[int, int], str]


def dump_stories(data: StoryData, *, comments: Comments | None = None) -> str:
    """Stories and rules as the text of one YAML file; reading it gives equal data.

    Args:
        data: what to write. Locations are not written.
        comments: by the positions of a story in `data.stories` and of a step in it, a remark to put
            after the step's first line ("predicted: utter_bye").

    Raises:
        DataError: YAML cannot carry something: an event with fields, an action with the name of an
            event, a name of blanks, a message with brackets that annotations cannot express, its
            entities without their places; conditions on a checkpoint inside a story, checkpoints
            in a rule, a value of a type that YAML does not have.
    """
    remarks = {} if comments is None else comments
    lines = ['version: "3.1"']
    if data.stories or not data.rules:
        lines.append("stories:" if data.stories else "stories: []")
    for number, story in enumerate(data.stories):
        own = {step: text for (position, step), text in remarks.items() if position == number}
        lines += _as_item(_story(story, own))
    if data.rules:
        lines.append("rules:")
    for rule in data.rules:
        lines += _as_item(_rule(rule))
    text = "\n".join(lines) + "\n"
    _check_same(data, text)
    return text


def write_stories(path: str | Path, data: StoryData, *, comments: Comments | None = None) -> None:
    """Write stories and rules as YAML; reading the file gives equal data.

    Args:
        path: the file; replaced whole or not at all.
        data: what to write.
        comments: as for `dump_stories`.

    Raises:
        DataError: as `dump_stories`, or the file cannot be written.
    """
    write_text(Path(path), dump_stories(data, comments=comments))


def _check_same(data: StoryData, text: str) -> None:
    """Refuse data that the text would not give back."""
    try:
        read_back = parse_story_yaml(text, Path("written"))
    except DataError as problem:
        raise DataError(
            f"stories cannot be written: {problem.must_hold}", got=problem.got, hint=problem.hint
        ) from None
    meant: Sequence[Story | Rule] = (*data.stories, *data.rules)
    found: Sequence[Story | Rule] = (*read_back.stories, *read_back.rules)
    for part, other in zip(meant, found, strict=True):
        # repr, as NaN is not equal to itself, and True is to 1.
        if repr(part) != repr(other):
            differing = (
                step
                for step, read in zip(part.steps, other.steps, strict=False)
                if repr(step) != repr(read)
            )
            step = next(differing, None)
            raise DataError(
                "YAML must be able to carry a story",
                got=part if step is None else step,
                where=part.where if step is None else step.where,
            )


def _as_item(lines: Iterable[str], comment: str | None = None) -> list[str]:
    first, *others = lines
    if comment is not None:
        remark = " ".join(comment.split())
        remark = remark if is_block_safe(remark) else double_quoted(remark)
        first = f"{first}  # {remark}"
    return [f"- {first}", *(f"  {line}" if line else line for line in others)]


def _story(story: Story, comments: Mapping[int, str]) -> list[str]:
    lines = [f"story: {yaml_text(story.name)}"]
    if story.metadata is not None:
        lines += yaml_entry("metadata", story.metadata)
    return [*lines, "steps:", *_steps(story.steps, comments)]


def _rule(rule: Rule) -> list[str]:
    lines = [f"rule: {yaml_text(rule.name)}"]
    if rule.metadata is not None:
        lines += yaml_entry("metadata", rule.metadata)
    if rule.conditions:
        lines += ["condition:", *_steps(rule.conditions, {})]
    if rule.conversation_start:
        lines.append("conversation_start: true")
    lines += ["steps:", *_steps(rule.steps, {})]
    if not rule.wait_for_user_input:
        lines.append("wait_for_user_input: false")
    return lines


def _steps(steps: Sequence[Step], comments: Mapping[int, str]) -> list[str]:
    """Steps as items of a list; slots that are set in a row share one step."""
    lines: list[str] = []
    for is_slot, run in groupby(enumerate(steps), key=lambda pair: isinstance(pair[1], SlotStep)):
        if is_slot:
            slots = [(number, step) for number, step in run if isinstance(step, SlotStep)]
            lines += _as_item(_slots((step, comments.get(number)) for number, step in slots))
        else:
            for number, step in run:
                lines += _as_item(_step(step), comments.get(number))
    return lines


def _step(step: Step) -> list[str]:
    match step:
        case UserStep():
            return _user(step)
        case ActionStep():
            return [f"action: {yaml_text(step.name)}"]
        case EventStep():
            return _event(step)
        case BotStep():
            return _said("bot", step.text)
        case SlotStep():
            return _slots([(step, None)])
        case LoopStep():
            return yaml_entry("active_loop", step.name)
        case CheckpointStep():
            line = f"checkpoint: {yaml_text(step.name)}"
            slots = [(slot, None) for slot in step.conditions]
            return [line, *(_slots(slots) if slots else ())]
        case OrStep():
            alternatives = (line for part in step.alternatives for line in _as_item(_step(part)))
            return ["or:", *alternatives]


def _event(step: EventStep) -> list[str]:
    if step.fields:
        raise DataError(
            "stories in YAML cannot carry an event with fields",
            got=step,
            where=step.where,
            hint="remove it, if the conversation makes sense without it",
        )
    return [f"action: {yaml_text(step.name)}"]


def _slots(slots: Iterable[tuple[SlotStep, str | None]]) -> list[str]:
    lines = ["slot_was_set:"]
    for slot, comment in slots:
        name = yaml_text(slot.name)
        entry = [name] if slot.is_named_only else yaml_entry(name, slot.value)
        lines += _as_item(entry, comment)
    return lines


def _user(step: UserStep) -> list[str]:
    lines: list[str] = []
    if step.intent is not None:
        if intent_name(step.intent, step.where) != step.intent:
            raise DataError(
                "an intent in YAML must have no blanks around its name", got=step, where=step.where
            )
        lines.append(f"intent: {yaml_text(step.intent)}")
    if step.text is not None:
        return [*lines, *_said("user", _annotated(step, step.text))]
    if step.intent is None:
        raise DataError("what a user says needs an intent or a text", got=step, where=step.where)
    if step.entities:
        lines.append("entities:")
        lines += (line for entity in step.entities for line in _as_item(_entity(entity)))
    return lines


def _said(key: str, text: str) -> list[str]:
    """A text that is said. Only double quotes keep blanks at its ends."""
    return yaml_entry(key, text) if text.strip() == text else [f"{key}: {double_quoted(text)}"]


def _annotated(step: UserStep, text: str) -> str:
    if parse_direct_message(text) is not None:
        return text
    for entity in step.entities:
        if not entity.has_place:
            raise DataError(
                "the entities of a message must have their places in its text",
                got=entity,
                where=step.where,
            )
    return annotate(Example(text=text, entities=step.entities, where=step.where))


def _entity(entity: Entity) -> list[str]:
    labels: dict[str, Any] = {"role": entity.role, "group": entity.group}
    labels = {key: label for key, label in labels.items() if label is not None}
    name = yaml_text(entity.entity)
    if entity.value == "" and not labels:
        return [name]
    lines = yaml_entry(name, entity.value)
    for key, label in labels.items():
        lines += yaml_entry(key, label)
    return lines
