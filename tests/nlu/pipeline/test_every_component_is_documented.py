"""Each component has its entry in the reference, with its options, and stands in an example."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from gossamer.data.config import ComponentConfig
from gossamer.data.config_files import read_config
from gossamer.nlu.pipeline.options_reader import read_options
from gossamer.nlu.pipeline.registry import component_class, known_components

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "api" / "components.md").read_text("utf-8")
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples(folder: Path) -> dict[str, list[ComponentConfig]]:
    """The items of all pipelines in the documentation, by the component they name."""
    found: dict[str, list[ComponentConfig]] = {}
    path = folder / "config.yml"
    for page in sorted(DOCS.rglob("*.md")):
        for block in BLOCK.findall(page.read_text("utf-8")):
            if block.startswith("- name: "):
                block = f"pipeline:\n{block}"
            if re.search(r"^pipeline:", block, re.MULTILINE) and " ..." not in block:
                path.write_text(block, "utf-8")
                for part in read_config(path).pipeline:
                    found.setdefault(part.name, []).append(part)
    return found


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ComponentConfig]]:
    return examples(tmp_path_factory.mktemp("docs"))


@pytest.mark.parametrize("name", known_components())
def test_a_component_is_documented(name: str, items: dict[str, list[ComponentConfig]]) -> None:
    pytest.importorskip("torch")
    kind = component_class(name)
    for each in (kind, kind.Options):
        assert f"::: {each.__module__}.{each.__qualname__}\n" in REFERENCE, each
    assert items.get(name), f"an example with '- name: {name}' in a pipeline of the docs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in items[name]:
            assert read_options(kind, part.options)
