"""Mentions take each other's places: only those of a kind, whole, and in training alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.assistant import Assistant
from gossamer.data import Entity, Example, ProjectConfig, TrainingData
from gossamer.nlu.diet.batches import DIETBatch, DIETData
from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.diet.mentions import Mentions, replacing
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.tags import TagKind, TagSet, apart
from gossamer.nlu.pipeline.messages import Token
from gossamer.nn.features import Features

Ints = npt.NDArray[np.int64]

# Tags of two entity types, "a" with 1 to 4 and "b" with 5 to 8: B, I, L, U of each.
TAGS = np.array([0, 1, 2, 3, 0, 4, 8, 0, 5, 7, 0, 0])
LENGTHS = np.array([6, 2, 2, 2])
MENTIONS = {"a": [(1, 2, 3), (5,)], "b": [(6,), (8, 9)]}


def bilou(rate: float = 1.0, tags: Ints = TAGS, **others: Ints) -> Mentions:
    kinds = {TagKind.ENTITY: tags, **{TagKind(kind): part for kind, part in others.items()}}
    return Mentions(kinds, LENGTHS, is_bilou=True, rate=rate)


def texts_of(mentions: Mentions, texts: list[int], seed: int) -> list[tuple[int, ...]]:
    rows, lengths = mentions.replaced(np.array(texts), np.random.default_rng(seed))
    assert rows.dtype == lengths.dtype == np.int64 and lengths.sum() == len(rows)
    return [tuple(part.tolist()) for part in np.split(rows, np.cumsum(lengths)[:-1])]


def test_every_mention_may_be_any_of_its_kind() -> None:
    mentions = bilou()
    assert len(mentions) == 4
    found = {text for seed in range(60) for text in texts_of(mentions, [0], seed)}
    assert found == {(0, *one, 4, *other) for one in MENTIONS["a"] for other in MENTIONS["a"]}
    found = {text for seed in range(30) for text in texts_of(mentions, [1], seed)}
    assert found == {(*one, 7) for one in MENTIONS["b"]}


@pytest.mark.parametrize("seed", range(5))
def test_many_texts_at_once_in_any_order(seed: int) -> None:
    first, second, third, fourth, fifth = texts_of(bilou(), [3, 2, 0, 1, 0], seed)
    assert first == (10, 11), "without a mention it stays"
    assert second in MENTIONS["b"], "nothing before it and nothing behind"
    assert all(text[0] == 0 and 4 in text for text in (third, fifth))
    assert fourth[-1] == 7 and fourth[:-1] in MENTIONS["b"]


def test_rate_is_the_share_that_is_replaced() -> None:
    assert texts_of(bilou(0.0), [0, 1, 2, 3], 0) == [
        (0, 1, 2, 3, 4, 5),
        (6, 7),
        (8, 9),
        (10, 11),
    ]
    n = 4000
    changed = sum(text != (6, 7) for text in texts_of(bilou(0.5), [1] * n, 1))
    assert changed / n == pytest.approx(0.5 / 2, abs=0.03), "half of those drawn are itself"


def test_a_role_keeps_mentions_apart() -> None:
    role = np.zeros(12, dtype=np.int64)
    role[5] = 4
    mentions = bilou(role=role)
    assert {t for s in range(20) for t in texts_of(mentions, [0], s)} == {(0, 1, 2, 3, 4, 5)}


def test_without_bilou_equal_neighbours_are_one_mention_but_not_beyond_their_text() -> None:
    tags = np.array([1, 1, 2, 0, 1, 1])
    mentions = Mentions({TagKind.ENTITY: tags}, np.array([4, 1, 1]), is_bilou=False, rate=1.0)
    assert len(mentions) == 4
    found = {t for s in range(40) for t in texts_of(mentions, [0], s)}
    assert found == {(0, 1, 2, 3), (4, 2, 3), (5, 2, 3)}


PARTS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(1, 6),
        st.sampled_from(["city", "state"]),
        st.sampled_from([None, "from"]),
        st.sampled_from([None, "1"]),
    ),
    max_size=6,
)


@given(st.lists(PARTS, min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
def test_mentions_that_overlap_are_whole_or_none(
    annotated: list[list[Any]], is_bilou: bool, seed: int
) -> None:
    """Of six words each."""
    tokens = [Token("a", 2 * i, 2 * i + 1) for i in range(6)]
    examples = [
        Example(
            text="a a a a a a",
            entities=tuple(
                Entity(start=2 * i, end=min(2 * (i + n), 12) - 1, entity=e, role=role, group=group)
                for i, n, e, role, group in parts
            ),
        )
        for parts in annotated
    ]
    tags = {
        kind: np.concatenate([tag_set.encode(tokens, example.entities) for example in examples])
        for kind in TagKind
        if (tag_set := TagSet.from_examples(kind, examples, is_bilou=is_bilou)) is not None
    }
    if not tags:
        return
    lengths = np.full(len(examples), len(tokens))
    mentions = Mentions(tags, lengths, is_bilou=is_bilou, rate=0.5)
    if is_bilou:
        assert len(mentions) == sum(len(apart(example.entities)) for example in examples)
    texts = np.arange(len(examples))
    rows, found = mentions.replaced(texts, np.random.default_rng(seed))
    assert found.min() > 0 and found.sum() == len(rows)
    outside = [
        np.sum(tags[TagKind.ENTITY][part] == 0) for part in np.split(rows, np.cumsum(found)[:-1])
    ]
    assert outside == [np.sum(tags[TagKind.ENTITY][6 * i : 6 * i + 6] == 0) for i in texts]


@pytest.mark.parametrize("texts", [[], [1, 0]])
def test_without_mentions_nothing_changes(texts: list[int]) -> None:
    mentions = bilou(tags=np.zeros(12, dtype=np.int64))
    assert len(mentions) == 0
    rows, lengths = mentions.replaced(np.array(texts, dtype=np.int64), np.random.default_rng(0))
    expected = [(6, 7), (0, 1, 2, 3, 4, 5)] if texts else []
    assert rows.tolist() == [token for text in expected for token in text]
    assert lengths.tolist() == [len(text) for text in expected]


def test_batches_have_tags_and_features_of_the_same_tokens(seed: int) -> None:
    tokens = np.arange(12, dtype=np.float32)[:, None]
    text = TextFeatures(
        Features(dense=tokens), Features(dense=np.arange(4, dtype=np.float32)[:, None]), LENGTHS
    )
    data = DIETData(text, np.array([0, 1, 0, 1]), {TagKind.ENTITY: TAGS}, np.arange(12))
    make = replacing(data, bilou(), np.random.default_rng(seed))
    for _ in range(5):
        batch = make(np.array([2, 0]))
        rows = batch.text.sequence.dense
        assert rows is not None and batch.token_ids is not None
        numbers = rows[:, 0].astype(np.int64)
        assert np.array_equal(batch.tags[TagKind.ENTITY].numpy(), TAGS[numbers])
        assert np.array_equal(batch.token_ids.numpy(), numbers)
        assert batch.text.lengths.sum() == len(numbers)
        assert batch.text.sentence.dense is not None
        assert batch.text.sentence.dense[:, 0].tolist() == [2, 0], "the texts' own"


def test_the_order_of_examples_is_not_that_of_the_draws() -> None:
    """So that the same seed has the same batches with and without replacement."""
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    text = TextFeatures(Features(dense=np.zeros((12, 1), np.float32)), Features(), LENGTHS)
    replacing(DIETData(text, None, {TagKind.ENTITY: TAGS}, None), bilou(), one)(np.array([0]))
    assert one.random() == other.random()


CITIES = ("york", "san jose", "rome", "new delhi city")


@pytest.fixture
def travel() -> TrainingData:
    examples = []
    for number, city in enumerate(CITIES * 3):
        text = f"fly to {city} now" if number % 2 else f"{city} please"
        start = text.index(city)
        entity = Entity(start=start, end=start + len(city), entity="city", value=city)
        examples.append(Example(text=text, intent=("go", "ask")[number % 2], entities=(entity,)))
    return TrainingData(examples=tuple(examples))


@pytest.mark.parametrize(
    ("options", "is_replaced"),
    [
        ({}, True),
        ({"BILOU_flag": False}, True),
        ({"mention_replacement": 0}, False),
        ({"rasa_defaults": True}, False),
        ({"entity_recognition": False}, False),
    ],
)
def test_training_sees_other_mentions_and_evaluation_does_not(
    tiny_config: Callable[..., ProjectConfig],
    travel: TrainingData,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    is_replaced: bool,
) -> None:
    seen: dict[bool, set[tuple[int, ...]]] = {True: set(), False: set()}
    step = DIETNetwork.step

    def watched(self: DIETNetwork, batch: DIETBatch, *, with_metrics: bool) -> object:
        seen[self.training].add(tuple(sorted(batch.text.lengths.tolist())))
        return step(self, batch, with_metrics=with_metrics)

    monkeypatch.setattr(DIETNetwork, "step", watched)
    held_out = {"evaluate_on_number_of_examples": 2, "evaluate_every_number_of_epochs": 1}
    Assistant.train(
        tiny_config({"epochs": 12, "batch_size": 12, **held_out, **options}), travel, random_seed=1
    )
    assert len(seen[False]) == 1, "evaluated on the examples as they are"
    assert (len(seen[True]) > 1) == is_replaced
