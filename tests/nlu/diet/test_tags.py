from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Entity, Example
from gossamer.nlu.diet.tags import (
    Tagging,
    TagKind,
    TagSet,
    apart,
    make_consistent,
    to_entities,
    token_span,
)
from gossamer.nlu.pipeline.messages import EntityPrediction, Token

WORDS = ["go", "from", "a", "b", "New", "York"]


def tokens_of(text: str) -> list[Token]:
    return [Token(m.group(), m.start(), m.end()) for m in re.finditer(r"\w+", text)]


def entity(
    text: str, part: str, kind: str, role: str | None = None, group: str | None = None
) -> Entity:
    start = text.index(part)
    return Entity(
        start=start, end=start + len(part), entity=kind, value=part, role=role, group=group
    )


@st.composite
def annotated(draw: st.DrawFn, *, apart: bool = False) -> Example:
    """A text whose annotations keep to words and do not overlap."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
    text = " ".join(words)
    tokens = tokens_of(text)
    entities, i = [], 0
    while i < len(tokens):
        length = draw(st.integers(0, 3))
        if length and i + length <= len(tokens):
            start, end = tokens[i].start, tokens[i + length - 1].end
            entities.append(
                Entity(
                    start=start,
                    end=end,
                    entity=draw(st.sampled_from(["city", "day", "B-side", "x y"])),
                    value=text[start:end],
                    role=draw(st.sampled_from([None, "from", "to"])),
                    group=draw(st.sampled_from([None, "1", "2"])),
                )
            )
            i += length + (1 if apart else 0)
        else:
            i += 1
    return Example(text=text, entities=tuple(entities))


@st.composite
def overlapping(draw: st.DrawFn) -> Example:
    """A text whose annotations keep to words, in order of their start, and may overlap."""
    text = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)))
    tokens = tokens_of(text)
    place = st.integers(0, len(tokens) - 1)
    places = sorted(draw(st.lists(st.tuples(place, place), max_size=5)), key=lambda pair: min(pair))
    entities = []
    for pair in places:
        start, end = tokens[min(pair)].start, tokens[max(pair)].end
        entities.append(
            Entity(
                start=start,
                end=end,
                entity=draw(st.sampled_from(["city", "day"])),
                value=text[start:end],
                role=draw(st.sampled_from([None, "from", "to"])),
                group=draw(st.sampled_from([None, "1", "2"])),
            )
        )
    return Example(text=text, entities=tuple(entities))


def covers(entity: Entity, token: Token) -> bool:
    start, end = entity.span
    return start <= token.start and token.end <= end


def tagged(example: Example, *, is_bilou: bool) -> dict[TagKind, Tagging]:
    """What a model that has learnt the annotations would answer, sure to 0.5."""
    tokens = tokens_of(example.text)
    taggings = {}
    for kind in TagKind:
        tag_set = TagSet.from_examples(kind, [example], is_bilou=is_bilou)
        if tag_set is not None:
            tags = [tag_set.tags[i] for i in tag_set.encode(tokens, example.entities)]
            taggings[kind] = Tagging(tags, [0.5] * len(tags), is_bilou)
    return taggings


def plain(entities: list[EntityPrediction] | tuple[Entity, ...]) -> list[tuple[Any, ...]]:
    return [(e.start, e.end, e.entity, e.value, e.role, e.group) for e in entities]


def read(text: str, taggings: dict[TagKind, Tagging], **options: Any) -> list[EntityPrediction]:
    return to_entities(text, tokens_of(text), taggings, extractor="test", **options)


@given(annotated())
def test_bilou_round_trip(example: Example) -> None:
    taggings = tagged(example, is_bilou=True)
    assert all(make_consistent(tagging) == tagging for tagging in taggings.values())
    found = read(example.text, taggings) if taggings else []
    # Only where a neighbour of one type begins with B- twice could two become one; U- and L-
    # stand between, so everything comes back.
    assert plain(found) == plain(example.entities)


@given(annotated(apart=True))
def test_plain_round_trip_when_entities_stand_apart(example: Example) -> None:
    taggings = tagged(example, is_bilou=False)
    found = read(example.text, taggings) if taggings else []
    assert plain(found) == plain(example.entities)


def test_without_bilou_neighbours_of_one_type_become_one() -> None:
    text = "a b"
    example = Example(text=text, entities=(entity(text, "a", "x"), entity(text, "b", "x")))
    assert plain(read(text, tagged(example, is_bilou=False))) == [(0, 3, "x", "a b", None, None)]
    assert len(read(text, tagged(example, is_bilou=True))) == 2


def test_tag_ids_are_as_in_rasa() -> None:
    text = "a b"
    example = Example(text=text, entities=(entity(text, "a", "day"), entity(text, "b", "city")))
    with_, without = (
        TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=flag) for flag in (True, False)
    )
    assert with_ is not None and without is not None
    expected = ["O", *(f"{p}-city" for p in "BILU"), *(f"{p}-day" for p in "BILU")]
    assert list(with_.tags) == expected
    assert without.tags == ("O", "city", "day")
    assert TagSet.from_examples(TagKind.ROLE, [example], is_bilou=True) is None


def test_encode() -> None:
    text = "from New York City to Rome now"
    example = Example(
        text=text,
        entities=(entity(text, "New York City", "city", "from"), entity(text, "Rome", "city")),
    )
    tag_set = TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=True)
    roles = TagSet.from_examples(TagKind.ROLE, [example], is_bilou=True)
    assert tag_set is not None and roles is not None
    tokens = tokens_of(text)
    assert tag_set.encode(tokens, example.entities).tolist() == [0, 1, 2, 3, 0, 4, 0]
    assert roles.encode(tokens, example.entities).tolist() == [0, 1, 2, 3, 0, 0, 0]
    assert tag_set.encode([], ()).dtype == np.int64


@given(overlapping(), st.booleans())
def test_of_overlapping_annotations_the_later_one_counts_whole(
    example: Example, is_bilou: bool
) -> None:
    kept = apart(example.entities)
    taggings = tagged(example, is_bilou=is_bilou)
    for kind, tagging in taggings.items():
        names = [
            next((kind.of(e) for e in kept if covers(e, t)), None) for t in tokens_of(example.text)
        ]
        assert tagging.without_prefixes() == [name or "O" for name in names]
    if is_bilou:
        assert all(make_consistent(tagging) == tagging for tagging in taggings.values())
        assert not taggings or plain(read(example.text, taggings)) == plain(tuple(kept))


def test_what_is_cut_does_not_cut() -> None:
    a, b, c, same = (
        Entity(start=start, end=end, entity=name, value="")
        for start, end, name in ((0, 8, "a"), (5, 12, "b"), (9, 15, "c"), (9, 15, "same"))
    )
    assert apart([a, b]) == [b]
    assert apart([a, b, c]) == [a, c]
    assert apart([a, c, b]) == [b]
    assert apart([c, same]) == [same]
    assert apart([]) == []


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [(0, 2, (0, 0)), (0, 5, (0, 1)), (3, 8, (1, 2)), (1, 5, None), (0, 4, None), (2, 3, None)],
)
def test_token_span(start: int, end: int, span: tuple[int, int] | None) -> None:
    found = token_span(tokens_of("go to it"), Entity(start=start, end=end, entity="x", value=""))
    assert found == span


def test_annotation_within_a_word() -> None:
    """With BILOU it stays O; without, the word takes the entity it overlaps most."""
    text = "from Romeville"
    found = (
        Entity(start=5, end=9, entity="city", value="Rome"),
        Entity(start=9, end=14, entity="suffix", value="ville"),
    )
    example = Example(text=text, entities=found)
    tokens = tokens_of(text)
    for is_bilou, expected in ((True, ["O", "O"]), (False, ["O", "suffix"])):
        tag_set = TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=is_bilou)
        assert tag_set is not None
        assert [tag_set.tags[i] for i in tag_set.encode(tokens, found)] == expected


def of(tags: str, confidences: list[float] | None = None) -> Tagging:
    names = tags.split()
    return Tagging(names, [0.5] * len(names) if confidences is None else confidences)


@pytest.mark.parametrize(
    ("text", "tags", "values"),
    [
        ("to St. Louis now", "O B-city L-city O", ["St. Louis"]),
        ("to St. - Louis now", "O B-city L-city O", ["St. - Louis"]),
        ("to St. Louis Park now", "O B-city I-city L-city O", ["St. Louis Park"]),
        ("St. Louis. Rome", "B-city L-city U-city", ["St. Louis", "Rome"]),
        ("St., Louis", "B-city L-city", ["St", "Louis"]),
        ("St. Louis", "B-city B-city", ["St", "Louis"]),
        ("St. Louis", "city city", ["St", "Louis"]),
    ],
)
def test_more_than_a_blank_inside_an_entity(text: str, tags: str, values: list[str]) -> None:
    names = tags.split()
    tagging = Tagging(names, [0.5] * len(names), "-" in tags)
    found = read(text, {TagKind.ENTITY: tagging})
    assert [entity.value for entity in found] == values


@pytest.mark.parametrize(
    ("text", "split", "values"),
    [
        ("Rome, Oslo", True, ["Rome", "Oslo"]),
        ("Rome, Oslo", False, ["Rome, Oslo"]),
        ("Rome, Oslo", {"city": False}, ["Rome, Oslo"]),
        ("Rome, Oslo", {"day": False}, ["Rome", "Oslo"]),
        ("Rome, Oslo", {}, ["Rome", "Oslo"]),
        ("Rome,  Oslo", False, ["Rome,  Oslo"]),
        ("Rome ,  Oslo", False, ["Rome", "Oslo"]),
        ("Rome Oslo", True, ["Rome Oslo"]),
        ("Rome-Oslo", True, ["Rome-Oslo"]),
    ],
)
def test_commas(text: str, split: bool | dict[str, bool], values: list[str]) -> None:
    found = read(
        text, {TagKind.ENTITY: Tagging(["city"] * 2, [0.5] * 2, False)}, split_by_comma=split
    )
    assert [e.value for e in found] == values


@pytest.mark.parametrize(
    ("tags", "values"),
    [
        ("O O O", []),
        ("B-x I-x L-x", ["a b c"]),
        ("B-x L-x U-x", ["a b", "c"]),
        ("U-x U-x U-x", ["a", "b", "c"]),
        ("U-x O U-x", ["a", "c"]),
        ("O I-x L-x", ["b c"]),
        ("L-x O I-x", ["a", "c"]),
        ("B-x B-y O", ["a", "b"]),
        ("B-x L-x B-x", ["a b", "c"]),
        ("U-x L-y O", ["a", "b"]),
    ],
)
def test_where_entities_begin(tags: str, values: list[str]) -> None:
    found = read("a b c", {TagKind.ENTITY: of(tags)})
    assert [e.value for e in found] == values


def test_a_change_of_role_or_group_begins_a_new_entity() -> None:
    for kind in (TagKind.ROLE, TagKind.GROUP):
        taggings = {TagKind.ENTITY: of("B-x I-x L-x"), kind: of("U-p U-p U-q")}
        found = read("a b c", taggings)
        assert [e.value for e in found] == ["a b", "c"]
        assert [getattr(e, kind.value) for e in found] == ["p", "q"]


def test_confidence_is_that_of_the_least_sure_token() -> None:
    taggings = {
        TagKind.ENTITY: of("B-x L-x O", [0.9, 0.6, 0.1]),
        TagKind.ROLE: of("B-p L-p O", [0.3, 0.8, 0.1]),
        TagKind.GROUP: of("O O O", [0.7, 0.7, 0.1]),
    }
    (found,) = read("a b c", taggings)
    assert (found.confidence, found.role_confidence, found.group_confidence) == (0.6, 0.3, None)
    assert (found.entity, found.role, found.group) == ("x", "p", None)
    assert found.extractor == "test"


def test_mending_keeps_what_is_whole_and_repeats_to_no_effect() -> None:
    ragged = of("B-x I-y O B-x B-y I-y", [0.9, 0.8, 1.0, 0.4, 0.5, 0.6])
    mended = make_consistent(ragged)
    assert mended.tags == ["B-x", "L-x", "O", "U-x", "B-y", "L-y"]
    assert mended.confidences == [0.9, 0.64, 1.0, 0.4, 0.5, 0.6]
    assert make_consistent(mended) == mended
    assert ragged.tags[1] == "I-y", "the argument is left alone"


TAGS = st.lists(st.sampled_from(["O", *(f"{p}-{n}" for p in "BILU" for n in "xy")]), max_size=8)


@given(TAGS)
def test_mending_any_tags(tags: list[str]) -> None:
    mended = make_consistent(Tagging(tags, [0.5] * len(tags)))
    assert [tag == "O" for tag in mended.tags] == [tag == "O" for tag in tags]
    assert make_consistent(mended).tags == mended.tags
    assert re.fullmatch(r"(O|[UIL]-[xy]|(B-x)(I-x)*(L-x)|(B-y)(I-y)*(L-y))*", "".join(mended.tags))


def test_without_bilou_no_name_may_be_o() -> None:
    text = "type a please"
    example = Example(text=text, entities=(entity(text, "a", "O"),))
    assert TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=True) is not None
    with pytest.raises(DataError, match=r"entity names must not be 'O' .*BILOU_flag: true"):
        TagSet.from_examples(TagKind.ENTITY, [example], is_bilou=False)


@pytest.mark.parametrize(
    ("name", "is_bilou"),
    [("O", True)]
    + [(name, flag) for name in ("B-day", "L-size", "U-2", "I-95") for flag in (True, False)],
)
def test_names_that_look_like_tags(name: str, is_bilou: bool) -> None:
    text = "type a please"
    example = Example(text=text, entities=(entity(text, "a", name, name),))
    taggings = tagged(example, is_bilou=is_bilou)
    assert plain(read(text, taggings)) == plain(example.entities)


def test_what_may_follow_what() -> None:
    names = ("O", "B-a", "I-a", "L-a", "U-a", "B-b", "I-b", "L-b", "U-b")
    tags = TagSet(TagKind.ENTITY, names, is_bilou=True)
    forbidden = tags.forbidden()
    assert forbidden is not None
    allowed = {
        tag: {other for j, other in enumerate(tags.tags) if not forbidden[i, j]}
        for i, tag in enumerate(tags.tags)
    }
    begins = {"O", "B-a", "U-a", "B-b", "U-b"}
    assert allowed["O"] == allowed["L-a"] == allowed["U-b"] == begins
    assert allowed["B-a"] == allowed["I-a"] == {"I-a", "L-a"}
    assert TagSet(TagKind.ENTITY, ("O", "a"), is_bilou=False).forbidden() is None
