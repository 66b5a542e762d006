"""UnexpecTEDIntentPolicy: what it learns from, when it fires, what it stores, how it is used."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from small import DOMAIN, LISTEN, SPOKEN, STORIES
from talking import talk

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.stories.steps import ActionStep, Rule, Story, StoryData, UserStep
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    Event,
    UserUttered,
)
from gossamer.dialogue.history.state import State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import Ensemble
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.policies.unexpected_intent.options import UnexpecTEDIntentOptions
from gossamer.dialogue.policies.unexpected_intent.policy import UnexpecTEDIntentPolicy
from gossamer.dialogue.policies.unexpected_intent.thresholds import thresholds_of
from gossamer.dialogue.training.examples import intent_examples, states_before_message
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories
from gossamer.evaluate import evaluate_dialogue
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.options_reader import read_options, warn_of_idle_options

UNLIKELY = "action_unlikely_intent"
FEW: dict[str, Any] = {
    "epochs": 40,
    "learning_rate": 0.01,
    "batch_size": 8,
    "random_seed": 3,
    "transformer_size": 16,
}
GREETED: list[Event] = [LISTEN, UserUttered(intent="greet"), ActionExecuted(name="utter_greet")]


def data_of(stories: StoryData = STORIES) -> DialogueData:
    return DialogueData(domain=DOMAIN, stories=unfold_stories(stories, DOMAIN))


def trained(data: DialogueData, **options: Any) -> UnexpecTEDIntentPolicy:
    policy = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions(**{**FEW, **options}))
    policy.train(data)
    return policy


@functools.cache
def learnt() -> UnexpecTEDIntentPolicy:
    return trained(data_of())


def fires(policy: UnexpecTEDIntentPolicy, *events: Event) -> bool:
    prediction = policy.predict(Tracker(DOMAIN.slots, events=events))
    if prediction.confidence == 0.0:
        return False
    assert prediction.confidence == 1.0 and prediction.priority == 2
    assert DOMAIN.action_labels[prediction.best] == UNLIKELY
    return True


def says(intent: str | None) -> list[Event]:
    return [LISTEN, UserUttered(intent=intent)]


# -- what it learns from ---------------------------------------------------------------------------


def test_all_intents_that_follow_the_same_states_are_learnt_together() -> None:
    found = intent_examples([story.tracker for story in data_of().stories], DOMAIN)
    assert [set(intents) for intents in found.values()] == [{"greet", "order"}, {"order"}, {"bye"}]
    start, greeted, served = found
    assert start == (State(),)
    assert [state.action for state in greeted] == [None, "action_listen", "utter_greet"]
    assert [state.action for state in served] == [None, "action_listen", "utter_served"]
    short = intent_examples([story.tracker for story in data_of().stories], DOMAIN, max_history=1)
    assert all(len(states) == 1 for states in short)


def test_a_conversation_is_seen_as_stories_are() -> None:
    data = data_of()
    known = intent_examples([story.tracker for story in data.stories], DOMAIN, max_history=2)
    for story in data.stories:
        tracker = Tracker(DOMAIN.slots)
        for event in story.tracker.events:
            tracker.update(event)
            if isinstance(event, UserUttered):
                states = states_before_message(tracker, DOMAIN, max_history=2)
                assert event.intent in known[states]
    assert states_before_message(Tracker((), events=[UserUttered(intent="bye")]), DOMAIN) == (
        State(),
    )


@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0.0, 1.0), (0.5, -1.0), (0.75, -2.0), (1.0, -3.0)]
)
def test_thresholds(tolerance: float, expected: float) -> None:
    similarity = np.array([[4, 0, 7], [1, 1, 8], [-1, 9, 9], [-3, 9, 9]], dtype=np.float32)
    follows = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=np.bool_)
    found = thresholds_of(similarity, follows, tolerance)
    assert found[0] == pytest.approx(expected, abs=2e-3)
    assert found[1] == pytest.approx(0.0, abs=2e-3), "at most the least where it follows"
    assert np.isnan(found[2])
    always = thresholds_of(similarity, np.ones_like(follows), tolerance)
    np.testing.assert_allclose(always, [-3, 0, 7], atol=2e-3)


# -- when it fires ---------------------------------------------------------------------------------


def test_it_fires_where_stories_do_not_have_the_intent() -> None:
    policy = learnt()
    for right in ("greet", "order"):
        assert not fires(policy, *says(right))
    assert fires(policy, *says("bye"))
    assert not fires(policy, *GREETED, *says("order"))
    assert fires(policy, *GREETED, *says("bye"))
    assert fires(policy, *GREETED, *says("greet"))


def test_it_says_nothing_of_what_it_cannot_know() -> None:
    policy = learnt()
    for intent in ("restart", "unheard of", None):  # in no story, not in the domain, not known
        assert not fires(policy, *says(intent))
    assert not fires(policy, *says("bye"), ActionExecuted(name=UNLIKELY))
    assert not fires(policy, *says("bye"), ActionExecuted(name="utter_bye"))
    assert not fires(policy)
    assert fires(policy, *says("bye"), ActionExecutionRejected(name="utter_bye"))
    assert not fires(trained(data_of(), epochs=1, ignore_intents_list=["bye"]), *says("bye"))


def test_a_higher_tolerance_fires_less() -> None:
    assert not fires(trained(data_of(), tolerance=1.0), *says("bye"))


def test_the_reason_names_the_intent_and_those_that_fit() -> None:
    reason = learnt().predict(Tracker(DOMAIN.slots, events=says("bye"))).reason
    assert reason["query_intent"] == "bye"
    assert reason["similarity"] < reason["threshold"]
    assert list(reason["ranking"])[:2] in (["greet", "order"], ["order", "greet"])
    assert len(reason["ranking"]) == len(DOMAIN.intent_names) < 10
    short = trained(data_of(), epochs=1, ranking_length=2)
    assert len(short.predict(Tracker((), events=says("bye"))).reason["ranking"]) == 2


def test_untrained() -> None:
    with pytest.raises(RuntimeError, match="must be trained"):
        UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions()).predict(Tracker(()))


# -- before training -------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [None, (UserStep(intent="greet"), ActionStep(name="utter_bye"))])
def test_too_few_intents_are_told_before_training(steps: Any) -> None:
    stories = StoryData(stories=() if steps is None else (Story(name="a", steps=steps),))
    data = data_of(stories)
    policy = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions())
    with pytest.warns(UserWarning, match="learns nothing, as stories have [01] of the domain's"):
        assert list(policy.check(data)) == []
    reports: list[EpochReport] = []
    policy.train(data, on_epoch=reports.append)
    assert reports == [] and not fires(policy, *says("bye"))
    assert policy.state() == ComponentState()
    other = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions())
    other.restore(policy.state(), DOMAIN)
    assert not fires(other, *says("bye"))


def test_texts_need_features_and_ignored_intents_a_domain() -> None:
    policy = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions(ignore_intents_list=["by"]))
    with pytest.warns(UserWarning, match="'by' of ignore_intents_list .* Try: 'bye'"):
        assert list(policy.check(data_of())) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions())
        stories = StoryData(stories=(*STORIES.stories, *SPOKEN.stories))
        (fault,) = plain.check(data_of(stories))
    assert "need an NLU pipeline" in str(fault)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 1.5}, "tolerance.*less than or equal to 1"),
        ({"ignore_intents_list": "bye"}, "ignore_intents_list.*valid tuple"),
        ({"featurizer": [{"name": "FullDialogueTrackerFeaturizer"}]}, "must be max_history"),
        ({"epochs": None}, "must be set"),
        ({"toleranse": 0.1}, "no option 'toleranse'"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options(UnexpecTEDIntentPolicy, options)


def test_options_that_change_nothing_are_told_once() -> None:
    given = {"loss_type": "margin", "maximum_positive_similarity": 0.5, "entity_recognition": False}
    options = read_options(UnexpecTEDIntentPolicy, given)
    with pytest.warns(UserWarning) as told:
        warn_of_idle_options(UnexpecTEDIntentPolicy, given, options)
    assert [str(warning.message).partition(" of ")[0] for warning in told] == [
        "option 'loss_type'",
        "option 'maximum_positive_similarity'",
    ]
    assert not options.use_cosine  # type: ignore[attr-defined]
    widths = UnexpecTEDIntentOptions.model_validate({"dense_dimension": {"label_intent": 7}})
    assert widths.dense_dimension["label_action_name"] == 7
    assert (
        UnexpecTEDIntentOptions.model_validate({"ignore_intents_list": None}).ignore_intents_list
        == ()
    )


# -- the network and what is stored ----------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"number_of_transformer_layers": 0}, {"loss_type": "margin"}, {"max_history": 2}],
)
def test_the_frozen_network_is_the_one_that_learnt(options: dict[str, Any]) -> None:
    data = data_of()
    policy = trained(data, epochs=1, **options)
    network = policy.network
    assert network is not None and policy.frozen is not None
    histories = list(intent_examples([story.tracker for story in data.stories], DOMAIN))
    answer = policy._answer(histories)
    with torch.inference_mode():
        embedded = network.embed_dialogue(torch.from_numpy(answer.dialogues.turns))
        expected = network.loss.similarity(embedded, network.embed_labels())
    np.testing.assert_allclose(answer.similarity, expected.numpy(), atol=1e-5)
    assert answer.similarity.shape == (len(histories), len(DOMAIN.intent_names))


def test_stored_and_restored() -> None:
    policy = learnt()
    other = UnexpecTEDIntentPolicy(policy.options)
    other.restore(policy.state(), DOMAIN)
    for intent in DOMAIN.intent_names:
        tracker = Tracker(DOMAIN.slots, events=says(intent))
        ours, theirs = policy.predict(tracker), other.predict(tracker)
        assert ours.reason == theirs.reason
        np.testing.assert_array_equal(ours.scores, theirs.scores)
    network = other.network
    assert network is not None and policy.network is not None
    for name, weight in policy.network.state_dict().items():
        assert torch.equal(weight, network.state_dict()[name])


@pytest.mark.parametrize(
    "thresholds", [None, np.zeros(2, np.float32), np.zeros(4, np.int64), np.zeros((2, 2))]
)
def test_thresholds_that_do_not_fit_are_refused(thresholds: Any) -> None:
    state = learnt().state()
    arrays = {name: part for name, part in state.arrays.items() if name != "thresholds"}
    if thresholds is not None:
        arrays["thresholds"] = thresholds
    with pytest.raises(ModelFileError, match="must fit"):
        UnexpecTEDIntentPolicy(learnt().options).restore(
            ComponentState(json=state.json, arrays=arrays), DOMAIN
        )
    other = dataclasses.replace(DOMAIN, intents=DOMAIN.intents[:-1])
    with pytest.raises(ModelFileError, match="must fit"):
        UnexpecTEDIntentPolicy(learnt().options).restore(state, other)


def test_stories_with_texts(spoken: DialogueData) -> None:
    steps = (*SPOKEN.stories[0].steps[:2], UserStep(intent="bye"), ActionStep(name="utter_bye"))
    mixed = StoryData(stories=(Story(name="mixed", steps=steps), *STORIES.stories))
    stories = unfold_stories(mixed, spoken.domain)
    policy = trained(dataclasses.replace(spoken, stories=stories), epochs=2)
    assert policy.frozen is not None and len(policy.frozen.texts) == 2
    assert policy.frozen.entity_head is None
    other = UnexpecTEDIntentPolicy(policy.options)
    other.restore(policy.state(), spoken.domain, spoken.pipeline)
    events = [LISTEN, UserUttered(text="some tea"), *says("bye")]
    tracker = Tracker(spoken.domain.slots, events=events)
    assert policy.predict(tracker).reason == other.predict(tracker).reason != {}


# -- in an assistant -------------------------------------------------------------------------------


@functools.cache
def ensemble(*, has_rule: bool = False) -> Ensemble:
    """It and TED, trained; with a rule that says what follows an unlikely intent."""
    rule = Rule(name="r", steps=(ActionStep(name=UNLIKELY), ActionStep(name="utter_bye")))
    data = data_of()
    ted = TEDPolicy(TEDOptions(**{**FEW, "constrain_similarities": True}))
    ted.train(data)
    rules = RulePolicy(RulePolicyOptions())
    written = StoryData(rules=(rule,) if has_rule else ())
    rules.train(dataclasses.replace(data, rules=unfold_rules(written, DOMAIN)))
    found = Ensemble([rules, learnt(), ted])
    found._domain = DOMAIN
    return found


def test_it_fires_once_a_message_and_the_turn_goes_on() -> None:
    turn = talk(DOMAIN, ensemble()).handle("bye")
    did = [action.name for action in turn.actions]
    assert did.count(UNLIKELY) == 1
    assert did[-1] == "action_listen" and not turn.is_cut_short
    place = did.index(UNLIKELY)
    reason = turn.actions[place].reason()
    assert reason.startswith(f"{UNLIKELY}: UnexpecTEDIntentPolicy, 1.00 (query_intent: bye, ")
    assert did[place + 1].startswith("utter_")


def test_a_rule_may_say_what_follows() -> None:
    turn = talk(DOMAIN, ensemble(has_rule=True)).handle("bye")
    did = [action.name for action in turn.actions]
    place = did.index(UNLIKELY)
    assert did[place + 1 : place + 3] == ["utter_bye", "action_listen"]


def test_in_test_stories_it_is_a_warning() -> None:
    stories = StoryData(
        stories=(
            *STORIES.stories,
            Story(name="odd", steps=(UserStep(intent="bye"), ActionStep(name="utter_bye"))),
        )
    )
    evaluation = evaluate_dialogue(ensemble(has_rule=True), stories, DOMAIN)
    assert [outcome.name for outcome in evaluation.with_warnings] == ["odd"]
    assert [outcome.name for outcome in evaluation.failed] == []
    assert evaluation.with_warnings[0].actions[0].remark == f"predicted: {UNLIKELY}"
