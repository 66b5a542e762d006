"""Entities to token tags and back.

A text's entities give up to three tag sequences: of the entity type, of the role and of the group.
With BILOU a tag carries a prefix: B-egin, I-nside, L-ast, U-nit. Tag 0 is O, "no entity".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError, place_prefix
from gossamer.data.nlu.examples import Entity, Example
from gossamer.data.text.listing import warn_together
from gossamer.nlu.pipeline.messages import EntityPrediction, Token

OUTSIDE = "O"
_PREFIXES = ("B-", "I-", "L-", "U-")
_MOST_GAP_WITH_COMMA = 3  # characters: ", " and one more


class TagKind(StrEnum):
    """What a tag sequence describes; each kind has a CRF of its own."""

    ENTITY = "entity"
    ROLE = "role"
    GROUP = "group"

    def of(self, entity: Entity) -> str | None:
        """The part of an annotation that this kind describes."""
        part: str | None = getattr(entity, self.value)
        return part


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of one kind, numbered as Rasa numbers them.

    Attributes:
        kind: entity, role or group.
        tags: tag of each id; `tags[0]` is "O". With BILOU, tag i of the sorted names has ids 4i+1
            to 4i+4 for B, I, L and U.
        is_bilou: whether tags carry prefixes.
    """

    kind: TagKind
    tags: tuple[str, ...]
    is_bilou: bool
    _number: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {tag: i for i, tag in enumerate(self.tags)})

    @classmethod
    def from_examples(
        cls, kind: TagKind, examples: Sequence[Example], *, is_bilou: bool
    ) -> TagSet | None:
        """The tags that occur in the examples, or None.

        Raises:
            DataError: a name is "O", which without BILOU means "no entity".
        """
        names = {kind.of(entity) for example in examples for entity in example.entities}
        known = sorted(name for name in names if name is not None)
        if not known:
            return None
        if OUTSIDE in known and not is_bilou:
            raise DataError(
                f"with BILOU_flag: false, {kind.value} names must not be '{OUTSIDE}'",
                got=known,
                hint="another name, or BILOU_flag: true",
            )
        prefixes = _PREFIXES if is_bilou else ("",)
        return cls(
            kind,
            (OUTSIDE, *(prefix + name for name in known for prefix in prefixes)),
            is_bilou,
        )

    def forbidden(self) -> npt.NDArray[np.bool_] | None:
        """Which tag must not follow which; None without BILOU, where every tag may.

        After B-x and I-x comes I-x or L-x; after L-x, U-x and O comes O, B-y or U-y.
        *Shape:* (n_tags, n_tags), row: the first of the two.
        """
        if not self.is_bilou:
            return None
        is_open = np.array([_prefix(tag) in ("B-", "I-") for tag in self.tags])
        goes_on = np.array([_prefix(tag) in ("I-", "L-") for tag in self.tags])
        names = np.array([_name(tag) for tag in self.tags])
        fits = is_open[:, None] == goes_on
        allowed: npt.NDArray[np.bool_] = fits & (~is_open[:, None] | (names[:, None] == names))
        return ~allowed

    def encode(self, tokens: Sequence[Token], entities: Sequence[Entity]) -> npt.NDArray[np.int64]:
        """Tag ids of a text's tokens. *Shape:* (n_tokens,).

        Of annotations that overlap, those of `apart` count. With BILOU an annotation counts only
        when it begins and ends at token boundaries; without, a token takes the entity it overlaps
        most.
        """
        ids = np.zeros(len(tokens), dtype=np.int64)
        number, counting = self._number, apart(entities)
        if not self.is_bilou:
            for position, token in enumerate(tokens):
                best = max(counting, key=lambda entity: _overlap(token, entity), default=None)
                if best is not None and _overlap(token, best) > 0:
                    name = self.kind.of(best)
                    ids[position] = 0 if name is None else number.get(name, 0)
            return ids
        for entity in counting:
            name = self.kind.of(entity)
            covered = token_span(tokens, entity)
            if name is None or covered is None or f"B-{name}" not in number:
                continue
            first, last = covered
            if first == last:
                ids[first] = number[f"U-{name}"]
                continue
            ids[first] = number[f"B-{name}"]
            ids[first + 1 : last] = number[f"I-{name}"]
            ids[last] = number[f"L-{name}"]
        return ids


