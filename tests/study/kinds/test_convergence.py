"""Spread over seeds and learning rates, computed again by hand."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from scipy import stats
from small_study import column, row

from gossamer.data.errors import InputError
from gossamer.study import STUDIES, StudyFolder
from gossamer.study.kinds.convergence import matched, over_rates, over_seeds
from gossamer.study.results.folder import About

STUDY = STUDIES["convergence"]
RATES = (0.001, 0.01)

# Weights, and F1 by learning rate and seed.
MODELS: dict[tuple[float, int], tuple[int, tuple[tuple[float, ...], ...]]] = {
    (1.0, 128): (90_000, ((0.80, 0.84), (0.60, 0.70))),
    (1.0, 24): (3_000, ((0.70, 0.74), (0.50, 0.60))),
    (0.2, 128): (18_000, ((0.80, 0.82), (0.76, 0.80))),
    (0.2, 64): (4_000, ((0.70, 0.72), (0.66, 0.70))),
    (0.05, 128): (4_500, ((0.71, 0.72), (0.70, 0.71))),
}


def rows(*, n_seeds: int = 2, rates: tuple[float, ...] = RATES) -> list[dict[str, Any]]:
    return [
        row(
            density=density,
            size=size,
            seed=seed,
            f1=f1,
            sparse_weights=weights,
            options={"learning_rate": rate},
        )
        for (density, size), (weights, scores) in MODELS.items()
        for rate, of_rate in zip(rates, scores, strict=False)
        for seed, f1 in enumerate(of_rate[:n_seeds])
    ]


def seeds_of(scores: tuple[tuple[float, ...], ...]) -> str:
    variances = [statistics.variance(of_rate) for of_rate in scores]
    return f"{math.sqrt(statistics.fmean(variances)):.4f}"


def rates_of(scores: tuple[tuple[float, ...], ...]) -> str:
    return f"{statistics.stdev(map(statistics.fmean, scores)):.4f}"


def test_models_of_equal_width_and_of_about_equal_weights() -> None:
    width, weights = matched(rows())
    assert list(width) == [(1.0, 128), (0.2, 128), (0.05, 128)]
    assert list(weights) == [(1.0, 24), (0.2, 64), (0.05, 128)]  # 3,000, 4,000 and 4,500
    assert [cell.group[2] for cell in width[1.0, 128]] == [0.001, 0.01]


def test_findings() -> None:
    width, width_test, weights, weights_test = STUDY.analyse(rows()).findings

    def told(models: list[tuple[float, int]], what: str) -> str:
        texts = [(f"{100 * d:g}%", MODELS[d, size][1]) for d, size in models]
        return (
            f"At {what}, the standard deviation of F1 over seeds is "
            f"{', '.join(f'{name} {seeds_of(scores)}' for name, scores in texts)} (root mean "
            "square over the learning rates); that of the mean over learning rates is "
            f"{', '.join(f'{name} {rates_of(scores)}' for name, scores in texts)}."
        )

    assert width == told([(1.0, 128), (0.2, 128), (0.05, 128)], "equal width")
    assert weights == told([(1.0, 24), (0.2, 64), (0.05, 128)], "about equal weights")

    # One degree of freedom for each of the two rates: variances may differ 39 times.
    assert stats.f.ppf(0.975, 2, 2) == pytest.approx(39.0)
    wide, narrow = ((0.04**2 + 0.1**2), (0.01**2 + 0.01**2))
    assert wide / narrow > 39.0
    assert width_test == (
        "Spread over seeds against dense layers, at equal width: 20% not different (95%, F test), "
        "5% less (95%, F test)."
    )
    assert weights_test == width_test.replace("equal width", "about equal weights")


def test_a_spread_that_is_larger() -> None:
    swapped = [
        each | {"density": {1.0: 0.05, 0.05: 1.0}.get(each["density"], 0.2)} for each in rows()
    ]
    findings = STUDY.analyse([each for each in swapped if each["size"] == 128]).findings
    assert findings[1].endswith(
        "at equal width: 20% not different (95%, F test), 5% more (95%, F test)."
    )
    equal = [each | {"f1": 0.5} for each in rows()]
    assert not any("against dense" in text for text in STUDY.analyse(equal).findings)


def test_a_single_seed_tells_of_rates_alone() -> None:
    analysis = STUDY.analyse(rows(n_seeds=1))
    assert analysis.findings[0].startswith(
        "At equal width, the standard deviation of the mean over learning rates is 100% 0.1414,"
    )
    assert "over seeds" not in analysis.findings[0]
    assert column(analysis.tables[0], "over seeds") == ["", "", ""]
    assert column(analysis.tables[0], "0.001") == ["0.800", "0.800", "0.710"]


def test_a_single_rate_tells_of_seeds_alone() -> None:
    analysis = STUDY.analyse(rows(rates=(0.001,)))
    assert analysis.findings[0] == (
        "At equal width, the standard deviation of F1 over seeds is 100% 0.0283, 20% 0.0141, "
        "5% 0.0071 (root mean square over the learning rates)."
    )
    assert column(analysis.tables[0], "over rates") == ["", "", ""]


def test_a_single_run_tells_nothing() -> None:
    analysis = STUDY.analyse(rows(n_seeds=1, rates=(0.001,)))
    assert list(analysis.findings) == []
    _, weights = matched(rows(n_seeds=1, rates=(0.001,)))
    assert all(math.isnan(over_seeds(found)) for found in weights.values())
    assert all(math.isnan(over_rates(found)) for found in weights.values())


def test_the_tables() -> None:
    width, weights = STUDY.analyse(rows()).tables
    assert list(width.columns) == ["model", "0.001", "0.01", "over seeds", "over rates"]
    assert column(width, "model") == [
        "100%, 128 units, 90,000 weights",
        "20%, 128 units, 18,000 weights",
        "5%, 128 units, 4,500 weights",
    ]
    assert column(width, "0.001")[0] == "0.820 ± 0.028"
    assert column(weights, "over seeds")[0] == seeds_of(MODELS[1.0, 24][1])


def test_the_common_width_is_that_of_most_densities() -> None:
    some = [each for each in rows() if (each["density"], each["size"]) != (0.05, 128)]
    width, _ = matched(some)
    assert list(width) == [(1.0, 128), (0.2, 128)]
    small = [each for each in some if each["size"] != 128 or each["density"] == 1.0]
    # Each width has one density: the largest.
    assert list(matched(small)[0]) == [(1.0, 128)]


def test_a_rate_that_was_not_run_everywhere() -> None:
    some = [
        each
        for each in rows()
        if each["density"] != 0.2 or each["options"]["learning_rate"] == 0.001
    ]
    width = STUDY.analyse(some).tables[0]
    assert column(width, "0.01")[1] == ""
    assert column(width, "over rates")[1] == ""


def test_losses_are_those_of_the_common_width() -> None:
    _, losses = STUDY.analyse(rows()).pictures
    axes = losses.figure.axes
    assert [each.get_title() for each in axes] == ["learning rate 0.001", "learning rate 0.01"]
    assert len(axes[0].lines) == 3
    assert np.asarray(axes[0].lines[0].get_ydata()).tolist() == [2.0, 1.0]


def test_rows_must_say_their_learning_rate(tmp_path: Any) -> None:
    folder = StudyFolder(tmp_path)
    folder.describe(About(study="convergence"))
    folder.store.append(row(f1=0.5))
    with pytest.raises(InputError, match=r"convergence must have options\.learning_rate"):
        folder.write_report()
