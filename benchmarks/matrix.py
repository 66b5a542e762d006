"""Does it install, and does it answer, on each Python and with each extra?

    make matrix
    python benchmarks/matrix.py --python 3.12 --python 3.13 --part base
    python benchmarks/matrix.py --work /tmp/matrix      # keeps the model for the next time

Wheel and sdist are built, a model is trained by the Python that runs this, and each part gets a new
environment outside the sources. What is asked there must be answered as it is here. Pythons that
are not there are skipped, and so is PyTorch where pip would bring gigabytes of GPU libraries.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.installations import Broken, Installation, clean_environment, find_python, run
from support.reference import Reference, make_reference

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
PARTS = ("base", "sdist", "plots", "onnx", "train")
HEAVY = ("torch", "scipy", "sklearn", "joblib", "matplotlib", "onnx", "ray")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    python: str
    part: str
    check: str
    outcome: str
    seconds: float = 0.0
    why: str = ""


@dataclass(kw_only=True)
class Table:
    """All lines so far; each is printed when it is there."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Keep a line and print it."""
        self.rows.append(row)
        why = "" if not row.why else f"  {row.why.strip().splitlines()[-1][:160]}"
        print(
            f"{row.python:7} {row.part:6} {row.check:34} {row.outcome:8} {row.seconds:6.1f} s{why}",
            flush=True,
        )

    @contextmanager
    def check(self, python: str, part: str, name: str) -> Iterator[None]:
        """Do one check; what it raises becomes its line."""
        start = time.perf_counter()
        outcome, why = "passed", ""
        try:
            yield
        except (Broken, OSError, subprocess.TimeoutExpired) as error:
            outcome, why = "FAILED", str(error)
        seconds = time.perf_counter() - start
        self.add(
            Row(python=python, part=part, check=name, outcome=outcome, seconds=seconds, why=why)
        )

    def skip(self, python: str, part: str, why: str) -> None:
        """Say that something is not tried."""
        self.add(Row(python=python, part=part, check="all", outcome="skipped", why=why))

    def ending(self) -> str:
        """How many of each."""
        outcomes = [row.outcome for row in self.rows]
        return ", ".join(f"{outcomes.count(o)} {o}" for o in ("passed", "FAILED", "skipped"))


def build(work: Path) -> tuple[Path, Path]:
    """Build wheel and sdist of this checkout into a folder."""
    folder = work / "dist"
    for old in folder.glob("gossamer-*"):
        old.unlink()
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], cwd=work)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def check_answers(table: Table, it: Installation, reference: Reference) -> None:
    """What a trained model must do with any part."""
    python, part = it.version, it.part
    with table.check(python, part, "gossamer --help"):
        it.gossamer("--help")
        it.require_own_package(ROOT)
    with table.check(python, part, "parse, stdin"):
        reference.compare_parses(it.gossamer(*reference.parse_arguments, stdin=reference.texts))
    with table.check(python, part, "shell, stdin"):
        reference.compare_shell(
            it.gossamer(*reference.shell_arguments, stdin=reference.conversation)
        )
    with table.check(python, part, "test"):
        out = it.folder / "results"
        it.gossamer(*reference.test_arguments, "--out", str(out))
        reference.compare_reports(out)
        n_figures = len(list(out.glob("*.png")))
        if (n_figures > 0) != it.has("matplotlib"):
            raise Broken(f"{n_figures} figures, matplotlib there: {it.has('matplotlib')}")


def check_refusals(table: Table, it: Installation, reference: Reference) -> None:
    """What is missing is said in one line."""
    refused = [] if it.has("torch") else [("train", "gossamer[train")]
    if not it.has("onnx"):
        refused.append(("export", "gossamer[onnx"))
    if not (it.has("torch") and it.has("matplotlib")):
        refused.append(("study density", "gossamer["))
    for command, extra in refused:
        with table.check(it.version, it.part, f"{command}: the install line"):
            told = it.refusal(*command.split(), cwd=reference.project).strip()
            if "\n" in told or not told.startswith("Error: ") or extra not in told:
                raise Broken(f"the install line must be printed alone: {told}")


