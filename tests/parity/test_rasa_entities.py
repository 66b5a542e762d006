"""Tags to entities and back against Rasa's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.nlu.examples import Entity, Example
from gossamer.nlu.diet.tags import Tagging, TagKind, TagSet, make_consistent, to_entities
from gossamer.nlu.pipeline.messages import Token

_FILE = json.loads((Path(__file__).parent / "fixtures" / "entities.json").read_text())
CONTENT: dict[str, Any] = _FILE["content"]


def tags_of(case: dict[str, Any]) -> str:
    if isinstance(case["tags"], dict):
        text = " ".join("/".join(tags) for tags in case["tags"].values())
        return f"{case['text']!a} {text} {case['split_entities_by_comma']}"
    return " ".join(case["tags"])


@pytest.mark.parametrize("case", CONTENT["clean_up"], ids=tags_of)
def test_clean_up(case: dict[str, Any]) -> None:
    found = make_consistent(Tagging(case["tags"], case["confidences"]))
    assert found.tags == case["clean_tags"]
    assert found.confidences == pytest.approx(case["clean_confidences"])


def joins_types(case: dict[str, Any]) -> bool:
    """Whether an I- or L- of one type follows a token of another, with nothing between."""
    tags = case["tags"]["entity"]
    return any(
        after[:2] in ("I-", "L-") and before != "O" and after[2:] != before[2:]
        for before, after in pairwise(tags)
    )


def parts_what_tags_join(case: dict[str, Any]) -> bool:
    """Whether an I- or L- stands behind more than a character, no comma: parted in Rasa."""
    gaps = [case["text"][before[2] : after[1]] for before, after in pairwise(case["tokens"])]
    tags = case["tags"]["entity"][1:]
    return case["split_entities_by_comma"] is not False and any(
        len(gap) > 1 and "," not in gap and tag[:2] in ("I-", "L-")
        for gap, tag in zip(gaps, tags, strict=True)
    )


def converted(case: dict[str, Any]) -> list[dict[str, Any]]:
    found = to_entities(
        case["text"],
        [Token(*token) for token in case["tokens"]],
        {
            TagKind(kind): Tagging(tags, case["confidences"][kind])
            for kind, tags in case["tags"].items()
        },
        extractor="DIETClassifier",
        split_by_comma=case["split_entities_by_comma"],
    )
    return [entity.to_dict() for entity in found]


JOINED = [case for case in CONTENT["convert"] if joins_types(case)]
PARTED = [case for case in CONTENT["convert"] if case not in JOINED and parts_what_tags_join(case)]
ORDINARY = [case for case in CONTENT["convert"] if case not in JOINED + PARTED]


@pytest.mark.parametrize("case", ORDINARY, ids=tags_of)
def test_conversion(case: dict[str, Any]) -> None:
    expected = [{**entity, "extractor": "DIETClassifier"} for entity in case["entities"]]
    assert converted(case) == expected


@pytest.mark.parametrize("case", PARTED, ids=tags_of)
def test_what_tags_join_is_not_parted(case: dict[str, Any]) -> None:
    """A departure: Rasa parts tokens with more than a character between them, whatever the tags."""
    found = converted(case)
    assert len(found) < len(case["entities"])
    for ends in ("start", "end"):
        assert {entity[ends] for entity in found} < {entity[ends] for entity in case["entities"]}


@pytest.mark.parametrize("case", JOINED, ids=tags_of)
def test_types_are_not_joined(case: dict[str, Any]) -> None:
    """A departure: Rasa joins such a token to the entity before it, whatever its own type."""
    found = converted(case)
    (rasas,) = case["entities"]
    assert (found[0]["start"], found[-1]["end"]) == (rasas["start"], rasas["end"])
    assert found[0]["entity"] == rasas["entity"]
    assert [entity["entity"] for entity in found] == ["city", "name"]


@pytest.mark.parametrize("case", CONTENT["annotate"], ids=lambda case: ascii(case["text"]))
def test_annotation(case: dict[str, Any]) -> None:
    entities = tuple(
        Entity(start=start, end=end, entity=name, value=case["text"][start:end])
        for start, end, name in case["entities"]
    )
    example = Example(text=case["text"], entities=entities)
    tag_set = TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=True)
    if tag_set is None:
        assert set(case["tags"]) == {"O"}
        return
    ids = tag_set.encode([Token(*token) for token in case["tokens"]], entities)
    # Of annotations that overlap Rasa leaves pieces: a first token without its last one.
    overlap = {"B-a U-b L-a": ["O", "U-b", "O"]}
    wanted = overlap.get(" ".join(case["tags"]), case["tags"])
    assert [tag_set.tags[i] for i in ids] == wanted


def test_numbers_of_tags() -> None:
    example = Example(
        text="one two three",
        entities=(
            Entity(start=0, end=3, entity="number", value="one"),
            Entity(start=4, end=13, entity="digit", value="two three"),
        ),
    )
    tag_set = TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=True)
    assert tag_set is not None
    assert {tag: i for i, tag in enumerate(tag_set.tags)} == CONTENT["tag_ids"]


def test_enough_cases_are_recorded() -> None:
    assert len(CONTENT["clean_up"]) + len(CONTENT["convert"]) >= 50
