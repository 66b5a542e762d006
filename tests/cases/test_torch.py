"""Case 02: what PyTorch's users do with a layer, run in this process to save starting sixty."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "02-torch" / "cases.py"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("topology", ["blocked", "windowed", "grouped", "uniform", "fan_in"])
def test_every_case_is_right(topology: str) -> None:
    if not FILE.exists():
        pytest.skip("../shared/cases/02-torch is not there")
    given: dict[str, Any] = {}
    exec(FILE.read_text().split("bad = 0")[0], given)
    assert len(given["CASES"]) >= 12
    for name, body in given["CASES"].items():
        code = (given["HEAD"] + textwrap.dedent(body)).replace("{more}", f", topology='{topology}'")
        try:
            exec(code, {})
        except Exception as error:
            raise AssertionError(name) from error
