"""What a message means, asked of a person."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from gossamer.cli.streams import say, visible
from gossamer.cli.teaching.asking import Questions
from gossamer.data.errors import InputError, MistakeWarning

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.data.entities import Entity
    from gossamer.nlu.pipeline.parse import Parse
    from gossamer.teach import Patch

_MOST_CHOICES = 10


def asked_example(
    parse: Parse,
    intents: Collection[str],
    out_of_scope: str,
    questions: Questions,
    console: Console,
) -> tuple[str, tuple[Entity, ...]]:
    """What a message means instead: its intent, which may be new, and its entities.

    Args:
        parse: what the model says.
        intents: of the project.
        out_of_scope: the intent of messages that the assistant is not for.
        questions: asks.
        console: where to print.

    Raises:
        Leave: the person wants to end.
    """
    intent = _asked_intent(parse, intents, out_of_scope, questions, console)
    return intent, _asked_entities(parse, intent, questions, console)


def _asked_intent(
    parse: Parse,
    intents: Collection[str],
    out_of_scope: str,
    questions: Questions,
    console: Console,
) -> str:
    from gossamer.data.nlu.intents import FALLBACK_INTENT, intent_name
    from gossamer.data.text.suggestions import nearest

    sure = {each.name: each.confidence for each in parse.intent_ranking}
    ranked = [name for each in parse.intent_ranking for name in _whole(each.name, intents)]
    others = [name for name in sorted(intents) if name not in ranked]
    choices = [name for name in (*ranked, *others) if name not in (FALLBACK_INTENT, out_of_scope)]
    choices = [*choices[: _MOST_CHOICES - 1], out_of_scope]
    show_choices(
        [
            (name, "out of scope" if name == out_of_scope else _sure(sure.get(name)))
            for name in choices
        ],
        console,
    )
    found = _whole(parse.intent.name, intents)
    default = found[0] if len(found) == 1 and found[0] != FALLBACK_INTENT else None
    while True:
        try:
            name = intent_name(questions.one_of("Intent: number, or name", choices, default))
        except InputError as error:
            say(f"Error: {error}")
            continue
        if name in intents or name == out_of_scope:
            return name
        meant = nearest(name, intents)
        hint = "" if meant is None else f" (there is {meant})"
        if questions.is_yes(f"{name} is a new intent{hint}. Make it?", default=False):
            return name


def _whole(name: str | None, intents: Collection[str]) -> list[str]:
    """An intent as it is taught: of a retrieval intent all that have a key."""
    if name is None:
        return []
    with_keys = sorted(each for each in intents if each.startswith(f"{name}/"))
    return with_keys if with_keys and name not in intents else [name]


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.2f}"


def _asked_entities(
    parse: Parse, intent: str, questions: Questions, console: Console
) -> tuple[Entity, ...]:
    from gossamer.data.nlu.formats.annotations import parse_annotated
    from gossamer.teach.accepting import annotated, example_of

    example = example_of(parse.text, intent, parse.entities)
    sentence = annotated(example)
    console.print(f"  {visible(sentence)}", markup=False, soft_wrap=True)
    remember_line(sentence)
    while True:
        typed = questions.line("Enter if that is all, or type it with its entities, [Rome](city): ")
        is_all = not typed
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", MistakeWarning)
                text, entities = parse_annotated(typed or sentence)
        except (InputError, MistakeWarning) as error:
            if is_all:
                return ()
            say(f"Error: {error}")
            continue
        if text == example.text:
            return entities
        if is_all:  # its brackets look like annotations, and are none
            return ()
        say(f"Error: without its annotations it must be the same text (got {text!r})")


def remember_line(text: str) -> None:
    """Let the key that goes up in the history bring a line, where there is one."""
    try:
        import readline
    except ImportError:
        return
    if "\0" not in text:
        readline.add_history(text)


def show_choices(choices: Sequence[tuple[str, str]], console: Console) -> None:
    """Print names with a remark each, numbered from 1."""
    width = max((len(name) for name, _ in choices), default=0)
    for number, (name, remark) in enumerate(choices, start=1):
        line = f"  {number:>2}  {name:<{width}}  {remark}".rstrip()
        console.print(line, markup=False, soft_wrap=True)


_STYLES = {"+": "green", "-": "red"}


def show_patch(patch: Patch, console: Console, *, is_whole: bool = False) -> None:
    """Print what changes in files.

    Args:
        patch: the change.
        console: where to print.
        is_whole: with the lines around it; else each file's name and the lines that come and go.
    """
    for written in patch.diff().split("\n")[:-1]:
        line = visible(written.removesuffix("\r"))
        is_head = line.startswith(("---", "+++", "@@"))
        if is_whole or (not is_head and line[:1] in _STYLES):
            style = "bold" if is_head else _STYLES.get(line[:1])
            console.print(f"  {line}", style=style, markup=False, soft_wrap=True)
        elif line.startswith("+++"):
            path = line.removeprefix("+++ ").removeprefix("b/")
            console.print(f"  {path}", style="bold", markup=False, soft_wrap=True)
