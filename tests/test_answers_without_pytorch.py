"""A model that was trained here answers where nothing that training needs is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, read_project
from tests.conftest import TINY_DIET

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "src" / "gossamer" / "starter"
MISSING = ("torch", "scipy", "sklearn", "joblib", "matplotlib", "onnx", "ray")
TEXTS = ["hello", "two tickets to Ottersea on Friday", "??", "I lost my umbrella"]
RUN = """
import sys
sys.modules.update(dict.fromkeys({missing!r}))
sys.argv = ["gossamer", *{arguments!r}]
from gossamer.cli import main
main()
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter with everything it has, TED too, trained for a moment."""
    project = read_project(STARTER / "config.yml", [STARTER / "data"], [STARTER / "domain.yml"])
    small = {
        "DIETClassifier": {**TINY_DIET, "epochs": 6, "learning_rate": 0.02},
        "TEDPolicy": {"epochs": 1, "transformer_size": 16, "random_seed": 1},
    }
    pipeline, policies = (
        tuple(replace(part, options={**part.options, **small.get(part.name, {})}) for part in parts)
        for parts in (project.config.pipeline, project.config.policies)
    )
    unlikely = ComponentConfig(name="UnexpecTEDIntentPolicy", options=small["TEDPolicy"])
    config = replace(project.config, pipeline=pipeline, policies=(*policies, unlikely))
    assistant = Assistant.train_project(replace(project, config=config), augmentation_factor=0)
    return assistant.save(tmp_path_factory.mktemp("trained") / "starter.gossamer")


def gossamer(
    *arguments: str, folder: Path, missing: tuple[str, ...] = MISSING, said: str = ""
) -> str:
    """What a command prints where some libraries cannot be imported."""
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(missing=missing, arguments=arguments)],
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        cwd=folder,
        input=said,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("missing", [MISSING, (*MISSING, "llvmlite")], ids=["kernels", "numpy"])
def test_parse(model: Path, tmp_path: Path, missing: tuple[str, ...]) -> None:
    printed = gossamer("parse", *TEXTS, "--model", str(model), folder=tmp_path, missing=missing)
    expected = Assistant.load(model).parse_many(TEXTS)
    decoder, rest = json.JSONDecoder(), printed.strip()
    for parse in expected:
        found, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
        assert found["text"] == parse.text
        assert found["intent"]["name"] == parse.intent.name
        assert found["intent"]["confidence"] == pytest.approx(parse.intent.confidence, abs=1e-5)
        assert [e["entity"] for e in found["entities"]] == [e.entity for e in parse.entities]
    assert rest == ""


def test_shell(model: Path, tmp_path: Path) -> None:
    said = (STARTER / "tests" / "conversation.txt").read_text("utf-8")
    arguments = ("shell", "--model", str(model), "--echo", "--random-seed", "1")
    here = gossamer(*arguments, folder=tmp_path, missing=(), said=said)
    assert gossamer(*arguments, folder=tmp_path, said=said) == here
    assert "booking" in here


def test_test(model: Path, tmp_path: Path) -> None:
    tests = STARTER / "tests"
    arguments = ("--nlu", str(tests / "nlu_test.yml"), "--stories", str(tests))
    for name, missing in (("here", ()), ("bare", MISSING)):
        out = ("--model", str(model), "--out", name)
        gossamer("test", *out, *arguments, folder=tmp_path, missing=missing)
    for report in ("intent_report.json", "DIETClassifier_report.json", "story_report.json"):
        texts = [(tmp_path / name / report).read_text("utf-8") for name in ("here", "bare")]
        assert texts[0] == texts[1], report
    assert not list((tmp_path / "bare").glob("*.png"))
