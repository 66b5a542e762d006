"""`gossamer interactive`: talk with an assistant, and correct it at every step."""

from __future__ import annotations

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
    Echo,
    ModelPath,
    RandomSeed,
    TalkEndpoints,
)
from gossamer.cli.teaching.options import Teacher, Train


def interactive(
    model: ModelPath = MODELS,
    config: ConfigPath = CONFIG,
    domain: DomainPaths = [DOMAIN],  # noqa: B006  (typer copies it)
    data: DataPaths = [DATA],  # noqa: B006
    endpoints: TalkEndpoints = None,
    train: Train = None,
    teacher: Teacher = None,
    echo: Echo = False,
    random_seed: RandomSeed = None,
    skip_visualization: Annotated[bool, typer.Option("--skip-visualization", hidden=True)] = False,
) -> None:
    """Talk with the assistant; each message and each action is asked about, and corrected.

    What a message means is written into the project at once, as an example of its intent; the
    conversation, if you corrected it, as a story at the end. Each change is shown, and :undo takes
    it back. /stop or Ctrl-D ends, :help lists what else can be typed.
    """
    from rich.console import Console

    from gossamer.cli.models import endpoints_of, parts_config
    from gossamer.cli.teaching.project import found_project, teacher_name
    from gossamer.data.model_files import latest_model

    who, project = teacher_name(teacher), found_project(config, domain, data)
    path = latest_model(model)
    known = endpoints_of(endpoints, "action_endpoint", "nlg")

    from gossamer.assistant import Assistant
    from gossamer.cli.streams import STOP, TypedLines
    from gossamer.cli.teaching.end import end_of_teaching
    from gossamer.cli.teaching.talk import InteractiveTalk
    from gossamer.teach.interactive import Interactive

    assistant = Assistant.load(path, config=parts_config(config if config.is_file() else None))
    turns = assistant.conversations(
        action_endpoint=known.action, nlg=known.nlg, random_seed=random_seed
    ).turns
    session = Interactive(turns, project, who=who)
    console, lines = Console(highlight=False, emoji=False), TypedLines(echo=echo)
    if lines.is_terminal:
        typer.echo(f"{path} is ready. {STOP} or Ctrl-D ends, :help lists what else can be typed.")
    try:
        InteractiveTalk(session, console, lines).run()
    except KeyboardInterrupt:
        end_of_teaching(session.taught, project, path, console, lines, train=False)
        raise
    end_of_teaching(session.taught, project, path, console, lines, train=train)
