"""The floors: a package imports only from floors below it, and importing changes nothing."""

from __future__ import annotations

import ast
import functools
import graphlib
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
    "visualize": 2,
    "nlu": 3,
    "dialogue": 4,
    "checks": 5,
    "parts": 5,
    "assistant": 6,
    "evaluate": 7,
    "export": 7,
    "study": 8,
    "teach": 8,
    "serve": 9,
    "cli": 10,
    "__main__": 11,
    "__init__": 12,
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


@functools.cache
def imports_in(path: Path, package: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """What a file of this package imports; several tests ask that of all files."""
    return tuple(imported_modules(ast.parse(path.read_text("utf-8")), package))


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
        for line, name in imports_in(path, package):
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


def modules_of(root: Path) -> dict[str, Path]:
    """Dotted name and file of every module in the package folder `root`."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_among(modules: dict[str, Path]) -> dict[str, set[str]]:
    """Which modules each module imports, function bodies and type hints included."""
    edges: dict[str, set[str]] = {}
    for name, path in modules.items():
        is_package = path.name == "__init__.py"
        package = name if is_package else name.rpartition(".")[0]
        edges[name] = set()
        for _, imported in imports_in(path, (*package.split("."),)):
            target = imported if imported in modules else imported.rpartition(".")[0]
            if target in modules and target != name:
                edges[name].add(target)
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A way along the arrows that comes back to where it began; [] if there is none."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def rooms(edges: dict[str, set[str]], modules: dict[str, Path]) -> dict[str, set[str]]:
    """The same arrows among folders. A folder and one inside it are one house: no arrow there."""
    found: dict[str, set[str]] = {}
    for name, targets in edges.items():
        home = modules[name].parent
        for target in targets:
            other = modules[target].parent
            if modules[name].name == "__init__.py" or modules[target].name == "__init__.py":
                continue  # what a package shows of its parts
            if home not in (other, *other.parents) and other not in home.parents:
                found.setdefault(home.as_posix(), set()).add(other.as_posix())
                found.setdefault(other.as_posix(), set())
    return found


def test_no_imports_go_in_a_circle() -> None:
    modules = modules_of(SRC / "gossamer")
    assert len(modules) > 250
    assert circle(imports_among(modules)) == []


def test_no_rooms_import_each_other() -> None:
    modules = modules_of(SRC / "gossamer")
    among = rooms(imports_among(modules), modules)
    assert len(among) > 30
    assert circle(among) == []


@pytest.mark.parametrize(
    ("files", "is_circle"),
    [
        ({"a.py": "from gossamer.b import x", "b.py": "import gossamer.a"}, True),
        ({"a.py": "def f():\n    from gossamer import b", "b.py": "import gossamer.a"}, True),
        (
            {"a.py": "import gossamer.b", "b.py": "from .c import y", "c.py": "from . import a"},
            True,
        ),
        ({"a.py": "if T:\n    from gossamer.b import x", "b.py": "import gossamer.a"}, True),
        ({"__init__.py": "from gossamer.a import x", "a.py": "from gossamer import y"}, True),
        ({"a.py": "from gossamer.b import x", "b.py": "x = 1", "c.py": "import gossamer.a"}, False),
    ],
)
def test_a_circle_is_found(tmp_path: Path, files: dict[str, str], is_circle: bool) -> None:
    assert bool(circle(imports_among(modules_of(make_tree(tmp_path, files))))) == is_circle


@pytest.mark.parametrize(
    ("files", "is_circle"),
    [
        ({"a/x.py": "from gossamer.b.y import z", "b/w.py": "from gossamer.a.v import z"}, True),
        ({"a/x.py": "from gossamer.b.y import z", "a/w.py": "from gossamer.b.y import z"}, False),
        ({"a/x.py": "from gossamer.a.c.y import z", "a/c/w.py": "from ..v import z"}, False),
    ],
)
def test_rooms_in_a_circle_are_found(
    tmp_path: Path, files: dict[str, str], is_circle: bool
) -> None:
    others = {"a/v.py": "", "b/y.py": "", "a/c/y.py": ""}
    modules = modules_of(make_tree(tmp_path, others | files))
    assert bool(circle(rooms(imports_among(modules), modules))) == is_circle


def crowded(root: Path) -> list[str]:
    """Folders of more than 16 Python files of their own, and files of more than 450 lines."""
    found = []
    for folder in (root, *filter(Path.is_dir, root.rglob("*"))):
        n_files = sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        if n_files > 16:
            found.append(f"{folder.relative_to(root)}: {n_files} files")
    for path in root.rglob("*.py"):
        n_lines = path.read_text("utf-8").count("\n")
        if n_lines > 450:
            found.append(f"{path.relative_to(root)}: {n_lines} lines")
    return sorted(found)


def test_no_room_is_crowded(tmp_path: Path) -> None:
    assert crowded(SRC) == []
    make_tree(tmp_path, {"a.py": "\n" * 451} | {f"b/{i}.py": "" for i in range(17)})
    assert crowded(tmp_path) == ["gossamer/a.py: 451 lines", "gossamer/b: 17 files"]


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


# What a message goes through before a network, and what describes conversations.
ANSWERING = """
import importlib, sys
from pathlib import Path
import gossamer
root = Path(gossamer.__file__).parent
for folder in ("nlu/featurizers", "nlu/tokenizers", "nlu/extractors"):
    for file in sorted((root / folder).glob("*.py")):
        importlib.import_module(".".join(("gossamer", *folder.split("/"), file.stem)))
for name in ("nlu.diet.features", "nlu.diet.mentions", "nlu.diet.stored_columns",
             "nlu.diet.stored_labels", "nlu.diet.tags", "nlu.learning.coverage",
             "dialogue.policies.ted.features", "dialogue.policies.ted.texts"):
    importlib.import_module(f"gossamer.{name}")
print(sorted({"torch", "scipy", "sklearn"} & set(sys.modules)))
"""


def test_features_are_made_without_torch_scipy_and_scikit_learn() -> None:
    assert run_python(ANSWERING) == "[]"


# Other libraries come first: what they do on import (rich draws from `random`) is not ours.
SNAPSHOT = """
import logging, os, random, sys, warnings
import matplotlib.figure, numpy, pydantic, rich.progress, ruamel.yaml, scipy.sparse, torch, typer
import sklearn.metrics, sklearn.model_selection
import alembic, fastapi, jwt, pika, prometheus_client, socketio, sqlalchemy, uvicorn

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


CHANGES = """
torch.manual_seed(1)
random.seed(1)
numpy.random.seed(1)
warnings.simplefilter("ignore")
logging.getLogger("torch.x").setLevel(10)
logging.basicConfig()
os.environ["X_Y"] = "1"
torch.set_default_dtype(torch.float64)
"""
EVERY_MODULE = """
import importlib, pkgutil, gossamer
for module in pkgutil.walk_packages(gossamer.__path__, "gossamer."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
CHANGED = "\nafter = state()\nprint([k for k in before if before[k] != after[k]])\n"


def test_importing_changes_nothing_outside() -> None:
    """In one process, since its imports take long; last, that a change would be seen."""
    steps = ("import gossamer", EVERY_MODULE, CHANGES)
    told = run_python(SNAPSHOT + "".join(step + CHANGED for step in steps))
    by_gossamer, by_its_modules, by_changes = told.splitlines()
    assert by_gossamer == by_its_modules == "[]"
    assert by_changes == str(
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
