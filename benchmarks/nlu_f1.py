"""Intent and entity scores of a pipeline over several seeds, next to a linear SVM and a reference.

Each seed runs in a process of its own, so that peak memory is that of one training and no run
inherits anything from another. With `--holdout` a part of the training data serves as the test:
settings are chosen there, and the test data are read once, at the end.

    python benchmarks/nlu_f1.py --config config.yml --train train.yml --test test.yml \
        --seeds 1,2,3 --option connection_density=0.05 --baseline --out rows.jsonl
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from baseline_svm import evaluate_svm
from ruamel.yaml import YAML
from support import plain_errors
from support.provenance import n_weights, peak_rss_mib, surroundings

from gossamer.data import TrainingData, read_config, read_training_data, split_examples

METRICS = {
    "intent_accuracy": "intent accuracy",
    "intent_weighted_f1": "intent weighted F1",
    "entity_token_micro_f1": "entity token micro F1",
    "entity_token_weighted_f1": "entity token weighted F1",
    "entity_span_micro_f1": "entity span micro F1",
    "epoch_seconds": "seconds an epoch (median)",
    "train_seconds": "seconds to train",
    "test_seconds": "seconds to test",
    "peak_rss_mib": "peak memory, MiB",
    "n_weights": "trainable weights",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to run; everything here goes into each row.

    Attributes:
        config: the pipeline's `config.yml`.
        train: training files and folders.
        test: test files and folders; not read when `holdout` is given.
        train_extra: more training files, used whole even with `holdout`.
        holdout: share of `train` that serves as the test, or None.
        holdout_seed: which share.
        epochs: replaces DIET's `epochs`, or None.
        options: replace options of DIET.
        threads: for torch; 0 leaves its own choice.
        rasa_defaults: options that neither of them sets are as in Rasa.
    """

    config: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    train_extra: tuple[str, ...] = ()
    holdout: float | None = None
    holdout_seed: int = 0
    epochs: int | None = None
    options: Mapping[str, Any]
    threads: int = 0
    rasa_defaults: bool = False


def load_data(settings: Settings) -> tuple[TrainingData, TrainingData]:
    """Training and test data as the settings want them."""
    train = read_training_data([Path(path) for path in settings.train])
    if settings.holdout is None:
        test = read_training_data([Path(path) for path in settings.test])
    else:
        train, test = split_examples(
            train, training_fraction=1 - settings.holdout, random_seed=settings.holdout_seed
        )
    if settings.train_extra:
        train = train.merge([read_training_data([Path(path) for path in settings.train_extra])])
    return train, test


def config_with_options(settings: Settings, folder: Path) -> Path:
    """Write the pipeline with DIET's options replaced."""
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(Path(settings.config))
    changes = dict(settings.options)
    if settings.epochs is not None:
        changes["epochs"] = settings.epochs
    diets = [step for step in content["pipeline"] if step["name"] == "DIETClassifier"]
    if changes and not diets:
        raise SystemExit(
            f"{settings.config}: there is no DIETClassifier to set {list(changes)} for"
        )
    for step in diets:
        step.update(changes)
    path = folder / "config.yml"
    yaml.dump(content, path)
    return path


def run_once(settings: Settings, seed: int) -> dict[str, Any]:
    """Train and test with one seed; a row of results. Runs in a process of its own."""
    import torch

    from gossamer.assistant import Assistant
    from gossamer.evaluate import evaluate_nlu
    from gossamer.nlu.pipeline.component import EpochReport

    if settings.threads > 0:
        torch.set_num_threads(settings.threads)
    train, test = load_data(settings)
    with TemporaryDirectory() as folder:
        config = read_config(config_with_options(settings, Path(folder)))
    epochs: list[EpochReport] = []
    started = time.perf_counter()
    assistant = Assistant.train(
        config,
        train,
        random_seed=seed,
        rasa_defaults=settings.rasa_defaults,
        on_epoch=epochs.append,
    )
    trained = time.perf_counter()
    evaluation = evaluate_nlu(assistant, test)
    tested = time.perf_counter()
    seconds = [report.seconds for report in epochs]
    row: dict[str, Any] = {
        "seed": seed,
        **asdict(settings),
        "n_train": len(train.unique_examples()),
        "n_test": evaluation.n_examples,
        "n_epochs": len(epochs),
        **scores(evaluation.headline()),
        # The first epoch warms up caches and allocators.
        "epoch_seconds": statistics.median(seconds[1:] or seconds) if seconds else None,
        "first_epoch_seconds": seconds[0] if seconds else None,
        "train_seconds": trained - started,
        "test_seconds": tested - trained,
        "peak_rss_mib": peak_rss_mib(),
        "n_weights": n_weights(assistant),
        "last_epoch": epochs[-1].metrics if epochs else {},
        "threads_used": torch.get_num_threads(),
        **surroundings(),
    }
    return row


