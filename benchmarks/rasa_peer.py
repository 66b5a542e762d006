"""Rasa's DIET on the same files: seconds an epoch, peak memory, and its own scores.

Rasa runs in an environment of its own, in a process of its own, through `rasa_side/driver.py`; see
`tests/parity/record/README.md` for how to make one. It reads Rasa YAML only, so convert older
files first (`gossamer data convert nlu`).

The first epoch is left out of the mean, because TensorFlow builds its graph in it. DIET's batches
grow from the first epoch to the last (64 to 256 by default) and epochs get faster: to compare
epochs, give both sides the same `--epochs` and, to measure only the beginning, `--stop-after`.

    python benchmarks/rasa_peer.py --rasa-python rasa-env/bin/python --config config.yml \
        --train train.yml --epochs 100 --stop-after 3
    python benchmarks/rasa_peer.py --rasa-python rasa-env/bin/python --config config.yml \
        --train train.yml --test test.yml --reports results
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DRIVER = Path(__file__).parent / "rasa_side" / "driver.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What Rasa is to do.

    Attributes:
        rasa_python: the interpreter of Rasa's environment.
        config: the pipeline's `config.yml`.
        train: training file or folder, Rasa YAML.
        test: test file, or None for no test.
        epochs: replaces DIET's `epochs`, or None. It also sets how batches grow.
        stop_after: end the training after this many epochs, or None.
        seed: replaces DIET's `random_seed`, or None.
        threads: TensorFlow's threads within and between operations; None leaves its own choice.
        reports: folder for Rasa's reports, or None.
    """

    rasa_python: Path
    config: Path
    train: Path
    test: Path | None = None
    epochs: int | None = None
    stop_after: int | None = None
    seed: int | None = None
    threads: int | None = None
    reports: Path | None = None


def measure(settings: Settings) -> dict[str, Any]:
    """Run Rasa once.

    Returns:
        The settings, versions, `epoch_seconds` of DIET, `first_epoch_seconds`,
        `mean_epoch_seconds` and `median_epoch_seconds` (both without the first), `train_seconds`,
        `peak_rss_mib`, `n_weights` (as TensorFlow stores them: those that Rasa's masks hold at
        zero count too), the last epoch's `metrics`, and the `scores` on the test file.

    Raises:
        RuntimeError: Rasa failed, or trained no DIET; holds the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.yml"
        write_config(settings, config)
        result = folder / "result.json"
        reports = folder / "reports" if settings.reports is None else settings.reports.resolve()
        order = folder / "order.json"
        order.write_text(
            json.dumps(
                {
                    "config": str(config),
                    "train": str(settings.train.resolve()),
                    "test": None if settings.test is None else str(settings.test.resolve()),
                    "stop_after": settings.stop_after,
                    "reports": str(reports),
                    "result": str(result),
                }
            )
        )
        run = subprocess.run(
            [str(settings.rasa_python.absolute()), "-W", "ignore", str(DRIVER), str(order)],
            cwd=folder,
            env=environment(settings.threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if run.returncode != 0 or not result.exists():
            raise RuntimeError(f"Rasa failed with status {run.returncode}:\n{run.stdout[-3000:]}")
        return _row(settings, json.loads(result.read_text()))


def write_config(settings: Settings, path: Path) -> None:
    """The given configuration with DIET's epochs and seed replaced, and without policies."""
    yaml = YAML()
    config = yaml.load(settings.config.read_text(encoding="utf-8"))
    config.pop("policies", None)
    for component in config["pipeline"]:
        if component["name"].rpartition(".")[2] == "DIETClassifier":
            if settings.epochs is not None:
                component["epochs"] = settings.epochs
            if settings.seed is not None:
                component["random_seed"] = settings.seed
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(config, file)


def environment(threads: int | None) -> dict[str, str]:
    """Ours without our Python path; Rasa sends no telemetry and logs little."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if threads is not None:
        environment["TF_INTRA_OP_PARALLELISM_THREADS"] = str(threads)
        environment["TF_INTER_OP_PARALLELISM_THREADS"] = str(threads)
        environment["OMP_NUM_THREADS"] = str(threads)
    return environment


def _row(settings: Settings, result: dict[str, Any]) -> dict[str, Any]:
    diet = [fit for fit in result.pop("fits") if fit["network"] == "DIET"]
    if not diet:
        raise RuntimeError("Rasa trained no DIETClassifier; is there one in the pipeline?")
    seconds = diet[0]["epoch_seconds"]
    # With a single epoch only that one can be reported.
    warm = seconds[1:]
    return {
        "settings": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in (
                (name, getattr(settings, name)) for name in Settings.__dataclass_fields__
            )
        },
        **result,
        "epoch_seconds": seconds,
        "first_epoch_seconds": seconds[0],
        "mean_epoch_seconds": statistics.fmean(warm) if warm else None,
        "median_epoch_seconds": statistics.median(warm) if warm else None,
        "n_weights": diet[0]["n_weights"],
        "metrics": diet[0]["last_metrics"],
    }


def _arguments() -> Settings:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rasa-python", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--stop-after", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--reports", type=Path)
    return Settings(**vars(parser.parse_args()))


def main() -> int:
    """Measure once and print JSON."""
    try:
        row = measure(_arguments())
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(row, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
