"""`gossamer inbox` in a terminal: message after message, one key for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gossamer.cli.streams import TypedLines, say, visible
from gossamer.cli.teaching.asking import Leave, Questions
from gossamer.cli.teaching.correcting import asked_example, show_patch
from gossamer.cli.understood import describe
from gossamer.data.errors import InputError
from gossamer.nlu.pipeline.parse import Parse
from gossamer.teach import MessageCorrection, Taught, TaughtProject
from gossamer.teach.accepting import accepted_example, example_of, senders_of
from gossamer.teach.files.derive import AlreadySo

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.data.nlu.examples import Example
    from gossamer.dialogue.history.tracker import Tracker
    from gossamer.teach.dismissed import Dismissed
    from gossamer.teach.inbox import InboxGroup

_KEYS = "acdsuq"
_PROMPT = "[a]ccept [c]orrect [d]ismiss [s]kip [u]ndo [q]uit: "
_MOST_VARIANTS = 3


def groups_of(
    trackers: Sequence[Tracker],
    project: TaughtProject,
    dismissed: Dismissed,
    limit: int,
    *,
    model: Path | None,
    config: Path | None,
) -> list[InboxGroup]:
    """The messages of conversations from which most can be learnt, the most useful first.

    Args:
        trackers: the conversations.
        project: what is known already.
        dismissed: texts that are left out.
        limit: how many at most.
        model: says what it understands of them; None: what was understood when they were written
            counts.
        config: names the model's own parts, or None.

    Raises:
        InputError: the project or the model cannot be read.
    """
    from gossamer.data.nlu.reading import read_training_data
    from gossamer.teach.inbox import Inbox, parsed_anew, stored_messages

    known = read_training_data([path for path in project.data if path.exists()], is_required=False)
    messages = list(stored_messages(trackers))
    gone = dismissed.texts_among([message.text for message in messages])
    messages = [message for message in messages if message.text not in gone]
    if model is not None and messages:
        from gossamer.assistant import Assistant

        assistant = Assistant.load(model, config=config)
        if assistant.understands_texts:
            messages = parsed_anew(messages, assistant.parse_many)
    return list(Inbox(known, messages).groups(limit))


class Review:
    """Goes through messages with a person.

    Args:
        groups: the messages.
        project: where what is taught goes.
        dismissed: texts that nobody wants to see again.
        console: where to print.
        lines: what is typed.
        who: who teaches.

    Attributes:
        taught: what was taught and not taken back.
    """

    def __init__(
        self,
        groups: Sequence[InboxGroup],
        project: TaughtProject,
        dismissed: Dismissed,
        console: Console,
        lines: TypedLines,
        *,
        who: str,
    ) -> None:
        self.taught: list[Taught] = []
        self._groups = groups
        self._project = project
        self._dismissed = dismissed
        self._console = console
        self._questions = Questions(lines)
        self._who = who
        description = project.description()
        self._intents = set(description.intents)
        self._out_of_scope = description.out_of_scope
        # Of each message that was done, what `_undo` takes back.
        self._done: list[tuple[int, Taught | None, str | None]] = []

    def run(self) -> None:
        """Go through the messages until there are no more, or the person ends it."""
        if not self._groups:
            self._note("no message is left to look at")
            return
        number = 0
        try:
            while number < len(self._groups):
                number = self._look_at(number)
        except Leave:
            return
        self._note("that was the last one")

    def _look_at(self, number: int) -> int:
        """Show a message and do what a key asks for; gives the number of the next one."""
        group = self._groups[number]
        parse = Parse.from_dict({**group.parse, "text": group.text})
        self._show(group, parse, number)
        while True:
            try:
                key = self._questions.key(_PROMPT, _KEYS)
                if key == "q":
                    raise Leave
                if key == "u":
                    return self._undo()
                if key == "d":
                    self._dismissed.add(group.text)
                    self._done.append((number, None, group.text))
                elif key != "s":
                    example = self._accepted(parse) if key == "a" else self._corrected(parse)
                    self._done.append((number, self._teach(example, group), None))
                return number + 1
            except (InputError, OSError) as error:
                say(f"Error: {error}")

    def _show(self, group: InboxGroup, parse: Parse, number: int) -> None:
        n_times = sum(1 for _ in group.messages)
        reasons = [reason.text for reason in group.reasons]
        head = f"{number + 1} of {len(self._groups)}"
        if n_times > 1:
            head += f", {n_times} times"
        if reasons:
            head += f": {', '.join(reasons)}"
        self._console.print()
        self._console.print(head, style="dim", markup=False, soft_wrap=True)
        self._console.print(visible(group.text), style="bold", markup=False, soft_wrap=True)
        texts = dict.fromkeys(message.text for message in group.messages)
        for text in [text for text in texts if text != group.text][:_MOST_VARIANTS]:
            self._note(f"also: {visible(text)}")
        self._console.print(describe(parse), soft_wrap=True)

    def _accepted(self, parse: Parse) -> Example:
        example = accepted_example(parse, self._intents)
        if example is None:
            raise InputError(
                "what is accepted must have an intent that can be learnt",
                got=parse.intent.name,
                hint="c, to choose one",
            )
        return example

    def _corrected(self, parse: Parse) -> Example:
        intent, entities = asked_example(
            parse, self._intents, self._out_of_scope, self._questions, self._console
        )
        return example_of(parse.text, intent, entities)

    def _teach(self, example: Example, group: InboxGroup) -> Taught | None:
        senders = senders_of(group.text, group.messages)
        try:
            taught = self._project.teach(MessageCorrection(example), who=self._who, senders=senders)
        except AlreadySo:
            self._note("the project has it already")
            return None
        self.taught.append(taught)
        if example.intent is not None:
            self._intents.add(example.intent)
        show_patch(taught.patch, self._console)
        return taught

    def _undo(self) -> int:
        if not self._done:
            raise InputError("there must be something to take back")
        number, taught, dismissed = self._done[-1]
        if taught is not None:
            self._project.undo(taught.id, who=self._who)
            self.taught = [each for each in self.taught if each.id != taught.id]
        if dismissed is not None:
            self._dismissed.remove(dismissed)
        self._done.pop()
        self._note("taken back")
        return number

    def _note(self, text: str) -> None:
        self._console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)
