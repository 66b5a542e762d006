"""Rasa's TED on given stories: seconds, memory and weights of its training, and its test figures.

Runs under the Python of Rasa's own environment (see `tests/parity/record/README.md` for how to make
one), and drives Rasa as `rasa train core` and `rasa test core` do, with TED as the only policy: so
the figures are TED's alone. It reads Rasa YAML only, so convert older stories first.

Times are separate: unfolding stories into conversations, making features and examples of these,
fitting the network (each epoch, from the end of one to the end of the next). Rasa counts as correct
a conversation of which each action after the first listening is, its past always taken from the
story. Progress goes to the error output, JSON to the standard output.

    rasa-env/bin/python -W ignore benchmarks/rasa_ted.py --domain domain.yml --train train \
        --test test.yml --epochs 100 --max-history 10 --density 0.2 --augmentation 0 --seed 42
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("LOG_LEVEL", "ERROR")  # no progress bars


def config_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rasa's `config.yml` with TED alone; options that are None keep Rasa's defaults."""
    options = {
        "epochs": arguments.epochs,
        "max_history": arguments.max_history,
        "connection_density": arguments.density,
        "random_seed": arguments.seed,
        "constrain_similarities": arguments.constrain_similarities,
    }
    given = {name: value for name, value in options.items() if value is not None}
    for option in arguments.option:
        name, _, value = option.partition("=")
        given[name] = json.loads(value)
    return {
        "recipe": "default.v1",
        "assistant_id": "benchmark",
        "language": "en",
        "pipeline": [],
        "policies": [{"name": "TEDPolicy", **given}],
    }


def note_seconds(owner: Any, name: str, seconds: dict[str, float], key: str) -> None:
    """From here on, add up under `key` how long a method takes."""
    original: Callable[..., Any] = getattr(owner, name)

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        result = original(self, *args, **kwargs)
        seconds[key] = seconds.get(key, 0.0) + time.perf_counter() - began
        return result

    setattr(owner, name, timed)


