"""Parts installed as they are needed: what is imported when, and what a missing one says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gossamer.data.installed import (
    FIGURES,
    OPTIONAL,
    SERVING,
    STUDYING,
    TRAINING,
    MissingPartError,
    as_missing_part,
    is_there,
    missing_part,
    require,
)

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
STARTER = ROOT / "src" / "gossamer" / "starter"

# What may be imported from outside the standard library: typer and rich, with what they bring.
FOR_HELP = {
    *("annotated_doc", "attr", "click", "colorama", "markdown_it", "mdurl", "pygments", "rich"),
    *("shellingham", "typer", "typing_extensions"),
}
# The readers' errors are known to commands; with them come pydantic, regex and PyYAML.
FOR_COMMANDS = {
    *FOR_HELP,
    *("annotated_types", "pydantic", "pydantic_core", "regex", "typing_inspection", "yaml"),
}

PRINT_MODULES = """
import sys
tops = {name.partition(".")[0] for name in sys.modules}
outside = tops - set(sys.stdlib_module_names) - {"gossamer"}
print(sorted(name for name in outside if not name.startswith(("_", "cython_runtime"))))
"""

WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None

sys.meta_path.insert(0, Missing())
"""

RUN = """
import sys
sys.argv = ["gossamer", *{arguments!r}]
from gossamer.cli import main
main()
"""


def python(code: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees this checkout."""
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def gossamer(
    *arguments: str, missing: tuple[str, ...], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command where some libraries are not installed."""
    return python(WITHOUT.format(missing=missing) + RUN.format(arguments=arguments), folder)


def requirement_name(requirement: str) -> str:
    return re.split(r"[<>=\[ ]", requirement)[0]


def test_the_extras_are_those_of_pyproject() -> None:
    modules = {
        "scikit-learn": "sklearn",
        "python-crfsuite": "pycrfsuite",
        "python-socketio": "socketio",
        "pyjwt": "jwt",
        "prometheus-client": "prometheus_client",
    }
    declared = {
        modules.get(name, name): extra
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in ("all", "dev", "docs")
        for name in map(requirement_name, requirements)
        if name != "gossamer" and (name, extra) != ("torch", "transformers")
    }
    assert {module: extra for module, (_, extra) in OPTIONAL.items()} == declared
    base = set(map(requirement_name, PROJECT["dependencies"]))
    assert not base & {*declared, *modules}
    assert {*TRAINING, *STUDYING, *SERVING, *FIGURES} <= set(OPTIONAL)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import gossamer", set()),
        (RUN.format(arguments=["--version"]), FOR_HELP),
        (RUN.format(arguments=["--help"]), FOR_HELP),
        (RUN.format(arguments=["parse", "--help"]), FOR_COMMANDS),
        (RUN.format(arguments=["train", "--help"]), FOR_COMMANDS),
        (RUN.format(arguments=["test", "nlu", "--help"]), FOR_COMMANDS),
        (RUN.format(arguments=["study", "density", "--help"]), FOR_COMMANDS),
    ],
    ids=["import", "version", "help", "parse", "train", "test", "study"],
)
def test_what_is_imported_from_outside(code: str, allowed: set[str]) -> None:
    caught = f"import atexit\natexit.register(lambda: exec({PRINT_MODULES!r}))\n{code}"
    done = python(caught)
    assert done.returncode == 0, done.stderr
    assert set(ast.literal_eval(done.stdout.splitlines()[-1])) - allowed == set()


def test_the_message_names_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch", "sklearn", "matplotlib"):
        monkeypatch.setitem(sys.modules, module, None)
    assert not is_there("torch")
    assert is_there("scipy")
    error = missing_part("a study", *STUDYING)
    assert str(error) == (
        "a study needs PyTorch, scikit-learn and matplotlib (got 'no module named torch'). "
        'Try: pip install "gossamer[train,plots]"'
    )
    with pytest.raises(ImportError, match="training needs PyTorch and scikit-learn"):
        require("training", *TRAINING)
    require("nothing")
    assert missing_part("this", "scipy") is None


def test_other_failed_imports_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert as_missing_part("this", ModuleNotFoundError("", name="gossamer.nonsense")) is None
    assert as_missing_part("this", ModuleNotFoundError("", name="scipy.nonsense")) is None
    assert as_missing_part("this", ImportError("libtorch.so")) is None
    told = as_missing_part("this", ModuleNotFoundError("", name="torch"))
    assert isinstance(told, MissingPartError)


