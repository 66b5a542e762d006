"""Reading stories and rules in the Markdown of Rasa 1.x and 2.x.

    ## greet and ask                    a story; `>> name` is a rule
    > greeted                           a checkpoint, with `{"slot": value}` for conditions
    * greet OR ask{"city": "Rome"}      the user's intent and entities
      - utter_greet                     an action
      - slot{"city": "Rome"}            a slot was set; other events likewise

Test stories have the message after the intent: `* ask: how is [Rome](city)?`. In some data whole
sentences take the place of intents and actions (those of the TED paper); a file is taken for one of
sentences when most of its user lines are of no other form. HTML comments are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from gossamer.data.domain.domain import RULE_SNIPPET_ACTION
from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.formats.annotations import JSON_DECODER
from gossamer.data.nlu.formats.rasa_markdown import is_nlu_markdown
from gossamer.data.stories.parts import (
    action_step,
    check_steps,
    event_step,
    message_step,
    story_intent,
)
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.text.limits import MAX_DEPTH, is_too_deep

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IN_FORM = re.compile(r"[*-]\s+form: ")  # written by interactive learning; the form does it anyway
_NAME = r"[^\s{}:]+"
_INTENT = re.compile(rf"{_NAME}\s*(?:\{{.*\}})?")
_MESSAGE = re.compile(rf"(?P<intent>{_NAME})\s*(?:\{{.*?\}})?:\s+(?P<text>\S.*)")
_NEXT_MESSAGE = re.compile(rf" OR (?={_NAME}\s*(?:\{{.*?\}})?:\s)")
_CONFIDENCE = re.compile(r"@[\d.]+$")
# A checkpoint may have blanks in its name; an action with blanks and braces is a sentence.
_CHECKPOINT = re.compile(r"(?P<name>[^{]*[^\s{])\s*(?P<json>\{.*)")
_EVENT = re.compile(r"(?P<name>[^\s{]+)\s*(?P<json>\{.*)")
_LIKELY_EVENT = re.compile(r"-\s*(?:(?:slot|form|active_loop)\s*\{|(?:utter|action)_)")


def is_story_markdown(text: str) -> bool:
    """Whether a Markdown file holds stories or rules.

    It does when two thirds of its lines are headings or begin with `*`, `-` or `>`, most headings
    are right above such an item, and somewhere there is a line that only stories have: an action
    below a user's line, a known event or kind of action, a rule, a checkpoint.
    """
    if is_nlu_markdown(text):
        return False
    lines = [line for line in map(str.strip, _without_comments(text).split("\n")) if line]
    items = [line.startswith(("*", "-", ">")) for line in lines]
    headings = [line.startswith(("#", ">>")) for line in lines]
    below = [
        item
        for (heading, _), (next_heading, item) in pairwise(zip(headings, items, strict=True))
        if heading and not next_heading
    ]
    if 2 * sum(below) <= len(below) or 3 * sum(map(max, headings, items)) <= 2 * len(lines):
        return False
    return (
        any(line.startswith(">>") or re.fullmatch(r">\s*\S+", line) for line in lines)
        or any(_LIKELY_EVENT.match(line) for line in lines)
        or any(a.startswith("*") and b.startswith("-") for a, b in pairwise(lines))
    )


def parse_story_markdown(text: str, path: Path) -> StoryData:
    """Read stories and rules in Rasa's Markdown.

    Steps of a rule before its `...` are its conditions; without one it holds at the start of a
    conversation only. A `...` at the end means that the assistant does not wait for the user. What
    interactive learning wrote of forms (`* form: inform`) is left out, as are
    confidences (`* greet@0.9`).

    Args:
        text: the whole file.
        path: the file, for locations.

    Raises:
        DataError: a line that is not a heading, checkpoint, user's line, action or event; one
            before the first heading; broken JSON; a broken annotation; a story or rule without
            steps.
    """
    blank = _without_comments(text)
    unclosed = blank.find("<!--")
    if unclosed >= 0:
        raise DataError(
            "a comment must be closed",
            where=Location(path, blank.count("\n", 0, unclosed) + 1),
            hint="-->",
        )
    lines = [
        (line.strip(), Location(path, number))
        for number, line in enumerate(blank.split("\n"), start=1)
        if line.strip()
    ]
    has_sentences = _has_sentences(lines)
    stories: list[Story] = []
    rules: list[Rule] = []
    part: _Part | None = None
    for line, where in lines:
        if line.startswith(("#", ">>")):
            _close(part, stories, rules)
            part = _Part(line=line, where=where)
        elif part is None:
            raise DataError(
                "a line must be below the name of a story",
                got=line,
                where=where,
                hint="## name of the story",
            )
        else:
            part.steps += _steps(line, where, has_sentences=has_sentences)
    _close(part, stories, rules)
    return StoryData(stories=tuple(stories), rules=tuple(rules))


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)


def _has_sentences(lines: Iterable[tuple[str, Location]]) -> bool:
    """Whether most of what users say is neither intents nor an intent and its message."""
    said = [line[1:].strip() for line, _ in lines if line[0] == "*" and not _IN_FORM.match(line)]
    n_sentences = sum(
        _MESSAGE.fullmatch(text) is None
        and any(" " in part.partition("{")[0].strip() for part in text.split(" OR "))
        for text in said
    )
    return 2 * n_sentences > len(said)


@dataclass(slots=True)
class _Part:
    """A story or rule that is being read."""

    line: str
    where: Location
    steps: list[Step] = field(default_factory=list)


def _close(part: _Part | None, stories: list[Story], rules: list[Rule]) -> None:
    if part is None:
        return
    if part.line.startswith(">>"):
        rules.append(_rule(part))
        return
    if not part.steps and not part.line.startswith("##"):
        return  # a title of the file
    name = part.line.strip("# \t")
    _check_name(name, "story", part)
    check_steps("story", name, part.steps, part.where)
    stories.append(Story(name=name, steps=tuple(part.steps), where=part.where))


def _check_name(name: str, kind: str, part: _Part) -> None:
    if not name:
        raise DataError(f"a {kind} needs a name", got=part.line, where=part.where, hint="## greet")


def _rule(part: _Part) -> Rule:
    name = part.line.strip("> \t")
    _check_name(name, "rule", part)
    steps = part.steps
    conditions = list(takewhile(_is_condition, steps))
    rests = [number for number, step in enumerate(steps) if _is_rest(step)]
    if len(conditions) in rests:
        steps = steps[len(conditions) + 1 :]
        conversation_start = False
    else:
        conditions = []
        conversation_start = True
    waits_for_user = not steps or not _is_rest(steps[-1])
    steps = steps if waits_for_user else steps[:-1]
    for step in filter(_is_rest, steps):
        raise DataError(
            "'...' must be at the beginning or end of a rule", got=name, where=step.where
        )
    check_steps("rule", name, steps, part.where)
    return Rule(
        name=name,
        steps=tuple(steps),
        conditions=tuple(step for step in conditions if isinstance(step, SlotStep | LoopStep)),
        conversation_start=conversation_start,
        wait_for_user_input=waits_for_user,
        where=part.where,
    )


def _is_condition(step: Step) -> bool:
    return isinstance(step, SlotStep | LoopStep)


def _is_rest(step: Step) -> bool:
    return isinstance(step, ActionStep) and step.name == RULE_SNIPPET_ACTION


def _steps(line: str, where: Location, *, has_sentences: bool) -> Iterator[Step]:
    if _IN_FORM.match(line):
        return
    sign, rest = line[0], line[1:].strip()
    if sign not in "*->":
        raise DataError(
            "a line of a story must begin with '*', '-', '>' or '##'",
            got=line,
            where=where,
            hint="<!-- --> around a remark",
        )
    if re.search(r"\w", rest) is None and rest != RULE_SNIPPET_ACTION:
        raise DataError(
            f"a line must name something after '{sign}'", got=line, where=where, hint="remove it"
        )
    if sign == ">":
        name, conditions = _arguments(_CHECKPOINT, rest, where)
        slots = tuple(
            SlotStep(name=slot, value=value, where=where)
            for slot, value in (conditions or {}).items()
        )
        yield CheckpointStep(name=name, conditions=slots, where=where)
    elif sign == "-":
        yield from _bot_steps(rest, where)
    else:
        said = _sentences if has_sentences else _messages
        alternatives = tuple(said(rest, where))
        if len(alternatives) == 1:
            yield alternatives[0]
        else:
            yield OrStep(alternatives=alternatives, where=where)


def _sentences(text: str, where: Location) -> Iterator[UserStep]:
    """What users say in a file of sentences, which are names of intents."""
    for part in text.split(" OR "):
        if _INTENT.fullmatch(part):
            yield from _intents(part, where)
        else:
            yield UserStep(intent=part.strip(), where=where)


def _messages(text: str, where: Location) -> Iterator[UserStep]:
    """What users say in any other file: intents, some with their message."""
    for part in _NEXT_MESSAGE.split(text):
        match = _MESSAGE.fullmatch(part)
        if match is None:
            yield from _intents(part, where)
        else:
            yield message_step(match["text"], story_intent(match["intent"], where), where)


def _intents(text: str, where: Location) -> Iterator[UserStep]:
    """Intents with entities, `a OR b{"city": "Rome"}`; braces may hold " OR ", too."""
    position = 0
    while position < len(text):
        cut, brace = text.find(" OR ", position), text.find("{", position)
        end = len(text) if cut < 0 else cut
        values: dict[str, Any] = {}
        behind = end
        if 0 <= brace < end:
            end = brace
            values, behind = _json(text, brace, where)
        yield UserStep(
            intent=story_intent(_CONFIDENCE.sub("", text[position:end].strip()), where),
            entities=tuple(
                Entity(entity=entity, value=each)
                for entity, value in values.items()
                for each in (value if isinstance(value, list) else [value])
            ),
            where=where,
        )
        rest = text[behind:]
        next_one = re.match(r"\s*OR\s+(?=\S)", rest)
        if rest.strip() and next_one is None:
            raise DataError(
                "only another intent may follow the entities of one",
                got=rest,
                where=where,
                hint='ask{"city": "Rome"} OR ask{"city": "Bonn"}',
            )
        position = len(text) if next_one is None else behind + next_one.end()


def _json(text: str, start: int, where: Location) -> tuple[dict[str, Any], int]:
    """The JSON object that begins at an offset, and the offset after it."""
    try:
        values, end = JSON_DECODER.raw_decode(text, start)
        if is_too_deep(values):
            raise RecursionError(f"more than {MAX_DEPTH} levels")
    except (ValueError, RecursionError) as problem:
        raise DataError(
            f"braces must hold valid JSON: {problem}",
            got=text[start:],
            where=where,
            hint='{"city": "Rome"}',
        ) from None
    return values, end


def _arguments(
    pattern: re.Pattern[str], text: str, where: Location
) -> tuple[str, dict[str, Any] | None]:
    """A name and the JSON after it, or a text without any."""
    match = pattern.fullmatch(text)
    if match is None:
        return text, None
    values, end = _json(text, match.start("json"), where)
    if text[end:].strip():
        raise DataError("nothing may follow the braces", got=text[end:], where=where)
    return match["name"], values


def _bot_steps(text: str, where: Location) -> Iterator[Step]:
    name, fields = _arguments(_EVENT, text, where)
    if name == "slot":
        if not fields:
            raise DataError(
                "'slot' needs a slot and its value",
                got=text,
                where=where,
                hint='slot{"city": "Rome"}',
            )
        for slot, value in fields.items():
            yield SlotStep(name=slot, value=value, where=where)
    elif name in ("form", "active_loop"):
        loop = (fields or {}).get("name", "")
        if not (loop is None or (isinstance(loop, str) and loop)):
            raise DataError(
                f"'{name}' needs a name, or null",
                got=text,
                where=where,
                hint=f'{name}{{"name": "booking_form"}}',
            )
        yield LoopStep(name=loop, where=where)
    elif fields is None:
        yield action_step(name, where)
    else:
        yield event_step(name, fields, where)
