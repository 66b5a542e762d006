from __future__ import annotations

import itertools
import warnings

import pytest
from small import DOMAIN, STORIES

from gossamer.data.domain.domain import Domain, Form
from gossamer.data.domain.slots import Slot, SlotType
from gossamer.data.errors import DataError
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    EventStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.dialogue.history.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET
from gossamer.dialogue.history.state import states_of
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.examples import prediction_states, training_examples
from gossamer.dialogue.training.story_events import step_events
from gossamer.dialogue.training.unfolding import TrainingTracker, unfold_rules, unfold_stories


def stories(*steps: tuple[Step, ...]) -> StoryData:
    return StoryData(
        stories=tuple(Story(name=f"story {i}", steps=part) for i, part in enumerate(steps))
    )


def told(tracker: TrainingTracker) -> list[str]:
    return [
        str(event.intent if isinstance(event, UserUttered) else event.label)
        for event in tracker.tracker.events
        if isinstance(event, UserUttered)
        or (isinstance(event, ActionExecuted) and event.name != "action_listen")
    ]


def seen(tracker: TrainingTracker) -> list[str]:
    return [repr(state) for state in states_of(tracker.tracker, DOMAIN)]


def test_every_way_through_alternatives_and_checkpoints() -> None:
    found = unfold_stories(
        stories(
            (
                OrStep(alternatives=(UserStep(intent="greet"), UserStep(intent="bye"))),
                ActionStep(name="utter_greet"),
                CheckpointStep(name="on"),
            ),
            (CheckpointStep(name="on"), UserStep(intent="order"), ActionStep(name="utter_which")),
            (CheckpointStep(name="on"), UserStep(intent="bye"), ActionStep(name="utter_bye")),
        ),
        DOMAIN,
    )
    assert sorted(map(told, found)) == [
        ["bye", "utter_greet", "bye", "utter_bye"],
        ["bye", "utter_greet", "order", "utter_which"],
        ["greet", "utter_greet", "bye", "utter_bye"],
        ["greet", "utter_greet", "order", "utter_which"],
    ]
    assert {tracker.name for tracker in found} == {"story 0 > story 1", "story 0 > story 2"}
    assert [len(tracker.sources) for tracker in found] == [2, 2, 2, 2]


def test_a_checkpoint_that_only_leads_to_itself_ends() -> None:
    with pytest.warns(UserWarning, match="'loop' leads nowhere"):
        found = unfold_stories(
            stories(
                (
                    CheckpointStep(name="loop"),
                    UserStep(intent="greet"),
                    ActionStep(name="utter_greet"),
                    CheckpointStep(name="loop"),
                ),
            ),
            DOMAIN,
        )
    assert found == []


def test_conditions_of_a_checkpoint() -> None:
    def after(value: str | None) -> tuple[Step, ...]:
        return (
            CheckpointStep(name="on", conditions=(SlotStep(name="drink", value=value),)),
            UserStep(intent="bye"),
            ActionStep(name="utter_bye" if value else "utter_which"),
        )

    begin = (
        UserStep(intent="greet"),
        SlotStep(name="drink", value="tea"),
        ActionStep(name="utter_greet"),
        CheckpointStep(name="on"),
    )
    (found,) = unfold_stories(stories(begin, after("tea"), after(None)), DOMAIN)
    assert told(found)[-1] == "utter_bye"


def test_an_empty_story_stands_for_nothing() -> None:
    found = unfold_stories(stories(()), DOMAIN)
    assert training_examples([part.tracker for part in found], DOMAIN) == []


def test_equal_stories_count_once() -> None:
    twice = StoryData(stories=STORIES.stories * 2)
    assert len(unfold_stories(twice, DOMAIN)) == len(STORIES.stories)


def test_a_story_that_ends_with_alternatives_is_kept() -> None:
    choice = OrStep(alternatives=(UserStep(intent="greet"), UserStep(intent="bye")))
    found = unfold_stories(stories((choice,)), DOMAIN)
    assert sorted(map(told, found)) == [["bye"], ["greet"]]


GREET_OR_BYE = OrStep(alternatives=(UserStep(intent="greet"), UserStep(intent="bye")))
TEA_OR_NOT = OrStep(alternatives=(SlotStep(name="drink", value="tea"), SlotStep(name="drink")))


@pytest.mark.parametrize("choice", [GREET_OR_BYE, TEA_OR_NOT], ids=["messages", "slots"])
def test_alternatives_before_a_checkpoint_do_not_end_the_story(choice: OrStep) -> None:
    begin = (UserStep(intent="order"), ActionStep(name="utter_which"), choice)
    rest = (ActionStep(name="utter_served"), UserStep(intent="bye"), ActionStep(name="utter_bye"))
    joint = CheckpointStep(name="on")
    plain, ends, goes_on = (
        sorted(map(seen, unfold_stories(stories(*written), DOMAIN)))
        for written in (
            [(*begin, *rest)],
            [(*begin, joint), (joint, *rest)],
            [(*begin, joint, *rest)],
        )
    )
    assert len(plain) == 2
    assert plain == ends == goes_on


