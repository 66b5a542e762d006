from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gossamer
from gossamer.cli import main
from gossamer.cli.errors import show_warning

Run = Callable[..., Any]
SRC = Path(gossamer.__file__).parents[1]


def _python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(SRC), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


COMMANDS = [
    (),
    ("init",),
    ("train",),
    ("train", "nlu"),
    ("test",),
    ("test", "nlu"),
    ("parse",),
    ("shell",),
    ("shell", "nlu"),
    ("data",),
    ("data", "split"),
    ("data", "split", "nlu"),
    ("data", "validate"),
    ("data", "convert"),
    ("data", "convert", "nlu"),
    ("data", "convert", "stories"),
    ("data", "split", "stories"),
    ("train", "core"),
    ("test", "core"),
    ("export",),
    ("study",),
    ("study", "density"),
    ("study", "report"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c) or "gossamer")
def test_every_command_has_help(command: tuple[str, ...], run: Run) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert result.stderr == ""
    assert not re.search(r"<(bool|path|str|int|float|list)", result.stdout), "Python's types"


def test_options_of_rasa_are_there(run: Run) -> None:
    def options(*command: str) -> set[str]:
        return set(re.findall(r"--[a-z-]+", run(*command, "--help").stdout))

    assert {"--config", "--nlu", "--out", "--fixed-model-name", "--num-threads"} <= options(
        "train", "nlu"
    )
    assert {
        "--model",
        "--nlu",
        "--out",
        "--successes",
        "--no-errors",
        "--no-plot",
        "--cross-validation",
        "--folds",
        "--config",
    } <= options("test", "nlu")
    assert {"--nlu", "--training-fraction", "--random-seed", "--out"} <= options(
        "data", "split", "nlu"
    )
    assert {"--data", "--out", "--format"} <= options("data", "convert", "nlu")
    assert {"--fail-on-warnings"} <= options("data", "validate")
    assert {"--init-dir", "--no-prompt"} <= options("init")


def test_a_group_without_a_command_shows_its_help(run: Run) -> None:
    result = run("data")
    assert result.exit_code == 2
    assert "validate" in result.stdout + result.stderr


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"gossamer {gossamer.__version__}\n"


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    for arguments in (["fly"], ["train", "nlu", "--epochs", "3"], ["test", "nlu", "--folds", "1"]):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert "Usage:" in result.stderr


def test_the_command_starts_without_heavy_imports() -> None:
    code = (
        "import sys, gossamer.cli\n"
        "heavy = {'torch', 'numpy', 'scipy', 'sklearn', 'matplotlib', 'pydantic', 'ruamel'}\n"
        "heavy |= {'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert _python("-c", code).stdout == "[]\n"


def test_module_can_be_run() -> None:
    result = _python("-m", "gossamer.cli", "--version")
    assert (result.returncode, result.stdout) == (0, f"gossamer {gossamer.__version__}\n")


def test_input_errors_are_one_line_on_stderr(run: Run, project: Path) -> None:
    result = run("train", "nlu", "--config", "missing.yml")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: missing.yml: ")
    assert result.stderr.count("\n") == 1


def test_debug_shows_the_traceback(run: Run, project: Path) -> None:
    result = run("--debug", "train", "nlu", "--config", "missing.yml")
    assert result.exit_code == 1
    assert type(result.exception).__name__ == "ConfigError"


def test_file_errors_name_the_file(run: Run, project: Path) -> None:
    (project / "taken").write_text("mine")
    result = run("train", "nlu", "--out", "taken")
    assert result.exit_code == 1
    assert "a file must be in a place that can be written (got 'Not a dir" in result.stderr
    assert result.stderr.startswith("Error: taken/") and result.stderr.count("\n") == 1
    assert (project / "taken").read_text() == "mine"


def test_a_bug_is_not_hidden(run: Run, project: Path, fake: Any) -> None:
    fake.fails_with = ValueError("a bug")
    result = run("train", "nlu")
    assert isinstance(result.exception, ValueError)
    assert str(result.exception) == "a bug"


def test_ctrl_c_is_exit_code_130_and_one_line(run: Run, project: Path, fake: Any) -> None:
    fake.fails_with = KeyboardInterrupt()
    result = run("train", "nlu")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"
    assert not (project / "models").exists()


def test_warnings_are_one_line_each(run: Run, project: Path, fake: Any) -> None:
    class Warns(fake):  # type: ignore[misc]
        @classmethod
        def train(cls, *args: Any, **kwargs: Any) -> Any:
            warnings.warn("data.yml:3: odd\nindeed", stacklevel=2)
            return super().train(*args, **kwargs)

    sys.modules["gossamer.assistant"].Assistant = Warns  # type: ignore[attr-defined]
    result = run("train", "nlu")
    assert result.exit_code == 0
    assert result.stderr == "Warning: data.yml:3: odd indeed\n"


def test_warning_filters_are_left_as_they_were(run: Run, project: Path, fake: Any) -> None:
    filters, show = list(warnings.filters), warnings.showwarning
    assert run("train", "nlu").exit_code == 0
    assert warnings.filters == filters
    assert warnings.showwarning is show
    assert show is not show_warning


def test_a_closed_pipe_ends_quietly(project: Path) -> None:
    # Far more output than a pipe holds, so that writing meets the closed end.
    examples = "".join(f"    - text number {i} of {'x' * 50}\n" for i in range(4000))
    twice = f"nlu:\n- intent: a\n  examples: |\n{examples}{examples}"
    (project / "data" / "nlu.yml").write_text(twice, encoding="utf-8")
    command = f'"{sys.executable}" -m gossamer.cli data validate 2>err.txt | head -n 1'
    result = subprocess.run(
        ["sh", "-c", command],
        env=os.environ | {"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stdout.count("\n") == 1
    assert (project / "err.txt").read_text() == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "passive"}, None),
    ],
)
def test_threads_do_not_wait_busily_for_long(
    given: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set and deleted through monkeypatch, so that what `main` sets is undone too.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found: list[str | None] = []
    monkeypatch.setattr(
        sys.modules[main.__module__], "app", lambda: found.append(os.environ.get("GOMP_SPINCOUNT"))
    )
    with pytest.raises(SystemExit):
        main()
    assert found == [expected]