def apart(entities: Sequence[Entity]) -> list[Entity]:
    """Annotations that have a place, without those that overlap a later one that stays."""
    kept: list[Entity] = []
    for entity in reversed([entity for entity in entities if entity.has_place]):
        (start, end), others = entity.span, [other.span for other in kept]
        if all(end <= first or last <= start for first, last in others):
            kept.append(entity)
    return kept[::-1]


def token_span(tokens: Sequence[Token], entity: Entity) -> tuple[int, int] | None:
    """First and last token of an annotation; None when it does not fit token boundaries."""
    first = next((i for i, token in enumerate(tokens) if token.start == entity.start), None)
    last = next((i for i, token in enumerate(tokens) if token.end == entity.end), None)
    return None if first is None or last is None or last < first else (first, last)


def warn_of_split_words(examples: Sequence[Example], tokens: Sequence[Sequence[Token]]) -> None:
    """Warn of annotations that do not fit token boundaries.

    Args:
        examples: the annotated texts.
        tokens: those of each text.
    """
    warn_together(
        f"{place_prefix(example.where)}the entity "
        f"{example.text[entity.start : entity.end]!r} ({entity.entity}) in "
        f"{example.text[:80]!r} does not begin and end where words do, so it is not fully "
        "learnt; annotate whole words"
        for example, own in zip(examples, tokens, strict=True)
        for entity in example.entities
        if token_span(own, entity) is None
    )


def _overlap(token: Token, entity: Entity) -> int:
    start, end = entity.span
    return min(token.end, end) - max(token.start, start)


class Tagging(NamedTuple):
    """Predicted tags of one text and their confidences; both have one entry a token.

    Without BILOU a tag is just a name, even one that begins with "B-".
    """

    tags: list[str]
    confidences: list[float]
    is_bilou: bool = True

    def without_prefixes(self) -> list[str]:
        """Tags as plain names."""
        return [_name(tag) for tag in self.tags] if self.is_bilou else list(self.tags)

    def prefix(self, token: int) -> str:
        """The prefix of a token's tag, "" without one."""
        return _prefix(self.tags[token]) if self.is_bilou else ""


def _prefix(tag: str) -> str:
    return tag[:2] if tag[:2] in _PREFIXES else ""


def _name(tag: str) -> str:
    return tag[2:] if tag[:2] in _PREFIXES else tag


def make_consistent(tagging: Tagging) -> Tagging:
    """Mend BILOU sequences that no annotation could have, as Rasa does.

    From each B- on, the entity runs through I- up to and including L-, or up to anything else. If
    the names inside disagree, the one with the largest harmonic mean of its mean confidence and its
    share of the tokens wins (each rounded to two digits), and tokens that change take that score as
    confidence. The run is then written as U- or B- ... L-. I- and L- without B- stay.
    """
    tags, confidences = list(tagging.tags), list(tagging.confidences)
    begin = 0
    while begin < len(tags):
        if _prefix(tags[begin]) != "B-":
            begin += 1
            continue
        end = begin + 1  # after the last token of the run
        while end < len(tags) and _prefix(tags[end]) in ("I-", "L-"):
            end += 1
            if _prefix(tags[end - 1]) == "L-":
                break
        names = [_name(tag) for tag in tags[begin:end]]
        name, score = names[0], 0.0
        if len(set(names)) > 1:
            name, score = _winner(names, confidences[begin:end])
        for i in range(begin, end):
            if _name(tags[i]) != name:
                confidences[i] = score
            tags[i] = f"I-{name}"
        if end - begin == 1:
            tags[begin] = f"U-{name}"
        else:
            tags[begin], tags[end - 1] = f"B-{name}", f"L-{name}"
        begin = end
    return Tagging(tags, confidences)


