"""Training beside another program: one thread alone, all threads alone, and beside a busy loop.

Each training has a process of its own, and rounds go through all in turn; the first epoch of each
is left out.

    python benchmarks/busy.py --config config.yml --train train.yml --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support import plain_errors
from support.provenance import OtherLoad, described, surroundings
from train import in_a_process

_DENSITY = 0.2
_MOST = 1.6  # times as long as one thread alone


@contextmanager
def busy_loop() -> Iterator[None]:
    """Another program that keeps one core busy."""
    program = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        program.kill()
        program.wait()


def train(options: argparse.Namespace, threads: int) -> float:
    """Mean seconds of an epoch, of a training in a process of its own."""
    order = argparse.Namespace(**vars(options), threads=threads, rasa_defaults=False)
    seconds: list[float] = in_a_process(order, _DENSITY)["epoch_seconds"]
    return statistics.fmean(seconds[1:])


def table(seconds: Mapping[str, Sequence[float]]) -> list[str]:
    """Rows of a table in Markdown; the first way is what the others are compared with."""
    first = statistics.median(next(iter(seconds.values())))
    lines = ["| | seconds an epoch | least to most | |", "| --- | ---: | ---: | ---: |"]
    for way, found in seconds.items():
        median = statistics.median(found)
        lines.append(
            f"| {way} | {median:.2f} | {min(found):.2f} to {max(found):.2f} "
            f"| {median / first:.2f}x |"
        )
    return lines


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=22, help="length of the whole schedule")
    parser.add_argument("--stop-after", type=int, default=4, help="epochs run in each turn")
    options = parser.parse_args()
    if options.stop_after < 2:
        parser.error("--stop-after must be 2 or more, because the first epoch is left out")
    n_cores = os.cpu_count() or 1
    others = OtherLoad()
    seconds: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for way, threads in (("one thread", 1), (f"{n_cores} threads", n_cores)):
            seconds.setdefault(f"{way}, alone", []).append(train(options, threads))
        with busy_loop():
            way = f"{n_cores} threads, beside a busy loop"
            seconds.setdefault(way, []).append(train(options, n_cores))
    alone, *_, beside = map(statistics.median, seconds.values())
    met = "met" if beside / alone <= _MOST else "missed"
    print("\n".join(table(seconds)))
    print(f"\nAt most {_MOST} times one thread alone: {met}.")
    print(described(surroundings(others)))


if __name__ == "__main__":
    plain_errors.run(main)
