"""What short commands take: seconds of processor time and on the clock, from start to end.

Each round runs every command once, in a new process, in turns with another checkout (`--against`).
Each side trains the starter assistant itself, for one epoch, before the first round. Processor
time says more than the clock where other programs run beside it.

    python benchmarks/command_line.py --against before --rounds 10 --out results
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_COMMAND = ("-m", "gossamer.cli")
_RESPONSE = re.compile(r"(- text: )\"Goodbye[^\"]*\"")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One process.

    Attributes:
        what: the command.
        side: "here" or "before".
        cpu_seconds: of the process and of what it waited for.
        seconds: on the clock.
    """

    what: str
    side: str
    cpu_seconds: float
    seconds: float


class Side:
    """One checkout with a project of its own.

    Args:
        name: "here" or "before".
        checkout: its root.
        folder: where its code and its project are copied to.
    """

    def __init__(self, name: str, checkout: Path, folder: Path) -> None:
        self.name = name
        self.project = folder / name / "project"
        source = folder / name / "src"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(checkout / "src" / "gossamer", source / "gossamer", ignore=ignored)
        kept = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
        self.environment = kept | {"PYTHONPATH": str(source)}
        self._run(*_COMMAND, "init", str(self.project), folder=folder)
        config = self.project / "config.yml"
        text = re.sub(r"epochs: \d+", "epochs: 1", config.read_text("utf-8"))
        config.write_text(text, "utf-8")
        self._run(*_COMMAND, "train", "--out", "models")
        self.n_changes = 0

    def measured(self, what: str, *arguments: str) -> Row:
        """Run Python once."""
        started, before = time.perf_counter(), os.times()
        self._run(*arguments)
        seconds, after = time.perf_counter() - started, os.times()
        cpu = after.children_user - before.children_user
        cpu += after.children_system - before.children_system
        return Row(what=what, side=self.name, cpu_seconds=cpu, seconds=seconds)

    def rows(self) -> list[Row]:
        """Every command once."""
        rows = [
            self.measured("`import gossamer`", "-c", "import gossamer"),
            self.measured("`gossamer --version`", *_COMMAND, "--version"),
            self.measured("`gossamer --help`", *_COMMAND, "--help"),
            self.measured("`gossamer parse`, one text", *_COMMAND, "parse", "a train to Ottersea"),
            self.measured("`gossamer train`, nothing changed", *_COMMAND, "train"),
        ]
        models = set((self.project / "models").iterdir())
        self.n_changes += 1
        domain = self.project / "domain.yml"
        text = _RESPONSE.sub(rf'\1"Goodbye {self.n_changes}"', domain.read_text("utf-8"))
        written = domain.read_text("utf-8")
        domain.write_text(text, "utf-8")
        rows.append(self.measured("`gossamer train`, one response changed", *_COMMAND, "train"))
        made = set((self.project / "models").iterdir()) - models
        if len(made) != 1:
            raise SystemExit("a changed response must give one new model")
        made.pop().unlink()
        domain.write_text(written, "utf-8")
        return rows

    def _run(self, *arguments: str, folder: Path | None = None) -> None:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=self.project if folder is None else folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def table(rows: Sequence[Row]) -> str:
    """Medians, least and most of each command, in Markdown."""
    lines = ["| | CPU, s | least to most | on the clock, s |", "|---|---|---|---|"]
    if any(row.side == "before" for row in rows):
        lines = [lines[0] + " CPU before, s | |", lines[1] + "---|---|"]
    for what in dict.fromkeys(row.what for row in rows):
        own = [row for row in rows if row.what == what and row.side == "here"]
        cpu = [row.cpu_seconds for row in own]
        clock = statistics.median(row.seconds for row in own)
        line = f"| {what} | {statistics.median(cpu):.2f} | {min(cpu):.2f} to {max(cpu):.2f} | "
        line += f"{clock:.2f} |"
        others = [row.cpu_seconds for row in rows if row.what == what and row.side == "before"]
        if others:
            ratio = statistics.median(a / b for a, b in zip(cpu, others, strict=True))
            line += f" {statistics.median(others):.2f} | {ratio:.2f}x |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="folder for rows and table")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        sides = [Side("here", Path(__file__).parents[1], Path(name))]
        if options.against is not None:
            sides.append(Side("before", options.against, Path(name)))
        for side in sides:
            side.rows()  # Python keeps bytecode of what it imports
        for number in range(options.rounds):
            for side in sides:
                rows += side.rows()
            if options.out is not None:  # after each, as a run may be stopped
                _write(options.out, rows)
            print(f"round {number + 1} of {options.rounds}", flush=True)
    print(table(rows))


def _write(folder: Path, rows: Sequence[Row]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "command_line.md").write_text(table(rows), "utf-8")
    (folder / "command_line.json").write_text(
        json.dumps([asdict(row) for row in rows], indent=2) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
