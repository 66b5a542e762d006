from __future__ import annotations

from typing import Any

import pytest

from gossamer.data import DataError, Entity

FOUND = Entity(
    start=3,
    end=7,
    entity="city",
    value="Rome",
    role="to",
    extractor="DIETClassifier",
    confidence=0.5,
    role_confidence=0.25,
    processors=("EntitySynonymMapper",),
)


def test_what_is_absent_is_not_written() -> None:
    assert Entity(entity="city", value="Rome").to_dict() == {"entity": "city", "value": "Rome"}
    assert FOUND.to_dict() == {
        "entity": "city",
        "start": 3,
        "end": 7,
        "confidence_entity": 0.5,
        "role": "to",
        "confidence_role": 0.25,
        "value": "Rome",
        "extractor": "DIETClassifier",
        "processors": ["EntitySynonymMapper"],
    }


@pytest.mark.parametrize(
    "content",
    [
        FOUND.to_dict(),
        {"entity": "time", "value": 1, "confidence": 1.0, "additional_info": {"grain": "day"}},
        {"entity": "city", "value": "Rome", "confidence": 0.7},
        {"entity": "city", "value": None, "role": None, "start": "3", "end": 7},
        {"entity": "city", "value": ["Rome"], "processors": "x", "from": {"another": "program"}},
    ],
)
def test_json_and_back(content: dict[str, Any]) -> None:
    entity = Entity.from_dict(content)
    assert entity.to_dict() == content
    assert entity == Entity.from_dict(entity.to_dict())


def test_only_what_is_unknown_is_kept_beside() -> None:
    assert Entity.from_dict(FOUND.to_dict()) == FOUND
    assert Entity.from_dict({**FOUND.to_dict(), "x": 1}).others == {"x": 1}


@pytest.mark.parametrize("content", [None, "city", {}, {"value": 1}, {"entity": 3}])
def test_json_of_something_else(content: object) -> None:
    with pytest.raises(DataError, match='must be a mapping with the key "entity"'):
        Entity.from_dict(content)


def test_a_place() -> None:
    assert FOUND.has_place and FOUND.span == (3, 7)
    placeless = Entity(entity="city", end=7)
    assert not placeless.has_place
    with pytest.raises(ValueError, match=r"must have its place .* Entity\(end=7, entity='city'"):
        _ = placeless.span
