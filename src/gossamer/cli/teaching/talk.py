"""`gossamer interactive` in a terminal: what is asked, and what is typed besides answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from gossamer.cli.streams import TypedLines, number_of, say
from gossamer.cli.talk import Spoken, shown
from gossamer.cli.teaching.asking import Leave, Questions
from gossamer.cli.teaching.correcting import asked_example, show_choices, show_patch
from gossamer.cli.understood import describe
from gossamer.data.errors import InputError
from gossamer.teach.interactive import Awaits, Interactive

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.dialogue.history.tracker import Tracker
    from gossamer.teach import Taught

HELP = """\
Type what a user would say. Then each step is asked for: Enter is yes.
  :undo            take the last step back, and what it taught
  :restart         begin another conversation
  :fork [NUMBER]   go on from before a message; without a number, the messages are shown
  :slots           show what the assistant remembers
  :set NAME VALUE  set a slot; the value is JSON, or a text
  :story [NAME]    teach the conversation so far as a story
  :end             end, as /stop and Ctrl-D do"""

_MOST_ACTIONS = 9


class _Moved(Exception):
    """A command went elsewhere, so that the question is no longer asked."""


class InteractiveTalk:
    """Asks a person about every step of a conversation.

    Args:
        session: the conversation.
        console: where to print.
        lines: what is typed.
    """

    def __init__(self, session: Interactive, console: Console, lines: TypedLines) -> None:
        self._session = session
        self._console = console
        self._spoken = Spoken(console)
        self._questions = Questions(lines, self._command)
        self._plain = Questions(lines)
        self._was_read = False
        self._out_of_scope = session.project.description().out_of_scope

    def run(self) -> None:
        """Talk until the person ends it; then the story is taught, if something in it was not so.

        Raises:
            InputError: there is no terminal, and nothing to read.
            KeyboardInterrupt: Ctrl-C; the story is taught nevertheless.
        """
        steps: dict[Awaits, Callable[[], None]] = {
            Awaits.MESSAGE: self._message,
            Awaits.MEANING: self._meaning,
            Awaits.ACTION: self._action,
        }
        try:
            self._spoken.show(self._session.begin())
            while True:
                try:
                    steps[self._session.awaits]()
                except _Moved:
                    continue
                except InputError as error:  # the conversation goes on
                    say(f"Error: {error}")
        except Leave:
            if not self._was_read and not self._questions.is_terminal:
                raise InputError(
                    "gossamer interactive needs a terminal, or lines to read",
                    hint="gossamer interactive < talk.txt",
                ) from None
            self._end_story()
        except KeyboardInterrupt:
            typer.echo()
            self._end_story(asks=False)
            raise

    # -- steps -----------------------------------------------------------------------------------

    def _message(self) -> None:
        text = self._questions.line("> ")
        self._was_read = True
        if text:
            before = self._session.tracker
            self._session.say(self._spoken.meant(text))
            self._note_change(before)

    def _meaning(self) -> None:
        parse, before = self._session.parse, self._session.tracker
        if parse is None:
            return
        self._console.print(describe(parse), soft_wrap=True)
        if parse.intent.name is not None and self._questions.is_yes("Right?"):
            taught = self._tried(lambda teaches: self._session.accept(teaches=teaches))
        else:
            intent, entities = asked_example(
                parse, self._session.intents, self._out_of_scope, self._questions, self._console
            )
            taught = self._tried(
                lambda teaches: self._session.correct(intent, entities, teaches=teaches)
            )
        if taught is not None:
            show_patch(taught.patch, self._console)
        self._note_change(before)

    def _action(self) -> None:
        proposal, before = self._session.proposal(), self._session.tracker
        self._spoken.note(f"next: {proposal.action}  {proposal.policy} {proposal.confidence:.2f}")
        if self._questions.is_yes("Right?"):
            turn = self._session.do(proposal.action, proposal)
        else:
            others = [pair for pair in proposal.ranking if pair[0] != proposal.action]
            others = others[:_MOST_ACTIONS]
            show_choices([(name, f"{score:.2f}") for name, score in others], self._console)
            turn = self._session.do(self._asked_action([name for name, _ in others]))
        self._spoken.show(turn)
        self._note_change(before)

    def _asked_action(self, choices: list[str]) -> str:
        from gossamer.data.text.suggestions import nearest

        known = self._session.turns.domain.action_index
        while True:
            name = self._questions.one_of("Action: number, or name", choices)
            if name in known:
                return name
            meant = nearest(name, known)
            hint = f"actions: - {name}, in the domain, and training" if meant is None else meant
            say(f"Error: the domain must have the action (got {name!r}). Try: {hint}")

    def _tried(self, work: Callable[[bool], Taught | None]) -> Taught | None:
        """Teach and go on; if the project cannot be taught, go on all the same."""
        try:
            return work(True)
        except (InputError, OSError) as error:
            say(f"Error: {error}")
            say("This is not taught; the conversation goes on.")
        return work(False)

    def _note_change(self, before: Tracker) -> None:
        """Print what slots were set, and which form began or ended."""
        after = self._session.tracker
        for name, value in after.slots.items():
            if value != before.slots.get(name):
                self._spoken.note(f"slot {name} = {shown(value)}")
        if after.active_loop_name != before.active_loop_name:
            form = after.active_loop_name
            self._spoken.note("no form is active" if form is None else f"the form {form} is active")

    # -- commands --------------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: typer.echo(HELP),
            "slots": lambda _: self._spoken.note_slots(self._session.tracker),
            "set": self._set,
            "undo": self._undo,
            "restart": self._restart,
            "fork": self._fork,
            "story": self._story,
            "end": self._leave,
        }
        try:
            command = commands.get(name)
            if command is None:
                raise InputError(
                    "a line that begins with a colon must be a command",
                    got=f":{name}",
                    hint=":help",
                )
            command(rest.strip())
        except InputError as error:
            say(f"Error: {error}")

    def _leave(self, _: str) -> None:
        raise Leave

    def _undo(self, _: str) -> None:
        undone = self._session.undo()
        self._spoken.note("taken back")
        if undone is not None:
            self._spoken.note(f"taken out of the project again: number {undone.id}")
        raise _Moved

    def _restart(self, _: str) -> None:
        self._end_story()
        turn = self._session.restart()
        self._spoken.note("another conversation begins")
        self._spoken.show(turn)
        raise _Moved

    def _fork(self, rest: str) -> None:
        messages = self._session.messages()
        if not rest:
            show_choices([(text, "") for text in messages], self._console)
            if not messages:
                self._spoken.note("nothing was said")
            return
        if not rest.isdecimal():
            raise InputError("a fork must name the number of a message", got=rest, hint=":fork 1")
        number = number_of(rest, len(messages))
        if number is None:
            raise InputError(
                f"a fork must name a message from 1 to {len(messages)}", got=rest, hint=":fork"
            )
        self._end_story()
        self._session.fork(number - 1)
        self._spoken.note(f"goes on from before {messages[number - 1]!r}")
        raise _Moved

    def _set(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        if not name or not text.strip():
            raise InputError(":set needs a slot and a value", hint=":set city Rome")
        before = self._session.tracker
        self._session.set_slot(name, _value(text.strip()))
        self._note_change(before)
        raise _Moved

    def _story(self, rest: str) -> None:
        story = self._session.story(rest or None)
        if story is None:
            raise InputError("a story needs a turn that has ended")
        taught = self._session.teach(story)
        if taught is None:
            self._spoken.note("the project has this story")
        else:
            show_patch(taught.patch, self._console)

    def _end_story(self, *, asks: bool = True) -> None:
        """Teach the story, if a person chose something in it and does not say no."""
        if self._session.is_in_turn:
            self._spoken.note("the last turn has not ended, and is in no story")
        story = self._session.story() if self._session.has_corrected_story else None
        if story is None:
            return
        try:
            patch = self._session.preview(story)
            if not patch.files:
                return
            show_patch(patch, self._console, is_whole=True)
            try:
                is_wanted = not asks or self._plain.is_yes("Teach this story?")
            except Leave:  # nobody is there to say no
                is_wanted = True
            if is_wanted:
                self._session.teach(story)
        except (InputError, OSError) as error:
            say(f"Error: {error}")
            say("The story is not taught.")


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
        # What no JSON has (NaN, an infinite number), and what no file can hold, is a text.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return value
