"""The code that is measured, this commit's and perhaps another one's, and processes that run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gossamer.data.errors import InputError
from gossamer.study.executors.worker import THREAD_VARIABLES

HERE = Path(__file__).resolve().parents[2]
"""The checkout that this benchmark is in."""
_PROGRAM = Path(__file__).with_name("measurements.py")
# A program of its own, so that only what answering needs is imported.
_COLD = """
import json, sys, time
began = time.perf_counter()
from gossamer.assistant import Assistant
imported = time.perf_counter()
assistant = Assistant.load(sys.argv[1])
loaded = time.perf_counter()
assistant.parse(sys.argv[2])
answered = time.perf_counter()
print(json.dumps([imported - began, loaded - imported, answered - loaded]))
"""
FoundT = TypeVar("FoundT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Code that is measured, and what was trained with it.

    Attributes:
        commit: of the checkout; None outside one.
        source: the folder that `gossamer` is in.
        folder: for its files.
        model: understands messages.
        stories_model: holds conversations, or None.
    """

    commit: str | None
    source: Path
    folder: Path
    model: Path
    stories_model: Path | None = None

    @classmethod
    def of(
        cls, checkout: Path, folder: Path, *, model: Path | None, stories_model: Path | None
    ) -> Side:
        """Copy the code of a checkout and compile it to bytecode, as installing it would.

        What is changed in the checkout during the measurement then changes nothing.

        Args:
            checkout: with `src/gossamer`.
            folder: for the copy and for models that are still to be trained.
            model: understands messages; None: will be trained.
            stories_model: holds conversations, or None.

        Raises:
            InputError: this is no checkout.
        """
        package = checkout / "src" / "gossamer"
        if not package.is_dir():
            raise InputError(
                "a checkout to measure must have the folder src/gossamer",
                got=str(checkout),
                hint="git worktree add FOLDER COMMIT",
            )
        source = folder / "src"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, source / "gossamer", ignore=ignored)
        command = [sys.executable, "-m", "compileall", "-q", str(source)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        model = folder / "model.gossamer" if model is None else model.resolve()
        stories_model = None if stories_model is None else stories_model.resolve()
        return cls(
            commit=_commit(checkout),
            source=source.resolve(),
            folder=folder,
            model=model,
            stories_model=stories_model,
        )

    # -- processes --------------------------------------------------------------------------------

    def carry_out(self, what: str, *, threads: int | None = None, **order: Any) -> dict[str, Any]:
        """What an order of `measurements.py` finds in a fresh process.

        Args:
            what: its name.
            threads: how many it may use; None: as many as it likes.
            order: what else it needs.

        Raises:
            RuntimeError: it failed, or measured other code than that of this side.
        """
        path = self.folder / "order.json"
        order = {"what": what, "threads": threads, **order}
        path.write_text(json.dumps(order), encoding="utf-8")
        command = ["-W", "ignore", str(_PROGRAM), str(path)]
        found: dict[str, Any] = json.loads(self._run(what, command, threads).splitlines()[-1])
        if Path(found["source"]) != self.source:
            raise RuntimeError(f"measured {found['source']} where {self.source} was meant")
        return found

    def cold_start(self, text: str) -> dict[str, float]:
        """Seconds of importing, loading, the first answer, the `whole` process, and the rest.

        `bare` is what a process that does nothing takes, the interpreter itself; `own` is what
        remains of the whole one.
        """
        bare, _ = self._timed("an empty process", ["-c", "pass"])
        whole, printed = self._timed("the cold start", ["-c", _COLD, str(self.model), text])
        parts: list[float] = json.loads(printed.splitlines()[-1])
        named = dict(zip(("import", "load", "answer"), parts, strict=True))
        return named | {"whole": whole, "bare": bare, "own": whole - bare}

    def help_seconds(self) -> float:
        """Seconds until `gossamer --help` has printed."""
        return self._timed("gossamer --help", ["-m", "gossamer.cli", "--help"])[0]

    def _timed(self, what: str, command: Sequence[str]) -> tuple[float, str]:
        began = time.perf_counter()
        printed = self._run(what, command)
        return time.perf_counter() - began, printed

    def _run(self, what: str, command: Sequence[str], threads: int | None = None) -> str:
        variables = {**os.environ, "PYTHONPATH": str(self.source)}
        if threads is not None:
            variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        done = subprocess.run(
            [sys.executable, "-P", *command],  # -P: nothing but the side's code is on the path
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the measurement '{what}' failed:\n{done.stderr[-3000:]}")
        return done.stdout


def in_turns(
    what: str, sides: Sequence[Side], rounds: int, measure: Callable[[Side], FoundT]
) -> list[list[FoundT]]:
    """Measure A, B, A, B and so on; for each side what was found in the rounds.

    Args:
        what: shown while it goes on.
        sides: the code.
        rounds: how often each is measured.
        measure: in a fresh process.
    """
    found: list[list[FoundT]] = [[] for _ in sides]
    for number in range(rounds):
        print(f"{what}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for side, results in zip(sides, found, strict=True):
            results.append(measure(side))
    return found


def _commit(checkout: Path) -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=7"]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return None
    return done.stdout.strip() or None
