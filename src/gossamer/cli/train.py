"""`gossamer train nlu`: from examples and a pipeline to a model file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import (
    CONFIG,
    DATA,
    MODELS,
    ConfigPath,
    NluPaths,
    NumThreads,
    RandomSeed,
)

app = typer.Typer(help="Train a model.", no_args_is_help=True)


@app.callback()
def _train() -> None:
    pass  # Keeps `nlu` a command of its own while it is the only one.


@app.command("nlu")
def train_nlu(
    config: ConfigPath = CONFIG,
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    out: Annotated[Path, typer.Option("--out", help="Folder for the model.")] = MODELS,
    fixed_model_name: Annotated[
        str | None,
        typer.Option(
            "--fixed-model-name", help="Name of the model file; replaces one of that name."
        ),
    ] = None,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but the model's path.")
    ] = False,
) -> None:
    """Train intents and entities, and write one model file.

    Epochs and all other settings are those of the pipeline file; --random-seed takes precedence
    over the seeds in it.
    """
    from rich.console import Console

    from gossamer.cli.models import new_model_path
    from gossamer.cli.progress import epoch_bars
    from gossamer.cli.threads import use_threads
    from gossamer.data import read_config, read_training_data

    # All that can be wrong is looked at first, so that a wrong name does not cost hours.
    project = read_config(config)
    data = read_training_data(nlu)
    path = new_model_path(out, fixed_name=fixed_model_name)
    out.mkdir(parents=True, exist_ok=True)

    from gossamer.assistant import Assistant

    use_threads(num_threads)
    if not quiet:
        typer.echo(
            f"Training on {len(data.unique_examples())} examples, {len(data.intents)} intents, "
            f"{len(data.entity_types)} entity types."
        )
    start = time.perf_counter()
    with epoch_bars(Console(), is_shown=not quiet) as on_epoch:
        assistant = Assistant.train(project, data, random_seed=random_seed, on_epoch=on_epoch)
    seconds = time.perf_counter() - start
    saved = assistant.save(path)
    typer.echo(saved if quiet else f"Trained in {seconds:.1f} s. The model is {saved}")
