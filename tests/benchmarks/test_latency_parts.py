"""The measurements of the benchmark of answers, on a tiny model; all of them against a commit."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import latency
import pytest
from latency_parts.measurements import ORDERS
from latency_parts.sides import HERE, Side, in_turns
from support.provenance import rss_mib

from gossamer.assistant import Assistant
from gossamer.data.errors import InputError

STARTER = HERE / "src" / "gossamer" / "starter"
TEXTS = ["hello", "a ticket to Ottersea", "bye", "is it dear?"]
CONFIG = """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  transformer_size: 16
  number_of_attention_heads: 2
  embedding_dimension: 8
  dense_dimension: {text: 16, label: 8}
policies:
- name: RulePolicy
- name: TEDPolicy
  max_history: 2
"""


def trained(folder: Path, **more: Any) -> Path:
    config, path = folder / "config.yml", folder / "a.gossamer"
    config.write_text(CONFIG, encoding="utf-8")
    given = {"config": str(config), "train": str(STARTER / "data" / "nlu.yml"), "epochs": 1}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*nothing in the pipeline uses them")
        ORDERS["train"]({**given, "rasa_defaults": False, "model": str(path), **more})
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Understands messages and holds conversations, neither of them well."""
    return trained(
        tmp_path_factory.mktemp("model"),
        domain=[str(STARTER / "domain.yml")],
        stories=[str(STARTER / "data" / name) for name in ("stories.yml", "rules.yml")],
    )


def carried_out(what: str, model: Path, **more: Any) -> dict[str, Any]:
    return ORDERS[what]({"model": str(model), "texts": TEXTS, "threads": 1, **more})


def test_one_message_at_a_time(model: Path) -> None:
    found = carried_out("one", model)
    assert 0 < found["p50"] <= found["p95"] <= found["p99"]
    assert 0 < found["rss_mib"] <= found["peak_rss_mib"]
    assert found["rss_mib"] == pytest.approx(rss_mib(), rel=0.2)


def test_batches(model: Path) -> None:
    assert carried_out("many", model, batch_size=3)["rate"] > 0


def test_whole_turns(model: Path) -> None:
    found = carried_out("turns", model)
    assert 0 < found["p50"] <= found["p99"]
    assert found["said"] >= 0
    assert found["done"] >= 1  # listening


def test_turns_of_long_conversations(model: Path) -> None:
    found = carried_out("long", model, n_earlier=[0, 3], conversations=1)
    assert found["n_events"] > 3
    assert all(found[key] > 0 for key in ("0", "3", "written", "read"))


def test_swaps(model: Path) -> None:
    found = carried_out("swaps", model, swaps=7)
    assert found["ms"] > 0
    assert abs(found["growth_mib"]) < 50


def test_training(model: Path, tmp_path: Path) -> None:
    both, alone = Assistant.load(model), Assistant.load(trained(tmp_path))
    assert [part.options.get("epochs") for part in both.config.pipeline] == [None, None, 1]
    assert [part.options.get("epochs") for part in both.config.policies] == [None, 1]
    assert both.dialogue is not None
    assert alone.dialogue is None


def test_a_side_is_a_copy_that_is_what_runs(model: Path, tmp_path: Path) -> None:
    side = Side.of(HERE, tmp_path, model=model, stories_model=None)
    assert side.source == tmp_path / "src"
    assert list((side.source / "gossamer" / "__pycache__").iterdir())
    assert side.help_seconds() > 0


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must have the folder src/gossamer.*git worktree add"):
        Side.of(tmp_path, tmp_path, model=None, stories_model=None)


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    side = Side.of(HERE, tmp_path, model=tmp_path / "none", stories_model=None)
    with pytest.raises(RuntimeError, match=r"(?s)measurement 'one' failed.*ModelFileError"):
        side.carry_out("one", threads=1, model=str(side.model), texts=TEXTS)


def test_sides_are_measured_in_turns(tmp_path: Path) -> None:
    sides = [
        Side(commit=name, source=tmp_path, folder=tmp_path, model=tmp_path) for name in ("a", "b")
    ]
    seen: list[str | None] = []

    def measure(side: Side) -> int:
        seen.append(side.commit)
        return len(seen)

    assert in_turns("it", sides, 3, measure) == [[1, 3, 5], [2, 4, 6]]
    assert seen == ["a", "b"] * 3


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ([], "--model is needed"),
        (["--model", "m", "--domain", "d"], "--domain and --stories need each other"),
        (["--model", "m", "--domain", "d", "--stories", "s"], "--stories needs --train"),
        (["--model", "m", "--stories-config", "c"], "--stories-config needs"),
        (
            ["--model", "m", "--against", "f"],
            "--against-model is needed with --model",
        ),
        (
            ["--model", "m", "--against-model", "n"],
            "--against-model is needed with --model",
        ),
        (
            ["--model", "m", "--stories-model", "m", "--against", "f", "--against-model", "n"],
            "--against-stories-model is needed with",
        ),
        (["--model", "m", "--swaps", "5"], "--swaps must be more than 5"),
        (["--only-turns", "--model", "m"], "--only-turns needs --stories-model"),
        (["--model", "m", "--rounds", "0"], "must be 1 or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    given: list[str],
    refusal: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["latency.py", "--test", "t", *given])
    with pytest.raises(SystemExit):
        latency._arguments()
    assert refusal in capsys.readouterr().err
