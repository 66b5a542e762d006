"""What is kept of one person, as a file for them, and its deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gossamer.data.endpoints import Endpoints, FileBrokerOptions
from gossamer.data.errors import DataError, all_of
from gossamer.data.stories.steps import UserStep
from gossamer.serve.brokers.file_broker import blot_out, lines_of
from gossamer.serve.store.conversations import ConversationStore
from gossamer.serve.store.reminders import Reminder
from gossamer.teach import (
    Correction,
    MessageCorrection,
    Taught,
    TaughtProject,
    correction_json,
)
from gossamer.teach.candidates.store import erase_texts
from gossamer.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a sender.

    Attributes:
        sender_id: who.
        events: of their conversation, as JSON, in order.
        reminders: those that are pending.
        n_published: how many of their events are in the file of the event broker.
        taught: what was taught from their messages and is the project's now.
    """

    sender_id: str
    events: Sequence[Mapping[str, Any]]
    reminders: Sequence[Reminder] = ()
    n_published: int = 0
    taught: Sequence[Taught] = ()

    @property
    def n_messages(self) -> int:
        """How many messages they wrote."""
        return sum(event["event"] == "user" for event in self.events)

    @property
    def is_anything(self) -> bool:
        """Whether there is something that was not taught."""
        return bool(self.events or self.reminders or self.n_published)

    def to_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "sender_id": self.sender_id,
            "exported": _time(datetime.now(UTC).timestamp()),
            "version": __version__,
            "events": list(self.events),
            "reminders": [
                {
                    "name": each.name,
                    "intent": each.intent,
                    "entities": each.entities,
                    "date_time": _time(each.due),
                }
                for each in self.reminders
            ],
            "taught": [
                {
                    "id": each.id,
                    "when": _time(each.when),
                    "correction": correction_json(each.correction),
                    "is_undone": each.is_undone,
                }
                for each in self.taught
            ],
        }


def kept_of(
    store: ConversationStore,
    sender_id: str,
    broker_file: Path | None = None,
    project: TaughtProject | None = None,
) -> Kept:
    """What is kept of a sender.

    Args:
        store: where conversations are.
        sender_id: who.
        broker_file: see `broker_file_of`.
        project: that was taught, or None.

    Raises:
        InputError: the id cannot be one.
        StoreError: the database does not answer.
    """
    return Kept(
        sender_id=sender_id,
        events=store.events(sender_id),
        reminders=store.reminders(sender_id),
        n_published=0 if broker_file is None else len(lines_of(broker_file, sender_id)),
        taught=()
        if project is None
        else [each for each in project.taught() if sender_id in each.senders],
    )


def forget(store: ConversationStore, sender_id: str, broker_file: Path | None = None) -> None:
    """Delete what `kept_of` finds, but for what was taught. Raises as `kept_of`, and OSError.

    Servers may run meanwhile: a turn that one of them is about to store is not stored.
    """
    store.delete(sender_id)
    if broker_file is not None:
        blot_out(broker_file, sender_id)


def erase_taught(project: TaughtProject, models: Path, kept: Kept, *, who: str) -> None:
    """Take what was taught from a sender's messages out of a project.

    Nothing of it is left in the project's journal, nor in comparisons of candidates. Later
    corrections go first, as they may build on earlier ones.

    Args:
        project: that was taught.
        models: the folder of its models.
        kept: of the sender.
        who: asks for it.

    Raises:
        DataError: some cannot be undone, as they were edited since; the others are erased.
    """
    erase_texts(models, {text for each in kept.taught for text in _texts_of(each.correction)})
    faults: list[DataError] = []
    for each in sorted(kept.taught, key=lambda taught: taught.id, reverse=True):
        try:
            project.erase(each.id, who=who)
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise all_of(faults)


def broker_file_of(endpoints: Endpoints) -> Path | None:
    """The file that an event broker of the type `file` writes to, or None."""
    broker = endpoints.event_broker
    return broker.path if isinstance(broker, FileBrokerOptions) else None


def _texts_of(correction: Correction) -> Iterator[str]:
    """Messages in a correction, and the name that a story has in comparisons."""
    if isinstance(correction, MessageCorrection):
        yield correction.example.text
        return
    yield correction.story.name
    for step in correction.story.steps:
        if isinstance(step, UserStep) and step.text is not None:
            yield step.text


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
