"""What is doubtful in training data: everything that can be found, at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from gossamer.data.errors import DataError, InputError, Location, place_prefix
from gossamer.data.nlu.examples import Entity, Example, TrainingData
from gossamer.data.nlu.synonyms import synonym_conflicts
from gossamer.data.text.regexes import Regex, RegexError, RegexTimeout


class Severity(Enum):
    """How bad a finding is: an error cannot be intended, a warning may be."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something doubtful.

    Attributes:
        severity: error or warning.
        message: what was found, and where useful what to do.
        where: the place, or None.
        refusal: the error that training raises for it; None: training can live with it.
    """

    severity: Severity
    message: str
    where: Location | None = None
    refusal: InputError | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, refusal: InputError) -> Finding:
        """The finding that an error is: training cannot go on."""
        return cls(Severity.ERROR, refusal.message, refusal.where, refusal)

    def __str__(self) -> str:
        place = place_prefix(self.where)
        return f"{place}{self.severity.value}: {self.message}"


def validate(data: TrainingData) -> list[Finding]:
    """Everything doubtful in training data.

    Errors: one text under two intents, a regular expression that cannot be compiled, an entity
    that overlaps another one partly. Warnings: fewer than two examples of an intent or an entity
    type, no or one intent, repeated examples, annotations that include blanks or cut words, names
    with surrounding blanks, a phrase that is a synonym of two values, lookup tables without
    elements or with repeated ones, retrieval intents without a response, an intent used both with
    and without keys, examples without an intent.

    Returns:
        Findings in the order of the checks, and within a check of the data.
    """
    return [
        finding
        for check in (
            _check_intents,
            _check_texts,
            _check_entities,
            _check_annotations,
            _check_synonyms,
            _check_patterns,
            _check_lookups,
            _check_responses,
        )
        for finding in check(data)
    ]


def _warning(message: str, where: Location | None = None) -> Finding:
    return Finding(Severity.WARNING, message, where)


def _error(message: str, where: Location | None = None) -> Finding:
    return Finding(Severity.ERROR, message, where)


def _check_intents(data: TrainingData) -> Iterator[Finding]:
    first: dict[str, Example] = {}
    counts: Counter[str] = Counter()
    plain: set[str] = set()
    for example in data.unique_examples():
        if example.intent is None or example.base_intent is None:
            yield _warning(f"example '{example.text}' has no intent", example.where)
            continue
        counts[example.intent] += 1
        first.setdefault(example.intent, example)
        if example.response_key is None:
            plain.add(example.intent)
    for intent, count in counts.items():
        if count < 2:
            yield _warning(
                f"intent '{intent}' has only one example; it needs at least two",
                first[intent].where,
            )
        base = first[intent].base_intent
        if base != intent and base in plain:
            yield _warning(
                f"intent '{base}' is used both alone and with a key ('{intent}')",
                first[intent].where,
            )
    if len(data.intents) < 2:
        yield _warning(f"there are {len(data.intents)} intents; a classifier needs two")


def _check_texts(data: TrainingData) -> Iterator[Finding]:
    by_text: dict[str, Example] = {}
    seen: dict[tuple[str, str | None, str], Example] = {}
    for example in data.examples:
        if example.intent is None:
            continue  # reported elsewhere, or a text of stories
        earlier = by_text.setdefault(example.text, example)
        if earlier.intent != example.intent:
            yield _error(
                f"'{example.text}' is an example of '{example.intent}' and of "
                f"'{earlier.intent}'{_at(earlier.where)}",
                example.where,
            )
        key = (example.text, example.intent, repr(example.entities))
        if key in seen:
            yield _warning(
                f"'{example.text}' is repeated{_at(seen[key].where)}; it counts once",
                example.where,
            )
        elif earlier is not example and earlier.intent == example.intent:
            yield _warning(
                f"'{example.text}' is annotated in two ways, the other{_at(earlier.where)}",
                example.where,
            )
        seen.setdefault(key, example)


def _at(where: Location | None) -> str:
    return "" if where is None else f" at {where}"


def _check_entities(data: TrainingData) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    first: dict[str, Example] = {}
    for example in data.unique_examples():
        for name in {entity.entity for entity in example.entities}:
            counts[name] += 1
            first.setdefault(name, example)
    for name in sorted(counts):
        if counts[name] < 2:
            yield _warning(
                f"entity '{name}' has only one example; it needs at least two", first[name].where
            )
        if name != name.strip():
            yield _warning(f"the entity name '{name}' has blanks around it", first[name].where)


def _check_annotations(data: TrainingData) -> Iterator[Finding]:
    for example in data.examples:
        previous: Entity | None = None
        for entity in example.entities:
            said = example.text[entity.start : entity.end]
            if said != said.strip():
                yield _warning(
                    f"the annotation '{said}' ({entity.entity}) includes blanks", example.where
                )
            elif any(_cuts_word(example.text, offset) for offset in entity.span):
                yield _warning(
                    f"the annotation '{said}' ({entity.entity}) cuts a word in '{example.text}'",
                    example.where,
                )
            if (
                previous is not None
                and entity.span[0] < previous.span[1]
                and entity.span != previous.span
            ):
                yield _error(
                    f"the annotation '{said}' ({entity.entity}) overlaps another one",
                    example.where,
                )
            previous = entity


def _cuts_word(text: str, offset: int) -> bool:
    return 0 < offset < len(text) and text[offset - 1].isalnum() and text[offset].isalnum()


def _check_synonyms(data: TrainingData) -> Iterator[Finding]:
    for phrase, earlier, later, where in synonym_conflicts(data):
        yield _warning(
            f"'{phrase}' is a synonym of '{earlier}' and of '{later}'; the later one counts", where
        )
    for synonym in data.synonyms:
        if _is_annotated(synonym.text):
            yield _warning(
                f"the synonym '{synonym.text}' holds an annotation, which is not read there",
                synonym.where,
            )
        if isinstance(synonym.value, str) and synonym.value != synonym.value.strip():
            yield _warning(
                f"the synonym value '{synonym.value}' has blanks around it", synonym.where
            )


def _is_annotated(text: str) -> bool:
    return "](" in text or "]{" in text


def _check_patterns(data: TrainingData) -> Iterator[Finding]:
    for pattern in data.regexes:
        try:
            matches_empty = Regex.compile(pattern.pattern).spans("") != []
        except (RegexError, RegexTimeout) as problem:
            yield Finding.of(
                DataError(
                    f"regex '{pattern.name}' cannot be compiled ({problem}): {pattern.pattern}",
                    where=pattern.where,
                    hint="escaping characters that are meant literally, such as \\( or \\?",
                )
            )
            continue
        if matches_empty:
            yield _warning(
                f"regex '{pattern.name}' matches the empty text: {pattern.pattern}", pattern.where
            )


def _check_lookups(data: TrainingData) -> Iterator[Finding]:
    for table in data.lookups:
        if not table.elements:
            yield _warning(f"lookup table '{table.name}' has no elements", table.where)
        for element in filter(_is_annotated, table.elements):
            yield _warning(
                f"the element '{element}' of lookup table '{table.name}' holds an annotation, "
                "which is not read there",
                table.where,
            )
        repeated = [element for element, n in Counter(table.elements).items() if n > 1]
        if repeated:
            yield _warning(
                f"lookup table '{table.name}' repeats '{repeated[0]}'"
                + (f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""),
                table.where,
            )


def _check_responses(data: TrainingData) -> Iterator[Finding]:
    if not data.responses:  # they may be in the domain, which is not read here
        return
    keys: defaultdict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        if example.response_key is not None:
            keys[example.response_key].append(example)
    for key, examples in keys.items():
        if f"utter_{key}" not in data.responses:
            yield _warning(
                f"retrieval intent '{key}' has no response 'utter_{key}'", examples[0].where
            )
