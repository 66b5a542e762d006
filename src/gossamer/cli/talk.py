"""A conversation in a terminal: what is said, and on request why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gossamer.cli.streams import number_of, say
from gossamer.data.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.dialogue.history.events import BotUttered
    from gossamer.dialogue.history.tracker import Tracker
    from gossamer.dialogue.runtime.conversations import Conversations, Turn, TurnAction

HELP = """\
Type what you would say, or an intent directly: /greet, /inform{"city": "Rome"}.
A number picks one of the buttons that were shown.
  :why         show, or no longer show, why each action is chosen
  :slots       show what the assistant remembers
  :save FILE   write the conversation to a file
  :load FILE   go on with a conversation from a file
  /restart     start over
  /stop        end"""

_MOST_OTHERS = 4


class Spoken:
    """Prints what the assistant says.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._payloads: list[str] = []

    def show(self, turn: Turn) -> None:
        """Print a turn's messages, and what went wrong; its buttons can be chosen next."""
        for message in turn.messages:
            self._say(message)
        for problem in turn.problems:
            say(f"Warning: {problem}")

    def meant(self, text: str) -> str:
        """What is said with a line: the message of a button, if it is the number of one."""
        payloads, self._payloads = self._payloads, []
        number = number_of(text, len(payloads))
        return text if number is None else payloads[number - 1]

    def note(self, text: str) -> None:
        """Print a remark."""
        self.console.print(f"  {text}", style="dim", markup=False, soft_wrap=True)

    def note_slots(self, tracker: Tracker) -> None:
        """Print what the assistant remembers."""
        values = {name: value for name, value in tracker.slots.items() if value is not None}
        for name, value in values.items():
            self.note(f"{name} = {shown(value)}")
        if tracker.active_loop_name is not None:
            self.note(f"the form {tracker.active_loop_name} is active")
        elif not values:
            self.note("no slot has a value")

    def _say(self, message: BotUttered) -> None:
        if message.text is not None:
            self.console.print(message.text, markup=False, soft_wrap=True)
        for key in ("image", "attachment", "custom"):
            if message.data.get(key) is not None:
                said = message.data[key]
                self.note(f"{key}: {said if isinstance(said, str) else shown(said)}")
        buttons: Sequence[Mapping[str, Any]] = [
            *(message.data.get("buttons") or []),
            *(message.data.get("quick_replies") or []),
        ]
        for button in buttons:
            payload = str(button.get("payload") or button.get("title") or "")
            self._payloads.append(payload)
            self.note(f"{len(self._payloads)}: {button.get('title', payload)} ({payload})")


class Talk:
    """Takes lines that a person types and prints what the assistant says.

    Args:
        conversations: the assistant.
        console: where to print.
        shows_why: whether to show why each action was chosen.
    """

    def __init__(
        self, conversations: Conversations, console: Console, *, shows_why: bool = False
    ) -> None:
        self._conversations = conversations
        self._spoken = Spoken(console)
        self._shows_why = shows_why

    def begin(self) -> None:
        """Begin the session; what the assistant then says is printed."""
        self._print(self._conversations.begin())

    def take(self, text: str) -> None:
        """Take a line: a message, or a command that begins with a colon."""
        if text.startswith(":"):
            try:
                self._command(text[1:])
            except InputError as error:  # the conversation goes on
                say(f"Error: {error}")
            return
        self._print(self._conversations.handle(self._spoken.meant(text)))

    def load(self, path: Path) -> None:
        """Go on with a stored conversation."""
        from gossamer.dialogue.history.tracker_files import load_tracker

        tracker = load_tracker(path, self._conversations.domain.slots)
        here = self._conversations.tracker()
        tracker.sender_id = here.sender_id
        self._conversations.trackers[here.sender_id] = tracker
        self._spoken.note(f"goes on with {len(tracker.events)} events of {path}")

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        if name == "why":
            self._shows_why = not self._shows_why
            self._spoken.note("shows why" if self._shows_why else "no longer shows why")
        elif name == "slots":
            self._spoken.note_slots(self._conversations.tracker())
        elif name in ("save", "load"):
            if not rest:
                raise InputError(f":{name} needs a file", hint=f":{name} conversation.json")
            if name == "save":
                self._save(Path(rest))
            else:
                self.load(Path(rest))
        elif name == "help":
            typer.echo(HELP)
        else:
            raise InputError(
                "a line that begins with a colon must be a command", got=f":{name}", hint=":help"
            )

    def _save(self, path: Path) -> None:
        from gossamer.dialogue.history.tracker_files import save_tracker

        tracker = self._conversations.tracker()
        save_tracker(path, tracker)
        self._spoken.note(f"{len(tracker.events)} events in {path}")

    def _print(self, turn: Turn) -> None:
        if self._shows_why:
            self._understood(turn)
        self._spoken.show(turn)
        if self._shows_why:
            for action in turn.actions:
                self._why(action)

    def _understood(self, turn: Turn) -> None:
        from gossamer.dialogue.history.events import SlotSet, UserUttered

        slots: dict[str, Any] = {}  # filled from the message, then perhaps by a form or an action
        for event in turn.events:
            if isinstance(event, UserUttered):
                found = [f"{e.entity} = {e.value}" for e in event.entities]
                text = f"understood {event.intent or 'nothing'} ({event.confidence:.2f})"
                self._spoken.note(", ".join([text, *found]))
            elif isinstance(event, SlotSet):
                slots[event.name] = event.value
        for name, value in slots.items():
            self._spoken.note(f"slot {name} = {shown(value)}")

    def _why(self, action: TurnAction) -> None:
        text = f"did {action.reason()}"
        if action.is_rejected:
            text += ", which would not run"
        self._spoken.note(text)
        if action.prediction is None:
            return
        labels = self._conversations.domain.action_labels
        for other in action.prediction.all[:_MOST_OTHERS]:
            if other is not action.prediction.prediction and other.confidence > 0:
                self._spoken.note(
                    f"    {other.policy}: {labels[other.best]} {other.confidence:.2f}"
                )


def shown(value: Any) -> str:
    """A value for people: as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)
