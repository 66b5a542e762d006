"""`gossamer train`: from a project to a model file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.options import (
    CONFIG,
    DATA,
    DOMAIN,
    MODELS,
    ConfigPath,
    DataPaths,
    DomainPaths,
    NluPaths,
    NumThreads,
    RandomSeed,
    StoryPaths,
)

if TYPE_CHECKING:
    from gossamer.data import Project

app = typer.Typer(help="Train a model.", invoke_without_command=True)

Out = Annotated[Path, typer.Option("--out", help="Folder for the model.")]
FixedName = Annotated[
    str | None,
    typer.Option("--fixed-model-name", help="Name of the model file; replaces one of that name."),
]
Augmentation = Annotated[
    int,
    typer.Option(
        "--augmentation", min=0, help="How many stories others are glued behind; 0 for none."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the model's path.")]


@app.callback()
def train(
    context: typer.Context,
    config: ConfigPath = CONFIG,
    domain: DomainPaths = [DOMAIN],  # noqa: B006  (typer copies it)
    data: DataPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    augmentation: Augmentation = 50,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
    quiet: Quiet = False,
) -> None:
    """Train a whole project, intents and entities and dialogue, and write one model file.

    What there is no data for is left out: without stories and rules the model only understands,
    without examples it only chooses actions. All settings are those of the configuration;
    --random-seed takes precedence over the seeds in it.
    """
    if context.invoked_subcommand is not None:
        return
    from gossamer.data import read_project

    project = read_project(config, data, domain)
    prefix = "" if project.has_dialogue else "nlu-"
    prefix = prefix if project.nlu is not None else "core-"
    _train(project, out, fixed_model_name, prefix, augmentation, random_seed, num_threads, quiet)


@app.command("nlu")
def train_nlu(
    config: ConfigPath = CONFIG,
    nlu: NluPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
    quiet: Quiet = False,
) -> None:
    """Train intents and entities, and write one model file.

    Epochs and all other settings are those of the pipeline file; --random-seed takes precedence
    over the seeds in it.
    """
    from gossamer.data import Project, read_config, read_training_data

    project = Project(config=read_config(config), nlu=read_training_data(nlu))
    _train(project, out, fixed_model_name, "nlu-", 0, random_seed, num_threads, quiet)


@app.command("core")
def train_core(
    config: ConfigPath = CONFIG,
    domain: DomainPaths = [DOMAIN],  # noqa: B006
    stories: StoryPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    augmentation: Augmentation = 50,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
    quiet: Quiet = False,
) -> None:
    """Train dialogue, and write one model file.

    Settings are those of the policies in the configuration; --random-seed takes precedence over
    the seeds in it.
    """
    from gossamer.data import read_project

    project = read_project(config, stories, domain, nlu=False)
    _train(project, out, fixed_model_name, "core-", augmentation, random_seed, num_threads, quiet)


def _train(
    project: Project,
    out: Path,
    fixed_name: str | None,
    prefix: str,
    augmentation: int,
    random_seed: int | None,
    num_threads: int | None,
    quiet: bool,
) -> None:
    from rich.console import Console

    from gossamer.cli.models import new_model_path
    from gossamer.cli.progress import epoch_bars
    from gossamer.cli.threads import use_threads

    # All that can be wrong is looked at first, so that a wrong name does not cost hours.
    path = new_model_path(out, fixed_name=fixed_name, prefix=prefix)
    out.mkdir(parents=True, exist_ok=True)

    from gossamer.assistant import Assistant

    use_threads(num_threads)
    if not quiet:
        typer.echo(_summary(project))
    start = time.perf_counter()
    with epoch_bars(Console(), is_shown=not quiet) as on_epoch:
        assistant = Assistant.train_project(
            project,
            augmentation_factor=augmentation,
            random_seed=random_seed,
            on_epoch=on_epoch,
        )
    seconds = time.perf_counter() - start
    saved = assistant.save(path)
    typer.echo(saved if quiet else f"Trained in {seconds:.1f} s. The model is {saved}")


def _summary(project: Project) -> str:
    """What there is to train on, in a sentence."""
    parts = []
    if project.nlu is not None:
        data = project.nlu
        parts += [
            f"{len(data.unique_examples())} examples",
            f"{len(data.intents)} intents",
            f"{len(data.entity_types)} entity types",
        ]
    if project.domain is not None:
        parts += [
            f"{len(project.stories.stories)} stories",
            f"{len(project.stories.rules)} rules",
            f"{len(project.domain.action_labels)} actions",
        ]
    return f"Training on {', '.join(parts)}."
