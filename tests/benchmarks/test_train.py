"""The benchmark of training: clocks that exclude each other, targets, report and figure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import train
from support.train_breakdown import PARTS, REST, Clocks, installed
from support.train_report import draw, peer_name, report, targets

import gossamer.nn.training.fit
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nn.inputs import _CollectingProduct

CONFIG = """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  transformer_size: 64
  number_of_attention_heads: 2
  embedding_dimension: 16
  dense_dimension: {text: 64, label: 16}
"""
TRAIN = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello there
    - hi [Ann](person)
- intent: travel
  examples: |
    - a ticket to [Oslo](city)
    - from [Rome](city) to [Oslo](city) please
"""
ROWS = {
    peer_name(0.2): {"median": 1.0, "mean": 1.1, "least": 0.9, "most": 1.2, "peak_rss_mib": 600.0},
    peer_name(1.0): {"median": 1.5, "mean": 1.6, "least": 1.4, "most": 1.6, "peak_rss_mib": 700.0},
    "Rasa": {"median": 10.0, "mean": 10.1, "least": 9.0, "most": 11.0, "peak_rss_mib": 1600.0},
}


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that go on by a second each time somebody looks."""
    seconds: Iterator[int] = iter(range(1000))
    return Clocks(lambda: float(next(seconds)))


def test_an_outer_clock_stands_still_while_an_inner_one_runs(clocks: Clocks) -> None:
    with clocks.running(PARTS[0]):
        with clocks.running(PARTS[1]):
            pass
        with clocks.running(PARTS[1]):
            pass
    shares = clocks.shares(100.0)
    assert (shares[PARTS[0]], shares[PARTS[1]]) == (3.0, 2.0)
    assert shares[REST] == 95.0
    assert tuple(shares) == PARTS


def test_a_clock_stops_when_its_function_fails(clocks: Clocks) -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        clocks.timed(fail, PARTS[0])()
    assert clocks.shares(1.0)[PARTS[0]] == clocks.shares(1.0)[PARTS[0]] == 1.0


def test_clearing_forgets_what_was(clocks: Clocks) -> None:
    with clocks.running(PARTS[0]):
        clocks.clear()
    assert clocks.shares(10.0)[PARTS[0]] == 1.0


def test_clocks_are_put_in_place_and_taken_away_again() -> None:
    def found() -> tuple[object, ...]:
        loop = vars(gossamer.nn.training.fit)
        return DIETNetwork.step, loop["epoch_batches"], vars(_CollectingProduct)["backward"]

    before = found()
    with installed(Clocks()) as absent:
        assert absent == []
        assert all(a is not b for a, b in zip(found(), before, strict=True))
        assert isinstance(found()[2], staticmethod)
    assert found() == before


def test_what_is_absent_is_named_and_left_out() -> None:
    places = [
        "gossamer.nn.training.fit:no_such",
        "gossamer.no_such:f",
        "gossamer.nn.training.fit:_Optimizer.no_such",
    ]
    with installed(Clocks(), dict.fromkeys(places, PARTS[0])) as absent:
        assert absent == places


@pytest.mark.slow
def test_a_breakdown_adds_up_to_an_epoch(tmp_path: Path) -> None:
    config, data = tmp_path / "config.yml", tmp_path / "nlu.yml"
    config.write_text(CONFIG, encoding="utf-8")
    data.write_text(TRAIN, encoding="utf-8")
    found = train.measure_here(
        config,
        data,
        epochs=100,
        stop_after=2,
        density=0.2,
        threads=1,
        with_breakdown=True,
    )
    assert found["absent"] == []
    assert tuple(found["breakdown"]) == PARTS
    assert sum(found["breakdown"].values()) == pytest.approx(found["epoch_seconds"][1])
    assert all(seconds > 0.0 for seconds in found["breakdown"].values())


def test_targets_beside_rasa_and_dense() -> None:
    speed, own, memory = targets(ROWS)
    assert (speed.measured, own.measured, memory.measured) == (10.0, 1.5, 37.5)
    assert [t.verdict for t in targets(ROWS)] == [
        "missed by 50.0%",
        "missed by 25.0%",
        "missed by 12.5%",
    ]
    without = {name: row for name, row in ROWS.items() if name != "Rasa"}
    assert [t.measured for t in targets(without)] == [None, 1.5, None]
    assert [t.measured for t in targets({"gossamer, density 0.1": ROWS["Rasa"]})] == [None] * 3


def test_report_and_figure(tmp_path: Path) -> None:
    breakdowns = {peer_name(0.2): dict.fromkeys(PARTS, 0.1)}
    page = report(ROWS, breakdowns, "A machine.")
    assert "A machine." in page
    assert "| Rasa | 10.00 | 9.00 to 11.00 | 1,600 | 10.00x |" in page
    assert "| CRF | 100 (10%) |" in page
    assert "| all | 1,000 |\n| all, without clocks | 1,100 |" in page
    assert "--rasa-python" not in page
    for number, part in enumerate((breakdowns, {})):
        path = tmp_path / f"{number}.png"
        draw(ROWS, part, path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_stopping_after_the_first_epoch_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train.py", "--config", "a", "--train", "b", "--stop-after", "1"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit):
        train.main()
    assert "--stop-after must be 2 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (2, 100, 4)),
        (["--quick"], (1, 6, 6)),
        (["--quick", "--epochs", "100", "--stop-after", "3"], (1, 100, 3)),
    ],
)
def test_quick_runs_a_whole_schedule_where_not_said_otherwise(
    given: list[str], expected: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--config", "a", "--train", "b", *given])
    options = train._arguments()
    assert (options.rounds, options.epochs, options.stop_after) == expected


def test_summary_leaves_out_the_first_epoch_of_each_run() -> None:
    runs = [
        {"epoch_seconds": [9.0, 1.0, 2.0], "peak_rss_mib": 10.0},
        {"epoch_seconds": [8.0, 3.0, 6.0], "peak_rss_mib": 20.0},
    ]
    assert train._summary(runs) == {
        "median": 2.5,
        "mean": 3.0,
        "least": 1.0,
        "most": 6.0,
        "n_epochs": 4,
        "peak_rss_mib": 20.0,
    }
