"""Runs inside Rasa's own environment: trains a pipeline, times its epochs, tests it.

Started by `rasa_peer.py`, never imported. It takes one argument, a JSON file with the run's
settings, and writes the result as JSON to the path named there. The working folder must be a fresh
one: Rasa keeps a cache of trained components there and would skip the training otherwise.

Epochs are timed from the outside, between the ends of one epoch and the next, so that the time
for balancing the next epoch's batches counts as it does for a user.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import rasa.model_training  # type: ignore[import-not-found]
import tensorflow as tf  # type: ignore[import-untyped]
from rasa.core.agent import Agent  # type: ignore[import-not-found]
from rasa.nlu.test import run_evaluation  # type: ignore[import-not-found]
from rasa.utils.tensorflow.models import RasaModel  # type: ignore[import-not-found]


class EpochTimes(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Notes how long each epoch took, and may end the training early."""

    def __init__(self, stop_after: int | None) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.metrics: list[dict[str, float]] = []
        self._stop_after = stop_after
        self._began = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the time since the end of the epoch before."""
        now = time.perf_counter()
        self.seconds.append(now - self._began)
        self._began = now
        self.metrics.append({name: float(value) for name, value in (logs or {}).items()})
        if self._stop_after is not None and len(self.seconds) >= self._stop_after:
            self.model.stop_training = True


def watch_fits(stop_after: int | None) -> list[dict[str, Any]]:
    """From here on, note the epochs of every model that Rasa fits."""
    found: list[dict[str, Any]] = []
    original = RasaModel.fit

    def timed_fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        times = EpochTimes(stop_after)
        kwargs["callbacks"] = [*(kwargs.get("callbacks") or []), times]
        result = original(self, *args, **kwargs)
        found.append(
            {
                "network": type(self).__name__,
                "epoch_seconds": times.seconds,
                "last_metrics": times.metrics[-1] if times.metrics else {},
                "n_weights": sum(int(tf.size(weight)) for weight in self.trainable_variables),
            }
        )
        return result

    RasaModel.fit = timed_fit
    return found


def peak_rss_mib() -> float | None:
    """The most memory this process has held, in MiB; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


def scores(model: str, test: str, folder: str) -> dict[str, Any]:
    """Rasa's own figures for a test file; its reports go to `folder`."""
    agent = Agent.load(model_path=model)
    result = asyncio.run(
        run_evaluation(
            test,
            agent.processor,
            output_directory=folder,
            errors=False,
            disable_plotting=True,
            report_as_dict=True,
        )
    )
    found: dict[str, Any] = {}
    intents = result["intent_evaluation"]
    if intents is not None:
        found["intent_accuracy"] = intents["accuracy"]
        found["intent_weighted_f1"] = intents["f1_score"]
    for extractor, entities in (result["entity_evaluation"] or {}).items():
        report = entities["report"]
        found[extractor] = {
            "entity_token_micro_f1": report["micro avg"]["f1-score"],
            "entity_token_weighted_f1": report["weighted avg"]["f1-score"],
        }
    return found


def main() -> None:
    """Train, time, test, write."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    fits = watch_fits(settings["stop_after"])
    began = time.perf_counter()
    model = rasa.model_training.train_nlu(settings["config"], settings["train"], "models")
    result: dict[str, Any] = {
        "rasa": rasa.__version__,
        "tensorflow": tf.__version__,
        "train_seconds": time.perf_counter() - began,
        "peak_rss_mib": peak_rss_mib(),
        # Loading a model fits it on one example again; only what training fitted is of interest.
        "fits": list(fits),
    }
    if settings["test"] is not None:
        began = time.perf_counter()
        result["scores"] = scores(model, settings["test"], settings["reports"])
        result["test_seconds"] = time.perf_counter() - began
    Path(settings["result"]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