def _winner(names: list[str], confidences: list[float]) -> tuple[str, float]:
    scores = {}
    for name in dict.fromkeys(names):
        own = [c for n, c in zip(names, confidences, strict=True) if n == name]
        mean = round(sum(own) / len(own), 2)
        share = round(len(own) / len(names), 2)
        scores[name] = 0.0 if mean + share == 0 else 2 * mean * share / (mean + share)
    best = max(scores, key=lambda name: scores[name])
    return best, round(scores[best], 2)


def to_entities(
    text: str,
    tokens: Sequence[Token],
    taggings: Mapping[TagKind, Tagging],
    *,
    extractor: str,
    split_by_comma: bool | Mapping[str, bool] = True,
) -> list[EntityPrediction]:
    """Join tagged tokens to entities, by Rasa's rules with two departures.

    A token begins a new entity when the token before it was O, when its tag is U-, when it is B-
    and differs from the tag before, or when type, role or group changed. (First departure: Rasa
    lets an I- or L- tag without its B- continue an entity of another type.) Otherwise it joins the
    entity before it, if at most one character lies between them, if its tag is I- or L- and no
    comma lies between them, or at most three characters where the type is not to be split at
    commas. (Second departure: Rasa splits "St. Louis", with two characters between its tokens,
    whatever the tags say.)

    Args:
        text: the message.
        tokens: its tokens.
        taggings: tags by kind; those of kind ENTITY are needed.
        extractor: name put into the result.
        split_by_comma: whether a comma between two tokens of one type ends the entity; a mapping
            says so for each entity type, True for those it does not name.

    Returns:
        Entities in order; a confidence is the least of its tokens'.
    """
    main = taggings[TagKind.ENTITY]
    names = {kind: tagging.without_prefixes() for kind, tagging in taggings.items()}
    runs: list[list[int]] = []
    for i, tag in enumerate(main.tags):
        if tag == OUTSIDE:
            continue
        if (
            runs
            and runs[-1][-1] == i - 1
            and _continues(i, text, tokens, main, names, split_by_comma)
        ):
            runs[-1].append(i)
        else:
            runs.append([i])
    return [_entity(text, tokens, run, taggings, names, extractor) for run in runs]


def _continues(
    i: int,
    text: str,
    tokens: Sequence[Token],
    main: Tagging,
    names: Mapping[TagKind, list[str]],
    split_by_comma: bool | Mapping[str, bool],
) -> bool:
    tag, before = main.tags[i], main.tags[i - 1]
    if any(names[kind][i] != names[kind][i - 1] for kind in names):
        return False
    prefix = main.prefix(i)
    if prefix == "U-" or (prefix == "B-" and tag != before):
        return False
    between = text[tokens[i - 1].end : tokens[i].start]
    if len(between) <= 1 or (prefix in ("I-", "L-") and "," not in between):
        return True
    name = names[TagKind.ENTITY][i]
    splits = split_by_comma if isinstance(split_by_comma, bool) else split_by_comma.get(name, True)
    return len(between) <= _MOST_GAP_WITH_COMMA and not splits


def _entity(
    text: str,
    tokens: Sequence[Token],
    run: list[int],
    taggings: Mapping[TagKind, Tagging],
    names: Mapping[TagKind, list[str]],
    extractor: str,
) -> EntityPrediction:
    start, end = tokens[run[0]].start, tokens[run[-1]].end

    def part(kind: TagKind) -> tuple[str | None, float | None]:
        if kind not in taggings or taggings[kind].tags[run[0]] == OUTSIDE:
            return None, None
        return names[kind][run[0]], min(taggings[kind].confidences[i] for i in run)

    (entity, confidence), role, group = (part(kind) for kind in TagKind)
    return EntityPrediction(
        start=start,
        end=end,
        entity=str(entity),
        value=text[start:end],
        extractor=extractor,
        confidence=confidence,
        role=role[0],
        role_confidence=role[1],
        group=group[0],
        group_confidence=group[1],
    )
