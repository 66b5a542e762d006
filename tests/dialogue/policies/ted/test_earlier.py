"""Training of policies goes on: what is known is found again by name, what is new comes to it.

With a learning rate of next to nothing, one epoch changes no weight, and what was carried over
shows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small import DOMAIN, LISTEN, SPOKEN, STORIES, greeted, ordered

from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.domain.domain import Domain, EntityType, Form, Intent
from gossamer.data.domain.slots import OTHER_VALUE, Slot, SlotType
from gossamer.data.project import Project, joined
from gossamer.data.stories.steps import ActionStep, BotStep, Story, StoryData, UserStep
from gossamer.dialogue.history.events import Event, UserUttered
from gossamer.dialogue.history.state import NO_RULES
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.ted.network_policy import NetworkPolicy
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.policies.unexpected_intent.options import UnexpecTEDIntentOptions
from gossamer.dialogue.policies.unexpected_intent.policy import UnexpecTEDIntentPolicy
from gossamer.dialogue.training.examples import states_before_message
from gossamer.dialogue.training.unfolding import unfold_stories
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.starting_point import StartingPoint

FEW: dict[str, Any] = {
    "epochs": 4,
    "learning_rate": 0.01,
    "batch_size": 8,
    "random_seed": 3,
    "transformer_size": 16,
}
STILL = {**FEW, "epochs": 1, "learning_rate": 1e-12}

size = Slot(name="size", type=SlotType.CATEGORICAL, values=("large", "small", OTHER_VALUE))
OLD = replace(DOMAIN, slots=(size, *DOMAIN.slots), forms={"order_form": Form(name="order_form")})
GROWN = replace(
    OLD,
    intents=tuple(Intent(name=name) for name in ("ask", "bye", "greet", "order", "restart")),
    entities=(EntityType(name="cake"), EntityType(name="drink", roles=("extra", "first"))),
    slots=(
        Slot(name="cake", type=SlotType.TEXT),
        replace(size, values=("huge", "large", OTHER_VALUE)),
        *DOMAIN.slots,
    ),
    actions=("utter_answer", *DOMAIN.actions),
    forms={"cake_form": Form(name="cake_form"), **OLD.forms},
)
MORE = StoryData(
    stories=(
        *STORIES.stories,
        Story(
            name="asks",
            steps=(
                UserStep(intent="ask"),
                ActionStep(name="utter_answer"),
                UserStep(intent="bye"),
                ActionStep(name="utter_bye"),
            ),
        ),
    )
)
CONVERSATIONS = [greeted(), ordered("tea"), [*greeted(), *ordered("tea")]]


def data(domain: Domain, stories: StoryData) -> DialogueData:
    return DialogueData(domain=domain, stories=unfold_stories(stories, domain))


def trained(policy: NetworkPolicy, learnt: DialogueData, on: NetworkPolicy | None = None) -> Any:
    if on is not None:
        assert policy.can_go_on_from(on)
        columns = None if learnt.pipeline is None else learnt.pipeline.columns_before
        policy.start = StartingPoint(on, 1.0, columns)
    assert not list(policy.check(learnt))
    policy.train(learnt)
    return policy


def similarities(
    policy: NetworkPolicy, events: list[Event], labels: tuple[str, ...], *, use_text: bool = False
) -> Any:
    """To some labels, after some events."""
    domain = policy._known_domain()
    tracker = Tracker(domain.slots, events=events)
    if isinstance(policy, TEDPolicy):
        states = policy._window(tracker, NO_RULES, use_text=use_text)
    else:
        states = states_before_message(tracker, domain, max_history=5)
    (found,) = policy._answer([states]).similarity
    is_ted = isinstance(policy, TEDPolicy)
    names = list(domain.action_labels if is_ted else policy._label_names(domain))
    return found[[names.index(label) for label in labels]]


@pytest.mark.parametrize("featurizer", ["max_history", "full_dialogue"])
def test_actions_and_states_are_found_by_name(featurizer: str) -> None:
    options: dict[str, Any] = {**FEW, "tracker_featurizer": featurizer}
    old = trained(TEDPolicy(TEDOptions(**options)), data(OLD, STORIES))
    options = {**STILL, "tracker_featurizer": featurizer}
    new = trained(TEDPolicy(TEDOptions(**options)), data(GROWN, MORE), old)
    for events in CONVERSATIONS:
        was = similarities(old, events, OLD.action_labels)
        assert np.allclose(similarities(new, events, OLD.action_labels), was, atol=1e-5)


def test_intents_are_found_by_name() -> None:
    old = trained(UnexpecTEDIntentPolicy(UnexpecTEDIntentOptions(**FEW)), data(OLD, STORIES))
    options = UnexpecTEDIntentOptions(**{**STILL, "tolerance": 0.1})
    new = trained(UnexpecTEDIntentPolicy(options), data(GROWN, MORE), old)
    for events in CONVERSATIONS:
        was = similarities(old, events, OLD.intent_names)
        assert np.allclose(similarities(new, events, OLD.intent_names), was, atol=1e-5)
    assert new.thresholds is not None and len(new.thresholds) == len(GROWN.intent_names)


def test_values_of_slots_are_found_by_name() -> None:
    old = trained(TEDPolicy(TEDOptions(**FEW)), data(OLD, STORIES))
    new = trained(TEDPolicy(TEDOptions(**STILL)), data(GROWN, MORE), old)
    name = "network.names.slots.input.table.weight"
    now, was = new._weights[name], old._weights[name]
    # cake, huge, large, other, drink, paid twice; before: large, small, other, drink, paid twice
    assert np.allclose(now[[2, 3, 4, 5, 6]], was[[0, 2, 3, 4, 5]], atol=1e-9)
    assert not now[[0, 1]].any()


def test_a_new_action_is_learnt() -> None:
    many = {**FEW, "epochs": 40}
    old = trained(TEDPolicy(TEDOptions(**many)), data(OLD, STORIES))
    new = trained(TEDPolicy(TEDOptions(**many)), data(GROWN, MORE), old)
    asked: list[Event] = [LISTEN, UserUttered(intent="ask", text="what is it")]
    for events, action in ((asked, "utter_answer"), (greeted(), "utter_greet")):
        prediction = new.predict(Tracker(GROWN.slots, events=events))
        assert GROWN.action_labels[prediction.best] == action


def test_texts_go_on_with_their_pipeline() -> None:
    config = ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="CountVectorsFeaturizer"),
        )
    )
    told = Story(
        name="told",
        steps=(UserStep(text="a slice of cake please"), BotStep(text="Here is your cake")),
    )
    hello, bye = Example(text="hello", intent="greet"), Example(text="bye", intent="bye")
    spoken = []
    earlier: Pipeline | None = None
    for domain, stories in ((OLD, SPOKEN), (GROWN, StoryData(stories=(told, *SPOKEN.stories)))):
        nlu = TrainingData(examples=(hello, bye))
        project = joined(Project(config=config, nlu=nlu, stories=stories, domain=domain))
        assert project.nlu is not None and project.domain is not None
        pipeline = Pipeline.from_config(config)
        if earlier is not None:
            pipeline.go_on_from(earlier, 1.0)
        pipeline.train(project.nlu)
        earlier = pipeline
        unfolded = unfold_stories(stories, project.domain)
        spoken.append(DialogueData(domain=project.domain, stories=unfolded, pipeline=pipeline))
    old = trained(TEDPolicy(TEDOptions(**FEW)), spoken[0])
    new = trained(TEDPolicy(TEDOptions(**STILL)), spoken[1], old)
    assert earlier is not None and earlier.columns_before is not None
    labels = spoken[0].domain.action_labels
    assert "Here is your tea" in labels
    for text in ("some green tea please", "see you tomorrow"):
        events: list[Event] = [LISTEN, UserUttered(text=text)]
        was, now = (similarities(each, events, labels, use_text=True) for each in (old, new))
        assert np.allclose(now, was, atol=1e-4)


def test_a_domain_with_features_of_another_kind_is_refused() -> None:
    old = trained(TEDPolicy(TEDOptions(**FEW)), data(DOMAIN, STORIES))
    policy = TEDPolicy(TEDOptions(**FEW))
    policy.start = StartingPoint(old, 1.0, None)
    (fault,) = policy.check(data(GROWN, MORE))
    assert "only active_loop now" in str(fault)


def test_one_that_has_learnt_nothing_is_trained_anew() -> None:
    old = TEDPolicy(TEDOptions(**FEW))
    old.train(DialogueData(domain=OLD))
    assert not TEDPolicy(TEDOptions(**FEW)).can_go_on_from(old)
