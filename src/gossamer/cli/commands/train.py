"""`gossamer train`: from a project to a model file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.finetuning import EpochFraction, Finetune, goes_on_text, read_finetuning
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
    RasaDefaults,
    StoryPaths,
)
from gossamer.cli.streams import say

if TYPE_CHECKING:
    from gossamer.checks import Checked, Parts
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
        "--augmentation", min=0, help="How many stories others are joined to; 0 for none."
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
    rasa_defaults: RasaDefaults = False,
    num_threads: NumThreads = None,
    finetune: Finetune = None,
    epoch_fraction: EpochFraction = None,
    quiet: Quiet = False,
) -> None:
    """Train a whole project, intents and entities and dialogue, and write one model file.

    What there is no data for is left out: without stories and rules the model only understands,
    without examples it only chooses actions. All settings are those of the configuration;
    --random-seed takes precedence over the seeds in it.
    """
    if context.invoked_subcommand is not None:
        return
    from gossamer.data.installed import TRAINING, require

    require("training", *TRAINING)
    from gossamer.checks import read_parts

    parts = read_parts(config, data, domain, wants_all=True)
    prefix = "" if parts.wants_dialogue else "nlu-"
    prefix = prefix if parts.nlu is not None else "core-"
    _train(
        parts,
        out,
        fixed_model_name,
        prefix,
        augmentation,
        random_seed,
        rasa_defaults,
        num_threads,
        (finetune, epoch_fraction),
        quiet,
    )


@app.command("nlu")
def train_nlu(
    config: ConfigPath = CONFIG,
    nlu: NluPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    random_seed: RandomSeed = None,
    rasa_defaults: RasaDefaults = False,
    num_threads: NumThreads = None,
    finetune: Finetune = None,
    epoch_fraction: EpochFraction = None,
    quiet: Quiet = False,
) -> None:
    """Train intents and entities, and write one model file.

    Epochs and all other settings are those of the pipeline file; --random-seed takes precedence
    over the seeds in it.
    """
    from gossamer.data.installed import TRAINING, require

    require("training", *TRAINING)
    from gossamer.checks import read_parts

    parts = read_parts(config, nlu, None, dialogue=False)
    _train(
        parts,
        out,
        fixed_model_name,
        "nlu-",
        0,
        random_seed,
        rasa_defaults,
        num_threads,
        (finetune, epoch_fraction),
        quiet,
    )


@app.command("core")
def train_core(
    config: ConfigPath = CONFIG,
    domain: DomainPaths = [DOMAIN],  # noqa: B006
    stories: StoryPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    augmentation: Augmentation = 50,
    random_seed: RandomSeed = None,
    rasa_defaults: RasaDefaults = False,
    num_threads: NumThreads = None,
    finetune: Finetune = None,
    epoch_fraction: EpochFraction = None,
    quiet: Quiet = False,
) -> None:
    """Train dialogue, and write one model file.

    Settings are those of the policies in the configuration; --random-seed takes precedence over
    the seeds in it.
    """
    from gossamer.data.installed import TRAINING, require

    require("training", *TRAINING)
    from gossamer.checks import read_parts

    parts = read_parts(config, stories, domain, nlu=False)
    _train(
        parts,
        out,
        fixed_model_name,
        "core-",
        augmentation,
        random_seed,
        rasa_defaults,
        num_threads,
        (finetune, epoch_fraction),
        quiet,
    )


def _train(
    parts: Parts,
    out: Path,
    fixed_name: str | None,
    prefix: str,
    augmentation: int,
    random_seed: int | None,
    rasa_defaults: bool,
    num_threads: int | None,
    finetune: tuple[str | None, float | None],
    quiet: bool,
) -> None:
    from rich.console import Console

    from gossamer.checks import check
    from gossamer.cli.models import new_model_path
    from gossamer.cli.progress import epoch_bars
    from gossamer.cli.threads import use_threads
    from gossamer.data.errors import InputError, ModelFileError, all_of
    from gossamer.data.text.files import check_writable

    # All that can be wrong is checked first and reported together, so that it does not cost hours.
    use_threads(num_threads)
    finetuning, earlier = read_finetuning(*finetune, out, prefix)
    checked = check(
        parts, random_seed=random_seed, rasa_defaults=rasa_defaults, finetuning=finetuning
    )
    refusals = checked.refusals
    try:
        path = new_model_path(out, fixed_name=fixed_name, prefix=prefix)
        check_writable([path], error=ModelFileError)
    except InputError as error:
        refusals.append(error)
    if refusals:
        raise all_of(refusals)
    _warn(checked)
    project = checked.require_sound()

    from gossamer.assistant import Assistant

    if not quiet:
        typer.echo(_summary(project))
        if finetuning is not None and earlier is not None:
            typer.echo(goes_on_text(checked, finetuning, earlier))
    start = time.perf_counter()
    with epoch_bars(Console(), is_shown=not quiet) as on_epoch:
        assistant = Assistant.train_checked(
            checked, augmentation_factor=augmentation, on_epoch=on_epoch
        )
    seconds = time.perf_counter() - start
    saved = assistant.save(path)
    typer.echo(saved if quiet else f"Trained in {seconds:.1f} s. The model is {saved}")


def _warn(checked: Checked) -> None:
    """Report what `gossamer data validate` finds: its errors, and how much more there is."""
    from gossamer.checks import MOST_WARNINGS
    from gossamer.data.errors import place_prefix
    from gossamer.data.text.wording import counted

    for found in checked.mistakes[:MOST_WARNINGS]:
        place = place_prefix(found.where)
        say(f"Warning: {place}{found.message}")
    n_errors = max(0, len(checked.mistakes) - MOST_WARNINGS)
    n_warnings = len(checked.findings) - len(checked.mistakes)
    more = [
        *([counted(n_errors, "more error")] if n_errors else []),
        *([counted(n_warnings, "warning")] if n_warnings else []),
    ]
    if more:
        say(f"{' and '.join(more)}: gossamer data validate shows them")


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
    if project.domain is not None and project.has_dialogue:
        parts += [
            f"{len(project.stories.stories)} stories",
            f"{len(project.stories.rules)} rules",
            f"{len(project.domain.action_labels)} actions",
        ]
    return f"Training on {', '.join(parts)}."
