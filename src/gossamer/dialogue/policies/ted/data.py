"""Stories as numbers: what TED trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example
from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.state import State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ted.features import (
    TEXT,
    TEXTS,
    Indices,
    StateFeaturizer,
    TurnTable,
    text_inputs,
    turn_inputs,
)
from gossamer.dialogue.policies.ted.network import EntityTargets, TEDBatch
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.texts import TextReader
from gossamer.dialogue.training.examples import dialogue_examples, training_examples
from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.diet.tags import TagKind, TagSet
from gossamer.nlu.pipeline.messages import MessageBatch


class MessageTags(NamedTuple):
    """Tags of the messages that count by their texts.

    Attributes:
        tag_set: all tags.
        of_text: by text, the tag of each token.
    """

    tag_set: TagSet
    of_text: Mapping[str, Indices]


class TEDData:
    """Stories as numbers.

    Args:
        table: all different states.
        dialogues: numbers of the states of each example, in the order the network takes them.
        labels: the action of each example, or of each of its turns with whole dialogues.
        texts: features of the table's texts, by attribute.
        last_texts: per example, the text of its last message where entities are to be found in it.
        tags: tags of those texts, or None without entities.
    """

    def __init__(
        self,
        table: TurnTable,
        dialogues: Sequence[Indices],
        labels: Sequence[Indices],
        *,
        texts: Mapping[str, TextFeatures],
        last_texts: Sequence[str | None] = (),
        tags: MessageTags | None = None,
    ) -> None:
        self.table = table
        self.texts = texts
        self.tags = tags
        self.lengths = np.array([len(turns) for turns in dialogues], dtype=np.int64)
        self._turns = np.concatenate(dialogues)
        self._starts: Indices = np.cumsum(self.lengths) - self.lengths
        self._labels = labels
        self.last_labels = np.array([label[-1] for label in labels], dtype=np.int64)
        self._is_whole = any(len(label) > 1 for label in labels)
        self._last_texts = last_texts

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, chosen: Indices) -> TEDBatch:
        """A batch of the given examples. *Shape:* of `chosen` (n_chosen,)."""
        lengths = self.lengths[chosen]
        ends = np.cumsum(lengths)
        starts = ends - lengths
        rows = np.arange(int(ends[-1])) + np.repeat(self._starts[chosen] - starts, lengths)
        turns = self._turns[rows]
        return TEDBatch(
            turn_inputs(self.table, turns),
            text_inputs(self.table, turns, self.texts),
            torch.from_numpy(lengths),
            torch.from_numpy(self.targets(chosen)),
            self._entities(chosen, starts),
        )

    def targets(self, chosen: Indices) -> npt.NDArray[Any]:
        """Labels of the given examples, as `TEDBatch` has them."""
        if self._is_whole:
            return np.concatenate([self._labels[i] for i in chosen])
        return self.last_labels[chosen]

    def _entities(self, chosen: Indices, starts: Indices) -> EntityTargets | None:
        """Of the last messages; these are first in each example."""
        if self.tags is None:
            return None
        places, tags = [], []
        for place, example in zip(starts, chosen, strict=True):
            text = self._last_texts[example]
            if text is not None:
                places.append(place)
                tags.append(self.tags.of_text[text])
        if not places:
            return None
        return EntityTargets(
            np.array(places, dtype=np.int64), torch.from_numpy(np.concatenate(tags))
        )


def ted_data(
    trackers: Sequence[Tracker], domain: Domain, options: TEDOptions, reader: TextReader
) -> TEDData | None:
    """Turn stories into numbers; None when there is no action to learn.

    Raises:
        ConfigError: stories have texts, and nothing gives features of texts.
        DataError: a text is too long for the tokenizer.
    """
    numbers: dict[State, int] = {}
    index = domain.action_index
    dialogues: list[Indices] = []
    labels: list[Indices] = []
    messages: list[UserUttered | None] = []
    if options.tracker_featurizer == "max_history":
        for example in training_examples(trackers, domain, max_history=options.max_history):
            turns = [numbers.setdefault(state, len(numbers)) for state in example.states]
            dialogues.append(np.array(turns[::-1], dtype=np.int64))
            labels.append(np.array([index[example.action]], dtype=np.int64))
            messages.append(example.message)
    else:
        for states, actions in dialogue_examples(trackers, domain):
            if states:
                turns = [numbers.setdefault(state, len(numbers)) for state in states]
                dialogues.append(np.array(turns, dtype=np.int64))
                labels.append(np.array([index[action] for action in actions], dtype=np.int64))
    if not dialogues:
        return None
    kept = slice(options.max_training_samples)
    dialogues, labels, messages = dialogues[kept], labels[kept], messages[kept]
    table, texts, read = described(list(numbers), domain, reader)
    tags: MessageTags | None = None
    if read is not None and options.entity_recognition:
        tags = _message_tags(messages, read, options)
    last = [None if message is None else message.text for message in messages]
    return TEDData(table, dialogues, labels, texts=texts, last_texts=last, tags=tags)


class Described(NamedTuple):
    """Different states, described.

    Attributes:
        table: what is named in them, and which texts they have.
        texts: features of these, by attribute.
        messages: texts of messages with their tokens; None without any.
    """

    table: TurnTable
    texts: Mapping[str, TextFeatures]
    messages: MessageBatch | None


def described(states: Sequence[State], domain: Domain, reader: TextReader) -> Described:
    """Describe different states of stories; `reader` learns how far to trust texts.

    Raises:
        ConfigError: they have texts, and nothing gives features of texts.
        DataError: a text is too long for the tokenizer.
    """
    table = StateFeaturizer(domain).table(states)
    texts: dict[str, TextFeatures] = {}
    messages: MessageBatch | None = None
    for attribute in TEXTS:
        column = table.texts[attribute]
        if column.texts:
            texts[attribute], batch = reader.read(column.texts)
            for parse in batch.parses:
                if parse.is_truncated:
                    raise DataError(
                        "a text of a story must be no longer than what a tokenizer reads",
                        got=parse.text[:80],
                        hint="cutting it, or larger values of max_tokens and max_characters",
                    )
            if attribute == TEXT:
                reader.see_coverage(batch)
                messages = batch
    return Described(table, texts, messages)


def _message_tags(
    messages: Sequence[UserUttered | None], batch: MessageBatch, options: TEDOptions
) -> MessageTags | None:
    """Tags of the messages' entities; None when none is annotated."""
    annotated = {
        message.text: Example(
            text=message.text, entities=tuple(e for e in message.entities if e.has_place)
        )
        for message in messages
        if message is not None and message.text
    }
    tag_set = TagSet.from_examples(
        TagKind.ENTITY, list(annotated.values()), is_bilou=options.BILOU_flag
    )
    if tag_set is None:
        return None
    of_text = {}
    for text, tokens in zip(batch.texts, batch.tokens, strict=True):
        entities = annotated[text].entities if text in annotated else ()
        of_text[text] = tag_set.encode(tokens, entities)
    return MessageTags(tag_set, of_text)
