"""`gossamer data`: split, check and convert what people wrote."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gossamer.cli.options import DATA, DOMAIN, NluPaths, RandomSeed

if TYPE_CHECKING:
    from gossamer.data import Domain, StoryData, TrainingData

T = TypeVar("T")

app = typer.Typer(help="Split, check and convert training data.", no_args_is_help=True)
split_app = typer.Typer(help="Split data into a training and a test part.", no_args_is_help=True)
convert_app = typer.Typer(help="Write data in another format.", no_args_is_help=True)
app.add_typer(split_app, name="split")
app.add_typer(convert_app, name="convert")


class Format(StrEnum):
    """Formats that can be written."""

    yaml = "yaml"
    json = "json"
    md = "md"
    csv = "csv"


_SUFFIXES = {
    ".yml": Format.yaml,
    ".yaml": Format.yaml,
    ".json": Format.json,
    ".md": Format.md,
    ".csv": Format.csv,
}


@split_app.command("nlu")
def split_nlu(
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    training_fraction: Annotated[
        float, typer.Option("--training-fraction", help="Share of the examples to train on.")
    ] = 0.8,
    random_seed: RandomSeed = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for training_data.yml and test_data.yml.")
    ] = Path("train_test_split"),
) -> None:
    """Split examples into a training and a test file, intent by intent."""
    from gossamer.data import read_training_data, split_examples, write_training_data

    data = read_training_data(nlu)
    parts = split_examples(data, training_fraction=training_fraction, random_seed=random_seed)
    for part, name in zip(parts, ("training_data.yml", "test_data.yml"), strict=True):
        paths = write_training_data(part, out / name, "yaml")
        typer.echo(f"{', '.join(map(str, paths))}: {len(part.examples)} examples")


@split_app.command("stories")
def split_stories(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files or folders with stories and rules.", metavar="[PATH]..."),
    ] = [DATA],  # noqa: B006  (typer copies it)
    fraction: Annotated[
        float,
        typer.Option("--fraction", "--training-fraction", help="Share of the stories to train on."),
    ] = 0.8,
    random_seed: RandomSeed = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for training_stories.yml and test_stories.yml.")
    ] = Path("train_test_split"),
) -> None:
    """Split stories into a training and a test file; rules go to the training file.

    Stories that checkpoints join, or whose steps are equal, stay together.
    """
    from gossamer.data import read_stories, write_stories
    from gossamer.data import split_stories as split

    parts = split(read_stories(paths), fraction, random_seed=random_seed)
    for part, name in zip(parts, ("training_stories.yml", "test_stories.yml"), strict=True):
        write_stories(out / name, part)
        typer.echo(f"{out / name}: {_count(part)}")


def _count(data: StoryData) -> str:
    rules = f", {len(data.rules)} rules" if data.rules else ""
    return f"{len(data.stories)} stories{rules}"


@app.command("validate")
def validate(
    nlu: Annotated[
        list[Path],
        typer.Option(
            "--nlu", "-u", "--data", help="File or folder with training data; may be given often."
        ),
    ] = [DATA],  # noqa: B006  (typer copies it)
    stories: Annotated[
        list[Path] | None,
        typer.Option(
            "--stories",
            "-s",
            help="File or folder with stories and rules; without it, those in folders of --nlu.",
        ),
    ] = None,
    domain: Annotated[
        list[Path] | None,
        typer.Option(
            "--domain", "-d", help="The domain, a file or a folder; else domain.yml, if it exists."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Check this configuration too.")
    ] = None,
    max_history: Annotated[
        int | None,
        typer.Option(
            "--max-history",
            min=1,
            help="How many turns policies see, for contradictions between stories; else all.",
        ),
    ] = None,
    fail_on_warnings: Annotated[
        bool, typer.Option("--fail-on-warnings", help="Exit code 1 for warnings, too.")
    ] = False,
) -> None:
    """Look for mistakes in training data, domain and stories, all at once.

    Errors give exit code 1. A part that cannot be read is an error, and the others are checked.
    """
    from gossamer.data import Finding, Severity, check_project, read_config
    from gossamer.data.errors import InputError, MistakeWarning

    findings: list[Finding] = []

    # What the readers warn of is as doubtful as what the checks find.
    def note(message: Warning | str, *_: object, **__: object) -> None:
        is_mistake = isinstance(message, MistakeWarning)
        severity = Severity.ERROR if is_mistake else Severity.WARNING
        findings.append(Finding(severity, " ".join(str(message).split())))

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InputError as error:
            findings.append(Finding(Severity.ERROR, str(error)))
            return None

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = note
        read_stories = attempt(lambda: _read_stories(nlu, stories))
        has_stories = read_stories is None or bool(read_stories.stories or read_stories.rules)
        read_nlu = attempt(lambda: _read_nlu(nlu, is_required=not has_stories))
        read_domain = attempt(lambda: _read_domain(domain))
        restrict_rules = True
        if config is not None:
            # Components and their options are known to the pipeline only, which needs torch.
            from gossamer.nlu.pipeline import Pipeline

            settings = read_config(config)
            Pipeline.from_config(settings)
            restrict_rules = all(
                policy.options.get("restrict_rules", True) for policy in settings.policies
            )
        findings += (
            attempt(
                lambda: check_project(
                    read_nlu, read_stories, read_domain, restrict_rules=restrict_rules
                )
            )
            or []
        )
        is_sound = all(finding.severity is Severity.WARNING for finding in findings)
        if is_sound and read_stories is not None and read_domain is not None:
            # Names that nobody knows would be contradictions too, so they are put right first.
            from gossamer.dialogue.contradictions import check_conversations

            whole = read_domain.with_responses({} if read_nlu is None else read_nlu.responses)
            findings += (
                attempt(
                    lambda: check_conversations(
                        read_stories,
                        whole,
                        max_history=max_history,
                        restrict_rules=restrict_rules,
                    )
                )
                or []
            )
    for finding in findings:
        typer.echo(finding)
    n_errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    n_warnings = len(findings) - n_errors
    typer.echo(
        f"{_summary(read_nlu, read_stories, read_domain)}: {n_errors} errors, {n_warnings} warnings"
    )
    if n_errors > 0 or (fail_on_warnings and n_warnings > 0):
        raise typer.Exit(1)


def _read_stories(data: list[Path], stories: list[Path] | None) -> StoryData:
    """The stories that are named, or those in folders of other data."""
    from gossamer.data import StoryData, read_stories

    if stories:
        return read_stories(stories)
    folders = [path for path in data if path.is_dir()]
    return read_stories(folders, is_required=False) if folders else StoryData()


def _read_nlu(paths: list[Path], *, is_required: bool) -> TrainingData | None:
    """NLU data, if there is any; it must be there when there are no stories."""
    from gossamer.data import read_training_data

    if not is_required and paths == [DATA] and not DATA.exists():
        return None
    data = read_training_data(paths, is_required=is_required)
    return data if data.examples else None


def _read_domain(paths: list[Path] | None) -> Domain | None:
    from gossamer.data import read_domain

    if paths:
        return read_domain(paths)
    return read_domain(DOMAIN) if DOMAIN.exists() else None


def _summary(nlu: TrainingData | None, stories: StoryData | None, domain: Domain | None) -> str:
    """How much there is of each part that was read."""
    parts: list[str] = []
    if nlu is not None:
        parts += [
            f"{len(nlu.examples)} examples",
            f"{len(nlu.intents)} intents",
            f"{len(nlu.entity_types)} entity types",
        ]
    if stories is not None and (stories.stories or stories.rules):
        parts.append(_count(stories))
    if domain is not None:
        parts.append(f"{len(domain.action_names)} actions")
    return ", ".join(parts) or "nothing"


@convert_app.command("nlu")
def convert_nlu(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    nlu: Annotated[
        list[Path],
        typer.Option("--nlu", "-u", "--data", help="File or folder to read; may be repeated."),
    ] = [DATA],  # noqa: B006  (typer copies it)
    output_format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="What to write; taken from --out's ending if absent."),
    ] = None,
) -> None:
    """Write training data as one file in another format: Rasa's YAML, JSON or Markdown, or CSV.

    What the format cannot carry is an error; nothing is dropped silently.
    """
    from gossamer.data import read_training_data, write_training_data

    chosen = output_format if output_format is not None else _SUFFIXES.get(out.suffix.lower())
    if chosen is None:
        raise typer.BadParameter(
            "give one, or a file that ends in .yml, .json, .md or .csv", param_hint="--format"
        )
    refuse_to_mix(out, nlu)
    data = read_training_data(nlu)
    paths = write_training_data(data, out, chosen.value)
    typer.echo(f"{', '.join(map(str, paths))}: {len(data.examples)} examples")


@convert_app.command("stories")
def convert_stories(
    out: Annotated[Path, typer.Option("--out", help="The YAML file to write.")],
    stories: Annotated[
        list[Path],
        typer.Option("--stories", "-s", "--data", help="File or folder to read; may be repeated."),
    ] = [DATA],  # noqa: B006  (typer copies it)
) -> None:
    """Write stories and rules, in Rasa's Markdown or YAML, as one file of Rasa's current YAML.

    What YAML cannot carry is an error; nothing is dropped silently.
    """
    from gossamer.data import read_stories, write_stories

    refuse_to_mix(out, stories)
    data = read_stories(stories)
    write_stories(out, data)
    typer.echo(f"{out}: {_count(data)}")


def refuse_to_mix(out: Path, sources: list[Path]) -> None:
    """Refuse a converted file that would overwrite its source or be read beside it.

    Raises:
        InputError: `out` is one of the sources or lies in one of the folders among them.
    """
    from gossamer.data.errors import InputError

    target = out.resolve()
    for source in sources:
        place = source.resolve()
        if target == place or place in target.parents:
            raise InputError(
                "converted data must not go where they were read from, or they count twice",
                got=str(out),
                hint="a file in another folder",
            )
