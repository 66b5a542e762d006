"""Training speed and memory: ours, ours with dense layers, and Rasa, in turns in one sitting.

Every peer trains in a process of its own at the same options; rounds alternate (A, B, C, A, B, C),
and the first epoch of each run is left out. DIET's batches grow from the first epoch to the last,
so `--epochs` sets the schedule and `--stop-after` how much of it is run.

    python benchmarks/train.py --config config.yml --train train.yml --rounds 2 \
        --rasa-python rasa-env/bin/python
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
from provenance import peak_rss_mib, surroundings

from gossamer.assistant import Assistant
from gossamer.data import read_config, read_training_data
from gossamer.nlu.component import EpochReport


class _EnoughError(Exception):
    """Training has shown what was to be measured."""


def measure_here(
    config: Path, train: Path, *, epochs: int, stop_after: int, density: float, threads: int | None
) -> dict[str, Any]:
    """Train Gossamer in this process for a few epochs.

    Returns:
        `epoch_seconds` of DIET, and `peak_rss_mib` of the process.
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

    def on_epoch(report: EpochReport) -> None:
        seconds.append(report.seconds)
        if len(seconds) >= stop_after:
            raise _EnoughError

    with contextlib.suppress(_EnoughError):
        Assistant.train(
            dataclasses.replace(project, pipeline=pipeline),
            read_training_data(train),
            on_epoch=on_epoch,
        )
    return {"epoch_seconds": seconds, "peak_rss_mib": peak_rss_mib()}


def _in_a_process(options: argparse.Namespace, density: float) -> dict[str, Any]:
    order = {
        "config": str(options.config),
        "train": str(options.train),
        "epochs": options.epochs,
        "stop_after": options.stop_after,
        "density": density,
        "threads": options.threads,
    }
    done = subprocess.run(
        [sys.executable, __file__, "--order", json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"training failed:\n{done.stderr[-3000:]}")
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
    parser.add_argument("--rasa-python", type=Path, help="interpreter of Rasa's environment")
    parser.add_argument("--out", type=Path, help="append one JSON row to this file")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure in turns and print a table."""
    options = _arguments()
    if options.order is not None:
        order = json.loads(options.order)
        order |= {"config": Path(order["config"]), "train": Path(order["train"])}
        print(json.dumps(measure_here(**order)))
        return
    if options.config is None or options.train is None:
        raise SystemExit("--config and --train are needed")
    densities = [float(part) for part in options.densities.split(",")]
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(options.rounds):
        for density in densities:
            runs.setdefault(f"gossamer, density {density:g}", []).append(
                _in_a_process(options, density)
            )
        if options.rasa_python is not None:
            runs.setdefault("Rasa", []).append(_rasa(options))
    first = next(iter(runs))
    rows = {name: _summary(part) for name, part in runs.items()}
    print(f"{'':24}{'s/epoch':>9}{'least':>9}{'most':>9}{'peak MiB':>10}{'ratio':>8}")
    for name, row in rows.items():
        ratio = row["median"] / rows[first]["median"]
        print(
            f"{name:24}{row['median']:9.2f}{row['least']:9.2f}{row['most']:9.2f}"
            f"{row['peak_rss_mib']:10.0f}{ratio:7.1f}x"
        )
    if options.out is not None:
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(options).items()
        }
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"settings": settings, "rows": rows} | surroundings()) + "\n")


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    warm = [seconds for run in runs for seconds in run["epoch_seconds"][1:]]
    return {
        "median": statistics.median(warm),
        "least": min(warm),
        "most": max(warm),
        "n_epochs": len(warm),
        "peak_rss_mib": max(run["peak_rss_mib"] for run in runs),
    }


if __name__ == "__main__":
    main()
