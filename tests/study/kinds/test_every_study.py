"""What holds for every kind of study."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_study import row, texts_of

from gossamer.data.errors import InputError
from gossamer.sparse import Topology
from gossamer.study import STUDIES, Study, StudyData, StudyFolder, Task, run_study, study_named
from gossamer.study.results.folder import About, check_together
from gossamer.study.training import check_run

Row = dict[str, Any]
EVERY = pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))


def rows_of(
    study: Study,
    *,
    densities: tuple[float, ...] = (1.0, 0.2, 0.05),
    seeds: int = 3,
    per_axis: int = 2,
    seed: int = 0,
    task: str = "intent",
) -> list[Row]:
    """What the study's own grid, cut to a part, could have given."""
    rng = np.random.default_rng(seed)
    grid = study.grid(Task(task))
    densities = tuple(sorted(densities, reverse=True))
    found: dict[str, Row] = {}
    variants = grid.variants[:per_axis]
    axes = (
        densities,
        (16, 32) if "size" in study.varied else (16,),
        (2, 4)[:per_axis] if "epochs" in study.varied else (2,),
        grid.topologies[:per_axis],
        grid.methods[:per_axis],
        grid.input_layers[:per_axis],
        variants,
        range(seeds),
    )
    for density, size, epochs, topology, method, layer, variant, number in itertools.product(*axes):
        is_dense = density == 1.0
        made = row(
            task=task,
            density=density,
            size=size,
            epochs=epochs,
            topology=Topology.BLOCKED
            if is_dense
            else (topology if method == "fixed" else Topology.UNIFORM),
            method="fixed" if is_dense else method,
            input_layer=layer,
            options={n: v for n, v in variant.items() if not is_dense or n != "max_group_size"},
            seed=number,
            f1=float(rng.uniform(0.4, 0.9)),
            seconds=float(rng.uniform(1, 9)),
            sparse_weights=max(8, round(density * size * 50)),
            losses=[2.0 / (n + 1) for n in range(epochs)],
        )
        found.setdefault(made["key"], made)
    return list(found.values())


def check_texts(study: Study, rows: list[Row]) -> list[str]:
    """Nothing that is missing or not a number stands in a text; texts are whole."""
    analysis = study.analyse(rows)
    for picture in analysis.pictures:
        picture.figure.canvas.draw()
        assert picture.caption.endswith(".")
        assert picture.caption[0].isupper()
    names = [picture.name for picture in analysis.pictures]
    assert len(set(names)) == len(names)
    for table in analysis.tables:
        assert table.rows
        assert all(len(line) == len(table.columns) for line in table.rows)
    for finding in analysis.findings:
        assert finding.endswith(".")
        assert finding[0].isupper() or finding[0].isdigit()
    texts = texts_of(analysis)
    for text in texts:
        assert not re.search(r"\b(nan|inf|None)\b", text), text
    return texts


@EVERY
@pytest.mark.parametrize("task", list(Task))
def test_what_is_said_of_a_whole_study(study: Study, task: Task) -> None:
    if task not in study.tasks:
        pytest.skip("not one of its tasks")
    rows = rows_of(study, task=task)
    check_together(rows, study, Path("rows.jsonl"))
    assert study.analyse(rows).findings
    check_texts(study, rows)


@pytest.mark.thinned(10)
@EVERY
@pytest.mark.parametrize(
    "settings",
    [
        {"seeds": 1},
        {"densities": (0.2,)},
        {"densities": (0.2, 0.05)},
        {"densities": (1.0,)},
        {"densities": (0.2,), "seeds": 1, "per_axis": 1},
        {"densities": (1.0,), "seeds": 1, "per_axis": 1},
        {"densities": (0.5, 0.3, 0.1, 0.07, 0.03, 0.001, 0.0), "seeds": 2, "per_axis": 1},
    ],
    ids=["one seed", "one density", "no dense", "dense alone", "one", "one dense", "many"],
)
def test_a_study_may_be_small(study: Study, settings: dict[str, Any]) -> None:
    check_texts(study, rows_of(study, **settings))


