"""Several policies: which one has its way, how they are trained and stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from small import DOMAIN, LISTEN, STORIES, greeted

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    Rule,
    SlotStep,
    Story,
    StoryData,
    UserStep,
)
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    Event,
    LoopInterrupted,
    SlotSet,
    UserFeaturization,
    UserUttered,
)
from gossamer.dialogue.history.state import NO_RULES, RuleOnly
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import Ensemble, EnsemblePrediction, choose
from gossamer.dialogue.policies.memoization import MemoizationOptions, MemoizationPolicy
from gossamer.dialogue.policies.policy import DialogueData, Policy, PolicyOptions, Prediction
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.pipeline import Pipeline


def says(policy: str, priority: int = 1, /, **flags: Any) -> Prediction:
    """A prediction; names of actions among the flags have scores."""
    scores = np.zeros(len(DOMAIN.action_labels), dtype=np.float32)
    for action in [name for name in flags if name in DOMAIN.action_index]:
        scores[DOMAIN.action_index[action]] = flags.pop(action)
    return Prediction(policy=policy, priority=priority, scores=scores, **flags)


def chosen(*predictions: Prediction, events: Sequence[Event] | None = None) -> EnsemblePrediction:
    happened = greeted() if events is None else events
    return choose(predictions, Tracker(DOMAIN.slots, events=happened), DOMAIN)


def winner(*predictions: Prediction, events: Sequence[Event] | None = None) -> tuple[str, str]:
    found = chosen(*predictions, events=events)
    return found.prediction.policy, found.action


# -- who wins --------------------------------------------------------------------------------------


def test_the_surer_one_wins_whatever_the_priorities() -> None:
    sure, unsure = says("sure", 1, utter_greet=0.8), says("unsure", 9, utter_bye=0.7)
    assert winner(sure, unsure) == winner(unsure, sure) == ("sure", "utter_greet")


def test_of_equally_sure_ones_the_higher_priority_wins() -> None:
    low, high = says("low", 3, utter_greet=1.0), says("high", 4, utter_bye=1.0)
    assert winner(low, high) == winner(high, low) == ("high", "utter_bye")


def test_of_equals_in_both_the_first_wins() -> None:
    one, other = says("one", 3, utter_greet=1.0), says("other", 3, utter_bye=1.0)
    assert winner(one, other) == ("one", "utter_greet")
    assert winner(other, one) == ("other", "utter_bye")


def test_of_equally_likely_actions_the_first_label_wins() -> None:
    assert winner(says("p", utter_which=0.5, utter_greet=0.5)) == ("p", "utter_greet")


@pytest.mark.parametrize(
    ("predictions", "disagreement"),
    [
        ([says("one", 2, utter_greet=0.9), says("other", utter_greet=0.7)], 0.0),
        ([says("one", 2, utter_greet=0.9), says("other", utter_bye=0.7)], 0.7),
        ([says("one", 2, utter_greet=0.9), says("other", utter_bye=0.7, utter_greet=0.2)], 0.5),
        ([says("one", 2, utter_greet=0.9), says("silent")], 0.0),
        ([says("rule", 2, utter_greet=1.0, hide_rule_turn=True), says("other", utter_bye=0.7)], 0),
        ([says("form", utter_greet=1.0, is_no_user_prediction=True), says("x", utter_bye=0.7)], 0),
        ([says("one", utter_greet=0.9), says("r", utter_bye=0.3, reason={"fallback": "f"})], 0.0),
    ],
)
def test_how_far_policies_disagree(predictions: list[Prediction], disagreement: float) -> None:
    assert chosen(*predictions).disagreement == pytest.approx(disagreement)


def test_when_nobody_prefers_anything_the_assistant_listens() -> None:
    assert winner(says("one", 1), says("other", 2)) == ("other", "action_listen")
    assert chosen(says("one")).confidence == 0.0


def test_without_a_message_to_answer_beats_all_others() -> None:
    loop = says("loop", 1, utter_greet=0.1, is_no_user_prediction=True)
    text = says("text", 9, utter_bye=1.0, is_end_to_end=True)
    intent = says("intent", 9, utter_which=1.0)
    for order in ((loop, text, intent), (intent, text, loop)):
        assert winner(*order) == ("loop", "utter_greet")


def test_of_two_without_a_message_the_surer_wins_whatever_is_made_from_text() -> None:
    one = says("one", 1, utter_greet=0.9, is_no_user_prediction=True)
    other = says("other", 9, utter_bye=0.8, is_no_user_prediction=True, is_end_to_end=True)
    assert winner(one, other) == ("one", "utter_greet")


def test_from_text_beats_from_intent() -> None:
    text = says("text", 1, utter_greet=0.1, is_end_to_end=True)
    intent = says("intent", 9, utter_bye=1.0)
    assert winner(text, intent) == winner(intent, text) == ("text", "utter_greet")


# -- a rejected action -----------------------------------------------------------------------------

REJECTED = ActionExecutionRejected(name="utter_greet")


def test_a_rejected_action_counts_as_zero_in_all() -> None:
    one, other = says("one", utter_greet=1.0, utter_bye=0.2), says("other", utter_greet=0.9)
    found = chosen(one, other, events=[*greeted(), REJECTED])
    assert (found.prediction.policy, found.action) == ("one", "utter_bye")
    assert found.confidence == pytest.approx(0.2)
    assert [p.scores[DOMAIN.action_index["utter_greet"]] for p in found.all] == [0.0, 0.0]
    assert one.scores[DOMAIN.action_index["utter_greet"]] == 1.0


def test_what_happens_behind_the_rejection_does_not_matter_unless_it_is_an_action() -> None:
    both = says("p", utter_greet=1.0, utter_bye=0.2)
    paid = SlotSet(name="paid", value=True)
    assert winner(both, events=[*greeted(), REJECTED, paid])[1] == "utter_bye"
    done = ActionExecuted(name="utter_which")
    assert winner(both, events=[*greeted(), REJECTED, done])[1] == "utter_greet"


def test_a_rejected_action_that_the_domain_does_not_have() -> None:
    events = [*greeted(), ActionExecutionRejected(name="utter_gone")]
    assert winner(says("p", utter_greet=1.0), events=events)[1] == "utter_greet"


# -- events ----------------------------------------------------------------------------------------


def test_events_of_all_and_optional_ones_of_the_winner() -> None:
    def named(name: str) -> SlotSet:
        return SlotSet(name="paid", value=name)

    loser = says("l", utter_bye=0.5, events=(named("a"),), optional_events=(named("b"),))
    best = says("w", utter_greet=0.9, events=(LoopInterrupted(),), optional_events=(named("c"),))
    found = chosen(loser, best)
    last = UserFeaturization(use_text=False)
    assert found.events == (named("a"), LoopInterrupted(), named("c"), last)
    assert found.all == (loser, best)


def test_whether_text_or_intent_counted_is_told_right_after_a_message() -> None:
    text = says("p", utter_greet=1.0, is_end_to_end=True)
    assert chosen(text).events == (UserFeaturization(use_text=True),)
    assert chosen(says("p")).events == (UserFeaturization(use_text=False),)
    assert chosen(text, events=[*greeted(), ActionExecuted(name="utter_bye")]).events == ()
    assert chosen(text, events=[]).events == ()


# -- training and storing --------------------------------------------------------------------------

DATA = DialogueData(domain=DOMAIN, stories=unfold_stories(STORIES, DOMAIN))


class LongOptions(PolicyOptions):
    priority: int = 1
    epochs: int = 5


class Recorder(Policy):
    """Notes what it is asked."""

    name: ClassVar[str] = "Recorder"
    Options: ClassVar[type[ComponentOptions]] = LongOptions

    def __init__(self, options: ComponentOptions, log: list[Any], alias: str) -> None:
        super().__init__(options, alias=alias)
        self.log = log

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        self.log.append(self.alias)

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        self.log.append(rule_only)
        return self.nothing(DOMAIN)

    def state(self) -> ComponentState:
        return ComponentState(json={"alias": self.alias})

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        self.log.append(state.json["alias"])


class ShortOptions(PolicyOptions):
    priority: int = 1


def test_policies_without_epochs_are_trained_first() -> None:
    log: list[Any] = []
    ensemble = Ensemble(
        [
            Recorder(LongOptions(), log, "long"),
            Recorder(ShortOptions(), log, "short"),
            Recorder(LongOptions(), log, "longer"),
            Recorder(ShortOptions(), log, "shorter"),
        ]
    )
    ensemble.train(DATA)
    assert log == ["short", "shorter", "long", "longer"]


def test_an_ensemble_needs_a_policy() -> None:
    with pytest.raises(ConfigError, match="at least one policy"):
        Ensemble([])


def test_training_comes_first() -> None:
    ensemble = Ensemble([MemoizationPolicy(MemoizationOptions())])
    with pytest.raises(RuntimeError, match="must be trained"):
        ensemble.predict(Tracker(DOMAIN.slots))
    wrong = StoryData(stories=(Story(name="a", steps=(ActionStep(name="utter_gone"),)),))
    with pytest.raises(DataError):
        ensemble.train(DialogueData(domain=DOMAIN, stories=unfold_stories(wrong, DOMAIN)))
    with pytest.raises(RuntimeError, match="must be trained"):
        ensemble.predict(Tracker(DOMAIN.slots))


def test_what_only_rules_know_is_told_to_all() -> None:
    """The slot "paid" is never set in the story."""
    written = StoryData(
        stories=STORIES.stories[:1],
        rules=(
            Rule(name="r", steps=(UserStep(intent="bye"), ActionStep(name="utter_bye"))),
            Rule(
                name="paid",
                conditions=(SlotStep(name="paid", value=True),),
                steps=(UserStep(intent="order"), ActionStep(name="utter_served")),
            ),
        ),
    )
    data = DialogueData(
        domain=DOMAIN,
        stories=unfold_stories(written, DOMAIN),
        rules=unfold_rules(written, DOMAIN),
    )
    log: list[Any] = []
    ensemble = Ensemble([Recorder(LongOptions(), log, "long"), RulePolicy(RulePolicyOptions())])
    assert ensemble.rule_only == NO_RULES
    ensemble.train(data)
    assert ensemble.rule_only == RuleOnly(slots=frozenset({"paid"}))
    found = ensemble.predict(Tracker(DOMAIN.slots, events=[LISTEN, UserUttered(intent="bye")]))
    assert log == ["long", ensemble.rule_only]
    assert (found.prediction.policy, found.action) == ("RulePolicy", "utter_bye")
    assert [p.policy for p in found.all] == ["long", "RulePolicy"]
    assert found.prediction.hide_rule_turn


def test_what_is_stored_comes_back() -> None:
    policies = [MemoizationPolicy(MemoizationOptions()), RulePolicy(RulePolicyOptions())]
    ensemble = Ensemble(policies)
    ensemble.train(DATA)
    again = Ensemble([MemoizationPolicy(MemoizationOptions()), RulePolicy(RulePolicyOptions())])
    again.restore(ensemble.states(), DOMAIN)
    tracker = Tracker(DOMAIN.slots, events=greeted())
    assert again.predict(tracker).action == ensemble.predict(tracker).action == "utter_greet"
    with pytest.raises(ModelFileError, match="for each of the 2 policies"):
        again.restore(ensemble.states()[:1], DOMAIN)


def test_actions_that_the_domain_does_not_have_are_named_all_at_once() -> None:
    def at(line: int) -> Location:
        return Location(Path("stories.yml"), line)

    written = StoryData(
        stories=(
            Story(
                name="a",
                steps=(
                    UserStep(intent="greet"),
                    ActionStep(name="utter_grete", where=at(5)),
                    BotStep(text="Never declared", where=at(6)),
                ),
            ),
        ),
        rules=(
            Rule(name="r", steps=(UserStep(intent="bye"), ActionStep(name="zzz", where=at(20)))),
            Rule(
                name="again",
                steps=(UserStep(intent="order"), ActionStep(name="zzz", where=at(30))),
            ),
        ),
    )
    data = DialogueData(
        domain=DOMAIN,
        stories=unfold_stories(written, DOMAIN),
        rules=unfold_rules(written, DOMAIN),
    )
    with pytest.raises(DataError) as caught:
        Ensemble([RulePolicy(RulePolicyOptions())]).train(data)
    assert caught.value.where == at(5)
    lines = caught.value.must_hold.splitlines()[1:]
    assert lines == [
        "- 'utter_grete' in story 'a' (stories.yml:5); did you mean 'utter_greet'?",
        "- 'Never declared' in story 'a' (stories.yml:6)",
        "- 'zzz' in rule 'r' (stories.yml:20)",
    ]
