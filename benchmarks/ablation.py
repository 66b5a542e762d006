"""What each fast piece is worth: steps of training with it and without it.

A piece that is off is computed as it is where no kernel can run: in operations of PyTorch, or not
at all where PyTorch does without it. Most pieces are switched within one training: every second
step has all of them, those between lack one, and each is compared with its two neighbours. What is
chosen when training begins (the optimisers, the heap) has a process for each run, in turns.

    python benchmarks/ablation.py --config config.yml --train train.yml --out results
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from support import plain_errors
from support.provenance import OtherLoad, described, surroundings

from gossamer.assistant import Assistant
from gossamer.data import read_config, read_training_data
from gossamer.nlu.learning.training import train_network
from gossamer.nn.training.callbacks import FitCallback

_ALL = "all"
_BATCH_SIZE = 128
_WARM_UP = 30  # steps


def _never(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    return None


class Piece(NamedTuple):
    """Something that can be switched off.

    Attributes:
        what: in a few words.
        at: the function that decides about it, "module:name" or "module:Class.name".
        instead: what is put in its place.
        is_early: whether it is chosen when training begins, so that no step can change it.
    """

    what: str
    at: str
    instead: Any
    is_early: bool = False

    def owner(self) -> tuple[Any, str]:
        """Where the function is, and its name there."""
        module_name, _, path = self.at.partition(":")
        *owners, name = path.split(".")
        owner: Any = importlib.import_module(module_name)
        for each in owners:
            owner = getattr(owner, each)
        return owner, name

    @contextmanager
    def off(self) -> Iterator[None]:
        """Without it in the block."""
        owner, name = self.owner()
        before = inspect.getattr_static(owner, name)
        setattr(owner, name, self.instead)
        try:
            yield
        finally:
            setattr(owner, name, before)


_NN = "gossamer.nn"
PIECES = {
    "products": Piece(
        "products of tiles and rows (then dense)",
        "gossamer.sparse.products.dispatch:may_run_kernel",
        _never,
    ),
    "joined": Piece(
        "query, key and value in one product",
        f"{_NN}.attention:MultiHeadSelfAttention._joined_product",
        _nothing,
    ),
    "attention": Piece("attention without padding", f"{_NN}.attention:WIDTH", 2**30),
    "normalisation": Piece(
        "residual, dropout and normalisation in one pass", f"{_NN}.ops.normalisation:fits", _never
    ),
    "gelu": Piece("GELU with dropout in one pass", f"{_NN}.ops.activation:fits", _never),
    "dropout": Piece("dropout by a hash", f"{_NN}.ops.dropout:_has_kernel", _never),
    "crf": Piece("CRF", f"{_NN}.crf:_has_kernels", _never),
    "tables": Piece(
        "input tables and their Adam, by the rows that occur",
        f"{_NN}.inputs:SparseInputTable.can_collect_rows",
        property(_never),
        is_early=True,
    ),
    "adam": Piece(
        "Adam on all small tensors at once",
        f"{_NN}.training.adam:Adam.can_step",
        staticmethod(_never),
        is_early=True,
    ),
    "memory": Piece(
        "freed memory kept within an epoch", f"{_NN}.training.fit:keep_free_memory", _nothing, True
    ),
}


class _Switching(FitCallback):
    """Every second step has all pieces; the others lack one after the other."""

    def __init__(self, names: Sequence[str], n_pairs: int) -> None:
        self.steps: list[tuple[str, float]] = []
        self._names = [name for name in names for _ in range(n_pairs)]
        random.Random(0).shuffle(self._names)
        self._number = -_WARM_UP
        self._open = ExitStack()
        self._now, self._began = _ALL, time.perf_counter()

    def step(self, network: object, loss: object, companions: object) -> None:
        """Note how long the step took, and choose for the next."""
        seconds = time.perf_counter() - self._began
        self._open.close()
        if self._number > 0:
            self.steps.append((self._now, seconds))
        self._number += 1
        self._now = _ALL
        if self._number % 2 == 0 and self._number > 0 and self._names:
            self._now = self._names.pop()
            self._open.enter_context(PIECES[self._now].off())
        self._began = time.perf_counter()

    def should_stop(self) -> bool:
        """Whether all have had their turns."""
        return not self._names


def gains_of_steps(steps: Sequence[tuple[str, float]]) -> dict[str, list[float]]:
    """How much longer each step without a piece took than the mean of its two neighbours."""
    gains: dict[str, list[float]] = {}
    for (_, before), (name, seconds), (_, after) in zip(steps, steps[1:], steps[2:], strict=False):
        if name != _ALL:
            gains.setdefault(name, []).append(seconds / ((before + after) / 2) - 1)
    return gains


def train(
    config: Path, data: Path, *, density: float, epochs: int, callback: FitCallback | None = None
) -> list[float]:
    """Train DIET of a pipeline in this process; the seconds of each epoch."""
    read = read_config(config)
    pipeline = tuple(
        dataclasses.replace(part, options={**part.options, **_options(density, epochs)})
        if part.name.rpartition(".")[2] == "DIETClassifier"
        else part
        for part in read.pipeline
    )
    seconds: list[float] = []
    with Piece("", "gossamer.nlu.diet.training:train_network", _calling(callback)).off():
        Assistant.train(
            dataclasses.replace(read, pipeline=pipeline),
            read_training_data(data),
            on_epoch=lambda report: seconds.append(report.seconds),
        )
    return seconds


def _options(density: float, epochs: int) -> dict[str, Any]:
    return {
        "connection_density": density,
        "epochs": epochs,
        "batch_size": _BATCH_SIZE,
        "wide_path": False,
        "calibrate": False,
        "random_seed": 1,
    }


def _calling(callback: FitCallback | None) -> Any:
    callbacks = () if callback is None else (callback,)

    def call(*args: Any, **options: Any) -> Any:
        return train_network(*args, **options | {"callbacks": callbacks})

    return call


def _in_a_process(options: argparse.Namespace, name: str) -> float:
    """Seconds of an epoch without an early piece, or with all."""
    command = [sys.executable, __file__, "--without", name]
    for key in ("config", "train", "density", "threads"):
        command += [f"--{key}", str(getattr(options, key))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"training without {name} failed:\n{done.stderr[-3000:]}")
    return float(done.stdout.splitlines()[-1])


def _one_training(options: argparse.Namespace) -> float:
    with ExitStack() as stack:
        if options.without != _ALL:
            stack.enter_context(PIECES[options.without].off())
        seconds = train(options.config, options.train, density=options.density, epochs=4)
    return statistics.fmean(seconds[1:])  # without the first: compiling, new memory


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """How much longer training takes without each piece, one figure for each comparison."""
    names = options.pieces.split(",")
    within = [name for name in names if not PIECES[name].is_early]
    gains: dict[str, list[float]] = {}
    if within:
        switching = _Switching(within, options.pairs)
        train(
            options.config, options.train, density=options.density, epochs=1000, callback=switching
        )
        gains |= gains_of_steps(switching.steps)
    for name in names:
        if PIECES[name].is_early:
            runs = [
                _in_a_process(options, each) for _ in range(options.rounds) for each in (_ALL, name)
            ]
            gains[name] = [without / full - 1 for full, without in batched(runs)]
    return gains


def batched(runs: Sequence[float]) -> list[tuple[float, float]]:
    """Two by two."""
    return list(zip(runs[::2], runs[1::2], strict=True))


def table(gains: Mapping[str, Sequence[float]]) -> list[str]:
    """Rows of a table in Markdown, what is worth most first."""
    lines = [
        "| without | a step takes longer by | middle half | compared |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, found in sorted(gains.items(), key=lambda pair: -statistics.median(pair[1])):
        low, _, high = statistics.quantiles(found, n=4)
        kind = "runs" if PIECES[name].is_early else "steps"
        lines.append(
            f"| {PIECES[name].what} | {statistics.median(found):+.1%} "
            f"| {low:+.1%} to {high:+.1%} | {len(found)} {kind} |"
        )
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--pieces", default=",".join(PIECES), help="default: all")
    parser.add_argument("--pairs", type=int, default=60, help="steps without each piece")
    parser.add_argument("--rounds", type=int, default=4, help="runs without each early piece")
    parser.add_argument("--density", type=float, default=0.2, help="of DIET's connections")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for ablation.json and ablation.md")
    parser.add_argument("--without", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.pieces.split(",")) - set(PIECES)
    if unknown:
        parser.error(f"--pieces must be of {', '.join(PIECES)} (got {', '.join(sorted(unknown))})")
    if options.pairs < 2 or options.rounds < 2:
        parser.error("--pairs and --rounds must be 2 or more")
    return options


def main() -> None:
    """Measure, print and write the table."""
    options = _arguments()
    torch.set_num_threads(options.threads)
    if options.without is not None:
        print(_one_training(options))
        return
    others = OtherLoad()
    gains = measure(options)
    where = surroundings(others)
    lines = [*table(gains), "", described(where)]
    print("\n".join(lines))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        content = {"gains": gains, "surroundings": where}
        (options.out / "ablation.json").write_text(json.dumps(content, indent=1))
        (options.out / "ablation.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    plain_errors.run(main)
