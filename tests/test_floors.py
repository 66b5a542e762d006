"""The floors: a package imports only from floors below it, and importing changes nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"

# From the ground up. The front door, `gossamer/__init__.py`, stands above all of them.
FLOORS = {
    "version": 0,
    "sparse": 1,
    "data": 1,
    "starter": 1,
    "nn": 2,
    "nlu": 3,
    "dialogue": 4,
    "checks": 5,
    "assistant": 6,
    "evaluate": 7,
    "export": 7,
    "study": 8,
    "serve": 9,
    "cli": 9,
    "__main__": 10,
    "__init__": 11,
}

# Packages on the first floor that work without this library.
WITHOUT = {"data": "torch", "starter": "torch"}


def imported_modules(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything a module imports, function bodies included.

    `from a import b` gives "a.b": whether b is a module or a name does not matter for floors. After
    a plain `import gossamer` it is the attributes taken from it that count.
    """
    root = package[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if alias.name != root or alias.asname is not None:
                        yield node.lineno, alias.name
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == root:
                yield node.lineno, f"{root}.{attribute}"
            case ast.ImportFrom(module=module, names=names, level=level):
                above = ".".join(package[: len(package) - level + 1]) if level > 0 else ""
                base = ".".join(part for part in (above, module) if part)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                dots = len(name) - len(name.lstrip("."))
                above = ".".join(package[: len(package) - dots + 1]) if dots > 0 else ""
                yield node.lineno, f"{above}.{name.lstrip('.')}" if above else name


def violations(root: Path) -> list[str]:
    """What breaks the floors in the package folder `root`, one line for each import."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        home, package = parts[0], (root.name, *parts[:-1])
        place = path.relative_to(root.parent).as_posix()
        if home not in FLOORS:
            found.append(f"{place}: {home} has no floor; give it one in FLOORS and in the design")
            continue
        for line, name in imported_modules(ast.parse(path.read_text("utf-8")), package):
            top, _, rest = name.partition(".")
            if top == WITHOUT.get(home):
                found.append(f"{place}:{line}: {home} imports {top}")
            if top != root.name:
                continue
            target = rest.partition(".")[0]
            if target == home:
                continue
            if target not in FLOORS:
                # `from gossamer import SomeName` or `import gossamer`: through the front door.
                target = "__init__"
            if FLOORS[target] >= FLOORS[home] and target != home:
                found.append(
                    f"{place}:{line}: {home} (floor {FLOORS[home]}) imports {name} "
                    f"(floor {FLOORS[target]})"
                )
    return found


def test_no_import_goes_up_or_sideways() -> None:
    assert violations(SRC / "gossamer") == []


def test_every_package_is_seen() -> None:
    packages = {path.parent.name for path in (SRC / "gossamer").glob("*/__init__.py")}
    assert {"sparse", "data", "nn", "nlu", "evaluate", "export", "cli", "starter"} <= packages


def make_tree(root: Path, files: dict[str, str]) -> Path:
    package = root / "gossamer"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return package


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("nn/encoder.py", "from gossamer.nlu import messages"),
        ("nn/encoder.py", "import gossamer.assistant"),
        ("nn/encoder.py", "from gossamer import assistant"),
        ("nn/encoder.py", "from gossamer import DIETClassifier"),
        ("nn/encoder.py", "import gossamer as g"),
        ("nn/encoder.py", "from gossamer import __version__"),
        ("nn/encoder.py", "import gossamer\n\ntokens = gossamer.nlu.pipeline.messages.Token"),
        ("nn/encoder.py", "from ..nlu.messages import Token"),
        ("nn/encoder.py", "from .. import nlu"),
        ("nn/deep/encoder.py", "from ...nlu import messages"),
        ("nn/encoder.py", "def later():\n    from gossamer.cli import main\n"),
        ("nn/encoder.py", "if TYPE_CHECKING:\n    from gossamer.nlu import Token\n"),
        ("nn/encoder.py", "import importlib\nimportlib.import_module('gossamer.nlu')"),
        ("nn/encoder.py", "import_module('..nlu', __package__)"),
        ("sparse/linear.py", "from gossamer.data.errors import InputError"),
        ("data/errors.py", "from gossamer.sparse import Topology"),
        ("nlu/pipeline.py", "from gossamer.dialogue.history.events import Event"),
        ("nlu/pipeline.py", "from gossamer.dialogue.history.tracker import Tracker"),
        ("assistant.py", "from gossamer.evaluate import evaluate_nlu"),
        ("evaluate/nlu.py", "from gossamer.study import run_study"),
        ("evaluate/nlu.py", "from gossamer.export import export_model"),
        ("serve/app.py", "from gossamer.cli import main"),
        ("starter/__init__.py", "from gossamer.data import read_training_data"),
        ("data/readers.py", "import torch"),
        ("data/readers.py", "from torch.nn import Linear"),
        ("attic/old.py", "x = 1"),
    ],
)
def test_the_checker_finds_a_violation(tmp_path: Path, file: str, code: str) -> None:
    found = violations(make_tree(tmp_path, {file: code}))
    assert len(found) == 1, found
    assert found[0].startswith(f"gossamer/{file}")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("__init__.py", "from gossamer.nlu import DIETClassifier\nfrom .sparse import sparsify"),
        ("__main__.py", "from gossamer.cli import main"),
        ("nn/encoder.py", "import torch\nfrom gossamer.sparse import RandomlyConnectedLinear"),
        ("nn/encoder.py", "from gossamer.nn.packing import Packed\nfrom .packing import Packed"),
        ("nn/encoder.py", "from gossamer.data.errors import ConfigError"),
        ("nlu/diet/network.py", "from ..messages import Token\nfrom gossamer.nn import crf"),
        ("assistant.py", "from gossamer.version import __version__\nfrom .nlu import pipeline"),
        ("cli/train.py", "from gossamer.assistant import Assistant\nfrom gossamer import data"),
        ("data/readers.py", "import gossamerish\nimport numpy"),
        ("nn/encoder.py", "text = 'import gossamer.cli'  # from gossamer import cli"),
    ],
)
def test_the_checker_lets_good_imports_pass(tmp_path: Path, file: str, code: str) -> None:
    assert violations(make_tree(tmp_path, {file: code})) == []


def run_python(code: str) -> str:
    """Run code in a fresh interpreter that sees this checkout, and give what it prints."""
    path = os.pathsep.join([str(SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["gossamer", "gossamer.data", "gossamer.cli"])
def test_torch_is_not_imported_before_it_is_needed(module: str) -> None:
    assert run_python(f"import sys, {module}; print('torch' in sys.modules)") == "False"


# Other libraries come first: what they do on import (rich draws from `random`) is not ours.
SNAPSHOT = """
import logging, os, random, sys, warnings
import matplotlib.figure, numpy, pydantic, rich.progress, ruamel.yaml, scipy.sparse, torch, typer
import sklearn.metrics, sklearn.model_selection

def state():
    root = logging.getLogger()
    return {
        "log levels": {
            name: logger.level
            for name, logger in logging.root.manager.loggerDict.items()
            if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET
        },
        "root logger": (root.level, list(root.handlers), logging.root.manager.disable),
        "warning filters": list(warnings.filters),
        "environment": dict(os.environ),
        "random": random.getstate(),
        "numpy random": repr(numpy.random.get_state()),  # noqa: NPY002
        "torch random": torch.get_rng_state().tolist(),
        "torch defaults": (torch.get_default_dtype(), torch.get_num_threads()),
        "matplotlib backend": dict.__getitem__(matplotlib.rcParams, "backend"),
    }

before = state()
"""


def changed_by(code: str) -> str:
    return run_python(
        f"{SNAPSHOT}\n{code}\nafter = state()\nprint([k for k in before if before[k] != after[k]])"
    )


def test_importing_changes_nothing_outside() -> None:
    assert changed_by("import gossamer") == "[]"


def test_importing_every_module_changes_nothing_outside() -> None:
    every = """
import importlib, pkgutil, gossamer
for module in pkgutil.walk_packages(gossamer.__path__, "gossamer."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    assert changed_by(every) == "[]"


def test_a_change_outside_would_be_seen() -> None:
    changes = """
torch.manual_seed(1)
random.seed(1)
numpy.random.seed(1)
warnings.simplefilter("ignore")
logging.getLogger("torch.x").setLevel(10)
logging.basicConfig()
os.environ["X_Y"] = "1"
torch.set_default_dtype(torch.float64)
"""
    assert changed_by(changes) == str(
        [
            "log levels",
            "root logger",
            "warning filters",
            "environment",
            "random",
            "numpy random",
            "torch random",
            "torch defaults",
        ]
    )
