"""Where modules are found, and what they may not do to others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import ComponentConfig, Location, ProjectConfig
from gossamer.data.errors import ModelFileError
from gossamer.nlu.own.failures import OwnPartError
from gossamer.nlu.own.importing import OwnParts, is_own, known_name
from gossamer.nlu.pipeline.component import Component
from gossamer.nlu.pipeline.registry import component_class

PART = """\
from gossamer.parts import Component

class Part(Component):
    where = "{0}"

    def process(self, batch): ...
"""


def found(name: str, config: Path) -> type[Component]:
    item = ComponentConfig(name=name)
    own = OwnParts.of(ProjectConfig(pipeline=(item,), where=Location(config)))
    return component_class(name, Location(config, 4), own)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a module into a folder of the working folder."""
    monkeypatch.chdir(tmp_path)

    def put(name: str, text: str | None = None) -> Path:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PART.format(path.parent.name) if text is None else text, "utf-8")
        return path.parent / "config.yml"

    return put


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("DIETClassifier", "DIETClassifier"),
        ("rasa.nlu.classifiers.diet_classifier.DIETClassifier", "DIETClassifier"),
        ("rasa_core.policies.memoization.MemoizationPolicy", "MemoizationPolicy"),
        ("my_parts.DIETClassifier", None),
        ("rasa_nlu_examples.x.FastText", None),
        ("os.system", None),
    ],
)
def test_which_names_are_own(name: str, known: str | None) -> None:
    assert known_name(name) == known
    assert is_own(name) == (known is None)


def test_the_folder_of_the_configuration_comes_before_the_working_folder(
    put: Callable[..., Path], tmp_path: Path
) -> None:
    config = put("sub/own_a")
    put("own_a")
    put("own_b")
    assert vars(found("own_a.Part", config))["where"] == "sub"
    assert vars(found("own_b.Part", config))["where"] == tmp_path.name


def test_a_module_of_the_project_hides_no_other(put: Callable[..., Path]) -> None:
    put("own_c", f"import colorsys\n{PART}")
    config = put("colorsys", "raise RuntimeError('hidden')")
    sys.modules.pop("colorsys", None)
    assert found("own_c.Part", config).name == "Part"
    with pytest.raises(OwnPartError, match=r"name of another one: 'colorsys' is found in .*py"):
        found("colorsys.Part", config)


def test_two_projects_with_modules_of_the_same_name(put: Callable[..., Path]) -> None:
    first, second = put("one/own_d"), put("two/own_d")
    assert vars(found("own_d.Part", first))["where"] == "one"
    with pytest.raises(OwnPartError, match=r"config.yml:4: .*'own_d' is found in .*one.*a process"):
        found("own_d.Part", second)


@pytest.mark.parametrize("name", ["own_e.Part", "own_f.deeper.Part", ".own.Part", "a b.Part"])
def test_a_module_that_is_not_there(put: Callable[..., Path], name: str) -> None:
    with pytest.raises(OwnPartError, match="must lead to a module that is installed or in one of"):
        found(name, put("own_f"))


def test_a_module_that_lacks_another(put: Callable[..., Path]) -> None:
    config = put("own_g", "import own_absent")
    with pytest.raises(OwnPartError, match=r"own_g failed in import: ModuleNotFound.*own_g.py, l"):
        found("own_g.Part", config)
    config = put("own_h", "import rasa_sdk")
    with pytest.raises(OwnPartError, match=r"the Rasa SDK, which is not installed.*pip install"):
        found("own_h.Part", config)


def test_a_library_of_an_extra_has_its_install_line(
    put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    config = put("own_i", "import onnx")
    with pytest.raises(ImportError, match=r'pip install "gossamer\[onnx\]"'):
        found("own_i.Part", config)


def test_what_is_not_named_is_not_looked_for() -> None:
    with pytest.raises(ModelFileError, match="imported only when"):
        component_class("own_j.Part")
