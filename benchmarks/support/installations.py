"""New environments for `benchmarks/matrix.py`: made, asked, removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 1200


class Broken(Exception):
    """A check failed; the text says how."""


def clean_environment(*, source: Path | None = None) -> dict[str, str]:
    """This process's variables without those that let Python find other packages."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept if source is None else kept | {"PYTHONPATH": str(source)}


def run(
    command: list[str],
    *,
    cwd: Path,
    stdin: str | None = None,
    code: int = 0,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises:
        Broken: it ended with another exit code.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        input="" if stdin is None else stdin,
        env=clean_environment() if environment is None else environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != code:
        raise Broken(
            f"{' '.join(command)[:200]} ended with {done.returncode}\n"
            f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
    return done


def find_python(version: str) -> Path | None:
    """An interpreter of a version ("3.12"): this one, one on the path, or one of pyenv's."""
    candidates = [Path(sys.executable)]
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        candidates.append(Path(on_path))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        try:
            told = run([str(candidate), "-c", code], cwd=Path.home()).stdout.strip()
        except (Broken, OSError):  # a shim of pyenv for a version that is not chosen
            continue
        if told == version:
            return candidate
    return None


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An environment with one part installed.

    Attributes:
        version: of Python, "3.12".
        part: "base", "sdist" or an extra.
        folder: all of it; the environment is in `env`.
    """

    version: str
    part: str
    folder: Path

    @property
    def _bin(self) -> Path:
        return self.folder / "env" / "bin"

    def make(self, python: Path, wanted: str, constraints: Path | None) -> None:
        """Make it anew with the newest pip, and install what is wanted."""
        self.remove()
        self.folder.mkdir(parents=True)
        run([str(python), "-m", "venv", str(self.folder / "env")], cwd=self.folder)
        pins = [] if constraints is None else ["--constraint", str(constraints)]
        pip = [str(self._bin / "python"), "-m", "pip", "install", "--quiet"]
        run([*pip, "--disable-pip-version-check", wanted, *pins], cwd=self.folder)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def gossamer(self, *arguments: str, stdin: str | None = None, cwd: Path | None = None) -> str:
        """What a command prints.

        Raises:
            Broken: it failed.
        """
        command = [str(self._bin / "gossamer"), *arguments]
        return run(command, cwd=cwd or self.folder, stdin=stdin).stdout

    def refusal(self, *arguments: str, cwd: Path) -> str:
        """What a command prints on standard error that ends with code 1.

        Raises:
            Broken: it ended otherwise.
        """
        return run([str(self._bin / "gossamer"), *arguments], cwd=cwd, code=1).stderr

    def python(self, code: str) -> str:
        """What a program prints.

        Raises:
            Broken: it failed.
        """
        return run([str(self._bin / "python"), "-c", code], cwd=self.folder).stdout

    def has(self, module: str) -> bool:
        """Whether a module is installed."""
        code = f"import importlib.util; print(importlib.util.find_spec({module!r}) is not None)"
        return self.python(code).strip() == "True"

    def require_own_package(self, source: Path) -> None:
        """Refuse a package that is not this environment's.

        Raises:
            Broken: it is the one of the sources.
        """
        place = Path(self.python("import gossamer; print(gossamer.__file__)").strip())
        if source in place.parents or self.folder not in place.parents:
            raise Broken(f"the package is not the installed one: {place}")
