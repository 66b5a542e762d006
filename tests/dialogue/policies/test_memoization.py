"""Policies that remember stories: what is remembered, recalled, forgotten, stored."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from small import DOMAIN, LISTEN, STORIES, greeted, ordered

from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.stories.steps import ActionStep, Rule, SlotStep, Story, StoryData, UserStep
from gossamer.dialogue.history.events import ActionExecuted, Event, SlotSet, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies import memoization
from gossamer.dialogue.policies.memoization import (
    AugmentedMemoizationPolicy,
    MemoizationOptions,
    MemoizationPolicy,
)
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories
from gossamer.nlu.pipeline.messages import ComponentState

PAID = SlotSet(name="paid", value=True)


def does(name: str) -> ActionExecuted:
    return ActionExecuted(name=name)


def says(intent: str, **more: Any) -> list[Event]:
    return [LISTEN, UserUttered(intent=intent, **more)]


def story(name: str, *steps: Any) -> Story:
    """Texts that begin with "utter" or "action" are actions, others intents."""
    made = tuple(
        step
        if not isinstance(step, str)
        else ActionStep(name=step)
        if step.startswith(("utter", "action"))
        else UserStep(intent=step)
        for step in steps
    )
    return Story(name=name, steps=made)


def learn_from(stories: StoryData, augmentation_factor: int = 0) -> DialogueData:
    return DialogueData(
        domain=DOMAIN,
        stories=unfold_stories(stories, DOMAIN, augmentation_factor=augmentation_factor),
        rules=unfold_rules(stories, DOMAIN),
    )


def trained(
    stories: StoryData | Sequence[Story],
    kind: type[MemoizationPolicy] = MemoizationPolicy,
    **options: Any,
) -> MemoizationPolicy:
    data = stories if isinstance(stories, StoryData) else StoryData(stories=tuple(stories))
    policy = kind(MemoizationOptions(**options))
    policy.train(learn_from(data))
    return policy


def recalled(policy: MemoizationPolicy, events: Sequence[Event]) -> str | None:
    prediction = policy.predict(Tracker(DOMAIN.slots, events=events))
    return DOMAIN.action_labels[prediction.best] if prediction.confidence else None


# -- options ---------------------------------------------------------------------------------------


def test_defaults_are_those_of_rasa() -> None:
    assert MemoizationOptions().model_dump() == {
        "rasa_defaults": False,
        "priority": 3,
        "max_history": None,
        "use_nlu_confidence_as_score": False,
        "enable_feature_string_compression": True,
    }


@pytest.mark.parametrize("options", [{"max_history": 0}, {"priority": -1}, {"epochs": 3}])
def test_bad_options(options: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MemoizationOptions(**options)


# -- what is remembered ----------------------------------------------------------------------------


def test_a_story_is_followed_to_its_end() -> None:
    policy = trained(STORIES)
    events = greeted()
    for expected in ("utter_greet", "action_listen"):
        assert recalled(policy, events) == expected
        events = [*events, does(expected)]
    assert recalled(policy, [*greeted(), does("utter_greet"), *says("order")]) == "utter_which"
    assert recalled(policy, ordered("tea")) == "utter_served"


def test_entities_and_slots_count() -> None:
    policy = trained(STORIES)
    assert recalled(policy, says("order")) is None
    assert recalled(policy, [*greeted(), PAID]) is None


def test_an_unknown_conversation_gives_zeros() -> None:
    prediction = trained(STORIES).predict(Tracker(DOMAIN.slots, events=says("bye")))
    assert not prediction.scores.any()
    assert prediction.scores.shape == (len(DOMAIN.action_labels),)
    assert (prediction.policy, prediction.priority) == ("MemoizationPolicy", 3)
    assert not prediction.reason


def test_glued_stories_and_rules_are_not_remembered() -> None:
    rule = Rule(name="r", steps=(UserStep(intent="bye"), ActionStep(name="utter_bye")))
    data = StoryData(stories=STORIES.stories, rules=(rule,))
    glued = MemoizationPolicy(MemoizationOptions())
    glued.train(learn_from(data, augmentation_factor=5))
    assert glued.state() == trained(STORIES).state()


def test_where_stories_differ_nothing_is_remembered() -> None:
    policy = trained(
        [story("a", "greet", "utter_greet"), story("b", "greet", "utter_bye", "bye", "utter_bye")]
    )
    assert recalled(policy, greeted()) is None
    assert recalled(policy, [*greeted(), does("utter_greet")]) == "action_listen"
    three = [story(str(i), "greet", label) for i, label in enumerate(DOMAIN.actions[:3])]
    assert recalled(trained(three), greeted()) is None


@pytest.mark.parametrize(
    ("max_history", "found"), [(None, None), (4, None), (3, "utter_bye"), (1, "utter_bye")]
)
def test_only_the_last_states_count(max_history: int | None, found: str | None) -> None:
    policy = trained(
        [story("a", "greet", "utter_greet", "bye", "utter_bye")], max_history=max_history
    )
    events = [
        *says("order"),
        does("utter_which"),
        *greeted(),
        does("utter_greet"),
        *says("bye"),
    ]
    assert recalled(policy, events) == found


def test_a_text_beside_an_intent_does_not_count() -> None:
    policy = trained(STORIES)
    assert recalled(policy, says("greet", text="good morning")) == "utter_greet"


def test_a_text_alone_counts_once_it_is_answered() -> None:
    """Right after the message only its intent counts, as in Rasa."""
    spoken = Story(name="a", steps=(UserStep(text="never mind"), ActionStep(name="utter_bye")))
    policy = trained([spoken])
    said = [LISTEN, UserUttered(text="never mind")]
    assert recalled(policy, said) is None
    assert recalled(policy, [*said, does("utter_bye")]) == "action_listen"


def test_an_unlikely_intent_is_passed_over() -> None:
    unlikely = does("action_unlikely_intent")
    policy = trained([story("a", "greet", "action_unlikely_intent", "utter_greet")])
    assert recalled(policy, greeted()) == "utter_greet"
    assert recalled(policy, [*greeted(), unlikely]) == "utter_greet"
    assert recalled(policy, [*greeted(), unlikely, does("utter_greet")]) == "action_listen"


@pytest.mark.parametrize(("uses_confidence", "score"), [(True, 0.4), (False, 1.0)])
def test_confidence_as_score(uses_confidence: bool, score: float) -> None:
    policy = trained(STORIES, use_nlu_confidence_as_score=uses_confidence)
    tracker = Tracker(DOMAIN.slots, events=says("greet", confidence=0.4))
    prediction = policy.predict(tracker)
    assert prediction.confidence == pytest.approx(score)
    assert prediction.reason == {"remembered": "utter_greet"}


def test_no_stories() -> None:
    for kind in (MemoizationPolicy, AugmentedMemoizationPolicy):
        assert recalled(trained([], kind), greeted()) is None


def test_an_action_that_the_domain_does_not_have() -> None:
    where = Location(Path("stories.yml"), 7)
    step = ActionStep(name="utter_grete", where=where)
    with pytest.raises(
        DataError, match=r"(?s)stories.yml:7: .*'utter_grete' in story 'a'.*'utter_greet'"
    ):
        trained([Story(name="a", steps=(UserStep(intent="greet"), step))])


def test_training_comes_first() -> None:
    with pytest.raises(RuntimeError, match="must be trained"):
        MemoizationPolicy(MemoizationOptions()).predict(Tracker(DOMAIN.slots))


# -- forgetting ------------------------------------------------------------------------------------


def test_a_slot_set_long_ago_is_forgotten() -> None:
    events = [*says("bye"), PAID, does("utter_bye"), *greeted()]
    assert recalled(trained(STORIES), events) is None
    assert recalled(trained(STORIES, AugmentedMemoizationPolicy), events) == "utter_greet"


def test_a_slot_that_the_last_message_answers_is_kept() -> None:
    """With `max_history`, one more message than the last actions is looked at."""
    stories = [
        story(
            "a",
            "order",
            SlotStep(name="drink", value="tea"),
            "utter_which",
            "bye",
            "utter_served",
        )
    ]
    policy = trained(stories, AugmentedMemoizationPolicy, max_history=2)
    tea = SlotSet(name="drink", value="tea")
    events = [*greeted(), PAID, does("utter_greet"), *says("order"), tea]
    events += [does("utter_which"), *says("bye")]
    assert recalled(policy, events) == "utter_served"


def test_what_is_remembered_as_it_is_comes_first() -> None:
    stories = [
        story("a", "greet", SlotStep(name="paid", value=True), "utter_bye", "order", "utter_which"),
        story("b", "order", "utter_greet"),
    ]
    policy = trained(stories, AugmentedMemoizationPolicy)
    events = [*greeted(), PAID, does("utter_bye"), *says("order")]
    assert recalled(policy, events) == "utter_which"
    assert recalled(policy, [*events, does("utter_which"), *says("order")]) == "utter_greet"


def test_what_is_too_long_is_left_out_only_where_nothing_is_lost(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    stories = [
        story("a", "greet", "utter_greet", "greet", "utter_bye"),
        story("b", "order", "utter_which", "bye", "action_unlikely_intent", "utter_bye"),
        story("c", "bye", "utter_bye"),
    ]
    policy = trained(stories, AugmentedMemoizationPolicy)
    everything = memoization._forgetting
    told = [
        training.tracker.events
        for training in learn_from(StoryData(stories=tuple(stories))).stories
    ]
    found = []
    for _ in range(80):
        events: list[Event] = [PAID]
        for _ in range(rng.randint(1, 6)):
            events += says(rng.choice(("greet", "order", "bye")))
            name = rng.choice((*DOMAIN.actions, "action_unlikely_intent"))
            events.append(ActionExecuted(name=name, hide_rule_turn=rng.random() < 0.05))
        events.append(SlotSet(name="paid", value=rng.choice((True, None))))
        known = rng.choice(told)
        events += known[: rng.randint(2, len(known))]
        quick = recalled(policy, events)
        with monkeypatch.context() as patched:
            patched.setattr(
                memoization,
                "_forgetting",
                lambda tracker, max_history, longest: everything(tracker, max_history, 10**6),
            )
            assert recalled(policy, events) == quick
        found.append(quick)
    assert len(set(found)) > 2


# -- storing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MemoizationPolicy, AugmentedMemoizationPolicy])
def test_what_is_stored_is_plain_json_and_comes_back(kind: type[MemoizationPolicy]) -> None:
    policy = trained(STORIES, kind, max_history=3)
    state = policy.state()
    assert not state.arrays
    other = kind(policy.options)
    other.restore(ComponentState(json=json.loads(json.dumps(state.json))), DOMAIN)
    assert other.state() == state
    for events in (greeted(), ordered("tea"), says("bye")):
        assert recalled(other, events) == recalled(policy, events)


def test_states_are_stored_once() -> None:
    content = trained(STORIES).state().json
    assert {
        "prev_action": {"action_name": "action_listen"},
        "user": {"intent": "greet"},
    } in content["states"]
    assert len({json.dumps(state) for state in content["states"]}) == len(content["states"])
    assert [[0, 1], "utter_greet"] in content["memories"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("states"),
        lambda content: content.pop("memories"),
        lambda content: content["memories"].append([[0]]),
        lambda content: content["memories"].append([[-1], "utter_greet"]),
        lambda content: content["memories"].append([[99], "utter_greet"]),
        lambda content: content["memories"].append([[0], "utter_nothing"]),
        lambda content: content["states"].append("greet"),
        lambda content: content["states"].append({"slots": {"unknown": [1.0]}}),
        lambda content: content["states"].append({"user": {"intent": 1}}),
    ],
)
def test_a_damaged_state_is_refused(change: Any) -> None:
    policy = trained(STORIES)
    content = copy.deepcopy(dict(policy.state().json))
    change(content)
    with pytest.raises(ModelFileError, match="stored memories must be"):
        MemoizationPolicy(policy.options).restore(ComponentState(json=content), DOMAIN)
