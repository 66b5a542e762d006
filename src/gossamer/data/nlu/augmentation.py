"""More examples: the same sentences with other values of their entities.

"two tickets to [Rome](city)" is also said of every other city that the data know. Slot-value
substitution, as Louvan and Magnini (2020, arXiv:2009.03695) use it for few examples.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, InputError, Location, place_prefix
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.text.listing import warn_together

_TRIES = 4  # draws for each example that is wanted

Phrase: TypeAlias = tuple[str, Any]
"""What is said, and what it means."""


def augment_examples(
    data: TrainingData, factor: int, *, random_seed: int | None = None
) -> tuple[Example, ...]:
    """New examples, made from annotated ones by replacing the values of entities.

    Values are drawn from all phrases that `entity_phrases` finds for the type of an entity, each as
    likely as another, whatever the role and the group. All entities of an example are drawn anew.
    An example of which fewer than `factor` variations are found has fewer; examples without
    entities, with entities that overlap, and with one of a type without phrases, have none.

    Args:
        data: annotated examples, lookup tables and synonyms.
        factor: how many new examples to make of each annotated one, at most.
        random_seed: the same seed gives the same examples; None draws new ones each time.

    Returns:
        The new examples in the order of those they are made from. None is equal to another or to
        one of the data.

    Raises:
        InputError: `factor` is less than 1.
        DataError: the data have no annotated entities, or no values that could replace others.
    """
    if factor < 1:
        raise InputError("factor must be at least 1", got=factor, hint="2")
    phrases = entity_phrases(data)
    draw = random.Random(random_seed)
    texts = {(example.text, example.intent) for example in data.examples}
    usable = [example for example in data.unique_examples() if _can_vary(example, phrases)]
    if not usable:
        raise DataError("there must be annotated entities to vary", hint="[Rome](city)")
    result: list[Example] = []
    for example in usable:
        n_new = 0
        for _ in range(factor * _TRIES):
            if n_new == factor:
                break
            new = _varied(example, [draw.choice(phrases[e.entity]) for e in example.entities])
            if (new.text, new.intent) not in texts:
                texts.add((new.text, new.intent))
                result.append(new)
                n_new += 1
    if not result:
        raise DataError(
            "entities must have several values to vary",
            got={entity: len(known) for entity, known in phrases.items()},
            hint="more examples, or a lookup table that is named like the entity",
        )
    return tuple(result)


def entity_phrases(data: TrainingData) -> dict[str, list[Phrase]]:
    """What may be said for each entity type, and what it means.

    These are the phrases that are annotated, the elements of lookup tables that are named like the
    type, and synonyms of any of these. What annotations cannot hold is left out, with a warning.

    Returns:
        Phrases by entity type, each once, in the order in which they are found.
    """
    found: defaultdict[str, dict[str, Phrase]] = defaultdict(dict)
    left_out: list[str] = []

    def add(entity: str, text: str, value: Any, source: str, where: Location | None) -> None:
        if not text.strip():
            return
        if _can_be_annotated(entity, text, value):
            found[entity].setdefault(text, (text, value))
        else:
            left_out.append(
                f"{place_prefix(where)}{text!r} of {source} is left out, as an annotation cannot "
                "hold it"
            )

    for example in data.examples:
        for entity in example.entities:
            if entity.has_place:
                start, end = entity.span
                said = example.text[start:end]
                add(entity.entity, said, entity.value, "an example", example.where)
    meant = {synonym.text: synonym.value for synonym in data.synonyms}
    for table in data.lookups:
        if table.name in found:
            for element in table.elements:
                value = meant.get(element, element)
                add(table.name, element, value, f"lookup table '{table.name}'", table.where)
    for kind, phrases in found.items():
        values = {repr(value) for _, value in phrases.values()}
        for synonym in data.synonyms:
            if repr(synonym.value) in values:
                source = f"the synonyms of '{synonym.value}'"
                add(kind, synonym.text, synonym.value, source, synonym.where)
    warn_together(left_out, stacklevel=2)
    return {kind: list(phrases.values()) for kind, phrases in found.items()}


def _can_be_annotated(kind: str, text: str, value: Any) -> bool:
    entity = Entity(start=0, end=len(text), entity=kind, value=value)
    try:
        annotate(Example(text=text, entities=(entity,)))
    except DataError:
        return False
    return True


def _can_vary(example: Example, phrases: Container[str]) -> bool:
    behind = 0
    for entity in example.entities:
        if not entity.has_place or entity.span[0] < behind or entity.entity not in phrases:
            return False
        behind = entity.span[1]
    return bool(example.entities)


def _varied(example: Example, phrases: Sequence[Phrase]) -> Example:
    text, behind = "", 0
    entities: list[Entity] = []
    for entity, (said, value) in zip(example.entities, phrases, strict=True):
        start, end = entity.span
        text += example.text[behind:start]
        entities.append(replace(entity, start=len(text), end=len(text) + len(said), value=value))
        text += said
        behind = end
    text += example.text[behind:]
    return replace(example, text=text, entities=tuple(entities))
