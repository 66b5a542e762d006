"""`gossamer shell`: talk with an assistant; `shell nlu`: see what it understands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import (
    MODELS,
    Echo,
    ModelPath,
    PartsConfig,
    RandomSeed,
    TalkEndpoints,
)
from gossamer.cli.streams import STOP, typed_lines

app = typer.Typer(help="Try a model out in the terminal.", invoke_without_command=True)


@app.callback()
def shell(
    context: typer.Context,
    model: ModelPath = MODELS,
    config: PartsConfig = None,
    endpoints: TalkEndpoints = None,
    why: Annotated[
        bool, typer.Option("--why", help="Show why each action was chosen; :why toggles it.")
    ] = False,
    load: Annotated[
        Path | None, typer.Option("--load", help="Go on with a conversation that :save wrote.")
    ] = None,
    echo: Echo = False,
    random_seed: RandomSeed = None,
) -> None:
    """Talk with the assistant. /stop or Ctrl-D ends, :help lists what else can be typed."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from gossamer.cli.models import endpoints_of, parts_config
    from gossamer.data.model_files import latest_model

    path, named = latest_model(model), parts_config(config)
    known = endpoints_of(endpoints, "action_endpoint", "nlg")

    from gossamer.assistant import Assistant
    from gossamer.cli.talk import Talk

    assistant = Assistant.load(path, config=named)
    conversations = assistant.conversations(
        action_endpoint=known.action, nlg=known.nlg, random_seed=random_seed
    )
    talk = Talk(conversations, Console(highlight=False, emoji=False), shows_why=why)
    if load is not None:
        talk.load(load)
    if sys.stdin.isatty():
        typer.echo(f"{path} is ready. {STOP} or Ctrl-D ends, :help lists what else can be typed.")
    talk.begin()
    for text in typed_lines(echo=echo):
        talk.take(text)


@app.command("nlu")
def shell_nlu(
    model: ModelPath = MODELS,
    config: PartsConfig = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer in JSON, as `parse` does.")
    ] = False,
) -> None:
    """Type texts and see their intent and entities. /stop or Ctrl-D ends."""
    from rich.console import Console

    from gossamer.cli.commands.parse import to_json
    from gossamer.cli.models import parts_config
    from gossamer.cli.understood import describe
    from gossamer.data.model_files import latest_model

    # Before the networks are imported, which takes seconds: a wrong name is reported at once.
    path, named = latest_model(model), parts_config(config)
    from gossamer.assistant import Assistant

    assistant = Assistant.load(path, config=named)
    if sys.stdin.isatty():
        typer.echo(f"{path} is ready. {STOP} or Ctrl-D ends.")
    console = Console(highlight=False, emoji=False)
    for text in typed_lines():
        result = assistant.parse(text)
        if as_json:
            typer.echo(to_json(result, indent=2))
        else:
            console.print(describe(result), soft_wrap=True)