@pytest.mark.thinned(2)
@EVERY
def test_a_part_of_the_rows(study: Study) -> None:
    # As when a study was ended in the middle: some cells have fewer seeds, some are not there.
    rows = rows_of(study)
    for n in (1, 2, len(rows) // 2, len(rows) - 1):
        check_texts(study, rows[:n])
        check_texts(study, rows[-n:])


@EVERY
def test_equal_scores_and_no_time(study: Study) -> None:
    rows = [each | {"f1": 0.5, "warm_cpu_seconds": 0.0} for each in rows_of(study)]
    check_texts(study, rows)
    check_texts(study, [each | {"f1": 0.0} for each in rows])


@EVERY
def test_the_order_of_rows_does_not_count(study: Study) -> None:
    rows = rows_of(study)
    assert check_texts(study, rows[::-1]) == check_texts(study, rows)


@EVERY
def test_other_rows_other_findings(study: Study) -> None:
    rows = rows_of(study)
    other = [
        each | {"f1": each["f1"] ** 2, "warm_cpu_seconds": 10 - each["warm_cpu_seconds"]}
        for each in rows
    ]
    before, after = study.analyse(rows), study.analyse(other)
    assert len(before.findings) > 0
    assert before.findings[0] != after.findings[0]
    assert [t.title for t in before.tables if "mean F1" not in t.title] == [
        t.title for t in after.tables if "mean F1" not in t.title
    ]
    for one, two in zip(before.tables, after.tables, strict=True):
        assert one.rows != two.rows


@EVERY
def test_a_diverged_training_is_no_obstacle(study: Study) -> None:
    rows = rows_of(study)
    rows[0]["losses"] = [None] * len(rows[0]["losses"])
    check_texts(study, rows)


@EVERY
def test_the_studys_own_runs_can_be_done(study: Study, read: Callable[[str], StudyData]) -> None:
    for task in study.tasks:
        runs = study.grid(task).runs(task)
        assert runs
        planned = [run.to_dict() | {"data": {"digest": "d"}} for run in runs]
        check_together(planned, study, Path("rows.jsonl"))
        different = {}
        for run in runs:
            options = tuple(sorted(run.options.items()))
            settings = (run.density, run.topology, run.method, run.input_layer, options)
            different[settings] = run
        for run in different.values():
            check_run(read(task), run)


@EVERY
def test_what_it_says_of_itself(study: Study) -> None:
    assert study_named(study.name) is study
    for task in study.tasks:
        assert study.question(task).endswith("?")
    assert study.summary.endswith(".")
    assert study.protocol().endswith(".")
    assert all(limit.endswith(".") for limit in study.limits())
    assert set(study.needed_options) <= {name.removeprefix("options.") for name in study.varied}


@pytest.mark.slow
@EVERY
def test_the_whole_way(
    study: Study, read: Callable[[str], StudyData], quick: list[str], tmp_path: Path
) -> None:
    data = read("intent")
    grid = study.grid(Task.INTENT)
    small = {"densities": (1.0, 0.2), "seeds": (0,), "sizes": (16,), "sizes_at": {}}
    result = run_study(study, data, tmp_path, grid=type(grid)(**settings_of(grid) | small))
    assert result.failures == {}
    assert all(path.is_file() for path in result.reports)
    n_pictures = len(result.folder.document().pictures)
    assert len(list(tmp_path.glob("*.png"))) == n_pictures >= 1


def settings_of(grid: Any) -> dict[str, Any]:
    return {name: getattr(grid, name) for name in type(grid).__dataclass_fields__}


def test_the_catalog() -> None:
    assert list(STUDIES) == [
        "density",
        "methods",
        "convergence",
        "input-layer",
        "structure",
        "time",
        "input-order",
    ]
    with pytest.raises(InputError, match=r"got 'methds'\)\. Try: 'methods'"):
        study_named("methds")


def test_only_what_varies_may_differ(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.describe(About(study="structure"))
    folder.store.append(row(f1=0.5, options={"max_group_size": 4, "drop_rate": 0.1}))
    folder.store.append(row(f1=0.5, options={"drop_rate": 0.1}, topology="uniform"))
    folder.write_report()
    folder.store.append(row(f1=0.5, options={"drop_rate": 0.2}))
    with pytest.raises(InputError, match="must agree in options"):
        folder.write_report()


def test_not_a_number_is_seen() -> None:
    # What `check_texts` looks for is what such a figure would look like.
    assert re.search(r"\b(nan|inf|None)\b", f"{math.nan:.4f} of {math.inf}")
