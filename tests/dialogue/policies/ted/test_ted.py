from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from small import DOMAIN, STORIES, greeted, ordered

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActiveLoop,
    EntitiesAdded,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.ted.data import ted_data
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.policies.ted.texts import TextReader
from gossamer.dialogue.training.unfolding import unfold_stories
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.options_reader import read_options
from gossamer.sparse import RandomlyConnectedLinear

FEW = {"epochs": 60, "learning_rate": 0.01, "batch_size": 8, "random_seed": 3}


def trained(data: DialogueData, **options: Any) -> TEDPolicy:
    policy = TEDPolicy(TEDOptions(**{**FEW, **options}))
    policy.train(data)
    return policy


def stories_data() -> DialogueData:
    return DialogueData(domain=DOMAIN, stories=unfold_stories(STORIES, DOMAIN))


def best(policy: TEDPolicy, events: list[Any]) -> str:
    domain = policy._domain
    assert domain is not None
    prediction = policy.predict(Tracker(domain.slots, events=events))
    assert prediction.scores.shape == (len(domain.action_labels),)
    return domain.action_labels[prediction.best]


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"connection_density": 1.0},
        {"tracker_featurizer": "full_dialogue"},
        {"number_of_transformer_layers": {"dialogue": 0}},
        {"loss_type": "margin"},
        {"constrain_similarities": True, "scale_loss": False},
        {"use_key_relative_attention": True, "use_value_relative_attention": True},
        {"drop_rate": 0.1},
    ],
)
def test_learns_stories(options: dict[str, Any]) -> None:
    policy = trained(stories_data(), **options)
    assert best(policy, greeted()) == "utter_greet"
    greeting = [*greeted(), ActionExecuted(name="utter_greet")]
    assert best(policy, greeting) == "action_listen"
    order = [ActionExecuted(name="action_listen"), UserUttered(intent="order")]
    assert best(policy, [*greeting, *order]) == "utter_which"
    assert best(policy, ordered("tea")) == "utter_served"


