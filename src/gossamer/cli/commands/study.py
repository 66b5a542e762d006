"""`gossamer study`: many small trainings, a row for each, and a report of what they show."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gossamer.cli.options import CONFIG, DOMAIN, ConfigPath, DomainPaths
from gossamer.cli.streams import say

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.study.grid import Grid
    from gossamer.study.runner import Progress, StudyResult

app = typer.Typer(
    help="Run a study: many small trainings, a row of results for each, and a report on them all.",
    no_args_is_help=True,
)

T = TypeVar("T")

TaskName = Annotated[
    str, typer.Option("--task", help="What is learnt: intent, entity or dialogue.")
]
Train = Annotated[
    list[Path],
    typer.Option("--train", help="File or folder to train on; may be given several times."),
]
Test = Annotated[
    list[Path] | None,
    typer.Option("--test", help="File or folder to test on; may be given several times."),
]
Holdout = Annotated[
    float | None,
    typer.Option("--holdout", help="Test on this share of --train instead, between 0 and 1."),
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder for rows and report; runs already in it are kept.")
]
Numbers = Annotated[str | None, typer.Option(help="Default: those of the study.")]
Densities = Annotated[
    str | None, typer.Option("--densities", help="Shares of connections: 1.0,0.2,0.05,0.01.")
]
Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--sizes",
        help="Widths of the transformer: 8,16,32; for one density only: 0.01:64,128. May be "
        "given several times.",
    ),
]
Seeds = Annotated[str | None, typer.Option("--seeds", help="One run each: 0,1,2.")]
Epochs = Annotated[str | None, typer.Option("--epochs", help="Passes over the data: 30.")]
Topologies = Annotated[
    str | None,
    typer.Option("--topology", help="How connections are drawn: uniform,fan_in,grouped,blocked."),
]
GroupSizes = Annotated[
    str | None,
    typer.Option("--max-group-size", help="The most outputs that share their inputs: 4,8,16,32."),
]
Methods = Annotated[
    str | None,
    typer.Option("--method", help="How connections are found: fixed,one-shot,gradual,set,rigl."),
]
InputLayers = Annotated[
    str | None,
    typer.Option(
        "--input-layer",
        help="Before the sparse layers: learned,frozen,hashed,none,windowed,shuffled (not TED).",
    ),
]
LearningRates = Annotated[str | None, typer.Option("--learning-rate", help="Of Adam: 0.001,0.003.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="NAME=VALUE, an option of DIETClassifier or TEDPolicy for all runs, repeatable.",
    ),
]
BackendName = Annotated[
    str, typer.Option("--backend", help="processes (of this machine) or ray (a cluster).")
]
Address = Annotated[
    str | None, typer.Option("--address", help="Of the Ray cluster: host:port, or auto.")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Runs at a time; default: one a core.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Of each run.")]
Title = Annotated[str, typer.Option("--title", help="Of the report.")]
Notes = Annotated[
    list[str] | None,
    typer.Option("--note", help="What the report says was left out, repeatable."),
]


def _command(name: str, summary: str) -> None:
    def study(
        task: TaskName = "intent",
        config: ConfigPath = CONFIG,
        train: Train = [Path("data")],  # noqa: B006  (typer copies it)
        test: Test = None,
        holdout: Holdout = None,
        domain: DomainPaths = [DOMAIN],  # noqa: B006
        out: Out = Path("study"),
        densities: Densities = None,
        sizes: Sizes = None,
        seeds: Seeds = None,
        epochs: Epochs = None,
        topology: Topologies = None,
        max_group_size: GroupSizes = None,
        method: Methods = None,
        input_layer: InputLayers = None,
        learning_rate: LearningRates = None,
        option: Options = None,
        backend: BackendName = "processes",
        address: Address = None,
        jobs: Jobs = None,
        threads: Threads = None,
        title: Title = "",
        note: Notes = None,
    ) -> None:
        from rich.console import Console

        from gossamer.data.installed import STUDYING, require

        require("a study", *STUDYING)
        if backend == "ray":
            require("a cluster", "ray")
        from gossamer.study import Backend, Task, read_study_data, run_study, study_named

        kind = study_named(name)
        known = _one_of("--task", task, [str(each) for each in kind.tasks])
        grid = _grid(
            kind.grid(Task(known)),
            densities=densities,
            sizes=sizes,
            seeds=seeds,
            epochs=epochs,
            topology=topology,
            max_group_size=max_group_size,
            method=method,
            input_layer=input_layer,
            learning_rate=learning_rate,
            options=option or [],
        )
        where = Backend(
            kind="ray" if _one_of("--backend", backend, ["processes", "ray"]) == "ray" else
            "processes",
            jobs=jobs,
            threads=threads,
            address=address,
        )  # fmt: skip
        data = read_study_data(known, config, train, test, domain=domain, holdout=holdout)
        console = Console()
        with study_bar(console, name) as on_progress:
            result = run_study(
                kind,
                data,
                out,
                grid=grid,
                backend=where,
                on_progress=on_progress,
                title=title,
                command=shlex.join(["gossamer", *sys.argv[1:]]),
                notes=note or [],
            )
        _tell(console, result)

    study.__doc__ = (
        f"{summary}\n\nRuns that are in --out are not repeated, so a study can be stopped at any "
        "time and continued with the same command."
    )
    app.command(name)(study)


# Repeated here: the list of commands must not load what trains. A test compares them.
SUMMARIES = {
    "density": "F1 against trainable weights at several densities.",
    "methods": "Random, pruned or learned connections, at equal final weights.",
    "convergence": "Spread over seeds and learning rates at each density.",
    "input-layer": "The dense layer before the sparse ones learned, fixed or left out.",
    "structure": "Topologies and group sizes against F1 and speed.",
    "time": "F1 against seconds of training at each density.",
    "input-order": "Windows of neighbouring features against the same windows of shuffled ones.",
}

for _name, _summary in SUMMARIES.items():
    _command(_name, _summary)


@app.command("report")
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `gossamer study` wrote.")],
    index: Annotated[
        Path | None, typer.Option("--index", help="Also write a page that lists them all.")
    ] = None,
) -> None:
    """Make the reports of studies again from their rows; nothing is trained."""
    from gossamer.study import StudyFolder, write_index

    for folder in folders:
        written = StudyFolder(folder).write_report()
        typer.echo(f"{len(written)} files in {folder}")
    if index is not None:
        write_index(map(StudyFolder, folders), index)
        typer.echo(f"{index} lists them")


def _grid(
    default: Grid,
    *,
    densities: str | None,
    sizes: list[str] | None,
    seeds: str | None,
    epochs: str | None,
    topology: str | None,
    max_group_size: str | None,
    method: str | None,
    input_layer: str | None,
    learning_rate: str | None,
    options: list[str],
) -> Grid:
    """The study's own runs, with what the command line sets."""
    import dataclasses
    import itertools

    from gossamer.sparse import Topology
    from gossamer.study.run import InputLayer, Method

    changes: dict[str, Any] = {
        name: _list(f"--{name}", text, kind)
        for name, text, kind in (
            ("densities", densities, float),
            ("seeds", seeds, int),
            ("epochs", epochs, int),
        )
        if text is not None
    }
    for name, option, text, known in (
        ("topologies", "--topology", topology, Topology),
        ("methods", "--method", method, Method),
        ("input_layers", "--input-layer", input_layer, InputLayer),
    ):
        if text is not None:
            names = [_one_of(option, part, list(map(str, known))) for part in _parts(option, text)]
            changes[name] = tuple(known(each) for each in names)
    if sizes:
        changes |= _sizes(sizes)
    elif densities is not None:  # the study's widths for other densities do not count
        wanted = changes["densities"]
        changes["sizes_at"] = {d: at for d, at in default.sizes_at.items() if d in wanted}
    axes: dict[str, list[dict[str, Any]]] = {}
    for name, option, text, number in (
        ("learning_rate", "--learning-rate", learning_rate, float),
        ("max_group_size", "--max-group-size", max_group_size, int),
    ):
        if text is not None:
            axes[name] = [{name: value} for value in _list(option, text, number)]
    if axes:
        kept = [{n: v for n, v in each.items() if n not in axes} for each in default.variants]
        kept = [each for i, each in enumerate(kept) if each not in kept[:i]]
        changes["variants"] = tuple(
            {name: value for part in parts for name, value in part.items()}
            for parts in itertools.product(kept, *axes.values())
        )
    if options:
        changes["options"] = _options(options)
    return dataclasses.replace(default, **changes)


