"""Events that count, and states, continued from what is known are those made from the beginning."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from small import DOMAIN

from gossamer.data.entities import Entity
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    EntitiesAdded,
    Event,
    FollowupAction,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserFeaturization,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.state import (
    NO_RULES,
    RuleOnly,
    StateOptions,
    known_states_of,
    states_of,
)
from gossamer.dialogue.history.tracker import Tracker

FORMS = ("form", "other_form")
ACTIONS = ("action_listen", "utter_greet", "action_unlikely_intent", *FORMS)
TEA = Entity(entity="drink", value="tea")
OPTIONS = [
    StateOptions(omit_unset_slots, hide_rule_turns, rule_only)
    for omit_unset_slots in (False, True)
    for hide_rule_turns in (False, True)
    for rule_only in (NO_RULES, RuleOnly(frozenset({"paid"}), frozenset({"form"})))
]

messages = st.builds(
    UserUttered,
    text=st.sampled_from(["tea please", None]),
    intent=st.sampled_from(["greet", "order", None]),
    entities=st.sampled_from([(), (TEA,)]),
)
actions = st.builds(ActionExecuted, name=st.sampled_from(ACTIONS), hide_rule_turn=st.booleans())
events = st.one_of(
    messages,
    actions,
    actions,
    st.builds(ActiveLoop, name=st.sampled_from([*FORMS, None])),
    st.builds(SlotSet, name=st.just("drink"), value=st.sampled_from(["tea", None])),
    st.builds(SlotSet, name=st.just("paid"), value=st.booleans()),
    st.builds(UserFeaturization, use_text=st.booleans()),
    st.builds(ActionExecutionRejected, name=st.sampled_from(FORMS)),
    st.sampled_from(
        [
            LoopInterrupted(),
            FollowupAction(name="utter_greet"),
            EntitiesAdded(entities=(TEA,)),
            AllSlotsReset(),
            UserUtteranceReverted(),
            ActionReverted(),
            Restarted(),
            SessionStarted(),
        ]
    ),
)
steps = st.lists(st.tuples(events, st.sampled_from(["ask", "ask", "fork", "go on"])), max_size=40)


def check(tracker: Tracker, options: StateOptions) -> None:
    """Compare with a tracker that is asked for the first time."""
    new = Tracker(tracker.declared_slots, events=tracker.events)
    expected = new.applied_events()
    found = tracker.applied_events()
    assert len(found) == len(expected)
    assert all(ours is theirs for ours, theirs in zip(found, expected, strict=True))
    assert known_states_of(tracker, DOMAIN, options) == known_states_of(new, DOMAIN, options)


@given(steps, st.sampled_from(OPTIONS), st.sampled_from(OPTIONS))
@settings(deadline=None, max_examples=150)
def test_whatever_happens(
    steps: list[tuple[Event, str]], options: StateOptions, others: StateOptions
) -> None:
    trackers = [Tracker(DOMAIN.slots)]
    for event, then in steps:
        tracker = trackers[len(trackers) // 2]  # an older one goes on as well
        tracker.update(event)
        if then == "ask":
            check(tracker, options)
            check(tracker, others)
        elif then == "fork":
            trackers.append(tracker.fork())
    for tracker in trackers:
        check(tracker, options)


def test_only_new_events_are_made_states_of() -> None:
    begun = [ActionExecuted(name="action_listen"), UserUttered(intent="greet")]
    tracker = Tracker(DOMAIN.slots, events=begun)
    before = known_states_of(tracker, DOMAIN)
    other = tracker.fork()
    assert known_states_of(other, DOMAIN) is before
    other.update(ActionExecuted(name="utter_greet"))
    after = known_states_of(other, DOMAIN)
    assert after == states_of(other, DOMAIN) and len(after) == len(before) + 1
    assert all(kept is known for kept, known in zip(after, before[:-1], strict=False))
    assert known_states_of(tracker, DOMAIN) is before


@given(st.lists(events, max_size=25), st.integers(0, 25))
def test_many_events_at_once_are_as_one_after_the_other(history: list[Event], n_first: int) -> None:
    """Of those that take something back only the last one begins anew."""
    one = Tracker(DOMAIN.slots)
    for event in history:
        one.update(event)
    many = Tracker(DOMAIN.slots, events=history[:n_first])
    many.update_all(history[n_first:])
    assert many.applied_events() == one.applied_events()
    left_out = ("_applied", "derived")
    assert {key: value for key, value in vars(many).items() if key not in left_out} == {
        key: value for key, value in vars(one).items() if key not in left_out
    }
