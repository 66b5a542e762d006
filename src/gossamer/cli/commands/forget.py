"""`gossamer forget`: delete what is kept of one person, or write it into a file for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.streams import say

if TYPE_CHECKING:
    from gossamer.serve.forgetting import Kept
    from gossamer.teach import Taught


def forget(
    sender: Annotated[
        str, typer.Argument(help="Whose conversation: the sender's id.", metavar="SENDER")
    ],
    export: Annotated[
        Path | None,
        typer.Option("--export", help="A new file (JSON) that gets all of it first."),
    ] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option("--endpoints", help="Names the database; endpoints.yml if it exists."),
    ] = None,
    project: Annotated[
        Path,
        typer.Option("--project", help="The folder of the project that was taught, if one was."),
    ] = Path(),
    models: Annotated[
        Path, typer.Option("--models", help="With --taught: the folder of its models.")
    ] = Path("models"),
    taught: Annotated[
        bool,
        typer.Option(
            "--taught", help="Take what was taught from their messages out of the project, too."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; only on a terminal it is asked.")
    ] = False,
) -> None:
    """Delete a person's conversation: all of its events, and reminders. A server may run meanwhile.

    Events in the file of an event broker are written over, too. What was taught from their messages
    is named, and stays unless --taught is given. Where a server has conversations in its memory
    alone, these two are what is looked through.
    """
    from gossamer.cli.models import endpoints_of
    from gossamer.data.errors import InputError
    from gossamer.data.installed import SERVING, require
    from gossamer.data.text.files import write_files

    require("the database of conversations", *SERVING)

    from gossamer.serve.forgetting import broker_file_of, erase_taught, forget, kept_of
    from gossamer.serve.store.address import is_in_memory, open_store, opened_store
    from gossamer.teach import TaughtProject

    read = endpoints_of(endpoints, "tracker_store", "event_broker")
    broker_file = broker_file_of(read)
    known = TaughtProject(project)
    if is_in_memory(read):
        say("Conversations are in a server's memory: its DELETE /conversations/ID deletes them.")
        store = open_store(read)
    else:
        store = opened_store(read)
    try:
        kept = kept_of(store, sender, broker_file, known)
        if not kept.is_anything and not kept.taught:
            raise InputError(
                "there must be something that is kept of the sender",
                got=sender,
                hint="the id as the channel gives it; GET /conversations lists ids",
            )
        typer.echo(_told(kept, broker_file, is_taught_erased=taught))
        if export is not None:
            content = json.dumps(kept.to_json(), indent=2, ensure_ascii=False) + "\n"
            write_files(
                {export: content.encode("utf-8", "backslashreplace")},
                error=InputError,
                may_replace=False,
            )
            typer.echo(f"Written to {export}.")
        if dry_run or not (kept.is_anything or taught):
            typer.echo("Nothing was deleted.")
            return
        if not yes and sys.stdin.isatty() and not typer.confirm("Delete it for good?"):
            typer.echo("Nothing was deleted.")
            raise typer.Exit(1)
        forget(store, sender, broker_file)
        typer.echo("Deleted.")
        if taught and kept.taught:
            erase_taught(known, models, kept, who="gossamer forget")
            typer.echo("What was taught is taken out. Try: gossamer train")
    finally:
        store.close()


def _told(kept: Kept, broker_file: Path | None, *, is_taught_erased: bool) -> str:
    from gossamer.data.text.wording import counted

    lines = [
        f"Of {kept.sender_id!r} there are {counted(len(kept.events), 'event')} "
        f"({counted(kept.n_messages, 'message')}) and {counted(len(kept.reminders), 'reminder')}."
    ]
    if kept.n_published:
        lines.append(f"In {broker_file}: {counted(kept.n_published, 'event')}.")
    if kept.taught:
        what = "is taken out" if is_taught_erased else "stays, unless --taught is given"
        lines.append(f"What was taught from these messages is the project's, and {what}:")
        lines += [f"  {_told_of(each)}" for each in kept.taught]
    return "\n".join(lines)


def _told_of(taught: Taught) -> str:
    from gossamer.teach import MessageCorrection

    correction = taught.correction
    what = (
        f"{correction.example.text!r}: {correction.example.intent}"
        if isinstance(correction, MessageCorrection)
        else f"the story {correction.story.name!r}"
    )
    return f"{taught.id}. {what}, by {taught.who}{', undone' if taught.is_undone else ''}"
