from __future__ import annotations

import time
import warnings

import pytest

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.slots import Slot, SlotType
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.training.unfolding import TrainingTracker, unfold_rules, unfold_stories


def choice(name: str, n_alternatives: int) -> OrStep:
    return OrStep(alternatives=tuple(UserStep(intent=f"{name}{i}") for i in range(n_alternatives)))


def choices(*sizes: int) -> StoryData:
    steps: list[Step] = []
    for number, size in enumerate(sizes):
        steps += (choice(f"{number}_", size), ActionStep(name=f"utter_{number}"))
    return StoryData(stories=(Story(name="many", steps=tuple(steps)),))


def intents(found: list[TrainingTracker]) -> list[tuple[str | None, ...]]:
    return [
        tuple(event.intent for event in each.tracker.events if isinstance(event, UserUttered))
        for each in found
    ]


def test_few_alternatives_are_all_walked() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(unfold_stories(choices(*[3] * 6), Domain())) == 3**6


def test_many_alternatives_are_drawn_with_a_warning() -> None:
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="describe 4,782,969 conversations, too many .*'many'"):
        found = unfold_stories(choices(*[3] * 14), Domain(), max_conversations=1000)
    assert time.perf_counter() - start < 20
    told = intents(found)
    assert 10 <= len(set(told)) == len(told) < 100
    assert {len(each) for each in told} == {14}
    for place in range(14):
        assert {each[place] for each in told} == {f"{place}_{i}" for i in range(3)}


def test_every_alternative_stays_in_some_conversation() -> None:
    with pytest.warns(UserWarning, match="describe 2,500 conversations"):
        found = unfold_stories(choices(50, 50), Domain(), max_conversations=500)
    told = intents(found)
    assert len(told) < 200
    for place in range(2):
        assert {each[place] for each in told} == {f"{place}_{i}" for i in range(50)}


@pytest.mark.filterwarnings("ignore:.*too many to learn from")
def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    def drawn(seed: int) -> list[tuple[str | None, ...]]:
        data = choices(*[4] * 8)
        return intents(unfold_stories(data, Domain(), random_seed=seed, max_conversations=500))

    assert drawn(1) == drawn(1) != drawn(2)


def test_how_many_is_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOSSAMER_MAX_CONVERSATIONS", "100")
    with pytest.warns(UserWarning, match=r"Try: .* GOSSAMER_MAX_CONVERSATIONS=1000 in the env"):
        unfold_stories(choices(*[3] * 6), Domain())


@pytest.mark.filterwarnings("ignore:the checkpoint .* leads nowhere")
def test_ladders_of_checkpoints_and_circles_end() -> None:
    stories = [
        Story(name="begin", steps=(UserStep(intent="go"), CheckpointStep(name="c0"))),
        Story(name="end", steps=(CheckpointStep(name="c9"), ActionStep(name="utter_end"))),
        *(
            Story(
                name=f"{i}-{k}",
                steps=(
                    CheckpointStep(name=f"c{i}"),
                    UserStep(intent=f"i{k}"),
                    ActionStep(name=f"utter_{k}"),
                    CheckpointStep(name=f"c{(i + 1) % 10}"),
                ),
            )
            for i in range(10)
            for k in range(4)
        ),
    ]
    with pytest.warns(UserWarning, match="too many to learn from"):
        found = unfold_stories(StoryData(stories=tuple(stories)), Domain(), max_conversations=500)
    assert {source.name for each in found for source in each.sources} == {
        story.name for story in stories
    }


def test_rules_have_the_same_limit() -> None:
    slots = tuple(Slot(name=f"s{i}", type=SlotType.BOOL) for i in range(9))
    alternatives = (
        OrStep(alternatives=tuple(SlotStep(name=slot.name, value=value) for value in (True, False)))
        for slot in slots
    )
    rule = Rule(
        name="many", steps=(UserStep(intent="go"), *alternatives, ActionStep(name="utter_go"))
    )
    data = StoryData(rules=(rule,))
    with pytest.warns(UserWarning, match="^rules describe 512 conversations"):
        assert 10 <= len(unfold_rules(data, Domain(slots=slots), max_conversations=200)) < 50
    assert len(unfold_rules(data, Domain(slots=slots))) == 512