def scores(headline: Mapping[str, float]) -> dict[str, float | None]:
    """The headline figures under this script's names; None where not evaluated."""
    return {
        "intent_accuracy": headline.get("intent accuracy"),
        "intent_weighted_f1": headline.get("intent weighted F1"),
        "entity_token_micro_f1": headline.get("DIETClassifier token micro F1"),
        "entity_token_weighted_f1": headline.get("DIETClassifier token weighted F1"),
        "entity_span_micro_f1": headline.get("entity span micro F1"),
    }


def run_seeds(settings: Settings, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """One row for each seed, one process after the other."""
    for seed in seeds:
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
            yield pool.submit(run_once, settings, seed).result()


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Mapping[str, float]]) -> str:
    """Mean and standard deviation over the rows, next to other columns."""
    head = f"{'':28}{f'gossamer, n = {len(rows)}':>24}"
    lines = [head + "".join(f"{name:>16}" for name in columns)]
    for key, label in METRICS.items():
        values = [row[key] for row in rows if row[key] is not None]
        line = f"{label:28}{_spread(values, key):>24}"
        for others in columns.values():
            line += f"{_figure(others[key], key) if key in others else '':>16}"
        lines.append(line)
    return "\n".join(lines)


def _spread(values: Sequence[float], key: str) -> str:
    if not values:
        return "not evaluated"
    mean = _figure(statistics.fmean(values), key)
    return mean if len(values) < 2 else f"{mean} ± {_figure(statistics.stdev(values), key)}"


def _figure(value: float, key: str) -> str:
    if key == "n_weights":
        return f"{value:,.0f}"
    return f"{value:.4f}" if key.endswith(("f1", "accuracy")) else f"{value:.2f}"


def name_and_value(text: str) -> tuple[str, Any]:
    """`key=value`, the value read as YAML: 0.05, true, [64, 256], text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"must be name=value (got {text!r})")
    return name, YAML(typ="safe", pure=True).load(value)


def reference_value(text: str) -> tuple[str, float]:
    """`metric=number`, the metric one of METRICS."""
    name, value = name_and_value(text)
    if name not in METRICS or not isinstance(value, int | float):
        raise argparse.ArgumentTypeError(
            f"must be a number for one of {', '.join(METRICS)} (got {text!r})"
        )
    return name, float(value)


def share(text: str) -> float:
    """A number between 0 and 1, both excluded."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1 (got {text!r})")
    return value


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--config", required=True, metavar="FILE", help="pipeline, a config.yml")
    add("--train", nargs="+", required=True, metavar="PATH", help="training data")
    add("--test", nargs="+", default=[], metavar="PATH", help="test data")
    add("--holdout", type=share, metavar="SHARE", help="test on this share of --train instead")
    add("--holdout-seed", type=int, default=0, metavar="N", help="which share (default 0)")
    add("--train-extra", nargs="+", default=[], metavar="PATH", help="more training data")
    add("--seeds", default="1,2,3", metavar="N,N", help="default 1,2,3")
    add("--epochs", type=int, metavar="N", help="instead of the pipeline's")
    add("--option", type=name_and_value, action="append", default=[], metavar="NAME=VALUE",
        help="an option of DIETClassifier, repeatable")  # fmt: skip
    add(
        "--rasa-defaults",
        action="store_true",
        help="options that the configuration leaves open are as in Rasa",
    )
    add(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="for torch (default: its own choice)",
    )
    add("--baseline", action="store_true", help="fit the SVM of baseline_svm.py too")
    add("--reference", type=reference_value, nargs="+", default=[], metavar="METRIC=NUMBER",
        help=f"known figures to print beside; metrics: {', '.join(METRICS)}")  # fmt: skip
    add("--reference-name", default="reference", metavar="NAME", help="head of that column")
    add("--out", type=Path, metavar="FILE", help="append one JSON line for each run")
    return parser


def main() -> None:
    """Run all seeds, write rows as they come, print the table."""
    parser = make_parser()
    args = parser.parse_args()
    if (args.holdout is None) == (not args.test):
        parser.error("give either --test or --holdout")
    settings = Settings(
        config=args.config,
        train=tuple(args.train),
        test=tuple(args.test),
        train_extra=tuple(args.train_extra),
        holdout=args.holdout,
        holdout_seed=args.holdout_seed,
        epochs=args.epochs,
        options=dict(args.option),
        threads=args.threads,
        rasa_defaults=args.rasa_defaults,
    )
    columns: dict[str, dict[str, float]] = {}
    if args.baseline:
        train, test = load_data(settings)
        columns["linear SVM"] = asdict(
            evaluate_svm(train.unique_examples(), test.unique_examples())
        )
    if args.reference:
        columns[args.reference_name] = dict(args.reference)
    rows = []
    for row in run_seeds(settings, [int(seed) for seed in args.seeds.split(",")]):
        rows.append(row)
        print(f"seed {row['seed']}: trained in {row['train_seconds']:.0f} s", flush=True)
        if args.out is not None:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(table(rows, columns))


if __name__ == "__main__":
    plain_errors.run(main)
