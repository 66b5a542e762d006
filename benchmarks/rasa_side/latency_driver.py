"""Runs inside Rasa's own environment: trains a model, or loads it and times its answers.

Started by `rasa_latency.py`, never imported, with two arguments: "train" or "answer", and a JSON
file with the run's settings. The working folder must be a fresh one (see `driver.py`).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

_WARM_UP = 20


def memory_mib(what: str) -> float | None:
    """A line of the process's status in MiB ("VmRSS", "VmHWM"); None where it is missing."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return None


def train(settings: dict[str, Any]) -> None:
    """Train, into the folder "models"."""
    import rasa.model_training  # type: ignore[import-not-found]

    rasa.model_training.train_nlu(settings["config"], settings["train"], "models")


def answer(settings: dict[str, Any]) -> None:
    """Load the model, answer, write the times."""
    model = next(Path("models").glob("*.tar.gz"))
    began = time.perf_counter()
    from rasa.core.agent import Agent  # type: ignore[import-not-found]

    imported = time.perf_counter()
    agent = Agent.load(model_path=str(model))
    loaded = time.perf_counter()
    texts = settings["texts"]

    async def timed() -> list[float]:
        seconds = []
        for text in [texts[0], *texts[:_WARM_UP], *texts]:
            start = time.perf_counter()
            await agent.parse_message(text)
            seconds.append(time.perf_counter() - start)
        return seconds

    seconds = asyncio.run(timed())
    result = {
        "import_seconds": imported - began,
        "load_seconds": loaded - imported,
        "first_answer_seconds": seconds[0],
        "seconds": seconds[1 + min(_WARM_UP, len(texts)) :],
        "rss_mib": memory_mib("VmRSS"),
        "peak_rss_mib": memory_mib("VmHWM"),
        "model_bytes": model.stat().st_size,
    }
    Path(settings["result"]).write_text(json.dumps(result))


if __name__ == "__main__":
    {"train": train, "answer": answer}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
