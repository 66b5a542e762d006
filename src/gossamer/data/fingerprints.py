"""Fingerprints of what is trained on: equal for equal data, wherever it was read.

Each part of the data has one of its own, so that a component is trained again only when a part
that it reads has changed. Where something is written (file and line) does not count.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from gossamer.data.domain.domain import Domain
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.stories.steps import BotStep, OrStep, Rule, Story, StoryData, UserStep
from gossamer.data.text.limits import MAX_CONVERSATIONS

NLU_INPUTS: Final = MappingProxyType(
    {
        "texts": "examples",
        "intents": "intents of examples",
        "entities": "entities in examples",
        "entity_types": "entity types",
        "synonyms": "synonyms",
        "regexes": "regexes",
        "lookups": "lookup tables",
        "responses": "responses",
        "response_texts": "texts of responses",
    }
)
"""What a component may read of NLU data, and what people call it."""

DIALOGUE_INPUTS: Final = MappingProxyType(
    {
        "stories": "stories",
        "rules": "rules",
        "domain": "domain",
        "augmentation": "augmentation",
        "texts": "texts in stories",
    }
)
"""What a policy may read, likewise. Its "texts" are features of texts in stories."""

# Of the domain, what neither stories nor policies see.
_NOT_LEARNT = frozenset({"responses", "session", "send_domain", "content", "where"})


def fingerprint(*values: Any) -> str:
    """A short text that is the same for the same values: JSON values, dataclasses, enums."""
    text = json.dumps(_plain(values), sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def of_training_data(data: TrainingData) -> dict[str, str]:
    """A fingerprint of each of `NLU_INPUTS` but "response_texts", and of "everything".

    Repeated examples count in "everything" only, as do metadata.
    """
    examples = data.unique_examples()
    return {
        "texts": fingerprint([example.text for example in examples]),
        "intents": fingerprint([example.intent for example in examples]),
        "entities": fingerprint([[each.text, each.entities] for each in examples if each.entities]),
        "entity_types": fingerprint(data.entity_types),
        "synonyms": fingerprint(data.synonyms),
        "regexes": fingerprint(data.regexes),
        "lookups": fingerprint(data.lookups),
        "responses": fingerprint(data.responses),
        "everything": fingerprint(data),
    }


def of_dialogue(stories: StoryData, domain: Domain) -> dict[str, str]:
    """A fingerprint of "stories", "rules" and "domain", and of "everything".

    Of responses only the names count in "domain": they are actions. What they say, sessions, and
    which actions are sent the domain are not learnt.
    """
    most = MAX_CONVERSATIONS.value()
    learnt = {
        each.name: getattr(domain, each.name)
        for each in dataclasses.fields(domain)
        if each.name not in _NOT_LEARNT
    }
    return {
        "stories": fingerprint(most, stories.stories),
        "rules": fingerprint(most, stories.rules),
        "domain": fingerprint(learnt, domain.action_labels),
        "everything": fingerprint(most, stories, domain),
    }


def has_texts(stories: StoryData, domain: Domain) -> bool:
    """Whether something counts by its text, not by an intent or an action's name."""
    if domain.action_texts:
        return True
    sources: tuple[Story | Rule, ...] = (*stories.stories, *stories.rules)
    for source in sources:
        for step in source.steps:
            for choice in step.alternatives if isinstance(step, OrStep) else (step,):
                if isinstance(choice, BotStep):
                    return True
                if isinstance(choice, UserStep) and choice.text and choice.intent is None:
                    return True
    return False


def _plain(value: Any) -> Any:
    """The value as JSON holds it."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        kept = {f.name: _plain(getattr(value, f.name)) for f in fields if f.name != "where"}
        return [type(value).__name__, kept]
    if isinstance(value, frozenset | set):
        return sorted(map(repr, value))
    return repr(value)