def check_part(table: Table, it: Installation, reference: Reference) -> None:
    """All that is checked of an installation."""
    check_answers(table, it, reference)
    check_refusals(table, it, reference)
    if it.part in ("base", "sdist"):
        with table.check(it.version, it.part, "nothing heavy is installed"):
            there = [name for name in HEAVY if it.has(name)]
            if there:
                raise Broken(f"installed without being asked for: {', '.join(there)}")
    if it.has("onnx"):
        with table.check(it.version, it.part, "export"):
            target = it.folder / "model.onnx"
            it.gossamer(
                "export", "--model", str(reference.project / "models"), "--out", str(target)
            )
            if not target.is_file():
                raise Broken("export must write its file")
    if it.has("torch"):
        with table.check(it.version, it.part, "train"):
            model = it.folder / "models"
            it.gossamer("train", "--out", str(model), cwd=reference.project)
            it.gossamer("parse", "hello", "--model", str(model))
            it.python("from gossamer import DIETClassifier, RandomlyConnectedLinear")
    else:
        with table.check(it.version, it.part, "ImportError with the install line"):
            code = (
                "try:\n    from gossamer import DIETClassifier\n"
                "except ImportError as error:\n    assert 'gossamer[train]' in str(error), error\n"
                "else:\n    raise SystemExit('imported')"
            )
            it.python(code)


def why_not(version: str, part: str, with_torch: list[str]) -> str | None:
    """Why a part is not tried with a Python, or None."""
    if part == "train" and version not in with_torch:
        return (
            f"no CPU build of PyTorch for {version} here, pip would bring gigabytes of GPU "
            f"libraries; --with-torch {version} installs it all the same"
        )
    return None


def check_python(
    table: Table, version: str, parts: list[str], work: Path, built: tuple[Path, Path],
    reference: Reference, with_torch: list[str],
) -> None:  # fmt: skip
    """All parts with one Python."""
    python = find_python(version)
    if python is None:
        table.skip(version, "-", "this Python is not installed here")
        return
    wheel, sdist = built
    for part in parts:
        reason = why_not(version, part, with_torch)
        if reason is not None:
            table.skip(version, part, reason)
            continue
        wanted = {"base": str(wheel), "sdist": str(sdist)}.get(part, f"{wheel}[{part}]")
        # The pins are those of 3.11; without them, what pip finds newest must do.
        pins = ROOT / "constraints.txt" if (version, part) == ("3.11", "train") else None
        it = Installation(version=version, part=part, folder=work / f"{version}-{part}")
        installed = len(table.rows)
        with table.check(version, part, "pip install"):
            it.make(python, wanted, pins)
        if table.rows[installed].outcome == "passed":
            check_part(table, it, reference)
        it.remove()


def main(arguments: list[str] | None = None) -> int:
    """Check and print; the exit code is 1 if something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", action="append", metavar="X.Y", help="repeatable")
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable")
    parser.add_argument("--with-torch", action="append", metavar="X.Y", help="default: 3.11")
    parser.add_argument("--work", type=Path, help="folder to work in; its model is used again")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gossamer-matrix-") as temporary:
        work = Path(temporary) if options.work is None else options.work.resolve()
        if ROOT in (work, *work.parents):
            parser.error(f"--work must be outside of {ROOT}")
        work.mkdir(parents=True, exist_ok=True)
        os.environ["GOSSAMER_CACHE"] = str(work / "kernels")
        print("Building wheel and sdist", flush=True)
        built = build(work)
        print(f"{built[0].name}; training the starter assistant with {sys.version.split()[0]}")
        reference = make_reference(work / "reference", clean_environment(source=ROOT / "src"))
        table = Table()
        for version in options.python or PYTHONS:
            check_python(
                table, version, options.part or list(PARTS), work, built, reference,
                options.with_torch or ["3.11"],
            )  # fmt: skip
    print(table.ending())
    for row in table.rows:
        if row.outcome == "FAILED":
            print(f"\n{row.python} {row.part}, {row.check}:\n{row.why}")
    return int(any(row.outcome == "FAILED" for row in table.rows))


if __name__ == "__main__":
    sys.exit(main())
