"""Large training data from small: examples with other entity values, and finer intents."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gossamer.data import Entity, Example, TrainingData

_MOST_TRIES = 20  # at a text of a template that is not there yet
_Value = tuple[str, Any]  # how it is written, and what it means


@dataclass(frozen=True, slots=True)
class _Template:
    """An example whose entities can be replaced."""

    example: Example
    intent: str

    def filled(self, values: Sequence[_Value]) -> Example:
        """The example with these values in place of its own."""
        pieces: list[str] = []
        entities: list[Entity] = []
        length = position = 0
        for entity, (written, value) in zip(self.example.entities, values, strict=True):
            begin, end = entity.span
            before = self.example.text[position:begin]
            start = length + len(before)
            length = start + len(written)
            pieces += (before, written)
            entities.append(replace(entity, start=start, end=length, value=value))
            position = end
        text = "".join([*pieces, self.example.text[position:]])
        return Example(text=text, intent=self.intent, entities=tuple(entities))


def recombine(sources: TrainingData, n_examples: int, *, n_intents: int, seed: int) -> TrainingData:
    """Examples made of those given: entity values replaced by others of the same entity.

    Intents are split by the first words of their examples. Every intent has an example among the
    first `n_intents`; after these the order is random, so a beginning of the data is like the
    whole of it, only smaller.

    Args:
        sources: annotated examples with intents; those whose entities overlap are left out.
        n_examples: how many to make, all texts different.
        n_intents: how many intents they are to have.
        seed: where the choices come from; the same seed gives the same data.

    Raises:
        ValueError: this many different texts or intents cannot be made from these sources.
    """
    rng = random.Random(seed)
    examples = [example for example in sources.unique_examples() if _is_usable(example)]
    names = split_intents(examples, n_intents)
    templates = [_Template(example, name) for example, name in zip(examples, names, strict=True)]
    values = _values(examples)
    made: dict[str, Example] = {}
    first_of_intent = {template.intent: template for template in reversed(templates)}
    for template in first_of_intent.values():
        _add(made, template, values, rng)
    n_found = len({example.intent for example in made.values()})
    if n_found < n_intents or n_examples < n_intents:
        raise ValueError(f"must have an example for each of {n_intents} intents: got {n_found}")
    rest: dict[str, Example] = dict(made)
    while len(rest) < n_examples:
        if not templates:
            raise ValueError(f"the sources must give {n_examples} texts: got {len(rest)}")
        chosen = rng.randrange(len(templates))
        if not _add(rest, templates[chosen], values, rng):
            templates[chosen] = templates[-1]
            templates.pop()
    others = [example for text, example in rest.items() if text not in made]
    rng.shuffle(others)
    return TrainingData(examples=(*made.values(), *others))


def split_intents(examples: Sequence[Example], n_intents: int) -> list[str]:
    """Finer intents for examples: large intents are split first, by first words.

    Returns:
        The name of each example's intent: its own, or with a number after it.

    Raises:
        ValueError: the examples have more intents, or too few first words to split by.
    """
    words = [(str(example.base_intent), _first_word(example)) for example in examples]
    sizes: dict[str, Counter[str]] = {}
    for intent, word in words:
        sizes.setdefault(intent, Counter())[word] += 1
    n_parts = dict.fromkeys(sizes, 1)
    queue: list[tuple[float, str]] = [
        (-sum(counts.values()), intent) for intent, counts in sizes.items()
    ]
    heapq.heapify(queue)
    while sum(n_parts.values()) < n_intents and queue:
        _, intent = heapq.heappop(queue)
        if n_parts[intent] < len(sizes[intent]):
            n_parts[intent] += 1
            heapq.heappush(queue, (-sum(sizes[intent].values()) / n_parts[intent], intent))
    if sum(n_parts.values()) != n_intents:
        raise ValueError(f"must be split into {n_intents} intents: got {sum(n_parts.values())}")
    part_of: dict[tuple[str, str], str] = {}
    for intent, counts in sizes.items():
        totals = [0] * n_parts[intent]
        for word, size in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            part = totals.index(min(totals))
            totals[part] += size
            part_of[intent, word] = intent if len(totals) == 1 else f"{intent}_{part + 1}"
    return [part_of[pair] for pair in words]


def _first_word(example: Example) -> str:
    """The first word, or the entity in its place."""
    if example.entities and example.entities[0].start == 0:
        return f"[{example.entities[0].entity}]"
    return example.text.split()[0].lower()


def _is_usable(example: Example) -> bool:
    ends = [0, *(entity.span[1] for entity in example.entities)]
    starts = [entity.span[0] for entity in example.entities]
    apart = all(start >= end for start, end in zip(starts, ends, strict=False))
    return example.intent is not None and apart and example.text.strip() == example.text != ""


def _values(examples: Sequence[Example]) -> dict[str, list[_Value]]:
    """The different values of each entity type, in the order of their first occurrence."""
    found: dict[str, dict[str, _Value]] = {}
    for example in examples:
        for entity in example.entities:
            written = example.text[entity.start : entity.end]
            found.setdefault(entity.entity, {}).setdefault(written, (written, entity.value))
    return {name: list(values.values()) for name, values in found.items()}


def _add(
    made: dict[str, Example],
    template: _Template,
    values: dict[str, list[_Value]],
    rng: random.Random,
) -> bool:
    """Add a new text of a template; False when none was found."""
    for _ in range(_MOST_TRIES if template.example.entities else 1):
        filled = template.filled([rng.choice(values[e.entity]) for e in template.example.entities])
        if filled.text not in made:
            made[filled.text] = filled
            return True
    return False
