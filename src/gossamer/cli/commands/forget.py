"""`gossamer forget`: delete what is kept of one person, or write it into a file for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gossamer.serve.forgetting import Kept


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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; only on a terminal it is asked.")
    ] = False,
) -> None:
    """Delete a person's conversation: all of its events, and reminders. A server may run meanwhile.

    Events in the file of an event broker are written over, too.
    """
    from gossamer.data.endpoints import Endpoints, read_endpoints
    from gossamer.data.errors import InputError
    from gossamer.data.installed import SERVING, require
    from gossamer.data.text.files import write_files

    require("the database of conversations", *SERVING)

    from gossamer.serve.forgetting import broker_file_of, forget, kept_of
    from gossamer.serve.store.address import opened_store

    default = Path("endpoints.yml")
    if endpoints is None and default.is_file():
        endpoints = default
    read = (
        Endpoints()
        if endpoints is None
        else read_endpoints(endpoints, only=("tracker_store", "event_broker"))
    )
    store = opened_store(read)
    try:
        broker_file = broker_file_of(read)
        kept = kept_of(store, sender, broker_file)
        if not kept.is_anything:
            raise InputError(
                "there must be something that is kept of the sender",
                got=sender,
                hint="the id as the channel gives it; GET /conversations lists ids",
            )
        typer.echo(_told(kept, broker_file))
        if export is not None:
            content = json.dumps(kept.to_json(), indent=2, ensure_ascii=False) + "\n"
            write_files(
                {export: content.encode("utf-8", "backslashreplace")},
                error=InputError,
                may_replace=False,
            )
            typer.echo(f"Written to {export}.")
        if dry_run:
            typer.echo("Nothing was deleted.")
            return
        if not yes and sys.stdin.isatty() and not typer.confirm("Delete it for good?"):
            typer.echo("Nothing was deleted.")
            raise typer.Exit(1)
        forget(store, sender, broker_file)
        typer.echo("Deleted.")
    finally:
        store.close()


def _told(kept: Kept, broker_file: Path | None) -> str:
    lines = [
        f"Of {kept.sender_id!r} there are {len(kept.events)} events, {kept.n_messages} messages "
        f"among them, and {len(kept.reminders)} reminders."
    ]
    if kept.n_published:
        lines.append(f"In {broker_file} there are {kept.n_published} events.")
    return "\n".join(lines)
