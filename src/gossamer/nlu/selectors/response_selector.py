"""Picks the response to a message: which answer of an FAQ, which reply to small talk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from gossamer.data.errors import ConfigError, InputError
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.text.suggestions import nearest
from gossamer.nlu.diet.component import NetworkComponent
from gossamer.nlu.diet.features import (
    Indices,
    TextFeatures,
    label_features,
    rows_of,
    text_features,
)
from gossamer.nlu.learning.held_out import held_out_faults
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    MessageBatch,
    ResponseLabels,
    TrainingBatch,
)
from gossamer.nlu.pipeline.plain_values import plain
from gossamer.nlu.pipeline.response_selection import (
    DEFAULT_SELECTOR,
    RESPONSE_PREFIX,
    RankedResponse,
    ResponseSelection,
)
from gossamer.nlu.selectors.options import ResponseSelectorOptions
from gossamer.nn.features import Features

Variations = tuple[Mapping[str, Any], ...]

_MOST_NAMES = 5


class ResponseSelector(NetworkComponent):
    """Embeds messages and response keys in one space, and ranks the keys for a message.

    The network is DIET's, without entities: by default a bag of words, with
    `number_of_transformer_layers` a transformer. It learns from the examples of retrieval intents
    ("faq/ask_price") and answers every message, whatever its intent. With `use_text_as_label` it is
    not the names of the keys that are embedded but the texts of their responses, by layers like
    those of the messages; keys whose responses have the same text are then one.

    With fewer than two keys to tell apart it warns and picks nothing.

    Departures from Rasa: `use_text_as_label` reads a message at the same position in answers as in
    training (Rasa takes the last token for the whole message); a missing response is reported in
    training, not at each message; a message without a word that is known gets no selection.
    """

    name: ClassVar[str] = "ResponseSelector"
    Options: ClassVar[type[ComponentOptions]] = ResponseSelectorOptions
    provides: ClassVar[frozenset[str]] = frozenset({"response_selector"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"intents", "response_texts", "texts"})
    label_metric: ClassVar[str] = "r_acc"

    options: ResponseSelectorOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.responses: dict[str, Variations] = {}
        self.retrieval_intents: tuple[str, ...] = ()

    @property
    def selector_name(self) -> str:
        """The name of its choice in a parse: its retrieval intent, or "default"."""
        wanted = self.options.retrieval_intent
        return DEFAULT_SELECTOR if wanted is None else wanted

    # -- training ------------------------------------------------------------------------------

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn from the examples of a batch that has been through the featurizers.

        Warns when there are fewer than two response keys, and of responses that are missing.

        Raises:
            ConfigError: the features do not allow what the options ask for.
        """
        self._forget()
        self.responses, self.retrieval_intents = {}, ()
        if batch.responses is None:
            raise ValueError("a response selector needs a batch with responses (got none)")
        keys = self._keys(batch)
        labels = sorted(set(keys.values()))
        if len(labels) < 2:
            batch.drop_read_features()
            self._warn_of_too_few(batch, labels)
            return
        self.labels = tuple(labels)
        self.renew(data)
        self.retrieval_intents = _retrieval_intents(batch)
        self._warn_of_hidden_layers()
        chosen, label_numbers = self._examples(batch, keys)
        text = text_features(
            self._blocks(batch.blocks), batch.lengths, use_sequence=self._uses_sequence
        ).texts(chosen)
        self._see_features(batch)
        batch.drop_read_features()
        self._check_features(text)
        self._learn(
            text,
            labels=self._label_features(batch.responses),
            label_numbers=label_numbers,
            on_epoch=on_epoch,
        )

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """Too few examples to hold some out."""
        wanted = self.options.retrieval_intent
        keys = [
            example.response_key
            for example in data.unique_examples()
            if example.text.strip()
            and example.response_key
            and wanted in (None, example.base_intent)
        ]
        if len(set(keys)) > 1 and not self.options.use_text_as_label:
            yield from held_out_faults(self.options, keys)

    @property
    def _uses_sequence(self) -> bool:
        return self.options.number_of_transformer_layers > 0

    def _keys(self, batch: TrainingBatch) -> dict[str, str]:
        """The response keys to learn, and the label of each: itself, or one of the same text."""
        wanted, responses = self.options.retrieval_intent, batch.responses
        keys = sorted(
            {
                each.response_key
                for each, tokens in zip(batch.examples, batch.tokens, strict=True)
                if tokens and each.response_key and wanted in (None, each.base_intent)
            }
        )
        if responses is None or not self.options.use_text_as_label:
            return {key: key for key in keys}
        if responses.texts is None:
            raise ValueError("use_text_as_label needs a batch with the texts of responses")
        text_of = dict(zip(responses.keys, responses.texts.texts, strict=True))
        first: dict[str, str] = {}
        labels = {key: first.setdefault(text_of[key], key) for key in keys}
        same = [f"{key} as {label}" for key, label in labels.items() if key != label]
        if same:
            warnings.warn(
                f"{self.alias}: some responses have the same text, so use_text_as_label cannot "
                f"tell them apart; {_some(same)}",
                stacklevel=3,
            )
        return labels

    def _examples(self, batch: TrainingBatch, keys: Mapping[str, str]) -> tuple[Indices, Indices]:
        """Numbers of the examples to train on, and the label of each."""
        number = {label: i for i, label in enumerate(self.labels)}
        pairs = [
            (i, number[keys[each.response_key]])
            for i, each in enumerate(batch.examples)
            if batch.tokens[i] and each.response_key is not None and each.response_key in keys
        ]
        chosen, labels = np.array(pairs, dtype=np.int64).T
        return chosen, labels

    def _label_features(self, responses: ResponseLabels) -> Features | TextFeatures:
        rows = np.array([list(responses.keys).index(label) for label in self.labels])
        if responses.texts is None or not self.options.use_text_as_label:
            blocks = self._blocks(responses.blocks, check=False)
            return label_features([rows_of(block, rows) for block in blocks], len(rows))
        found = text_features(
            self._blocks(responses.texts.blocks, check=False),
            responses.texts.lengths,
            use_sequence=self._uses_sequence,
        ).texts(rows)
        if found.sequence.is_empty and found.sentence.is_empty:
            raise ConfigError(
                "use_text_as_label needs features of responses",
                got="none for any response",
                hint="CountVectorsFeaturizer before it, or use_text_as_label: false",
            )
        return found

    def renew(self, data: TrainingData) -> None:
        """Take the responses as they are now."""
        found = {label: data.responses.get(RESPONSE_PREFIX + label, ()) for label in self.labels}
        self.responses = {
            label: tuple(plain(each) for each in variations)
            for label, variations in found.items()
            if variations
        }
        missing = [RESPONSE_PREFIX + label for label in self.labels if label not in self.responses]
        if missing:
            warnings.warn(
                f"{self.alias}: the training data lack {len(missing)} of {len(self.labels)} "
                f"responses, whose names will be said instead: {_some(missing)}; add them "
                "under `responses:`",
                stacklevel=3,
            )

    def _warn_of_too_few(self, batch: TrainingBatch, labels: list[str]) -> None:
        wanted, known = self.options.retrieval_intent, _retrieval_intents(batch)
        told = f"{self.alias} learns nothing and will select no response: "
        if not known:
            told += "no example has a retrieval intent, such as faq/ask_price"
        elif wanted is not None and wanted not in known:
            guess = nearest(wanted, list(known))
            told += f"no example has the retrieval intent '{wanted}'; there are {_some(known)}"
            told += "" if guess is None else f". Did you mean '{guess}'?"
        else:
            told += f"it needs at least two different responses to choose from (got {labels})"
        warnings.warn(told, stacklevel=3)

    def _warn_of_hidden_layers(self) -> None:
        sizes = self.options.hidden_layers_sizes
        if self._uses_sequence and any(sizes.values()):
            warnings.warn(
                f"{self.alias}: with a transformer, feed-forward layers before it are seldom of "
                f"use (got hidden_layers_sizes {sizes}). Try: {{text: [], label: []}}",
                stacklevel=3,
            )

    # -- answering -----------------------------------------------------------------------------

    def process(self, batch: MessageBatch) -> None:
        """Add its choice to the parse of every text of which something is known."""
        trust = self.trust(batch)
        for chosen, _, answer in self._answers(batch, trust > 0):
            for i, row in zip(chosen, self._confidences(answer).tolist(), strict=True):
                parse = batch.parses[i]
                selection = self._selection(row, float(trust[i]))
                parse.response_selector[self.selector_name] = selection
                parse.retrieval_intents = self.retrieval_intents

    def _selection(self, confidences: list[float], trust: float) -> ResponseSelection:
        ranking = tuple(
            RankedResponse(intent_response_key=key, confidence=confidence)
            for key, confidence in self._ranking(confidences, trust)
        )
        best = ranking[0].intent_response_key
        return ResponseSelection(
            ranking=ranking, responses=self.responses.get(best, ({"text": best},))
        )

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """What `NetworkComponent` stores, the responses, and the retrieval intents."""
        state = self._network_state()
        if not state.json:
            return state
        return ComponentState(
            json={
                **state.json,
                "responses": {key: list(each) for key, each in self.responses.items()},
                "retrieval_intents": list(self.retrieval_intents),
            },
            arrays=state.arrays,
        )

    def restore(self, state: ComponentState) -> None:
        """Build the network again and restore weights, connections and responses."""
        if not state.json:
            return
        with refusing_what_does_not_fit():
            self._restore_network(state)
            self.responses = {
                str(key): tuple(dict(variation) for variation in variations)
                for key, variations in dict(state.json["responses"]).items()
            }
            self.retrieval_intents = tuple(map(str, state.json["retrieval_intents"]))


def _retrieval_intents(batch: TrainingBatch) -> tuple[str, ...]:
    """All that occur, sorted."""
    found = {str(each.base_intent) for each in batch.examples if each.response_key is not None}
    return tuple(sorted(found))


def _some(names: list[str] | tuple[str, ...]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
