from __future__ import annotations

import random
import re
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.nlu.examples import Example, LookupTable, RegexPattern, TrainingData
from gossamer.data.text.regexes import Regex
from gossamer.nlu.featurizers.patterns import (
    NamedPattern,
    PatternSearch,
    collect_patterns,
    compile_pattern,
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
    before, after = (r"(?<!\w)", r"(?!\w)") if boundaries else ("", "")
    plain = "|".join(f"{before}{re.escape(element)}{after}" for element in elements) or "(?!)"
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
    assert restored[-1].regex.spans("in OSLO today") == [(3, 7)]


@pytest.mark.parametrize(
    "stored", [None, {}, ["a"], [{"name": "a"}], [{"name": "a", "pattern": "("}]]
)
def test_damaged_state_is_refused(stored: object) -> None:
    with pytest.raises(ModelFileError, match="X"):
        patterns_from_json(stored, case_sensitive=True, owner="X")


def found_by(elements: list[str], text: str, *, boundaries: bool = True) -> list[str]:
    source = lookup_pattern(elements, use_word_boundaries=boundaries, case_sensitive=False)
    spans = compile_pattern("x", source, case_sensitive=False).regex.spans(text)
    return [text[start:end] for start, end in spans]


SIGNS = ["c++", ".cda", "aziz (a)", "c#", "$", "plain"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I write c++ daily", ["c++"]),
        ("C++", ["C++"]),
        ("(c++), c#.", ["c++", "c#"]),
        ("a .cda file", [".cda"]),
        ("ask aziz (a) about c#", ["aziz (a)", "c#"]),
        ("pay in $ now", ["$"]),
        ("plain c++", ["plain", "c++"]),
        ("abc++x", []),
        ("abc++ c++x", []),
        ("x.cda .cdas", []),
        ("plainc# explain", []),
        ("5$ $5", []),
    ],
)
def test_elements_that_begin_or_end_with_signs_are_found(text: str, expected: list[str]) -> None:
    assert found_by(SIGNS, text) == expected


def test_with_word_characters_at_the_ends_boundaries_are_those_of_re() -> None:
    elements = ["New York", "Oslo", "a-b"]
    source = lookup_pattern(elements, use_word_boundaries=True, case_sensitive=True)
    assert source.startswith(r"\b") and source.endswith(r"\b")


def test_a_large_table_is_searched_fast() -> None:
    rng = random.Random(1)
    words = ("".join(rng.choices("abcdefgh", k=7)) for _ in range(10_000))
    elements = list({word + rng.choice(["", "+"]) for word in words})
    source = lookup_pattern(elements, use_word_boundaries=True, case_sensitive=False)
    pattern = compile_pattern("x", source, case_sensitive=False)
    text = f"please find {elements[5]} and {elements[-1]} in this text of some words"
    start = time.process_time()
    for _ in range(20):
        assert len(pattern.regex.spans(text)) == 2
    assert time.process_time() - start < 1


SLOW = NamedPattern("slow", r"(a|aa)+$", Regex.compile(r"(a|aa)+$"), Location(Path("nlu.yml"), 3))
LONG = "a" * 100 + "b"


def test_a_pattern_that_takes_too_long_is_not_found_and_told_once() -> None:
    search = PatternSearch("RegexFeaturizer", 0.02)
    with pytest.warns(UserWarning, match=r"nlu\.yml:3: RegexFeaturizer: .* in 0\.02 s, but 'slow'"):
        assert search.spans(SLOW, LONG) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert search.spans(SLOW, LONG) == []
    assert search.spans(SLOW, "caa") == [(1, 3)]


def test_in_training_it_is_an_error() -> None:
    search = PatternSearch("RegexFeaturizer", 0.02)
    example = Example(text=LONG, intent="x", where=Location(Path("nlu.yml"), 8))
    with pytest.raises(DataError, match=r"^nlu\.yml:3: .*'slow' does not .* at nlu\.yml:8.*Try"):
        search.spans(SLOW, LONG, example)
