"""`gossamer test`: how good a model is on annotated examples and on test stories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.comparing import Way, compare_core, compare_nlu
from gossamer.cli.options import (
    CONFIG,
    DATA,
    DOMAIN,
    MODELS,
    DomainPaths,
    ModelPath,
    NluPaths,
    NumThreads,
    PartsConfig,
    RandomSeed,
    RasaDefaults,
)
from gossamer.cli.parts import figures_wanted

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.assistant import Assistant
    from gossamer.data import ProjectConfig, StoryData, TrainingData
    from gossamer.evaluate import CrossValidation

app = typer.Typer(help="Test a model.", invoke_without_command=True)

Out = Annotated[Path, typer.Option("--out", help="Folder for the reports.")]
Successes = Annotated[bool, typer.Option("--successes", help="Also list what is right.")]
NoErrors = Annotated[bool, typer.Option("--no-errors", help="Do not list what is wrong.")]
NoPlot = Annotated[bool, typer.Option("--no-plot", help="Draw no figures.")]
TestStories = Annotated[
    list[Path],
    typer.Option(
        "--stories",
        "-s",
        help="File or folder with test stories (test_*.yml); may be given several times.",
    ),
]
EndToEnd = Annotated[
    bool,
    typer.Option("--e2e", help="Understand the messages' texts, rather than take their intents."),
]

Percentages = Annotated[
    list[int],
    typer.Option(
        "--percentages",
        min=0,
        max=99,
        help="With --compare: share of the training data to leave out; give several.",
    ),
]
Runs = Annotated[int, typer.Option("--runs", min=1, help="With --compare: trainings of each.")]
TESTS = Path("tests")
RESULTS = Path("results")


@app.callback()
def test(
    context: typer.Context,
    model: ModelPath = MODELS,
    stories: TestStories = [TESTS],  # noqa: B006  (typer copies it)
    nlu: NluPaths = [DATA],  # noqa: B006
    config: PartsConfig = None,
    out: Out = RESULTS,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_plot: NoPlot = False,
    num_threads: NumThreads = None,
) -> None:
    """Test a whole model: dialogue on test stories end-to-end, understanding on examples.

    `test core` and `test nlu` have more options.
    """
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from gossamer.cli.models import parts_config
    from gossamer.data import InputError, read_test_stories, read_training_data
    from gossamer.data.model_files import latest_model
    from gossamer.data.text.files import check_writable

    data, tests = read_training_data(nlu), read_test_stories(stories)
    path, named = latest_model(model), parts_config(config)
    check_writable([out / "report.txt"], error=InputError)
    plots = figures_wanted(not no_plot)

    from gossamer.assistant import Assistant
    from gossamer.cli.threads import use_threads
    from gossamer.evaluate import evaluate_nlu, tables, write_reports

    use_threads(num_threads)
    console = Console()
    assistant = Assistant.load(path, config=named)
    _evaluate_stories(
        console,
        assistant,
        tests,
        out,
        path,
        end_to_end=assistant.understands_texts,
        errors=not no_errors,
        successes=successes,
        plots=plots,
    )
    evaluation = evaluate_nlu(assistant, data)
    typer.echo(f"{path} on {evaluation.n_examples} examples")
    console.print(tables.summary(evaluation))
    written = write_reports(evaluation, out, errors=not no_errors, successes=successes, plots=plots)
    typer.echo(f"{len(written)} reports in {out}, the readable one is {out / 'report.txt'}")


@app.command("core")
def test_core(
    model: ModelPath = MODELS,
    stories: TestStories = [TESTS],  # noqa: B006
    out: Out = RESULTS,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_plot: NoPlot = False,
    end_to_end: EndToEnd = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Train configurations on fewer and fewer stories, several times, and compare; "
            "no --model.",
        ),
    ] = False,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config",
            "-c",
            help="With --compare: a configuration; give several. Without it: names the model's own "
            "components and policies.",
        ),
    ] = None,
    domain: DomainPaths = [DOMAIN],  # noqa: B006
    train: Annotated[
        list[Path],
        typer.Option("--train", help="With --compare: stories and rules to train on."),
    ] = [DATA],  # noqa: B006
    percentages: Percentages = [0, 25, 50, 75],  # noqa: B006
    runs: Runs = 3,
    augmentation: Annotated[
        int, typer.Option("--augmentation", min=0, help="With --compare: as `train` has it.")
    ] = 50,
    random_seed: RandomSeed = None,
    num_threads: NumThreads = None,
) -> None:
    """Follow test stories, score every action and whole conversations, and write reports.

    Intents and entities are those that the stories give; with --e2e the model understands the
    messages that have a text. --compare trains and tests configurations instead, and draws how well
    they do with fewer stories.
    """
    from rich.console import Console

    from gossamer.cli.models import parts_config
    from gossamer.data import InputError, read_test_stories
    from gossamer.data.model_files import latest_model
    from gossamer.data.text.files import check_writable

    tests = read_test_stories(stories)
    if compare:
        compare_core(
            config or [CONFIG],
            domain,
            train,
            tests,
            Way(percentages, runs, random_seed, out, num_threads, plots=not no_plot),
            augmentation=augmentation,
        )
        return
    path, named = latest_model(model), parts_config(config[0] if config else None)
    check_writable([out / "report.txt"], error=InputError)
    plots = figures_wanted(not no_plot)

    from gossamer.assistant import Assistant
    from gossamer.cli.threads import use_threads

    use_threads(num_threads)
    _evaluate_stories(
        Console(),
        Assistant.load(path, config=named),
        tests,
        out,
        path,
        end_to_end=end_to_end,
        errors=not no_errors,
        successes=successes,
        plots=plots,
    )


def _evaluate_stories(
    console: Console,
    assistant: Assistant,
    tests: StoryData,
    out: Path,
    path: Path,
    *,
    end_to_end: bool,
    errors: bool,
    successes: bool,
    plots: bool,
) -> None:
    from gossamer.cli.progress import counting_bar
    from gossamer.evaluate import evaluate_dialogue, write_dialogue_reports
    from gossamer.evaluate.dialogue.tables import dialogue_summary

    model = assistant.require_dialogue()
    with counting_bar(console, "conversations") as on_conversation:
        evaluation = evaluate_dialogue(
            model.ensemble,
            tests,
            model.domain,
            parser=assistant if end_to_end else None,
            end_to_end=end_to_end,
            on_conversation=on_conversation,
        )
    typer.echo(f"{path} on {len(evaluation.outcomes)} conversations")
    console.print(dialogue_summary(evaluation))
    written = write_dialogue_reports(
        evaluation, out, errors=errors, successes=successes, plots=plots
    )
    typer.echo(f"{len(written)} reports in {out}, the readable one is {out / 'story_report.txt'}")


@app.command("nlu")
def test_nlu(
    model: ModelPath = MODELS,
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    out: Out = RESULTS,
    successes: Successes = False,
    no_errors: NoErrors = False,
    no_plot: NoPlot = False,
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
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Train configurations on fewer and fewer examples, several times, and compare; "
            "no --model. So it is when --config is given several times.",
        ),
    ] = False,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config",
            "-c",
            help="Pipeline to train with --cross-validation; with --compare give several. With "
            "neither: names the model's own components and policies.",
        ),
    ] = None,
    percentages: Percentages = [0, 25, 50, 75],  # noqa: B006
    runs: Runs = 3,
    random_seed: RandomSeed = None,
    rasa_defaults: RasaDefaults = False,
    num_threads: NumThreads = None,
) -> None:
    """Score intents, responses and entities, and write reports with Rasa's file names.

    Entity scores come twice: per token, as Rasa counts them, and for whole entities, which count
    when borders, type, role and group all fit. --folds belongs to --cross-validation, --percentages
    and --runs to --compare, --config, --random-seed and --rasa-defaults to both.
    """
    from rich.console import Console

    from gossamer.cli.models import parts_config
    from gossamer.data import InputError, read_config, read_training_data
    from gossamer.data.installed import TRAINING, require
    from gossamer.data.model_files import latest_model
    from gossamer.data.text.files import check_writable

    # All that can be wrong is looked at before anything slow is imported or done.
    configs = config or [CONFIG]
    if compare or len(configs) > 1:
        if cross_validation:
            raise typer.BadParameter(
                "takes one --config and no --compare", param_hint="--cross-validation"
            )
        way = Way(percentages, runs, random_seed, out, num_threads, plots=not no_plot)
        compare_nlu(configs, nlu, way, rasa_defaults=rasa_defaults)
        return
    if cross_validation:
        require("cross-validation", *TRAINING)
    data = read_training_data(nlu)
    project = read_config(configs[0]) if cross_validation else None
    path, named = model, None
    if not cross_validation:
        path, named = latest_model(model), parts_config(config[0] if config else None)
    check_writable([out / "report.txt"], error=InputError)
    plots = figures_wanted(not no_plot)

    from gossamer.assistant import Assistant
    from gossamer.cli.threads import use_threads
    from gossamer.evaluate import evaluate_nlu, tables, write_reports

    use_threads(num_threads)
    console = Console()
    if project is not None:
        if rasa_defaults:
            project = project.with_rasa_defaults()
        result = _cross_validate(console, project, data, folds, random_seed)
        evaluation = result.pooled
        console.print(tables.cross_validation_summary(result))
    else:
        evaluation = evaluate_nlu(Assistant.load(path, config=named), data)
        typer.echo(f"{path} on {evaluation.n_examples} examples")
        console.print(tables.summary(evaluation))
    written = write_reports(evaluation, out, errors=not no_errors, successes=successes, plots=plots)
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
