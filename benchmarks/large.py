"""Does cost per utterance stay flat, and memory the same from epoch to epoch, on large data?

The data are recombined from public texts (see `support.recombine`). For each size a fresh process
trains through `Assistant.train`, on data in memory, and another reads the same data from a YAML
file. The batch size is fixed, so that sizes can be compared; the first epoch is left out of the
means.

    python benchmarks/large.py --config config.yml --sources snips/train.md nlu/train.md \
        --sizes 1000,10000,100000 --epochs 3 --out results
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from support import plain_errors
from support.provenance import peak_rss_mib, rss_mib, surroundings
from support.recombine import recombine

from gossamer.assistant import Assistant
from gossamer.data import (
    Example,
    ProjectConfig,
    TrainingData,
    read_config,
    read_training_data,
    write_yaml,
)
from gossamer.nlu.pipeline.component import EpochReport

_BATCH_SIZE = 128
_QUICK_SIZES, _QUICK_EPOCHS = [500, 1000], 2

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one size cost.

    Attributes:
        utterances: training examples.
        intents: how many of them.
        drawn: utterances an epoch trains on; more than there are, as rare intents are repeated.
        read_seconds: reading all of them from YAML.
        read_peak_mib: the most memory held while reading, with Python and what it imported.
        prepare_seconds: from the call to the first epoch: tokens, features, tags, network.
        epoch_seconds: of each epoch.
        prepare_cpu_seconds: as `prepare_seconds`, but of this process's processor time.
        epoch_cpu_seconds: likewise; other programs on the machine change it less.
        finish_seconds: from the last epoch to the trained assistant.
        rss_mib: memory held before training, when the first epoch began, and after each.
        peak_mib: the most memory held.
        weights: trainable weights of the network, which grow with the vocabulary.
        metrics: of the last epoch, on the training data.
    """

    utterances: int
    intents: int
    drawn: int
    read_seconds: float
    read_peak_mib: float
    prepare_seconds: float
    epoch_seconds: list[float]
    prepare_cpu_seconds: float
    epoch_cpu_seconds: list[float]
    finish_seconds: float
    rss_mib: list[float]
    peak_mib: float
    weights: int
    metrics: dict[str, float]

    @property
    def epoch_ms(self) -> float:
        """Milliseconds per utterance and epoch, mean of the epochs after the first."""
        return 1000 * statistics.fmean(self.epoch_seconds[1:]) / self.utterances

    @property
    def epoch_cpu_ms(self) -> float:
        """The same in processor time."""
        return 1000 * statistics.fmean(self.epoch_cpu_seconds[1:]) / self.utterances

    @property
    def step_cpu_ms(self) -> float:
        """Processor time per utterance trained on, repetitions counted, in milliseconds."""
        return self.epoch_cpu_ms * self.utterances / self.drawn


def train_here(
    config: ProjectConfig, examples: tuple[Example, ...], threads: int
) -> dict[str, Any]:
    """Train in this process; the values of a `Row` that training gives."""
    import torch
    from support.provenance import n_weights

    import gossamer.nlu.diet.component as diet

    torch.set_num_threads(threads)
    data = TrainingData(examples=examples)
    n_drawn = _n_drawn(data)
    seconds: list[float] = []
    cpu: list[float] = []
    memory: list[float] = []
    ends: list[float] = []
    metrics: dict[str, float] = {}

    def look() -> None:
        ends.append(time.perf_counter())
        cpu.append(time.process_time())
        memory.append(rss_mib())

    def on_epoch(report: EpochReport) -> None:
        look()
        seconds.append(report.seconds)
        metrics.update(report.metrics)

    def fit(*arguments: Any, **options: Any) -> None:
        look()  # at the start of the training loop
        plain_fit(*arguments, **options)

    plain_fit = vars(diet)["fit"]
    vars(diet)["fit"] = fit
    look()
    assistant = Assistant.train(config, data, on_epoch=on_epoch)
    ended = time.perf_counter()
    cpu_seconds = [after - before for before, after in pairwise(cpu)]
    return {
        "utterances": len(data.examples),
        "intents": len(data.intents),
        "drawn": n_drawn,
        "prepare_seconds": ends[1] - ends[0],
        "epoch_seconds": seconds,
        "prepare_cpu_seconds": cpu_seconds[0],
        "epoch_cpu_seconds": cpu_seconds[1:],
        "finish_seconds": ended - ends[-1],
        "rss_mib": memory,
        "peak_mib": peak_rss_mib(),
        "weights": n_weights(assistant),
        "metrics": metrics,
    }


def _n_drawn(data: TrainingData) -> int:
    import numpy as np

    from gossamer.nn.training.batching import epoch_batches

    number = {intent: i for i, intent in enumerate(data.intents)}
    labels = np.array([number[str(example.base_intent)] for example in data.examples])
    batches = epoch_batches(len(labels), labels, _BATCH_SIZE, np.random.default_rng(0))
    return sum(len(batch) for batch in batches)


def read_here(path: Path) -> dict[str, Any]:
    """Read a file in this process; the values of a `Row` that reading gives."""
    began = time.perf_counter()
    read_training_data(path)
    return {"read_seconds": time.perf_counter() - began, "read_peak_mib": peak_rss_mib()}


def with_options(config: ProjectConfig, epochs: int) -> ProjectConfig:
    """The configuration with DIET's epochs, and batches of one size."""
    options = {"epochs": epochs, "batch_size": [_BATCH_SIZE, _BATCH_SIZE]}
    pipeline = tuple(
        dataclasses.replace(part, options={**part.options, **options})
        if part.name.rpartition(".")[2] == "DIETClassifier"
        else part
        for part in config.pipeline
    )
    return dataclasses.replace(config, pipeline=pipeline)


