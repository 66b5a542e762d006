"""`gossamer data`: split, check and convert what people wrote."""

from __future__ import annotations

import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import DATA, NluPaths, RandomSeed

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


@split_app.callback()
@convert_app.callback()
def _group() -> None:
    pass  # Keeps `nlu` a command of its own while it is the only one.


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


@app.command("validate")
def validate(
    nlu: NluPaths = [DATA],  # noqa: B006  (typer copies it)
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Check this pipeline file too.")
    ] = None,
    fail_on_warnings: Annotated[
        bool, typer.Option("--fail-on-warnings", help="Exit code 1 for warnings, too.")
    ] = False,
) -> None:
    """Look for mistakes in training data. Errors give exit code 1."""
    from gossamer.data import Severity, read_config, read_training_data
    from gossamer.data import validate as find_mistakes

    # What the readers warn of is as doubtful as what the checks find.
    seen_while_reading: list[str] = []

    def show(message: Warning | str, *_: object, **__: object) -> None:
        seen_while_reading.append(" ".join(str(message).split()))
        typer.echo(f"warning: {seen_while_reading[-1]}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        data = read_training_data(nlu)
        findings = find_mistakes(data)
        if config is not None:
            # Components and their options are known to the pipeline only, which needs torch.
            from gossamer.nlu.pipeline import Pipeline

            Pipeline.from_config(read_config(config))
    for finding in findings:
        typer.echo(finding)
    n_errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    n_warnings = len(seen_while_reading) + len(findings) - n_errors
    typer.echo(
        f"{len(data.examples)} examples, {len(data.intents)} intents, "
        f"{len(data.entity_types)} entity types: {n_errors} errors, {n_warnings} warnings"
    )
    if n_errors > 0 or (fail_on_warnings and n_warnings > 0):
        raise typer.Exit(1)


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
