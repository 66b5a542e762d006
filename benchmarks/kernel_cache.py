"""What kept machine code saves: a training in a fresh process, without kept kernels and with them.

Each round runs two processes in turns: the first with an empty folder for kernels, the second with
what the first left there. Both train `DIETClassifier()` on the starter assistant's data.

    python benchmarks/kernel_cache.py --rounds 5 --epochs 1 --out results
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import gossamer.starter

_DATA = Path(gossamer.starter.__file__).parent / "data" / "nlu.yml"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one process spent.

    Attributes:
        had_kernels: whether it found machine code of an earlier one.
        import_seconds: importing llvmlite and setting LLVM up; counted in no other figure.
        kernel_seconds: `compile_time()` on the clock: compiling kernels, or loading them.
        kernel_cpu_seconds: the same in processor time.
        fit_seconds: the whole of `fit`.
        fit_cpu_seconds: the same in processor time.
        kernels: how many lie in the folder afterwards.
        kernel_bytes: their size.
    """

    had_kernels: bool
    import_seconds: float
    kernel_seconds: float
    kernel_cpu_seconds: float
    fit_seconds: float
    fit_cpu_seconds: float
    kernels: int
    kernel_bytes: int


def train_here(epochs: int) -> Row:
    """Train in this process."""
    from gossamer import DIETClassifier
    from gossamer.data import read_training_data
    from gossamer.sparse.kernels import cache
    from gossamer.sparse.kernels.build import compile_time, is_available

    examples = read_training_data([_DATA]).examples
    model = DIETClassifier(epochs=epochs)
    started = time.perf_counter()
    is_available()
    import_seconds = time.perf_counter() - started
    folder = cache.place()
    had_kernels = folder is not None and folder.exists()
    started, cpu_started = time.perf_counter(), time.process_time()
    model.fit([example.text for example in examples], [example.intent for example in examples])
    fit_seconds, fit_cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    sizes = [path.stat().st_size for path in folder.iterdir()] if folder is not None else []
    return Row(
        had_kernels=had_kernels,
        import_seconds=import_seconds,
        kernel_seconds=compile_time().seconds,
        kernel_cpu_seconds=compile_time().cpu_seconds,
        fit_seconds=fit_seconds,
        fit_cpu_seconds=fit_cpu_seconds,
        kernels=len(sizes),
        kernel_bytes=sum(sizes),
    )


def run(rounds: int, epochs: int) -> list[Row]:
    """Two processes a round, the first with an empty folder."""
    rows = []
    command = [sys.executable, __file__, "--here", "--epochs", str(epochs)]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"GOSSAMER_CACHE": folder}
            for _ in range(2):
                done = subprocess.run(
                    command, env=environment, stdout=subprocess.PIPE, text=True, check=True
                )
                rows.append(Row(**json.loads(done.stdout.splitlines()[-1])))
                print(rows[-1], flush=True)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Medians of both kinds, in Markdown."""
    lines = [
        "| | kernels | compiling or loading, s | its CPU, s | `fit`, s | its CPU, s |",
        "|---|---|---|---|---|---|",
    ]
    for had_kernels, name in ((False, "the first process"), (True, "the second")):
        own = [row for row in rows if row.had_kernels is had_kernels]
        figures = " | ".join(
            f"{statistics.median(values):.2f}"
            for values in (
                [row.kernel_seconds for row in own],
                [row.kernel_cpu_seconds for row in own],
                [row.fit_seconds for row in own],
                [row.fit_cpu_seconds for row in own],
            )
        )
        lines.append(f"| {name} | {own[0].kernels} | {figures} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for rows and table")
    parser.add_argument("--here", action="store_true", help="train once in this process")
    options = parser.parse_args(arguments)
    if options.here:
        print(json.dumps(asdict(train_here(options.epochs))))
        return
    rows = run(options.rounds, options.epochs)
    text = table(rows)
    print(text)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "kernel_cache.md").write_text(text, "utf-8")
        (options.out / "kernel_cache.json").write_text(
            json.dumps([asdict(row) for row in rows], indent=2) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
