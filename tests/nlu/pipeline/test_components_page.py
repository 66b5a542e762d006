"""The guide on components: its pipelines can be built, and its tables have every option."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from gossamer.data.config_files import read_config
from gossamer.data.errors import ConfigError
from gossamer.data.installed import MissingPartError
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.registry import component_class, known_components

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "components.md"
TEXT = PAGE.read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
WITH_TABLES = ("LogisticRegressionClassifier", "SklearnIntentClassifier", "CRFEntityExtractor")


@pytest.mark.parametrize("name", SECTIONS)
def test_pipelines_can_be_built(name: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(pipeline:.*?)^```", SECTIONS[name], re.MULTILINE | re.DOTALL)
    for block in blocks:
        unknown = set(re.findall(r"name: (\w+)", block)) - set(known_components())
        if unknown:
            pytest.skip(f"{unknown} are not there")
        block = block.replace("en_core_web_md", "blank:en")  # which need not be installed
        path = tmp_path / "config.yml"
        path.write_text(f"recipe: default.v1\nlanguage: en\n{block}", "utf-8")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                config = read_config(path)
            assert Pipeline.from_config(config).components
        except MissingPartError as error:
            pytest.skip(str(error))
        except ConfigError as error:
            pytest.fail(str(error))


@pytest.mark.parametrize("name", WITH_TABLES)
def test_tables_have_every_option(name: str) -> None:
    options = component_class(name).Options
    wanted = {*options.model_fields, *options.ignored} - {"rasa_defaults"}
    table = SECTIONS[name].partition("| option |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == wanted
