"""Rows from files: what is missing, or not of its type, is told with the row and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_study import row

from gossamer.data.errors import InputError
from gossamer.study.results.row_fields import RowFields, check_row

PATH = Path("rows.jsonl")


def test_a_row_may_have_more_fields_and_losses_that_diverged() -> None:
    check_row(row(f1=0.5) | {"more": 1, "losses": [3.5, None]}, PATH)


@pytest.mark.parametrize("field", sorted(set(RowFields.model_fields) - {"compile_seconds"}))
def test_a_missing_field_is_named(field: str) -> None:
    content = row(f1=0.5)
    del content[field]
    with pytest.raises(InputError, match=rf"rows\.jsonl: the row .* must have {field} "):
        check_row(content, PATH)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("f1", "high"),
        ("density", None),
        ("topology", "tree"),
        ("losses", ["much"]),
        ("data", {"digest": "d", "n_train": 1}),
        ("scores", {"intent accuracy": None}),
    ],
)
def test_a_field_of_another_type_is_named(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"must have {field}"):
        check_row(row(f1=0.5) | {field: value}, PATH)