@pytest.mark.parametrize(
    ("arguments", "missing", "line"),
    [
        (
            ["train"],
            ("torch", "scipy", "sklearn"),
            "Error: training needs PyTorch, SciPy and scikit-learn (got 'no module named torch'). "
            'Try: pip install "gossamer[train]"',
        ),
        (
            ["train", "nlu"],
            ("torch", "sklearn"),
            "Error: training needs PyTorch and scikit-learn (got 'no module named torch'). "
            'Try: pip install "gossamer[train]"',
        ),
        (
            ["train", "core"],
            ("torch",),
            "Error: training needs PyTorch (got 'no module named torch'). "
            'Try: pip install "gossamer[train]"',
        ),
        (
            ["test", "nlu", "--nlu", "data", "--cross-validation"],
            ("sklearn",),
            "Error: cross-validation needs scikit-learn (got 'no module named sklearn'). "
            'Try: pip install "gossamer[train]"',
        ),
        (
            ["test", "core", "--compare"],
            ("torch",),
            "Error: comparing models needs PyTorch (got 'no module named torch'). "
            'Try: pip install "gossamer[train]"',
        ),
        (
            ["study", "density"],
            ("torch", "cloudpickle", "matplotlib"),
            "Error: a study needs PyTorch, cloudpickle and matplotlib "
            "(got 'no module named torch'). Try: pip install \"gossamer[train,plots]\"",
        ),
        (
            ["study", "density", "--backend", "ray"],
            ("ray",),
            "Error: a cluster needs Ray (got 'no module named ray'). "
            'Try: pip install "gossamer[ray]"',
        ),
        (
            ["study", "report", "study"],
            ("matplotlib",),
            "Error: a study needs matplotlib (got 'no module named matplotlib'). "
            'Try: pip install "gossamer[plots]"',
        ),
        (
            ["export"],
            ("onnx",),
            "Error: export to ONNX needs onnx (got 'no module named onnx'). "
            'Try: pip install "gossamer[onnx]"',
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_says_what_to_install(
    arguments: list[str], missing: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    for name in ("config.yml", "domain.yml", "data", "tests"):
        (tmp_path / name).symlink_to(STARTER / name)
    done = gossamer(*arguments, missing=missing, folder=tmp_path)
    assert done.stderr.splitlines() == [line]
    assert done.returncode == 1
    assert done.stdout == ""
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("name", "missing", "needed"),
    [
        ("DIETClassifier", ("torch", "scipy", "sklearn"), "PyTorch, SciPy and scikit-learn"),
        ("DIETClassifier", ("sklearn",), "scikit-learn"),
        ("RandomlyConnectedLinear", ("torch", "sklearn"), "PyTorch"),
    ],
)
def test_names_of_the_front_door(name: str, missing: tuple[str, ...], needed: str) -> None:
    code = f"""
try:
    from gossamer import {name}
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = python(WITHOUT.format(missing=missing) + code)
    assert done.stdout == (
        f"MissingPartError {name} needs {needed} (got 'no module named {missing[0]}'). "
        'Try: pip install "gossamer[train]"\n'
    ), done.stderr


def test_training_and_studies_from_python() -> None:
    code = """
from gossamer.data import read_project
from gossamer.data.installed import MissingPartError
folder = {folder!r}
project = read_project(f"{{folder}}/config.yml", f"{{folder}}/data", f"{{folder}}/domain.yml")
from gossamer.assistant import Assistant
sys.modules["sklearn"] = None
try:
    Assistant.train_project(project)
except MissingPartError as error:
    print(error)
from gossamer import study
sys.modules.pop("joblib", None)
sys.modules["joblib"] = None
try:
    study.run_study
except MissingPartError as error:
    print(error)
"""
    done = python("import sys\n" + code.format(folder=str(STARTER)))
    assert done.stdout.splitlines() == [
        "training needs scikit-learn (got 'no module named sklearn'). "
        'Try: pip install "gossamer[train]"',
        "a study needs scikit-learn and joblib (got 'no module named sklearn'). "
        'Try: pip install "gossamer[train]"',
    ], done.stderr


def test_without_matplotlib_reports_are_written_and_a_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "pipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\n", "utf-8"
    )
    nlu = STARTER / "tests" / "nlu_test.yml"
    trained = gossamer("train", "nlu", "--nlu", str(nlu), missing=(), folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    arguments = ("test", "nlu", "--nlu", str(nlu))
    done = gossamer(*arguments, missing=("matplotlib", "sklearn"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "Figures are left out: drawing needs matplotlib (got 'no module named matplotlib'). "
        'Try: pip install "gossamer[plots]"'
    )
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"report.txt", "intent_report.json"} <= written
    assert not [name for name in written if name.endswith(".png")]
    quiet = gossamer(*arguments, "--no-plot", missing=("matplotlib",), folder=tmp_path)
    assert "Figures" not in quiet.stderr
