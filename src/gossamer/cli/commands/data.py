"""`gossamer data`: split, check, convert and augment project files."""

from __future__ import annotations

import dataclasses
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gossamer.cli.options import (
    CONFIG,
    DATA,
    DOMAIN,
    ConfigPath,
    DataPaths,
    DomainPaths,
    NluPaths,
    RandomSeed,
)

if TYPE_CHECKING:
    from gossamer.data import Domain, StoryData, TrainingData

app = typer.Typer(help="Split, check, convert and add training data.", no_args_is_help=True)
split_app = typer.Typer(help="Split data into a training and a test part.", no_args_is_help=True)
convert_app = typer.Typer(help="Write data in another format.", no_args_is_help=True)
app.add_typer(split_app, name="split")
app.add_typer(convert_app, name="convert")
augment_app = typer.Typer(help="Make more examples.", no_args_is_help=True)
app.add_typer(augment_app, name="augment")


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
    from gossamer.data import read_training_data, split_examples
    from gossamer.data.nlu.formats.rasa_yaml_writer import yaml_files
    from gossamer.data.text.text_files import write_texts
    from gossamer.data.text.wording import counted

    data = read_training_data(nlu)
    parts = split_examples(data, training_fraction=training_fraction, random_seed=random_seed)
    names = ("training_data.yml", "test_data.yml")
    texts = [yaml_files(part, out / name) for part, name in zip(parts, names, strict=True)]
    write_texts({path: text for files in texts for path, text in files.items()})
    for part, files in zip(parts, texts, strict=True):
        typer.echo(f"{', '.join(map(str, files))}: {counted(len(part.examples), 'example')}")


