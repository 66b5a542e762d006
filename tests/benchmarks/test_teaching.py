"""The simulation of teaching: what is asked, what is scored, what a report says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from teaching import chains_of, make_parser
from teaching_parts.report import Curve, studies, write_report
from teaching_parts.simulation import ORDERS, Chain, run_chain

from gossamer.data.errors import InputError
from gossamer.study.results.rows import RowStore

TRAIN = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello there
    - hi [Ann](person)
    - good morning [Bob](person)
    - hello [Eve](person)
    - hi there
    - Hello there
- intent: travel
  examples: |
    - a ticket to [Oslo](city)
    - from [Rome](city) to [Oslo](city) please
    - to [Bern](city) please
    - a ticket to [Rome](city)
    - a seat to [Oslo](city)
"""


def chain(folder: Path, **changes: Any) -> Chain:
    settings: dict[str, Any] = {
        "data": "sara",
        "part": "test",
        "contestant": "logistic",
        "order": "inbox",
        "seed": 1,
        "n_examples": 1,
        "corrections": (0, 2, 3),
    }
    return Chain(**{**settings, "data_folder": str(folder), **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a tiny Sara."""
    (tmp_path / "sara/split").mkdir(parents=True)
    for name in ("train", "test"):
        (tmp_path / f"sara/split/{name}.yml").write_text(TRAIN)
    return tmp_path


@pytest.mark.parametrize("order", ORDERS)
def test_a_simulation_teaches_each_text_once_and_goes_on_where_it_stopped(
    folder: Path, order: str
) -> None:
    store = RowStore(folder / "rows.jsonl")
    run_chain(chain(folder, order=order, corrections=(0, 2)), store)
    run_chain(chain(folder, order=order), store)
    before = store.path.read_bytes()
    run_chain(chain(folder, order=order), store)
    assert store.path.read_bytes() == before
    rows = [row for row in store.rows() if row["n_corrections"] + len(row["next"]) in (2, 3)]
    numbers = {row["n_corrections"]: row["n_train"] for row in rows}
    # Random order needs no model to begin with.
    assert numbers == {2: 4, 3: 5} if order == "random" else {0: 2, 2: 4, 3: 5}
    assert all(0.0 <= row["intent_accuracy"] <= 1.0 for row in rows)
    taught = [text for row in store.rows() if row["n_corrections"] < 3 for text in row["next"]]
    assert len({text.lower() for text in taught}) == len(set(taught))


def test_what_cannot_be_simulated_is_refused_at_once(folder: Path) -> None:
    for arguments, message in (
        (["--orders", "best"], "an order must be one of these"),
        (["--contestant", "theirs"], "a contestant must be"),
        (["--data-folder", "nowhere"], "the data set must be there"),
        (["--option", "epochs=many"], "epochs"),
    ):
        args = make_parser().parse_args(
            ["--data", "sara", "--data-folder", str(folder), *arguments]
        )
        with pytest.raises(InputError, match=message):
            chains_of(args)


def test_corrections_needed_are_found_between_points() -> None:
    curve = Curve({0: (0.4, 0.6), 100: (0.6, 0.6), 200: (0.6, 0.6), 400: (0.8, 0.8)})
    assert curve.needed(0.5) == 0
    assert curve.needed(0.55) == pytest.approx(50)
    assert curve.needed(0.6) == pytest.approx(100)
    assert curve.needed(0.7) == pytest.approx(300)
    assert curve.needed(0.9) is None
    assert curve.spread(0) == pytest.approx(0.1414, abs=1e-3)


def row(order: str, number: int, accuracy: float, seed: int = 1) -> dict[str, Any]:
    return {
        "key": f"{order} {number} {seed}",
        "data": "nlu1",
        "part": "test",
        "contestant": "ours-20",
        "options": {"epochs": 30},
        "order": order,
        "seed": seed,
        "n_corrections": number,
        "intent_accuracy": accuracy,
    }


def test_a_report(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "rows.jsonl")
    for each in (
        row("inbox", 0, 0.5),
        row("inbox", 0, 0.6, seed=2),
        row("inbox", 100, 0.7),
        row("inbox", 100, 0.7, seed=2),
        row("random", 200, 0.75),
        row("random", 200, 0.75, seed=2),
    ):
        store.append(each)
    (curves,) = studies(store.rows(), "test").values()
    assert curves["random"].values == {0: (0.5, 0.6), 200: (0.75, 0.75)}
    page = write_report([store.path], "test", tmp_path / "figure.png")
    assert "NLU evaluation (nlu1), DIET, 20%, epochs=30" in page
    assert "| 100 | 70.0% ± 0.0 |  | 150, 1.5 times as many |" in page
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="there must be rows"):
        write_report([store.path], "dev", None)
