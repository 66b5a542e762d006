"""The inbox: which stored messages are asked about, in which order, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.teach.inbox import Inbox, ReasonKind, StoredMessage, similar
from gossamer.teach.inbox.doubt import guess_of
from gossamer.teach.inbox.ranking import Picks
from gossamer.teach.inbox.vectors import LONGEST_TEXT, largest_cosines, text_vectors

KNOWN = TrainingData(
    examples=(
        Example(text="set an alarm for seven", intent="alarm"),
        Example(text="play some jazz", intent="music"),
    )
)


def parse_of(*ranking: tuple[str | None, float]) -> dict[str, Any]:
    entries = [{"name": name, "confidence": confidence} for name, confidence in ranking]
    return {"intent": entries[0], "intent_ranking": entries, "entities": []}


SURE = parse_of(("alarm", 0.99), ("music", 0.01))
UNSURE = parse_of(("alarm", 0.4), ("music", 0.38))


def said(
    text: str, parse: Mapping[str, Any] = UNSURE, *, when: float = 0.0, **more: Any
) -> StoredMessage:
    return StoredMessage(text=text, sender_id="someone", when=when, parse=parse, **more)


def texts(inbox: Inbox, limit: int = 50) -> list[str]:
    return [group.text for group in inbox.groups(limit)]


def kinds(message: StoredMessage) -> set[ReasonKind]:
    (group,) = Inbox(KNOWN, [message]).groups()
    assert all(reason.text for reason in group.reasons)
    return {reason.kind for reason in group.reasons}


def test_doubtful_messages_come_before_sure_ones_and_certain_ones_are_left_out() -> None:
    messages = [
        said("set an alarm for nine", parse_of(("alarm", 0.9), ("music", 0.1))),
        said("set an alarm for ten", parse_of(("alarm", 0.99), ("music", 0.01))),
        said("buy two train tickets"),
    ]
    assert texts(Inbox(KNOWN, messages)) == ["buy two train tickets", "set an alarm for nine"]


def test_confidence_in_what_is_unlike_training_counts_less() -> None:
    messages = [said("öäü öäü", SURE), said("set an alarm for nine", SURE)]
    assert texts(Inbox(KNOWN, messages)) == ["öäü öäü"]


@pytest.mark.parametrize("more", [{"is_fallback": True}, {"disagreement": 0.9}])
def test_a_fallback_and_policies_that_disagree_are_doubts(more: dict[str, Any]) -> None:
    messages = [said("set an alarm for nine", SURE), said("play some new jazz", SURE, **more)]
    assert texts(Inbox(KNOWN, messages)) == ["play some new jazz"]


def test_typical_messages_come_before_odd_ones_and_each_kind_has_its_turn() -> None:
    tickets = [said(f"buy {n} train tickets to the {w} coast") for n, w in
               (("two", "east"), ("three", "west"), ("four", "south"))]  # fmt: skip
    weather = [said(f"will it rain {when} in town") for when in ("today", "on sunday")]
    odd = [said("xyzzy")]
    found = texts(Inbox(KNOWN, odd + weather + tickets))
    assert "tickets" in found[0]
    assert "rain" in found[1]
    assert found.index("xyzzy") > 1


def test_what_is_often_said_comes_first() -> None:
    messages = [said("buy two train tickets")] + [said("will it rain today")] * 9
    first = Inbox(KNOWN, messages).groups()[0]
    assert first.text == "will it rain today"
    assert len(first.messages) == 9
    assert ReasonKind.OFTEN in {reason.kind for reason in first.reasons}


def test_what_is_like_training_comes_last() -> None:
    messages = [said("set an alarm for seven today"), said("buy two train tickets")]
    assert texts(Inbox(KNOWN, messages)) == [
        "buy two train tickets",
        "set an alarm for seven today",
    ]


def test_taught_dismissed_and_blank_texts_are_left_out() -> None:
    messages = [said("Set  an alarm for SEVEN"), said("buy tickets"), said("rain?"), said(" ")]
    inbox = Inbox(KNOWN, messages, dismissed={"Buy tickets"})
    assert texts(inbox) == ["rain?"]
    assert inbox.n_messages == 1


def test_examples_without_an_intent_teach_nothing() -> None:
    known = TrainingData(examples=(Example(text="rain?"),))
    assert texts(Inbox(known, [said("rain?")])) == ["rain?"]


def test_near_duplicates_are_one_group_unless_they_were_understood_otherwise() -> None:
    same = [said("please buy two train tickets", when=1.0), said("please buy two train tickets!"),
            said("Please buy two  train tickets", when=2.0)]  # fmt: skip
    other = said("please buy two train ticket", parse_of(("music", 0.4), ("alarm", 0.38)))
    found = Inbox(KNOWN, [*same, other, said("will it rain")]).groups()
    by_size = {len(group.messages): group for group in found}
    group = by_size[3]
    assert group.text in {message.text for message in same}
    assert [len(group.messages) for group in found].count(1) == 2


def test_of_one_text_the_newest_parse_counts() -> None:
    messages = [said("buy two tickets", when=2.0), said("buy two tickets", SURE, when=1.0)]
    (group,) = Inbox(KNOWN, messages).groups()
    assert group.parse == UNSURE
    assert [message.when for message in group.messages] == [2.0, 1.0]


def test_reasons() -> None:
    assert kinds(said("öäü öäü")) >= {
        ReasonKind.LOW_CONFIDENCE,
        ReasonKind.SMALL_MARGIN,
        ReasonKind.UNLIKE_TRAINING,
    }
    assert kinds(said("play some jazz please", parse_of(("music", 0.9), ("alarm", 0.1)))) == set()
    assert ReasonKind.FALLBACK in kinds(said("play some jazz please", SURE, is_fallback=True))
    assert ReasonKind.DISAGREEMENT in kinds(said("play some jazz please", SURE, disagreement=0.5))


def test_the_order_is_the_same_whatever_the_order_of_messages() -> None:
    messages = [said(f"{verb} the {thing}") for verb in ("buy", "sell", "mend", "clean")
                for thing in ("house", "boat", "tickets", "old red car")]  # fmt: skip
    once = [group.to_json() for group in Inbox(KNOWN, messages).groups()]
    assert once == [group.to_json() for group in Inbox(KNOWN, messages[::-1]).groups()]
    assert len(once) > 4
    limited = Inbox(KNOWN, messages).groups(3)
    assert [group.to_json() for group in limited] == once[:3]


def test_usefulness_does_not_grow_down_the_list() -> None:
    messages = [said(f"{verb} the {thing}") for verb in ("buy", "sell", "mend", "clean")
                for thing in ("house", "boat", "tickets", "old red car")]  # fmt: skip
    usefulness = [group.usefulness for group in Inbox(KNOWN, messages).groups()]
    assert usefulness == sorted(usefulness, reverse=True)


def test_picks_are_those_of_a_search_through_all() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    doubts, counts = rng.uniform(size=40), rng.integers(1, 9, 40).astype(np.float64)
    alike = np.maximum(vectors @ vectors.T, 0.0) ** 2
    covered = alike[:, :3].max(axis=1)
    expected: list[int] = []
    for _ in range(10):
        gains = (np.maximum(alike - covered, 0.0) @ (doubts * np.sqrt(counts))) * doubts
        gains[expected] = -1.0
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, alike[expected[-1]])
    found = Picks(vectors, largest_cosines(vectors, vectors[:3]), doubts, counts)
    assert [item for _, (item, _) in zip(range(10), found, strict=False)] == expected


def test_the_inbox_of_nothing_is_empty() -> None:
    assert Inbox(TrainingData(), []).groups() == []
    assert Inbox(KNOWN, [said("buy tickets")]).groups(0) == []
    assert texts(Inbox(TrainingData(), [said("a"), said("?")])) != []


@pytest.mark.parametrize(
    ("parse", "intent", "margin"),
    [
        ({}, None, 0.0),
        ({"intent": None, "intent_ranking": None}, None, 0.0),
        ({"intent": {"name": "a", "confidence": 0.7}}, "a", 0.7),
        ({"intent": {"name": "a", "confidence": math.nan}}, "a", 0.0),
        ({"intent": {"name": "a", "confidence": "much"}}, "a", 0.0),
        ({"intent": {"name": "a", "confidence": 7}}, "a", 1.0),
        (parse_of(("nlu_fallback", 0.9), ("a", 0.5), ("b", 0.4)), "a", 0.1),
        (parse_of(("nlu_fallback", 0.3)), None, 0.0),
        ({"intent_ranking": ["a", {"name": 3, "confidence": 1}]}, None, 0.0),
    ],
)
def test_guesses_of_odd_parses(parse: dict[str, Any], intent: str | None, margin: float) -> None:
    guess = guess_of(parse)
    assert guess.intent == intent
    assert guess.margin == pytest.approx(margin)


def test_similar_messages() -> None:
    messages = [said("wake me up at nine", when=1.0), said("wake me at ten"), said("play jazz"),
                said("Wake me up at  nine", when=2.0), said("qqq")]  # fmt: skip
    found = similar("wake me up at nine", messages)
    assert [message.text for message in found] == ["Wake me up at  nine", "wake me at ten"]
    assert similar("wake me up at nine", messages, limit=1) == found[:1]
    assert similar("anything", []) == []


def cosines(*of: str) -> Any:
    vectors = text_vectors(of)
    return vectors @ vectors.T


def test_vectors_of_texts() -> None:
    found = cosines("buy two tickets", "Buy  two TICKETS", "buy three tickets", "zzz", "")
    assert found[0, 1] == pytest.approx(1.0, abs=1e-5)
    assert 0.3 < found[0, 2] < 0.99
    assert found[0, 3] == found[3, 3] == found[4, 4] == 0.0
    assert np.array_equal(text_vectors(["a b", "b c"]), text_vectors(["a b", "b c"]))


@pytest.mark.parametrize("odd", ["", "\ud800", "🙂🙂", "a" * (LONGEST_TEXT * 3), "\x00"])
def test_vectors_of_odd_texts(odd: str) -> None:
    found = cosines(odd, odd, "buy two tickets")
    assert np.isfinite(found).all()
    assert found[0, 2] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_vectors_of_few_texts(number: int) -> None:
    few: Sequence[str] = ["a text"] * number
    assert text_vectors(few).shape[0] == number
