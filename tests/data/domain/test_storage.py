from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data import (
    DataError,
    Domain,
    ModelFileError,
    domain_from_dict,
    domain_to_dict,
    read_domain,
)
from gossamer.data.domain.domain import EntityType, Form, Intent, SessionConfig
from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.data.domain.slots import MappingCondition, MappingType, Slot, SlotMapping, SlotType

FIXTURES = Path(__file__).parents[1] / "fixtures"

NAMES = st.text(max_size=4)
TUPLES = st.lists(NAMES, max_size=2).map(tuple)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda part: st.lists(part, max_size=2) | st.dictionaries(NAMES, part, max_size=2),
    max_leaves=4,
)
CARDS = st.lists(st.dictionaries(NAMES, JSON, max_size=2), max_size=2).map(tuple)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**50), 2**50)
MAPPINGS = st.builds(
    SlotMapping,
    type=st.sampled_from(MappingType),
    entity=st.none() | NAMES,
    value=JSON,
    intents=TUPLES,
    conditions=st.lists(st.builds(MappingCondition, active_loop=st.none() | NAMES), max_size=2).map(
        tuple
    ),
)
DOMAINS = st.builds(
    Domain,
    intents=st.lists(
        st.builds(Intent, name=NAMES, use_entities=st.none() | TUPLES), max_size=2
    ).map(tuple),
    entities=st.lists(
        st.builds(EntityType, name=NAMES, roles=TUPLES, influence_conversation=st.booleans()),
        max_size=2,
    ).map(tuple),
    slots=st.lists(
        st.builds(
            Slot,
            name=NAMES,
            type=st.sampled_from(SlotType),
            initial_value=JSON,
            mappings=st.lists(MAPPINGS, max_size=2).map(tuple),
            min_value=NUMBERS,
        ),
        max_size=2,
    ).map(tuple),
    responses=st.dictionaries(
        NAMES,
        st.lists(
            st.builds(
                Variation,
                text=st.none() | NAMES,
                custom=JSON,
                buttons=CARDS,
                conditions=st.lists(st.builds(SlotEquals, slot=NAMES, value=JSON), max_size=2).map(
                    tuple
                ),
                others=st.dictionaries(NAMES, JSON, max_size=2),
            ),
            max_size=2,
        ).map(tuple),
        max_size=2,
    ),
    forms=st.dictionaries(NAMES, st.builds(Form, name=NAMES, required_slots=TUPLES), max_size=2),
    actions=TUPLES,
    send_domain=st.frozensets(NAMES, max_size=2),
    session=st.builds(SessionConfig, expiration_time=NUMBERS, carry_over_slots=st.booleans()),
    store_entities_as_slots=st.booleans(),
    content=st.dictionaries(NAMES, JSON, max_size=2),
)


@given(DOMAINS)
def test_nothing_is_lost(domain: Domain) -> None:
    stored = json.loads(json.dumps(domain_to_dict(domain)))
    again = domain_from_dict(stored)
    assert again == domain
    assert again.content == domain.content


@pytest.mark.parametrize("name", ["domains/rasa_3.yml", "domains/rasa_2.yml", "travel/domain.yml"])
def test_what_was_read_comes_back(name: str) -> None:
    domain = read_domain(FIXTURES / name)
    stored = json.loads(json.dumps(domain_to_dict(domain)))
    assert str(FIXTURES) not in str(stored)
    again = domain_from_dict(stored)
    assert again == domain
    assert again.content == domain.content
    assert again.action_labels == domain.action_labels
    assert again.slots[0].mappings == domain.slots[0].mappings
    assert isinstance(again.slots[0].type, SlotType)
    assert again.where is None


def test_the_least() -> None:
    assert domain_to_dict(Domain()) == {}
    assert domain_from_dict({}) == Domain()


@pytest.mark.parametrize(
    "damaged",
    [
        {"slots": 5},
        {"slots": [{"name": "a"}]},
        {"slots": [{"name": "a", "type": "nothing"}]},
        {"slots": [{"name": "a", "type": "text", "min_value": "0.5"}]},
        {"slots": [{"name": "a", "type": "text", "color": "red"}]},
        {"slot": []},
        {"actions": [1]},
        {"actions": {"a": "b"}},
        {"forms": {"f": None}},
        {"store_entities_as_slots": "no"},
        {"session": {"expiration_time": None}},
        [],
        None,
    ],
)
def test_what_is_damaged_is_refused(damaged: Any) -> None:
    with pytest.raises(ModelFileError, match="a stored domain must"):
        domain_from_dict(damaged)


def test_what_json_has_not_is_refused() -> None:
    domain = replace(Domain(), content={"a": {1, 2}})
    with pytest.raises(DataError, match="must be one that JSON can express"):
        domain_to_dict(domain)
