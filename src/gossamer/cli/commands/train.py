"""`gossamer train`: from a project to a model file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
    from gossamer.checks.finetuning import Finetuning
    from gossamer.data import Project
    from gossamer.dialogue.last_model import LastModel
    from gossamer.nlu.pipeline.reuse import Change

app = typer.Typer(help="Train a model.", invoke_without_command=True)

TRAINED, FAILED, FORCED = 1, 2, 8
"""Exit codes of --dry-run where something would be trained; the first and the last are Rasa's."""

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
Force = Annotated[bool, typer.Option("--force", help="Train all parts, changed or not.")]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what would be trained, and train nothing. Ends with 0: nothing, 1: something, "
        "8: all, as --force asks, 2: an error.",
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
    force: Force = False,
    dry_run: DryRun = False,
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
    asked = _Asked(out, fixed_model_name, prefix, augmentation, force, quiet)
    goes_on = (finetune, epoch_fraction)
    _run(parts, asked, goes_on, random_seed, rasa_defaults, num_threads, dry_run)


@app.command("nlu")
def train_nlu(
    config: ConfigPath = CONFIG,
    nlu: NluPaths = [DATA],  # noqa: B006
    out: Out = MODELS,
    fixed_model_name: FixedName = None,
    random_seed: RandomSeed = None,
    rasa_defaults: RasaDefaults = False,
    num_threads: NumThreads = None,
    force: Force = False,
    dry_run: DryRun = False,
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
    asked = _Asked(out, fixed_model_name, "nlu-", 0, force, quiet)
    goes_on = (finetune, epoch_fraction)
    _run(parts, asked, goes_on, random_seed, rasa_defaults, num_threads, dry_run)


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
    force: Force = False,
    dry_run: DryRun = False,
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
    asked = _Asked(out, fixed_model_name, "core-", augmentation, force, quiet)
    goes_on = (finetune, epoch_fraction)
    _run(parts, asked, goes_on, random_seed, rasa_defaults, num_threads, dry_run)


class _Asked(NamedTuple):
    """What is asked for.

    Attributes:
        out: folder of the models.
        fixed_name: of the model, or None.
        prefix: of names that are made up.
        augmentation: how many stories others are joined to.
        force: train all parts, changed or not.
        quiet: print nothing but the model's path.
    """

    out: Path
    fixed_name: str | None
    prefix: str
    augmentation: int
    force: bool
    quiet: bool


def _run(
    parts: Parts,
    asked: _Asked,
    finetune: tuple[str | None, float | None],
    random_seed: int | None,
    rasa_defaults: bool,
    num_threads: int | None,
    dry_run: bool,
) -> None:
    from gossamer.checks import check
    from gossamer.cli.threads import use_threads
    from gossamer.data.errors import InputError
    from gossamer.data.model_files import last_model_paths

    use_threads(num_threads)
    finetuning, earlier = read_finetuning(*finetune, asked.out, asked.prefix, parts.config)
    goes_on = None if finetuning is None or earlier is None else (finetuning, earlier)
    is_anew = asked.force or goes_on is not None
    paths = [] if is_anew else last_model_paths(asked.out, asked.prefix)
    last, trouble = _read(paths)
    checked = check(
        parts,
        random_seed=random_seed,
        rasa_defaults=rasa_defaults,
        last=last,
        finetuning=finetuning,
    )
    if not dry_run:
        _train(checked, asked, trouble, goes_on)
        return
    try:
        code = _foresee(checked, asked, trouble, goes_on)
    except InputError as error:
        say(f"Error: {error}")
        code = FAILED
    raise typer.Exit(code)


def _read(paths: Sequence[Path]) -> tuple[LastModel | None, list[str]]:
    """The parts of models, and why those of others cannot be used."""
    from gossamer.data.errors import ModelFileError
    from gossamer.dialogue.last_model import LastModel

    models, trouble = [], []
    for path in paths:
        try:
            model = LastModel.read(path)
        except ModelFileError as error:
            trouble.append(f"Nothing is taken from the last model: {error}")
            continue
        if model.is_known:
            models.append(model)
        else:
            trouble.append(f"Nothing is taken from {path}: it does not say what it is trained from")
    return models[0].followed_by(models[1:]) if models else None, trouble


def _foresee(
    checked: Checked,
    asked: _Asked,
    trouble: Sequence[str],
    goes_on: tuple[Finetuning, Path] | None,
) -> int:
    """Say what would be trained; gives the exit code."""
    from gossamer.assistant import Assistant

    checked.require_sound()
    if goes_on is not None:
        typer.echo(goes_on_text(checked, *goes_on))
        return TRAINED
    changes = Assistant.foresee(checked, augmentation_factor=asked.augmentation)
    for line in trouble:
        typer.echo(line)
    if checked.last is None:
        why = "--force asks for it" if asked.force else "there is no model to take parts from"
        typer.echo(f"All would be trained, as {why}.")
        return FORCED if asked.force else TRAINED
    for change in changes:
        if change.is_trained:
            typer.echo(f"{change.part} would be trained: {', '.join(change.reasons)}")
    typer.echo(_unchanged(changes))
    return TRAINED if any(change.is_trained for change in changes) else 0


def _train(
    checked: Checked,
    asked: _Asked,
    trouble: Sequence[str],
    goes_on: tuple[Finetuning, Path] | None,
) -> None:
    from rich.console import Console

    from gossamer.cli.progress import epoch_bars
    from gossamer.data.errors import InputError, ModelFileError, all_of
    from gossamer.data.model_files import new_model_path
    from gossamer.data.text.files import check_writable

    # All that can be wrong is checked first and reported together, so that it does not cost hours.
    refusals = checked.refusals
    try:
        path = new_model_path(asked.out, fixed_name=asked.fixed_name, prefix=asked.prefix)
        check_writable([path], error=ModelFileError)
    except InputError as error:
        refusals.append(error)
    if refusals:
        raise all_of(refusals)
    _warn(checked)
    project, last = checked.require_sound(), checked.last

    from gossamer.assistant import Assistant

    console = Console()
    if not asked.quiet:
        for line in (_summary(project), *trouble):
            typer.echo(line)
        if goes_on is not None:
            typer.echo(goes_on_text(checked, *goes_on))
    changes: list[Change] = []

    def note(change: Change) -> None:
        changes.append(change)
        if change.is_trained and not asked.quiet and last is not None:
            console.print(str(change), markup=False, highlight=False, soft_wrap=True)

    start = time.perf_counter()
    with epoch_bars(console, is_shown=not asked.quiet) as on_epoch:
        assistant = Assistant.train_checked(
            checked, augmentation_factor=asked.augmentation, on_epoch=on_epoch, on_change=note
        )
    seconds = time.perf_counter() - start
    is_current = (
        last is not None
        and not trouble
        and (asked.fixed_name is None or last.path == path)
        and assistant.is_as(last)
    )
    saved = last.path if last is not None and is_current else assistant.save(path)
    if asked.quiet:
        typer.echo(saved)
        return
    if last is not None:
        typer.echo(_unchanged(changes))
    if is_current:
        typer.echo(f"Nothing has changed. The model is still {saved}")
    else:
        typer.echo(f"Trained in {seconds:.1f} s. The model is {saved}")


def _unchanged(changes: Sequence[Change]) -> str:
    """Which parts are not trained."""
    names = [change.part for change in changes if not change.is_trained]
    if len(names) == len(changes):
        return "Nothing has to be trained."
    return f"Unchanged: {', '.join(names) if names else 'nothing'}"


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
