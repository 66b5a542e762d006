"""Does a fast topology learn as well? Scores of each over several seeds, with confidence intervals.

Every (topology, density, seed) trains in a process of its own on one thread, as many at a time as
asked. Differences to `--reference` are paired by seed; their interval is Student's t at 95%.
Settings are chosen here, so it must not use the test part of a data set: use `--holdout` or a
validation part as `--test`.

    python benchmarks/topologies.py --config config.yml --train train.yml --holdout 0.2 --epochs 50
    python benchmarks/topologies.py --config config.yml --train train.md --test val.md --epochs 6
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nlu_f1 import Settings, run_once, share
from scipy import stats
from support import plain_errors

METRICS = {
    "intent_weighted_f1": "intent weighted F1",
    "entity_token_micro_f1": "entity token micro F1",
    "entity_span_micro_f1": "entity span micro F1",
}
Rows = Sequence[dict[str, Any]]


def run_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows; those already in `--out` are not run again."""
    found: list[dict[str, Any]] = []
    if options.out is not None and options.out.exists():
        found = [json.loads(line) for line in options.out.read_text("utf-8").splitlines()]
    done = {_key(row) for row in found}
    wanted = [
        (topology, density, seed)
        for seed in options.seeds
        for density in options.densities
        for topology in options.topologies
        if (topology, density, seed) not in done
    ]
    with ProcessPoolExecutor(
        max_workers=options.processes, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        jobs = [pool.submit(run_once, _settings(options, t, d), seed) for t, d, seed in wanted]
        for number, job in enumerate(as_completed(jobs), start=1):
            row = job.result()
            found.append(row)
            topology, density, seed = _key(row)
            print(
                f"{number}/{len(jobs)} {topology} {density:g} seed {seed}: "
                f"{row['train_seconds']:.0f} s",
                flush=True,
            )
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return found


def _key(row: dict[str, Any]) -> tuple[str, float, int]:
    return row["options"]["topology"], row["options"]["connection_density"], row["seed"]


def _settings(options: argparse.Namespace, topology: str, density: float) -> Settings:
    return Settings(
        config=options.config,
        train=tuple(options.train),
        test=tuple(options.test),
        holdout=options.holdout,
        epochs=options.epochs,
        options={"topology": topology, "connection_density": density},
        threads=1,
        rasa_defaults=options.rasa_defaults,
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half the width of its 95% interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, float("nan")
    spread = statistics.stdev(values) / len(values) ** 0.5
    return mean, float(stats.t.ppf(0.975, len(values) - 1)) * spread


def table(rows: Rows, reference: str) -> str:
    """Markdown: scores in points, and differences to the reference with their intervals."""
    lines = [
        "| topology | density | seeds | " + " | ".join(METRICS.values()) + " | seconds |",
        "|---|---|---|" + "---|" * (len(METRICS) + 1),
    ]
    for density in sorted({_key(row)[1] for row in rows}, reverse=True):
        base = {_key(r)[2]: r for r in rows if _key(r)[:2] == (reference, density)}
        names = dict.fromkeys(_key(row)[0] for row in rows if _key(row)[1] == density)
        for name in sorted(names, key=lambda n: (n != reference, n)):
            own = [r for r in rows if _key(r)[:2] == (name, density)]
            cells = []
            for metric in METRICS:
                mean, half = interval([100 * r[metric] for r in own])
                cell = f"{mean:.2f} ± {half:.2f}"
                pairs = [100 * (r[metric] - base[r["seed"]][metric])
                         for r in own if r["seed"] in base]  # fmt: skip
                if name != reference and pairs:
                    change, width = interval(pairs)
                    cell += f" ({change:+.2f} ± {width:.2f})"
                cells.append(cell)
            seconds = statistics.median(r["train_seconds"] for r in own)
            lines.append(
                f"| {name} | {density:g} | {len(own)} | {' | '.join(cells)} | {seconds:.0f} |"
            )
    return "\n".join(lines)


def draw(rows: Rows, reference: str, path: Path) -> None:
    """Differences to the reference, a panel a metric."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    groups = sorted(
        {_key(r)[:2] for r in rows if _key(r)[0] != reference}, key=lambda g: (-g[1], g)
    )
    for axes, (metric, label) in zip(
        figure.subplots(1, len(METRICS)), METRICS.items(), strict=True
    ):
        for place, (name, density) in enumerate(groups):
            base = {_key(r)[2]: r[metric] for r in rows if _key(r)[:2] == (reference, density)}
            own = [r for r in rows if _key(r)[:2] == (name, density) and r["seed"] in base]
            if own:
                pairs = [100 * (r[metric] - base[r["seed"]]) for r in own]
                mean, half = interval(pairs)
                axes.errorbar(place, mean, yerr=half, fmt="o", capsize=4)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.axhline(-0.3, color="grey", linestyle="--", linewidth=0.8)
        axes.set_title(label, fontsize=9)
        axes.set_xticks(range(len(groups)), [f"{n}\n{d:g}" for n, d in groups], fontsize=8)
        axes.set_ylabel(f"points more than {reference}")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--config", required=True)
    add("--train", nargs="+", required=True)
    add("--test", nargs="+", default=[])
    add("--holdout", type=share)
    add("--epochs", type=int, required=True)
    add("--topologies", default="uniform,blocked,windowed", type=lambda text: text.split(","))
    add("--densities", default="0.2,0.05", type=lambda text: [float(d) for d in text.split(",")])
    add("--seeds", default="1,2,3,4,5", type=lambda text: [int(s) for s in text.split(",")])
    add("--reference", default="uniform")
    add(
        "--rasa-defaults",
        action="store_true",
        help="options that the configuration leaves open are as in Rasa",
    )
    add("--processes", type=int, default=2)
    add("--out", type=Path, help="JSON lines; existing rows are not run again")
    add("--figure", type=Path)
    options = parser.parse_args()
    if (options.holdout is None) == (not options.test):
        parser.error("give either --test or --holdout")
    rows = run_all(options)
    print(table(rows, options.reference))
    if options.figure is not None:
        draw(rows, options.reference, options.figure)


if __name__ == "__main__":
    plain_errors.run(main)
