"""How large an installation is: `pip install gossamer`, and what each extra adds.

    python benchmarks/installed_size.py                       # base, [train] and [plots]
    python benchmarks/installed_size.py --extra onnx --extra ray
    python benchmarks/installed_size.py --no-constraints      # the newest releases instead

Builds the wheel, installs it into an empty folder, and adds up the files of each package. Bytecode
is not counted. A megabyte is a million bytes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "base"


def build_wheel(folder: Path) -> Path:
    """Build this checkout's wheel into a folder."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def package_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each package in a folder that pip installed into; "other" is what none lists."""
    sizes: dict[str, int] = {}
    listed: set[Path] = set()
    for package in distributions(path=[str(folder)]):
        files = {Path(str(package.locate_file(file))).resolve() for file in package.files or ()}
        # With --target, scripts are moved into the folder's own bin.
        here = {file for file in files if file.is_file() and folder in file.parents}
        sizes[package.metadata["Name"]] = sum(file.stat().st_size for file in here - listed)
        listed |= here
    others = (file for file in folder.rglob("*") if file.is_file() and file not in listed)
    sizes["other"] = sum(file.stat().st_size for file in others)
    return sizes


def installed_sizes(wheel: Path, extra: str, constraints: Path | None) -> dict[str, int]:
    """Install a wheel with an extra ("base" for none) into an empty folder and measure it."""
    wanted = str(wheel) if extra == BASE else f"{wheel}[{extra}]"
    with tempfile.TemporaryDirectory(prefix="gossamer-size-") as name:
        folder = Path(name).resolve()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
        command += ["--disable-pip-version-check", "--target", str(folder), wanted]
        if constraints is not None:
            command += ["--constraint", str(constraints)]
        subprocess.run(command, check=True)
        return package_sizes(folder)


def table(sizes: dict[str, int], *, without: dict[str, int] | None = None) -> str:
    """Lines of packages and megabytes, the largest first; those of `without` only in the sum."""
    shown = {n: s for n, s in sizes.items() if without is None or n not in without}
    lines = [
        f"  {name:24} {size / 1e6:8.1f}"
        for name, size in sorted(shown.items(), key=lambda item: -item[1])
        if size
    ]
    if without is not None:
        lines.append(f"  {'added to base':24} {(total(sizes) - total(without)) / 1e6:8.1f}")
    return "\n".join([*lines, f"  {'sum':24} {total(sizes) / 1e6:8.1f}"])


def total(sizes: dict[str, int]) -> int:
    """The sum of all packages."""
    return sum(sizes.values())


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--extra", action="append", help="measure this one too; repeatable")
    parser.add_argument("--no-constraints", action="store_true", help="not the pinned releases")
    parser.add_argument("--at-most", type=float, metavar="MB", help="fail if base is larger")
    options = parser.parse_args(arguments)
    constraints = None if options.no_constraints else ROOT / "constraints.txt"
    extras = ["train", "plots"] if options.extra is None else options.extra
    with tempfile.TemporaryDirectory(prefix="gossamer-wheel-") as folder:
        wheel = build_wheel(Path(folder))
        base = installed_sizes(wheel, BASE, constraints)
        print(f"{wheel.name}, Python {sys.version_info.major}.{sys.version_info.minor}, MB\n")
        print(f"gossamer\n{table(base)}", flush=True)
        for extra in extras:
            sizes = installed_sizes(wheel, extra, constraints)
            print(f"\ngossamer[{extra}]\n{table(sizes, without=base)}", flush=True)
    if options.at_most is not None and total(base) > options.at_most * 1e6:
        print(f"\nbase is larger than {options.at_most:g} MB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
