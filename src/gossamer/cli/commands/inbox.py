"""`gossamer inbox`: messages that users wrote, those first from which most can be learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import (
    CONFIG,
    DATA,
    DOMAIN,
    MODELS,
    ConfigPath,
    DataPaths,
    DomainPaths,
    ModelPath,
)
from gossamer.cli.teaching.options import Teacher, Train


def inbox(
    conversations: Annotated[
        list[Path],
        typer.Option(
            "--conversations",
            help="File of stored conversations (JSON), instead of a database; may be given several "
            "times.",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    endpoints: Annotated[
        Path | None,
        typer.Option(
            "--endpoints",
            help="Names the database of conversations; endpoints.yml if it exists. Without a "
            "tracker_store it is conversations.db.",
        ),
    ] = None,
    model: ModelPath = MODELS,
    config: ConfigPath = CONFIG,
    domain: DomainPaths = [DOMAIN],  # noqa: B006
    data: DataPaths = [DATA],  # noqa: B006
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="How many messages to show at most.")
    ] = 50,
    train: Train = None,
    teacher: Teacher = None,
) -> None:
    """Go through messages of stored conversations, the most useful first, and teach them.

    One key for each: a accepts what the model says, c corrects it, d dismisses the message for
    good, s leaves it for another time, u takes the last one back, q ends. What is taught is written
    into the project at once.
    """
    from rich.console import Console

    from gossamer.cli.models import parts_config
    from gossamer.cli.streams import TypedLines
    from gossamer.cli.teaching.end import end_of_teaching
    from gossamer.cli.teaching.project import found_project, teacher_name
    from gossamer.cli.teaching.review import Review, groups_of
    from gossamer.cli.teaching.stored import trackers_of_database, trackers_of_files
    from gossamer.data.model_files import SUFFIX, latest_model
    from gossamer.teach.dismissed import Dismissed

    who = teacher_name(teacher)
    project = found_project(config, domain, data)
    named = parts_config(config if config.is_file() else None)
    has_model = model != MODELS or any(MODELS.glob(f"*{SUFFIX}"))
    path = latest_model(model) if has_model else None
    trackers = (
        trackers_of_files(conversations, project)
        if conversations
        else trackers_of_database(endpoints, project)
    )
    dismissed = Dismissed(project.folder / ".gossamer")
    groups = groups_of(trackers, project, dismissed, limit, model=path, config=named)
    console, lines = Console(highlight=False, emoji=False), TypedLines()
    review = Review(groups, project, dismissed, console, lines, who=who)
    try:
        review.run()
    except KeyboardInterrupt:
        typer.echo()
        end_of_teaching(review.taught, project, path, console, lines, train=False)
        raise
    end_of_teaching(review.taught, project, path, console, lines, train=train)
