"""`gossamer test nlu`: how good a model is on annotated examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.options import (
    CONFIG,
    DATA,
    MODELS,
    ConfigPath,
    ModelPath,
    NluPaths,
    NumThreads,
    RandomSeed,
)

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.data import ProjectConfig, TrainingData
    from gossamer.evaluate import CrossValidation

app = typer.Typer(help="Test a model.", no_args_is_help=True)


@app.callback()
def _test() -> None:
    pass  # Keeps `nlu` a command of its own while it is the only one.


@app.command("nlu")
def test_nlu(
    model: ModelPath = MODELS,
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    out: Annotated[Path, typer.Option("--out", help="Folder for the reports.")] = Path("results"),
    successes: Annotated[
        bool, typer.Option("--successes", help="Also list the examples that are right.")
    ] = False,
    no_errors: Annotated[
        bool, typer.Option("--no-errors", help="Do not list the examples that are wrong.")
    ] = False,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no figures.")] = False,
    cross_validation: Annotated[
        bool,
        typer.Option(
            "--cross-validation",
            help="Train on parts of the data and test on the rest; no --model.",
        ),
    ] = False,
    folds: Annotated[
        int, typer.Option("--folds", "-f", min=2, help="How many parts (with --cross-validation).")
    ] = 5,
    config: ConfigPath = CONFIG,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
) -> None:
    """Score intents and entities, and write reports with Rasa's file names.

    Entity scores come twice: per token, as Rasa counts them, and for whole entities, which count
    when borders, type, role and group all fit. --config, --folds and --random-seed belong to
    --cross-validation.
    """
    from rich.console import Console

    from gossamer.cli.models import latest_model
    from gossamer.data import read_config, read_training_data

    # All that can be wrong is looked at before anything slow is imported or done.
    data = read_training_data(nlu)
    project = read_config(config) if cross_validation else None
    path = model if cross_validation else latest_model(model)
    out.mkdir(parents=True, exist_ok=True)

    from gossamer.assistant import Assistant
    from gossamer.cli.threads import use_threads
    from gossamer.evaluate import evaluate_nlu, tables, write_reports

    use_threads(num_threads)
    console = Console()
    if project is not None:
        result = _cross_validate(console, project, data, folds, random_seed)
        evaluation = result.pooled
        console.print(tables.cross_validation_summary(result))
    else:
        evaluation = evaluate_nlu(Assistant.load(path), data)
        typer.echo(f"{path} on {evaluation.n_examples} examples")
        console.print(tables.summary(evaluation))
    written = write_reports(
        evaluation, out, errors=not no_errors, successes=successes, plots=not no_plot
    )
    typer.echo(f"{len(written)} reports in {out}, the readable one is {out / 'report.txt'}")


def _cross_validate(
    console: Console,
    project: ProjectConfig,
    data: TrainingData,
    folds: int,
    random_seed: int | None,
) -> CrossValidation:
    from gossamer.assistant import Assistant
    from gossamer.cli.progress import epoch_bars
    from gossamer.evaluate import cross_validate

    def train(part: TrainingData, fold: int) -> Assistant:
        typer.echo(f"Fold {fold + 1} of {folds}: {len(part.examples)} examples")
        with epoch_bars(console) as on_epoch:
            return Assistant.train(project, part, random_seed=random_seed, on_epoch=on_epoch)

    return cross_validate(data, train, n_folds=folds, random_seed=random_seed)
