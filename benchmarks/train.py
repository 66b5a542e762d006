"""Training speed and memory: ours, ours with dense layers, and Rasa, in turns in one sitting.

Every peer trains in a process of its own at the same options; rounds alternate (A, B, C, A, B, C),
and the first epoch of each run is left out. DIET's batches grow from the first epoch to the last,
so `--epochs` sets the schedule and `--stop-after` how much of it is run. Separate runs after that,
with clocks around the parts, show where the time goes (`support/train_breakdown.py`).

    python benchmarks/train.py --config config.yml --train train.yml --rounds 2 \
        --rasa-python rasa-env/bin/python --out results
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import rasa_peer
from support import plain_errors
from support.provenance import OtherLoad, described, peak_rss_mib, surroundings
from support.train_breakdown import Clocks, installed
from support.train_report import RASA, draw, peer_name, report

from gossamer.assistant import Assistant
from gossamer.data import read_config, read_training_data
from gossamer.nlu.pipeline.component import EpochReport


class _EnoughError(Exception):
    """Training has shown what was to be measured."""


def measure_here(
    config: Path,
    train: Path,
    *,
    epochs: int,
    stop_after: int,
    density: float,
    threads: int | None,
    rasa_defaults: bool = False,
    with_breakdown: bool = False,
) -> dict[str, Any]:
    """Train Gossamer in this process for a few epochs.

    Args:
        config: the pipeline.
        train: what to train on.
        epochs: length of the whole schedule.
        stop_after: how many of them to run.
        density: of DIET's connections.
        threads: of torch; None for its own choice.
        rasa_defaults: options that the pipeline leaves open are as in Rasa.
        with_breakdown: put clocks around the parts.

    Returns:
        `epoch_seconds` of DIET, `peak_rss_mib` of the process and, where wanted, `breakdown`:
        seconds of an epoch by part, mean of the epochs after the first.
    """
    import dataclasses

    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    project = read_config(config)
    pipeline = tuple(
        dataclasses.replace(
            part,
            options={**part.options, "epochs": epochs, "connection_density": density},
        )
        if part.name.rpartition(".")[2] == "DIETClassifier"
        else part
        for part in project.pipeline
    )
    seconds: list[float] = []
    clocks = Clocks()

    def on_epoch(report: EpochReport) -> None:
        seconds.append(report.seconds)
        if len(seconds) == 1:
            clocks.clear()
        if len(seconds) >= stop_after:
            raise _EnoughError

    watched: contextlib.AbstractContextManager[list[str]] = (
        installed(clocks) if with_breakdown else contextlib.nullcontext([])
    )
    with watched as absent, contextlib.suppress(_EnoughError):
        Assistant.train(
            dataclasses.replace(project, pipeline=pipeline),
            read_training_data(train),
            rasa_defaults=rasa_defaults,
            on_epoch=on_epoch,
        )
    result = {"epoch_seconds": seconds, "peak_rss_mib": peak_rss_mib()}
    if with_breakdown:
        n_epochs = len(seconds) - 1
        shares = clocks.shares(sum(seconds[1:]))
        result["breakdown"] = {part: share / n_epochs for part, share in shares.items()}
        result["absent"] = absent
    return result


def in_a_process(
    options: argparse.Namespace, density: float, with_breakdown: bool = False
) -> dict[str, Any]:
    """What `measure_here` gives, from a process of its own."""
    order = {
        "config": str(options.config),
        "train": str(options.train),
        "epochs": options.epochs,
        "stop_after": options.stop_after,
        "density": density,
        "threads": options.threads,
        "rasa_defaults": options.rasa_defaults,
        "with_breakdown": with_breakdown,
    }
    done = subprocess.run(
        [sys.executable, __file__, "--order", json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"training failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _rasa(options: argparse.Namespace) -> dict[str, Any]:
    row = rasa_peer.measure(
        rasa_peer.Settings(
            rasa_python=options.rasa_python,
            config=options.config,
            train=options.train,
            epochs=options.epochs,
            stop_after=options.stop_after,
            threads=options.threads,
        )
    )
    return {"epoch_seconds": row["epoch_seconds"], "peak_rss_mib": row["peak_rss_mib"]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--epochs", type=int, default=100, help="length of the whole schedule")
    parser.add_argument("--stop-after", type=int, default=4, help="epochs run in each turn")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--densities", default="0.2,1.0", help="connection densities of ours")
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--rasa-defaults",
        action="store_true",
        help="options that the configuration leaves open are as in Rasa",
    )
    parser.add_argument("--rasa-python", type=Path, help="interpreter of Rasa's environment")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round, a whole schedule of six epochs, unless set otherwise",
    )
    parser.add_argument("--out", type=Path, help="folder for train.jsonl, train.md and train.png")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(rounds=1, epochs=6, stop_after=6)
    options = parser.parse_args()
    if options.order is not None:
        return options
    if options.config is None or options.train is None:
        parser.error("--config and --train are needed")
    if options.stop_after < 2:
        parser.error("--stop-after must be 2 or more, because the first epoch is left out")
    return options


def main() -> None:
    """Measure in turns and print and write tables."""
    options = _arguments()
    if options.order is not None:
        order = json.loads(options.order)
        order |= {"config": Path(order["config"]), "train": Path(order["train"])}
        print(json.dumps(measure_here(**order)))
        return
    others = OtherLoad()
    densities = [float(part) for part in options.densities.split(",")]
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(options.rounds):
        for density in densities:
            runs.setdefault(peer_name(density), []).append(in_a_process(options, density))
        if options.rasa_python is not None:
            runs.setdefault(RASA, []).append(_rasa(options))
    rows = {name: _summary(part) for name, part in runs.items()}
    breakdowns = {}
    for density in densities:
        found = in_a_process(options, density, with_breakdown=True)
        breakdowns[peer_name(density)] = found["breakdown"]
        if found["absent"]:
            print(f"without a clock: {', '.join(found['absent'])}", file=sys.stderr)
    about = surroundings(others)
    threads = "torch's own number of threads"
    if options.threads is not None:
        threads = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
    if options.rasa_defaults:
        threads += ", Rasa's defaults"
    how = (
        f"{options.rounds} round{'s' if options.rounds > 1 else ''} of {options.stop_after} "
        f"epochs, the first left out, of a schedule of {options.epochs} over which batches grow, "
        f"{threads}. {described(about)}"
    )
    page = report(rows, breakdowns, how)
    print(page)
    if options.out is not None:
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(options).items()
        }
        options.out.mkdir(parents=True, exist_ok=True)
        row = {"settings": settings, "rows": rows, "breakdowns": breakdowns} | about
        with (options.out / "train.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        (options.out / "train.md").write_text(page, encoding="utf-8")
        draw(rows, breakdowns, options.out / "train.png")


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    warm = [seconds for run in runs for seconds in run["epoch_seconds"][1:]]
    return {
        "median": statistics.median(warm),
        "mean": statistics.mean(warm),
        "least": min(warm),
        "most": max(warm),
        "n_epochs": len(warm),
        "peak_rss_mib": max(run["peak_rss_mib"] for run in runs),
    }


if __name__ == "__main__":
    plain_errors.run(main)