def _in_a_process(function: Callable[..., ResultT], *arguments: object) -> ResultT:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(config: ProjectConfig, data: TrainingData, threads: int) -> Row:
    """Read and train, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nlu.yml"
        # By intents, as in files written by hand; the writer makes a block of each run of one
        # intent.
        ordered = sorted(data.examples, key=lambda example: str(example.intent))
        write_yaml(TrainingData(examples=tuple(ordered)), path)
        reading = _in_a_process(read_here, path)
    return Row(**reading, **_in_a_process(train_here, config, data.examples, threads))


def table(rows: Sequence[Row]) -> str:
    """Markdown, a line a size; costs in milliseconds per utterance."""
    lines = [
        "| utterances | trained on per epoch | reading YAML | preparing | epoch | preparing, CPU "
        "| epoch, CPU | epoch, CPU, per utterance trained on | MiB before | MiB, epochs begin "
        "| MiB after first epoch | MiB after last | peak MiB | peak MiB, reading | weights |",
        "|" + "---:|" * 15,
    ]
    for row in rows:
        cells = [
            f"{row.utterances:,}",
            f"{row.drawn:,}",
            f"{1000 * row.read_seconds / row.utterances:.3f}",
            f"{1000 * row.prepare_seconds / row.utterances:.3f}",
            f"{row.epoch_ms:.3f}",
            f"{1000 * row.prepare_cpu_seconds / row.utterances:.3f}",
            f"{row.epoch_cpu_ms:.3f}",
            f"{row.step_cpu_ms:.3f}",
            *(f"{row.rss_mib[place]:,.0f}" for place in (0, 1, 2, -1)),
            f"{row.peak_mib:,.0f}",
            f"{row.read_peak_mib:,.0f}",
            f"{row.weights:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Cost per utterance against the number of utterances; memory against epochs."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4), layout="constrained")
    cost, memory = figure.subplots(1, 2)
    sizes = [row.utterances for row in rows]
    series = {
        "an epoch": [row.epoch_ms for row in rows],
        "an epoch, CPU": [row.epoch_cpu_ms for row in rows],
        "an epoch, CPU, per utterance trained on": [row.step_cpu_ms for row in rows],
        "preparing once, CPU": [1000 * row.prepare_cpu_seconds / row.utterances for row in rows],
        "reading YAML, once": [1000 * row.read_seconds / row.utterances for row in rows],
    }
    for label, values in series.items():
        cost.plot(sizes, values, marker="o", label=label)
    cost.set(xscale="log", yscale="log", xlabel="utterances", ylabel="ms per utterance")
    cost.set_ylim(top=10)  # room for the legend
    cost.legend(fontsize=8, loc="upper right")
    for row in rows:
        memory.plot(row.rss_mib[1:], marker=".", label=f"{row.utterances:,} utterances")
    memory.set(xlabel="epochs done", ylabel="memory held, MiB", ylim=(0, None))
    memory.xaxis.set_major_locator(MaxNLocator(integer=True))
    memory.legend(fontsize=8)
    for axes in (cost, memory):
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=130)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--config", type=Path, required=True)
    add("--sources", nargs="+", type=Path, required=True, help="annotated texts to recombine")
    add(
        "--sizes",
        default="1000,10000,100000",
        type=lambda text: [int(size) for size in text.split(",")],
    )
    add("--intents", type=int, default=150)
    add("--epochs", type=int, default=3, help="two or more: the first is left out of the means")
    add("--seed", type=int, default=1, help="of the data")
    add("--threads", type=int, default=1)
    add(
        "--rasa-defaults",
        action="store_true",
        help="options that the configuration leaves open are as in Rasa",
    )
    add(
        "--quick",
        action="store_true",
        help=f"sizes {_QUICK_SIZES}, {_QUICK_EPOCHS} epochs: does it run",
    )
    add("--out", type=Path, help="folder for large.jsonl, large.md and large.png")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.epochs = _QUICK_SIZES, _QUICK_EPOCHS
    if options.epochs < 2:
        parser.error("--epochs must be 2 or more, because the first is left out of the means")
    return options


def main() -> None:
    """Make data, measure each size, print and write."""
    options = _arguments()
    config = with_options(read_config(options.config), options.epochs)
    if options.rasa_defaults:
        config = config.with_rasa_defaults()
    sources = read_training_data(options.sources)
    data = recombine(sources, max(options.sizes), n_intents=options.intents, seed=options.seed)
    rows: list[Row] = []
    for size in options.sizes:
        rows.append(measure(config, TrainingData(examples=data.examples[:size]), options.threads))
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            with (options.out / "large.jsonl").open("a", encoding="utf-8") as file:
                row = asdict(rows[-1]) | {"settings": _settings(options)} | surroundings()
                file.write(json.dumps(row) + "\n")
    shown = table(rows)
    print(shown)
    if options.out is not None:
        about = surroundings()
        versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        note = (
            f"Costs in ms per utterance. {options.epochs} epochs, {options.intents} intents, "
            f"batches of {_BATCH_SIZE}, {options.threads} threads; {about['machine']}; "
            f"{versions}; commit {about['commit']}, {about['finished']}"
        )
        (options.out / "large.md").write_text(f"{shown}\n\n{note}\n", encoding="utf-8")
        draw(rows, options.out / "large.png")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "sources": [path.name for path in options.sources],
        "config": options.config.name,
        "intents": options.intents,
        "epochs": options.epochs,
        "batch_size": _BATCH_SIZE,
        "seed": options.seed,
        "threads": options.threads,
    }


if __name__ == "__main__":
    plain_errors.run(main)
