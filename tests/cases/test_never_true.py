"""Case 5: a response's condition that compares a bool with a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import Severity, check_domain, read_domain

CASE = Path(__file__).parents[3] / "shared" / "cases" / "05-never-true" / "domain.yml"

pytestmark = pytest.mark.skipif(not CASE.is_file(), reason="../shared/cases is not there")


def test_the_condition_is_told_of() -> None:
    (error,) = [
        finding for finding in check_domain(read_domain(CASE)) if finding.severity is Severity.ERROR
    ]
    assert "compares the slot 'flag' of type bool with a text, 'true'" in error.message
    assert error.where is not None and error.where.line == 13