def _sizes(texts: list[str]) -> dict[str, Any]:
    every: list[int] = []
    at: dict[float, tuple[int, ...]] = {}
    for text in texts:
        density, colon, sizes = text.rpartition(":")
        if colon:
            for each in _list("--sizes", density, float):
                at[each] = (*at.get(each, ()), *_list("--sizes", sizes, int))
        else:
            every += _list("--sizes", sizes, int)
    return {"sizes_at": at} | ({"sizes": tuple(every)} if every else {})


def _parts(option: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise typer.BadParameter("must name at least one value", param_hint=option)
    return parts


def _list(option: str, text: str, kind: Callable[[str], T]) -> tuple[T, ...]:
    try:
        return tuple(kind(part) for part in _parts(option, text))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise typer.BadParameter(
            f"must be {what} with commas between (got {text!r})", param_hint=option
        ) from None


def _one_of(option: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise typer.BadParameter(
            f"must be one of {', '.join(known)} (got {name!r})", param_hint=option
        )
    return name


def _options(texts: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in texts:
        name, value = _name_and_value(text)
        if name in options:
            raise typer.BadParameter(f"must name {name} once", param_hint="--option")
        options[name] = value
    return options


def _name_and_value(text: str) -> tuple[str, Any]:
    import json

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"must be NAME=VALUE (got {text!r})", param_hint="--option")
    try:
        found = YAML(typ="safe", pure=True).load(value)
        json.dumps(found, allow_nan=False)
        return name, found
    except (YAMLError, TypeError, ValueError):
        raise typer.BadParameter(
            f"the value must be a number, a text, true, false or a list (got {text!r})",
            param_hint="--option",
        ) from None


@contextmanager
def study_bar(console: Console, name: str) -> Iterator[Callable[[Progress], None] | None]:
    """A listener that draws how many runs are done, running and left, and the time left.

    Args:
        console: where to draw; without a terminal nothing is drawn.
        name: of the study.

    Yields:
        The listener, or None when nothing is drawn.
    """
    if not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bars,
    )

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
        TextColumn("to go"),
        TimeRemainingColumn(),
        console=console,
        expand=True,
    ) as progress:
        bar = progress.add_task(name, total=None, now="")

        def show(now: Progress) -> None:
            n_left = now.n_all - now.n_done - now.n_running - now.n_failed
            text = f"{now.n_running} running, {n_left} left"
            text += f", {now.n_failed} failed" if now.n_failed else ""
            progress.update(bar, completed=now.n_done + now.n_failed, total=now.n_all, now=text)

        yield show


def _tell(console: Console, result: StudyResult) -> None:
    """What was done, the findings, and where the report is."""
    if result.n_torn:
        typer.echo(
            f"{result.n_torn} unfinished row was set aside in {result.folder.store.torn_path}: "
            "its run was done again."
        )
    for run, failure in result.failures.items():
        say(f"Failed: {run}: {failure.type}: {failure.message}")
    if result.reports:
        for finding in result.folder.document().findings:
            console.print(f"- {finding}", highlight=False, markup=False)
        n_rows = len(result.folder.store.keys)
        typer.echo(
            f"{n_rows} rows ({result.n_new} new) in {result.folder.store.path}, the report is "
            f"{result.folder.path / 'report.html'}"
        )
    if result.failures:
        typer.echo(
            f"{len(result.failures)} run{'s' if len(result.failures) > 1 else ''} failed; the same "
            "command tries again.",
            err=True,
        )
        raise typer.Exit(1)
