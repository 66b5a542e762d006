"""Rasa's answers to the same messages, timed in an environment and in processes of its own.

One process trains, a second one loads the model and answers, as a cold start does; see
`latency_driver.py`. Rasa answers one message at a time: it has no call for many.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rasa_peer

DRIVER = Path(__file__).with_name("latency_driver.py")


def measure(
    *, rasa_python: Path, config: Path, train: Path, texts: Sequence[str], epochs: int
) -> dict[str, Any]:
    """Train Rasa briefly, load the model, answer.

    Args:
        rasa_python: the interpreter of Rasa's environment.
        config: the pipeline.
        train: training file or folder, Rasa YAML.
        texts: the messages.
        epochs: how long DIET is trained.

    Returns:
        `import_seconds`, `load_seconds`, `first_answer_seconds`, `seconds` of each message after a
        warm-up, `rss_mib`, `peak_rss_mib` and `model_bytes`, with one thread.

    Raises:
        RuntimeError: Rasa failed; holds the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = rasa_peer.Settings(
            rasa_python=rasa_python, config=config, train=train, epochs=epochs, threads=1
        )
        rasa_peer.write_config(settings, folder / "config.yml")
        order = {
            "config": str(folder / "config.yml"),
            "train": str(train.resolve()),
            "texts": list(texts),
            "result": str(folder / "result.json"),
        }
        (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
        for phase in ("train", "answer"):
            run = subprocess.run(
                [
                    *(str(rasa_python.absolute()), "-W", "ignore"),
                    *(str(DRIVER), phase, str(folder / "order.json")),
                ],
                cwd=folder,
                env=rasa_peer.environment(settings.threads),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if run.returncode != 0:
                raise RuntimeError(f"Rasa failed to {phase}:\n{run.stdout[-3000:]}")
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return result
