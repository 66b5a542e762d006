"""The frozen network equals the one that learnt, over options and kinds of stories.

All weights are random, so that no part of the network is left out by being zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from small import DOMAIN, STORIES, greeted, ordered

from gossamer.dialogue.history.events import ActionExecuted, Event, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.ted.features import Indices, TextInput, TurnInput
from gossamer.dialogue.policies.ted.frozen import Dialogues, FrozenTED
from gossamer.dialogue.policies.ted.network import TEDNetwork
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.training.examples import prediction_states
from gossamer.dialogue.training.unfolding import unfold_stories
from gossamer.nlu.diet.stored_weights import plain_arrays
from gossamer.nn.frozen.crf import TagPaths
from gossamer.nn.frozen.weights import Floats

SMALL: dict[str, Any] = {
    "epochs": 0,
    "random_seed": 3,
    "transformer_size": 16,
    "number_of_attention_heads": 2,
    "encoding_dimension": 12,
    "embedding_dimension": 8,
    "dense_dimension": {"text": 10, "intent": 8, "slots": 7, "label_action_name": 6},
    "concat_dimension": {"text": 9, "action_text": 11},
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"number_of_transformer_layers": 0},
    {"number_of_transformer_layers": {"dialogue": 3, "text": 2}, "transformer_size": 32},
    {"number_of_transformer_layers": {"dialogue": 0, "text": 1}},
    {"tracker_featurizer": "full_dialogue"},
    {"tracker_featurizer": "full_dialogue", "number_of_transformer_layers": 2},
    {"tracker_featurizer": "full_dialogue", "number_of_transformer_layers": 0},
    {"max_history": 2},
    {"loss_type": "margin"},
    {"similarity_type": "cosine"},
    {"connection_density": 1.0},
    {"topology": "uniform"},
    {"topology": "fan_in"},
    {"encoding_dimension": 32, "transformer_size": 32, "topology": "windowed"},
    {"use_key_relative_attention": True, "use_value_relative_attention": True},
    {"unidirectional_encoder": True, "max_relative_position": 2},
    {"entity_recognition": False},
    {"BILOU_flag": False},
    {"hidden_layers_sizes": {"text": [6], "action_text": [5, 7], "label_action_text": [4]}},
]


def close(found: Any, expected: torch.Tensor, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(found, expected.numpy(), atol=tolerance, rtol=1e-4)


class Checked:
    """A frozen network whose every answer is compared with the network's."""

    def __init__(self, frozen: FrozenTED, network: TEDNetwork) -> None:
        self.frozen, self.network = frozen, network
        self.n_tagged = self.n_compared = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frozen, name)

    @torch.inference_mode()
    def turns(
        self, inputs: Mapping[str, TurnInput], texts: Mapping[str, TextInput]
    ) -> tuple[Floats, Floats | None]:
        found, tokens = self.frozen.turns(inputs, texts)
        expected, self.expected_tokens = self.network._turns(inputs, texts)
        close(found, expected)
        assert (tokens is None) is (self.expected_tokens is None)
        if tokens is not None and self.expected_tokens is not None:
            close(tokens, self.expected_tokens)
        return found, tokens

    @torch.inference_mode()
    def encode(self, turns: Floats, lengths: Indices, tokens: Floats | None = None) -> Dialogues:
        found = self.frozen.encode(turns, lengths, tokens)
        encoded = torch.from_numpy(turns), None if tokens is None else self.expected_tokens
        with patch.object(self.network, "_turns", return_value=encoded):
            self.expected = self.network.encode({}, {}, torch.from_numpy(lengths))
        close(found.turns, self.expected.turns)
        assert found.starts.tolist() == self.expected.starts.tolist()
        return found

    @torch.inference_mode()
    def similarity(self, turns: np.ndarray) -> np.ndarray:
        found = self.frozen.similarity(turns)
        embedded = self.network.embed_dialogue(torch.from_numpy(turns))
        expected = self.network.loss.similarity(embedded, self.network.embed_labels())
        close(found, expected, 1e-4)
        close(torch.from_numpy(found).softmax(1), expected.softmax(1), 1e-5)
        self.n_compared += len(found)
        return found

    @torch.inference_mode()
    def tag(self, dialogues: Dialogues, text: TextInput, turns: Indices) -> TagPaths:
        found = self.frozen.tag(dialogues, text, turns)
        expected, _ = self.network.tag(self.expected, text, turns)
        assert found.tags.tolist() == expected.tags.tolist()
        close(found.confidence, expected.confidence, 1e-5)
        self.n_tagged += 1
        return found


def checked(data: DialogueData, seed: int, **options: Any) -> tuple[TEDPolicy, Checked]:
    policy = TEDPolicy(TEDOptions(**{**SMALL, **options}))
    policy.train(data)
    network = policy.network
    assert network is not None
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    policy._weights = plain_arrays(network)
    policy._freeze(data.domain)
    assert policy.frozen is not None
    twin = Checked(policy.frozen, network)
    policy.frozen = twin  # type: ignore[assignment]
    return policy, twin