@split_app.command("stories")
def split_stories(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files or folders with stories and rules.", metavar="PATH"),
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
    from gossamer.data import dump_stories, read_stories
    from gossamer.data import split_stories as split
    from gossamer.data.text.text_files import write_texts

    parts = split(read_stories(paths), fraction, random_seed=random_seed)
    files = (out / "training_stories.yml", out / "test_stories.yml")
    write_texts({path: dump_stories(part) for path, part in zip(files, parts, strict=True)})
    for path, part in zip(files, parts, strict=True):
        typer.echo(f"{path}: {_count(part)}")


def _count(data: StoryData) -> str:
    from gossamer.data.text.wording import counted

    rules = f", {counted(len(data.rules), 'rule')}" if data.rules else ""
    return f"{counted(len(data.stories), 'story')}{rules}"


@app.command("validate")
def validate(
    nlu: Annotated[
        list[Path],
        typer.Option(
            "--nlu",
            "-u",
            "--data",
            help="File or folder with training data; may be given several times.",
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
        Path | None,
        typer.Option(
            "--config", "-c", help="Pipeline and policies; else config.yml, if it exists."
        ),
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
    """Look for mistakes in configuration, training data, domain and stories, all at once.

    Errors give exit code 1. A part that cannot be read is an error, and the others are checked.
    `gossamer train` makes the same checks.
    """
    from gossamer.checks import check, read_parts
    from gossamer.data import Finding, Severity
    from gossamer.data.errors import MistakeWarning
    from gossamer.data.text.wording import counted
    from gossamer.dialogue.policies.rules.contradictions import story_contradictions

    noted: list[Finding] = []

    # Warnings of the readers count like findings of the checks.
    def note(message: Warning | str, *_: object, **__: object) -> None:
        is_mistake = isinstance(message, MistakeWarning)
        severity = Severity.ERROR if is_mistake else Severity.WARNING
        noted.append(Finding(severity, " ".join(str(message).split())))

    has_data = nlu != [DATA] or not stories or DATA.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = note
        parts = read_parts(
            _chosen(config, CONFIG),
            nlu,
            _chosen(domain, DOMAIN),
            stories=stories or None,
            nlu=has_data,
        )
        checked = check(dataclasses.replace(parts, wants_nlu=True))
    findings = [*noted, *checked.findings]
    if checked.dialogue is not None:
        told = checked.dialogue.data
        findings += story_contradictions(told.stories, told.domain, max_history)
    findings = list(dict.fromkeys(findings))
    for finding in findings:
        typer.echo(finding)
    n_errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    n_warnings = len(findings) - n_errors
    typer.echo(
        f"{_summary(parts.nlu, parts.stories, parts.domain)}: "
        f"{counted(n_errors, 'error')}, {counted(n_warnings, 'warning')}"
    )
    if n_errors > 0 or (fail_on_warnings and n_warnings > 0):
        raise typer.Exit(1)


P = TypeVar("P", Path, list[Path])


def _chosen(given: P | None, default: Path) -> P | Path | None:
    """What was given, or else the default if it exists."""
    if given:
        return given
    return default if default.exists() else None


def _summary(nlu: TrainingData | None, stories: StoryData | None, domain: Domain | None) -> str:
    """How much there is of each part that was read."""
    from gossamer.data.text.wording import counted

    parts: list[str] = []
    if nlu is not None:
        parts += [
            counted(len(nlu.examples), "example"),
            counted(len(nlu.intents), "intent"),
            counted(len(nlu.entity_types), "entity type"),
        ]
    if stories is not None and (stories.stories or stories.rules):
        parts.append(_count(stories))
    if domain is not None:
        parts.append(counted(len(domain.action_names), "action"))
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
        typer.Option("--format", "-f", help="What to write; by default what --out ends in."),
    ] = None,
) -> None:
    """Write training data as one file in another format: Rasa's YAML, JSON or Markdown, or CSV.

    What the format cannot carry is an error; nothing is dropped silently.
    """
    from gossamer.data import read_training_data, write_training_data
    from gossamer.data.text.wording import counted

    chosen = output_format if output_format is not None else _SUFFIXES.get(out.suffix.lower())
    if chosen is None:
        raise typer.BadParameter(
            "give one, or a file that ends in .yml, .json, .md or .csv", param_hint="--format"
        )
    refuse_to_mix(out, nlu)
    data = read_training_data(nlu)
    paths = write_training_data(data, out, chosen.value)
    typer.echo(f"{', '.join(map(str, paths))}: {counted(len(data.examples), 'example')}")


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


@app.command("migrate")
def migrate(
    domain: DomainPaths = [DOMAIN],  # noqa: B006  (typer copies it)
    data: DataPaths = [DATA],  # noqa: B006
    config: ConfigPath = CONFIG,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A YAML file: the new domain alone. A folder: the whole project. Without it, the "
            "new domain takes the place of the old one, which is kept as original_domain.yml.",
        ),
    ] = None,
) -> None:
    """Write a project of Rasa 1 or 2, or its domain, as Rasa 3 has it.

    Gossamer reads projects of Rasa 1 and 2 as they are; Rasa 3 does not. No file is replaced but
    a domain that is kept under another name. --data and --config belong to an --out that is a
    folder.
    """
    from gossamer.cli.streams import say
    from gossamer.data.errors import InputError
    from gossamer.data.migration.project import (
        migrate_domain,
        migrate_in_place,
        migrate_project,
        refuse_to_replace,
    )
    from gossamer.data.text.files import write_files

    if out is None:
        if len(domain) > 1:
            raise typer.BadParameter("several files of a domain need --out", param_hint="--domain")
        migration = migrate_in_place(domain[0])
    elif out.suffix.lower() in (".yml", ".yaml"):
        migration = migrate_domain(domain, out)
        refuse_to_replace(migration.files)
    else:
        refuse_to_mix(out, [*data, *domain])
        given = config if config != CONFIG or config.exists() else None
        domains = domain if domain != [DOMAIN] or DOMAIN.exists() else []
        migration = migrate_project(domains, data, given, out)
        refuse_to_replace(migration.files)
    write_files(migration.files, error=InputError)
    for note in migration.notes:
        say(f"Note: {note}")
    for path in migration.files:
        typer.echo(path)


@augment_app.command("nlu")
def augment_nlu(
    out: Annotated[Path, typer.Option("--out", help="The YAML file to write.")],
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    factor: Annotated[
        int,
        typer.Option("--factor", min=1, help="New examples for each annotated one, at most."),
    ] = 1,
    random_seed: RandomSeed = None,
) -> None:
    """Write new examples: the same sentences with other values of their entities.

    Values are those of other examples, of lookup tables that are named like the entity, and
    synonyms of these. Only the new examples are written.
    """
    from gossamer.data import TrainingData, augment_examples, read_training_data, write_yaml
    from gossamer.data.text.wording import counted

    if _SUFFIXES.get(out.suffix.lower()) is not Format.yaml:
        raise typer.BadParameter("must be a file that ends in .yml", param_hint="--out")
    refuse_to_mix(out, nlu)
    data = read_training_data(nlu)
    new = augment_examples(data, factor, random_seed=random_seed)
    for path in write_yaml(TrainingData(examples=new), out):
        typer.echo(f"{path}: {counted(len(new), 'example')}")


def refuse_to_mix(out: Path, sources: list[Path]) -> None:
    """Refuse a file that would overwrite its source or be read beside it.

    Raises:
        InputError: `out` is one of the sources or is in one of the source folders.
    """
    from gossamer.data.errors import InputError

    target = out.resolve()
    for source in sources:
        place = source.resolve()
        if target == place or place in target.parents:
            raise InputError(
                "what is made of data must not go where they were read from, or they count twice",
                got=str(out),
                hint="a file in another folder",
            )