def note_examples(sizes: dict[str, int]) -> None:
    """From here on, note how many conversations and examples TED is trained on, and its weights."""
    from rasa.core.policies.ted_policy import TEDPolicy  # type: ignore[import-not-found]

    prepare = TEDPolicy._prepare_for_training
    run = TEDPolicy.run_training

    def prepare_and_count(self: Any, trackers: Any, *args: Any, **kwargs: Any) -> Any:
        data, labels = prepare(self, trackers, *args, **kwargs)
        sizes["n_conversations"] = len(trackers)
        sizes["n_examples"] = data.number_of_examples()
        return data, labels

    def run_and_count(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = run(self, *args, **kwargs)
        sizes["n_weights"] = sum(
            int(variable.shape.num_elements()) for variable in self.model.trainable_variables
        )
        sizes["n_weights_in_use"] = sizes["n_weights"] - sum(masked_out(self.model))
        return result

    TEDPolicy._prepare_for_training = prepare_and_count
    TEDPolicy.run_training = run_and_count


def masked_out(model: Any) -> list[int]:
    """For each randomly connected layer, how many of its stored weights its mask holds at zero."""
    masks = (getattr(part, "kernel_mask", None) for part in model._flatten_layers())
    return [int((mask.numpy() == 0.0).sum()) for mask in masks if mask is not None]


def train(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Train as `rasa train core` does.

    Returns:
        The model's path, and times, sizes and the last epoch's metrics.
    """
    began = time.perf_counter()
    import rasa.model_training  # type: ignore[import-not-found]
    import tensorflow as tf  # type: ignore[import-untyped]
    from rasa.core.policies.ted_policy import TEDPolicy
    from rasa.shared.core.generator import (  # type: ignore[import-not-found]
        TrainingDataGenerator,
    )
    from rasa_side import driver as rasa_driver

    if arguments.threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
        tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    import_seconds = time.perf_counter() - began
    seconds: dict[str, float] = {}
    sizes: dict[str, int] = {}
    note_examples(sizes)
    note_seconds(TrainingDataGenerator, "generate", seconds, "unfold_seconds")
    note_seconds(TEDPolicy, "_prepare_for_training", seconds, "feature_seconds")
    note_seconds(TEDPolicy, "run_training", seconds, "fit_seconds")
    fits = rasa_driver.watch_fits(arguments.stop_after)
    rss_before = rasa_driver.peak_rss_mib()
    Path("config.yml").write_text(json.dumps(config_of(arguments)))
    began = time.perf_counter()
    model = rasa.model_training.train_core(
        domain=str(arguments.domain),
        config="config.yml",
        stories=str(arguments.train),
        output="models",
        additional_arguments={"augmentation_factor": arguments.augmentation},
    )
    train_seconds = time.perf_counter() - began
    if model is None:
        raise SystemExit("Rasa trained nothing; see above.")
    epochs = fits[0]["epoch_seconds"]
    # TensorFlow builds its graph in the first epoch.
    warm = epochs[1:]
    return model, {
        "rasa": rasa.__version__,
        "tensorflow": tf.__version__,
        "import_seconds": import_seconds,
        "train_seconds": train_seconds,
        **seconds,
        "first_epoch_seconds": epochs[0],
        "mean_epoch_seconds": statistics.fmean(warm) if warm else None,
        "median_epoch_seconds": statistics.median(warm) if warm else None,
        "epoch_seconds": epochs,
        **sizes,
        "last_metrics": fits[0]["last_metrics"],
        "rss_after_import_mib": rss_before,
        "peak_rss_mib": rasa_driver.peak_rss_mib(),
        "processor_seconds": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
        "model_bytes": Path(model).stat().st_size,
    }


def test(model: str, stories: Path, reports: Path) -> dict[str, Any]:
    """Rasa's own figures for test stories, as `rasa test core` gives them."""
    from rasa.core.agent import Agent  # type: ignore[import-not-found]
    from rasa.core.test import test as test_stories  # type: ignore[import-not-found]

    began = time.perf_counter()
    agent = Agent.load(model_path=model)
    loaded = time.perf_counter()
    reports.mkdir(parents=True, exist_ok=True)
    result = asyncio.run(
        test_stories(str(stories), agent, out_directory=str(reports), disable_plotting=True)
    )
    report = json.loads((reports / "story_report.json").read_text(encoding="utf-8"))
    return {
        "load_seconds": loaded - began,
        "test_seconds": time.perf_counter() - loaded,
        "n_actions": len(result["actions"]),
        "action_accuracy": result["accuracy"],
        "action_weighted_f1": result["f1"],
        "action_weighted_precision": result["precision"],
        "conversations": report["conversation_accuracy"],
    }


def parse_arguments() -> argparse.Namespace:
    """The command line, its paths made absolute."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--domain", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True, help="file or folder, Rasa YAML")
    parser.add_argument("--test", type=Path, help="file or folder; without it, nothing is tested")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--stop-after", type=int, help="end the training after this many epochs")
    parser.add_argument("--max-history", type=int)
    parser.add_argument("--density", type=float)
    parser.add_argument("--augmentation", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--constrain-similarities", action=argparse.BooleanOptionalAction, default=True
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=JSON", help="a further option of TED"
    )
    parser.add_argument("--threads", type=int, help="of TensorFlow; without it, its own choice")
    parser.add_argument("--reports", type=Path, help="folder for Rasa's reports on the test")
    arguments = parser.parse_args()
    for name in ("domain", "train", "test", "reports"):
        path = getattr(arguments, name)
        if path is not None:
            if name != "reports" and not path.exists():
                parser.error(f"--{name}: {path} does not exist")
            setattr(arguments, name, path.resolve())
    return arguments


def main() -> None:
    """Train, test, print JSON."""
    arguments = parse_arguments()
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(arguments).items()
    }
    # Rasa keeps a cache of trained components where it works and would skip a training it knows.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        before = Path.cwd()
        os.chdir(folder)
        try:
            model, row = train(arguments)
            if arguments.test is not None:
                reports = arguments.reports or Path(folder) / "reports"
                row["scores"] = test(model, arguments.test, reports)
        finally:
            os.chdir(before)
    print(json.dumps({"settings": settings, "cores": os.cpu_count(), **row}, indent=2))


if __name__ == "__main__":
    main()