def said(text: str | None, intent: str | None = None) -> list[Event]:
    return [ActionExecuted(name="action_listen"), UserUttered(text=text, intent=intent)]


HISTORIES: list[list[Event]] = [
    greeted(),
    [*greeted(), ActionExecuted(name="utter_greet")],
    [*greeted(), ActionExecuted(name="utter_greet"), *ordered("tea")],
    [*ordered("tea"), ActionExecuted(name="utter_served"), *said("bye", "bye")],
    [*ordered("tea"), ActionExecuted(name="utter_served")] * 30,
    said(None, "unheard of"),
]
SPOKEN_HISTORIES: list[list[Event]] = [
    *HISTORIES,
    said("some green tea please"),
    said("some green tea please", "bye"),
    [*greeted(), *said("see you"), *said("some tea tomorrow please please please")],
    said("unknown words"),
]


def states(policy: TEDPolicy, domain: Any, *, use_text: bool) -> list[Any]:
    histories = SPOKEN_HISTORIES if use_text else HISTORIES
    return [
        prediction_states(
            Tracker(domain.slots, events=events),
            domain,
            max_history=policy.options.history,
            use_text=use_text,
        )
        for events in histories
    ]


@pytest.mark.thinned(8)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_stories_with_texts(spoken: DialogueData, options: dict[str, Any], seed: int) -> None:
    policy, twin = checked(spoken, seed, **options)
    assert len(twin.frozen.texts) == 2
    for use_text in (True, False):
        conversations = states(policy, spoken.domain, use_text=use_text)
        together = policy.scores(conversations)
        assert together is not None
        for each, row in zip(conversations, together, strict=True):
            alone = policy.scores([each])
            assert alone is not None
            np.testing.assert_allclose(alone[0], row, atol=1e-5)
        answer = policy._answer(conversations)
        for number in range(len(conversations)):
            policy._entities(answer, number)
    for events in SPOKEN_HISTORIES:
        policy.predict(Tracker(spoken.domain.slots, events=events))
    assert twin.n_compared > 2 * len(SPOKEN_HISTORIES)
    assert (twin.n_tagged > 0) is (twin.frozen.entity_head is not None)
    has_tags = options.get("entity_recognition", True) and not twin.frozen.is_full_dialogue
    assert (twin.n_tagged > 0) is has_tags


@pytest.mark.parametrize("options", OPTIONS[:10], ids=str)
def test_stories_without_texts(options: dict[str, Any], seed: int) -> None:
    data = DialogueData(domain=DOMAIN, stories=unfold_stories(STORIES, DOMAIN))
    policy, twin = checked(data, seed, **options)
    assert not twin.frozen.texts and twin.frozen.entity_head is None
    conversations = states(policy, DOMAIN, use_text=False)
    together = policy.scores(conversations)
    assert together is not None
    for number in (*range(len(HISTORIES)), *reversed(range(len(HISTORIES)))):
        alone = policy.scores([conversations[number]])  # of turns that are known the second time
        assert alone is not None
        np.testing.assert_allclose(alone[0], together[number], atol=1e-5)
    for events in HISTORIES:
        policy.predict(Tracker(DOMAIN.slots, events=events))
    assert twin.n_compared > len(HISTORIES)


def test_stored_and_restored_it_answers_the_same(spoken: DialogueData) -> None:
    policy, twin = checked(spoken, 5)
    policy.frozen = twin.frozen
    other = TEDPolicy(policy.options)
    other.restore(policy.state(), spoken.domain, spoken.pipeline)
    for events in SPOKEN_HISTORIES:
        tracker = Tracker(spoken.domain.slots, events=events)
        ours, theirs = policy.predict(tracker), other.predict(tracker)
        np.testing.assert_array_equal(ours.scores, theirs.scores)
        assert ours.optional_events == theirs.optional_events


def test_changing_the_network_changes_no_answer(spoken: DialogueData) -> None:
    policy = TEDPolicy(TEDOptions(**{**SMALL, "epochs": 2}))
    policy.train(spoken)
    tracker = Tracker(spoken.domain.slots, events=SPOKEN_HISTORIES[6])
    before = policy.predict(tracker).scores
    assert policy.network is not None and policy.network is policy.network
    with torch.no_grad():
        for parameter in policy.network.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(policy.predict(tracker).scores, before)
    other = TEDPolicy(policy.options)
    other.restore(policy.state(), spoken.domain, spoken.pipeline)
    np.testing.assert_array_equal(other.predict(tracker).scores, before)


def test_without_entities_there_are_no_tags(spoken: DialogueData) -> None:
    _, twin = checked(spoken, 5, entity_recognition=False)
    nothing = Dialogues(np.zeros((1, 16), np.float32), np.zeros(1, np.int64), None)
    with pytest.raises(ValueError, match="without entities, or without texts, has no tags"):
        twin.frozen.tag(nothing, None, np.zeros(1, np.int64))  # type: ignore[arg-type]