def test_alternatives_before_several_checkpoints_lead_to_each() -> None:
    found = unfold_stories(
        stories(
            (GREET_OR_BYE, CheckpointStep(name="one"), CheckpointStep(name="other")),
            (CheckpointStep(name="one"), ActionStep(name="utter_greet")),
            (CheckpointStep(name="other"), ActionStep(name="utter_bye")),
        ),
        DOMAIN,
    )
    assert sorted(map(told, found)) == [
        ["bye", "utter_bye"],
        ["bye", "utter_greet"],
        ["greet", "utter_bye"],
        ["greet", "utter_greet"],
    ]


def test_augmentation_is_the_same_each_time_and_glues_whole_stories() -> None:
    first, second = (unfold_stories(STORIES, DOMAIN, augmentation_factor=4) for _ in range(2))
    assert [told(t) for t in first] == [told(t) for t in second]
    glued = [tracker for tracker in first if tracker.is_augmented]
    assert glued
    plain = [told(tracker) for tracker in first if not tracker.is_augmented]
    for tracker in glued:
        rest = told(tracker)
        while rest:
            begin = next(part for part in plain if rest[: len(part)] == part)
            rest = rest[len(begin) :]
        events = tracker.tracker.events
        assert not any(a == b for a, b in itertools.pairwise(events))
    other = unfold_stories(STORIES, DOMAIN, augmentation_factor=4, random_seed=1)
    assert [told(t) for t in other] != [told(t) for t in first]


def test_a_negative_augmentation_factor() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        unfold_stories(STORIES, DOMAIN, augmentation_factor=-1)


def test_an_action_that_a_story_begins_with_is_not_learnt() -> None:
    data = stories((ActionStep(name="utter_greet"), UserStep(intent="bye")))
    (found,) = unfold_stories(data, DOMAIN)
    assert [e.action for e in training_examples([found.tracker], DOMAIN)] == [
        "action_listen",
        "action_listen",
    ]


def test_rules_say_what_must_not_be_set() -> None:
    domain = Domain(
        slots=(Slot(name="drink", type=SlotType.TEXT),),
        actions=("utter_bye",),
        forms={"form": Form(name="form")},
    )
    rule = Rule(
        name="r",
        conditions=(SlotStep(name="drink", value=None),),
        steps=(UserStep(intent="bye"), ActionStep(name="utter_bye")),
        wait_for_user_input=False,
    )
    (found,) = unfold_rules(StoryData(rules=(rule,)), domain)
    assert found.is_rule
    assert found.tracker.events[0] == SlotSet(name="drink", value=SHOULD_NOT_BE_SET)
    names = [e.name for e in found.tracker.events if isinstance(e, ActionExecuted)]
    assert names == ["...", "action_listen", "utter_bye", "...", "action_listen"]
    (slot,) = {state.slots for state in states_of(found.tracker, domain)}
    assert slot == (("drink", SHOULD_NOT_BE_SET),)


def test_what_steps_mean() -> None:
    assert step_events(SlotStep(name="drink", is_named_only=True), DOMAIN) == [
        SlotSet(name="drink", value="filled")
    ]
    with pytest.warns(UserWarning, match="bool slot 'paid' has no value"):
        assert step_events(SlotStep(name="paid", is_named_only=True), DOMAIN) == [
            SlotSet(name="paid", value=None)
        ]
    with pytest.raises(DataError, match="an event in a story"):
        step_events(EventStep(name="dance"), DOMAIN)


def test_a_slot_that_is_not_declared_is_told() -> None:
    tracker = Tracker(DOMAIN.slots)
    with pytest.warns(UserWarning, match="'milk' is not declared"):
        tracker.update(SlotSet(name="milk", value=True))
    assert "milk" not in tracker.slots


def test_a_fork_lives_its_own_life() -> None:
    tracker = Tracker(DOMAIN.slots, events=[ActiveLoop(name="form")])
    other = tracker.fork("somebody")
    other.update(SlotSet(name="drink", value="tea"))
    other.update(ActiveLoop(name=None))
    assert tracker.slots["drink"] is None
    assert tracker.active_loop_name == "form"
    assert (len(tracker.events), len(other.events)) == (1, 3)


def test_history_is_cut() -> None:
    (_, knows) = unfold_stories(STORIES, DOMAIN)
    assert len(prediction_states(knows.tracker, DOMAIN, max_history=2)) == 2
    assert len(prediction_states(knows.tracker, DOMAIN)) == 6
    examples = training_examples([knows.tracker], DOMAIN, max_history=1)
    assert {len(example.states) for example in examples} == {1}


def test_many_stories_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unfold_stories(STORIES, DOMAIN, augmentation_factor=2)
