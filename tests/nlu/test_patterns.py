from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.examples import LookupTable, RegexPattern, TrainingData
from gossamer.nlu.patterns import (
    collect_patterns,
    lookup_pattern,
    patterns_from_json,
    patterns_to_json,
)

DATA = TrainingData(
    regexes=(
        RegexPattern(name="zip", pattern="[0-9]{5}"),
        RegexPattern(name="zip", pattern="[0-9]{4}"),
        RegexPattern(name="account", pattern="X+"),
        RegexPattern(name="zip", pattern="[0-9]{5}"),
    ),
    lookups=(
        LookupTable(name="city", elements=("Rome", "Bern")),
        LookupTable(name="city", elements=("Oslo",)),
    ),
)


def collect(data: TrainingData = DATA, **changes: object) -> list[tuple[str, str]]:
    settings: dict[str, object] = {
        "use_regexes": True,
        "use_lookup_tables": True,
        "use_word_boundaries": True,
        "case_sensitive": True,
    }
    found = collect_patterns(data, **{**settings, **changes})  # type: ignore[arg-type]
    return [(item.name, item.pattern) for item in found]


def test_regexes_are_sorted_and_unique_and_tables_stay_apart() -> None:
    assert collect() == [
        ("account", "X+"),
        ("zip", "[0-9]{4}"),
        ("zip", "[0-9]{5}"),
        ("city", r"\b(?:Rome|Bern)\b"),
        ("city", r"\b(?:Oslo)\b"),
    ]


def test_options_leave_out_and_change() -> None:
    assert [name for name, _ in collect(use_regexes=False)] == ["city", "city"]
    assert [name for name, _ in collect(use_lookup_tables=False)] == ["account", "zip", "zip"]
    assert [name for name, _ in collect(names={"account", "city"})] == ["account", "city", "city"]
    assert collect(use_word_boundaries=False)[-1] == ("city", "(?:Oslo)")


def test_an_invalid_regex_names_its_place() -> None:
    where = Location(Path("nlu.yml"), 7)
    data = TrainingData(regexes=(RegexPattern(name="r", pattern="(a", where=where),))
    with pytest.raises(DataError, match=r"nlu\.yml:7: a regex must be .* but 'r' is not"):
        collect(data)


def test_a_table_without_elements_matches_nothing() -> None:
    source = lookup_pattern(["", ""], use_word_boundaries=True, case_sensitive=True)
    assert re.search(source, "anything") is None


def test_special_characters_are_literal() -> None:
    source = lookup_pattern(["a+b", "a.c"], use_word_boundaries=True, case_sensitive=True)
    assert re.findall(source, "a+b aab a.c abc") == ["a+b", "a.c"]


def test_earlier_elements_win_as_in_a_plain_alternation() -> None:
    elements = ["new york", "new", "new york city", "newt"]
    source = lookup_pattern(elements, use_word_boundaries=True, case_sensitive=True)
    assert re.findall(source, "new york city newt new") == ["new york", "newt", "new"]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.text("abAB k-", min_size=1, max_size=5), max_size=12),
    st.text("abAB k-\u212aé", max_size=25),
    st.booleans(),
    st.booleans(),
)
def test_finds_what_the_plain_alternation_finds(
    elements: list[str], text: str, boundaries: bool, case_sensitive: bool
) -> None:
    flags = 0 if case_sensitive else re.IGNORECASE
    edge = r"\b" if boundaries else ""
    plain = "|".join(f"{edge}{re.escape(element)}{edge}" for element in elements) or "(?!)"
    shared = lookup_pattern(elements, use_word_boundaries=boundaries, case_sensitive=case_sensitive)
    expected = [match.span() for match in re.finditer(plain, text, flags)]
    assert [match.span() for match in re.finditer(shared, text, flags)] == expected


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_long_chains_and_letters_beyond_ascii(case_sensitive: bool) -> None:
    for elements in (["a" * size for size in range(150, 0, -1)], ["Zürich", "zug", "Ölten"]):
        source = lookup_pattern(elements, use_word_boundaries=True, case_sensitive=case_sensitive)
        for element in elements:
            found = re.search(source, f"to {element}!", 0 if case_sensitive else re.IGNORECASE)
            assert found is not None and found.group() == element


def test_json_round_trip() -> None:
    stored = patterns_to_json(
        collect_patterns(
            DATA,
            use_regexes=True,
            use_lookup_tables=True,
            use_word_boundaries=True,
            case_sensitive=False,
        )
    )
    restored = patterns_from_json(stored, case_sensitive=False, owner="X")
    assert patterns_to_json(restored) == stored
    assert restored[-1].compiled.search("in OSLO today") is not None


@pytest.mark.parametrize(
    "stored", [None, {}, ["a"], [{"name": "a"}], [{"name": "a", "pattern": "("}]]
)
def test_damaged_state_is_refused(stored: object) -> None:
    with pytest.raises(ModelFileError, match="X"):
        patterns_from_json(stored, case_sensitive=True, owner="X")