def test_the_same_seed_gives_the_same_model_and_leaves_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = (trained(stories_data(), epochs=3) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    tracker = Tracker(DOMAIN.slots, events=greeted())
    np.testing.assert_array_equal(first.predict(tracker).scores, second.predict(tracker).scores)


def test_stored_and_restored() -> None:
    policy = trained(stories_data(), epochs=3)
    other = TEDPolicy(policy.options)
    other.restore(policy.state(), DOMAIN)
    tracker = Tracker(DOMAIN.slots, events=greeted())
    np.testing.assert_array_equal(policy.predict(tracker).scores, other.predict(tracker).scores)


def test_stored_weights_of_other_options_are_refused() -> None:
    policy = trained(stories_data(), epochs=1)
    other = TEDPolicy(TEDOptions(encoding_dimension=32))
    with pytest.raises(ModelFileError, match="must fit"):
        other.restore(policy.state(), DOMAIN)


def test_without_stories_nothing_is_preferred() -> None:
    policy = TEDPolicy(TEDOptions())
    policy.train(DialogueData(domain=DOMAIN))
    assert policy.predict(Tracker(DOMAIN.slots, events=greeted())).confidence == 0.0
    assert policy.state() == ComponentState()
    other = TEDPolicy(TEDOptions())
    other.restore(policy.state(), DOMAIN)
    assert other.predict(Tracker(DOMAIN.slots)).confidence == 0.0


def test_untrained() -> None:
    with pytest.raises(RuntimeError, match="must be trained"):
        TEDPolicy(TEDOptions()).predict(Tracker(()))


def test_a_history_that_belongs_to_rules_says_nothing() -> None:
    policy = trained(stories_data(), epochs=1)
    hidden = [
        UserUttered(intent="greet"),
        ActiveLoop(name="form"),
        ActionExecuted(name="form", hide_rule_turn=True),
    ]
    assert policy.predict(Tracker(DOMAIN.slots, events=hidden)).confidence == 0.0


def test_max_history_hides_what_is_older() -> None:
    policy = trained(stories_data(), max_history=1, epochs=1)
    events = greeted()
    tracker = Tracker(DOMAIN.slots, events=events)
    longer = Tracker(DOMAIN.slots, events=[*events, ActionExecuted(name="utter_bye"), *events])
    np.testing.assert_array_equal(policy.predict(tracker).scores, policy.predict(longer).scores)


def test_what_the_domain_does_not_know_is_passed_over() -> None:
    policy = trained(stories_data(), epochs=1)
    events = [ActionExecuted(name="action_listen"), UserUttered(intent="unheard of")]
    assert np.isfinite(policy.predict(Tracker(DOMAIN.slots, events=events)).scores).all()


def test_ranking_length_keeps_the_best() -> None:
    policy = trained(stories_data(), ranking_length=2, constrain_similarities=True, epochs=2)
    scores = policy.predict(Tracker(DOMAIN.slots, events=greeted())).scores
    assert (scores > 0).sum() == 2
    assert scores.sum() < 1.0


def test_epochs_are_reported() -> None:
    reports: list[EpochReport] = []
    policy = TEDPolicy(TEDOptions(**{**FEW, "epochs": 2}))
    policy.train(stories_data(), on_epoch=reports.append)
    assert [(r.component, r.epoch, r.n_epochs) for r in reports] == [
        ("TEDPolicy", 1, 2),
        ("TEDPolicy", 2, 2),
    ]
    assert set(reports[0].metrics) == {"t_loss", "acc"}


def test_which_layers_are_randomly_connected() -> None:
    network = trained(stories_data(), epochs=0).network
    assert network is not None
    sparse = {name for name, m in network.named_modules() if isinstance(m, RandomlyConnectedLinear)}
    assert {name.partition(".")[0] for name in sparse} == {"names", "label", "encoder"}
    assert len([name for name in sparse if name.startswith("encoder")]) == 7
    assert "dialogue_embedding" not in sparse


# -- end to end --------------------------------------------------------------------------------


def says(text: str, intent: str = "bye") -> list[Any]:
    return [ActionExecuted(name="action_listen"), UserUttered(text=text, intent=intent)]


@pytest.fixture(scope="module")
def talker(spoken: DialogueData) -> TEDPolicy:
    """A policy that has learnt what is said in and out. Tests change nothing of it."""
    return trained(spoken, epochs=150, random_seed=2)


@pytest.mark.slow
@pytest.mark.thinned(1)
@pytest.mark.parametrize("options", [{"number_of_transformer_layers": 0, "drop_rate": 0.1}, {}])
def test_texts_in_and_out(
    spoken: DialogueData, request: pytest.FixtureRequest, options: dict[str, Any]
) -> None:
    if options:
        policy = trained(spoken, epochs=150, random_seed=2, **options)
    else:
        policy = request.getfixturevalue("talker")
    tracker = Tracker(DOMAIN.slots, events=says("some green tea please"))
    prediction = policy.predict(tracker)
    assert spoken.domain.action_labels[prediction.best] == "Here is your tea"
    assert prediction.is_end_to_end
    (added,) = prediction.optional_events
    assert isinstance(added, EntitiesAdded)
    (entity,) = added.entities
    assert (entity.entity, entity.value, entity.extractor) == (
        "drink",
        "green tea",
        "TEDPolicy",
    )
    greeting = [ActionExecuted(name="action_listen"), UserUttered(intent="greet")]
    by_intent = policy.predict(Tracker(DOMAIN.slots, events=greeting))
    assert spoken.domain.action_labels[by_intent.best] == "utter_greet"


@pytest.mark.slow
def test_a_message_without_an_intent_counts_by_its_text(
    spoken: DialogueData, talker: TEDPolicy
) -> None:
    message = UserUttered(text="some green tea please")
    events = [ActionExecuted(name="action_listen"), message]
    prediction = talker.predict(Tracker(DOMAIN.slots, events=events))
    assert spoken.domain.action_labels[prediction.best] == "Here is your tea"
    assert prediction.is_end_to_end
    assert prediction.optional_events


def test_texts_stored_and_restored(spoken: DialogueData) -> None:
    policy = trained(spoken, epochs=5)
    other = TEDPolicy(policy.options)
    other.restore(policy.state(), spoken.domain, spoken.pipeline)
    tracker = Tracker(DOMAIN.slots, events=says("some green tea please"))
    np.testing.assert_array_equal(policy.predict(tracker).scores, other.predict(tracker).scores)


def test_without_entities(spoken: DialogueData) -> None:
    policy = trained(spoken, epochs=2, entity_recognition=False)
    assert policy.network is not None
    assert policy.network.entity_head is None


def test_texts_need_a_pipeline(spoken: DialogueData) -> None:
    data = DialogueData(domain=spoken.domain, stories=spoken.stories)
    with pytest.raises(ConfigError, match="need an NLU pipeline"):
        TEDPolicy(TEDOptions()).train(data)


# -- options -----------------------------------------------------------------------------------

RASA_DEFAULTS: dict[str, Any] = {
    "priority": 1,
    "epochs": 1,
    "max_history": None,
    "hidden_layers_sizes": {"text": [], "action_text": [], "label_action_text": []},
    "encoding_dimension": 50,
    "number_of_attention_heads": 4,
    "batch_size": [64, 256],
    "batch_strategy": "balanced",
    "embedding_dimension": 20,
    "number_of_negative_examples": 20,
    "ranking_length": 0,
    "scale_loss": True,
    "regularization_constant": 0.001,
    "drop_rate_dialogue": 0.1,
    "drop_rate": 0.0,
    "drop_rate_label": 0.0,
    "drop_rate_attention": 0.0,
    "connection_density": 0.2,
    "maximum_positive_similarity": 0.8,
    "maximum_negative_similarity": -0.2,
    "use_maximum_negative_similarity": True,
    "constrain_similarities": False,
    "entity_recognition": True,
    "BILOU_flag": True,
    "split_entities_by_comma": True,
    "e2e_confidence_threshold": 0.5,
    "unidirectional_encoder": False,
    "evaluate_every_number_of_epochs": 20,
    "evaluate_on_number_of_examples": 0,
    "checkpoint_model": False,
}


@pytest.mark.parametrize("name", RASA_DEFAULTS)
def test_rasa_default(name: str) -> None:
    assert getattr(TEDOptions(), name) == RASA_DEFAULTS[name]


def test_widths() -> None:
    options = TEDOptions(dense_dimension={"slots": 7}, transformer_size=64)
    assert options.dense_dimension["slots"] == 7
    assert options.dense_dimension["text"] == 128
    assert set(options.transformer_size.values()) == {64}
    assert set(TEDOptions().number_of_transformer_layers.values()) == {1}


def test_rasas_way_to_name_the_featurizer() -> None:
    options = read_options(
        TEDPolicy,
        {"featurizer": [{"name": "MaxHistoryTrackerFeaturizer", "max_history": 7}]},
    )
    assert (options.max_history, options.tracker_featurizer) == (7, "max_history")  # type: ignore[attr-defined]
    whole = read_options(TEDPolicy, {"featurizer": [{"name": "FullDialogueTrackerFeaturizer"}]})
    assert whole.tracker_featurizer == "full_dialogue"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_histroy": 5}, "no option 'max_histroy'"),
        ({"transformer_size": {"dialogue": 30}}, "divisible"),
        ({"use_masked_language_model": True}, "not supported"),
        ({"featurizer": [{"name": "Other"}]}, "must be one of"),
        ({"featurizer": "x"}, "list of one mapping"),
        (
            {"featurizer": [{"name": "FullDialogueTrackerFeaturizer", "size": 3}]},
            "has no option size",
        ),
        (
            {
                "featurizer": [
                    {
                        "name": "MaxHistoryTrackerFeaturizer",
                        "state_featurizer": [{"name": "LabelTokenizerSingleStateFeaturizer"}],
                    }
                ]
            },
            "state_featurizer must be SingleStateFeaturizer",
        ),
        ({"evaluate_on_number_of_examples": -1}, "greater than or equal"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options(TEDPolicy, options)


def test_whole_dialogues_have_no_history() -> None:
    given = {"tracker_featurizer": "full_dialogue", "max_history": 3, "drop_rate_label": 0.5}
    options = read_options(TEDPolicy, given)
    assert options.history is None  # type: ignore[attr-defined]
    told = list(options.without_effect())
    assert told[0] == "max_history has no effect with whole dialogues"
    assert told[1].startswith("drop_rate_label has no effect, as in Rasa")
    assert TEDOptions(max_history=3).history == 3


def test_so_many_training_samples() -> None:
    data = stories_data()
    trackers = [story.tracker for story in data.stories]
    reader = TextReader(None)
    whole = ted_data(trackers, data.domain, TEDOptions(), reader)
    some = ted_data(trackers, data.domain, TEDOptions(max_training_samples=2), reader)
    assert whole is not None and some is not None
    assert len(whole) > len(some) == 2
    assert some.last_labels.tolist() == whole.last_labels.tolist()[:2]


def test_too_many_held_out() -> None:
    with pytest.raises(ConfigError, match="evaluate_on_number_of_examples"):
        trained(stories_data(), evaluate_on_number_of_examples=1000)


def test_training_is_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(stories_data(), epochs=1)
