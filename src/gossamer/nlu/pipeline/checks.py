"""What must hold between the components of a pipeline, and between a pipeline and its data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from gossamer.data.errors import ConfigError, Location, all_of, place_prefix
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.own.failures import is_own_class
from gossamer.nlu.pipeline.component import Component

# Extractors that learn nothing in training.
_LEARN_NO_ENTITIES = (
    "DucklingEntityExtractor",
    "RegexEntityExtractor",
    "RegexMessageHandler",
    "SpacyEntityExtractor",
)

# What to add for what is missing.
_PROVIDERS = {
    "documents": "SpacyNLP before it",
    "tokens": "a tokenizer such as WhitespaceTokenizer before it",
    "parts of speech": "SpacyTokenizer in place of the tokenizer, or features without pos and pos2",
    "features": "a featurizer such as CountVectorsFeaturizer before it",
    "intent": "an intent classifier such as DIETClassifier before it",
    "entities": "an entity extractor such as DIETClassifier or RegexEntityExtractor before it",
    "response_selector": "ResponseSelector before it",
}


class Part(NamedTuple):
    """An item of a pipeline, as far as it could be read.

    Attributes:
        kind: its class; None: it is unknown, and whatever others need from it counts as given.
        component: None where its options are not valid.
        where: where it is written.
    """

    kind: type[Component] | None
    component: Component | None
    where: Location | None


def component_faults(parts: Sequence[Part], *, language: str | None = None) -> list[ConfigError]:
    """Why components cannot work together: all reasons.

    They are: two tokenizers, two equal aliases, a component without what it requires or without
    the featurizers it names, a tokenizer that cannot cut the language.

    Args:
        parts: in pipeline order.
        language: of the assistant.
    """
    faults: list[ConfigError] = []
    provided: set[str] = set()
    aliases: set[str] = set()
    has_unknown = False
    for kind, component, where in parts:
        if kind is None:
            has_unknown = True
            continue
        if "tokens" in kind.provides and "tokens" in provided:
            faults.append(
                ConfigError("a pipeline may have one tokenizer", got=kind.name, where=where)
            )
        required = kind.requires if component is None else component.required
        missing = sorted(required - provided, key=list(_PROVIDERS).index)
        if missing and not has_unknown:
            faults.append(
                ConfigError(
                    f"{kind.name} needs {' and '.join(missing)} of an earlier component",
                    where=where,
                    hint=_PROVIDERS[missing[0]],
                )
            )
        instead = getattr(kind, "unsupported_languages", {})
        if language in instead:
            faults.append(
                ConfigError(
                    f"{kind.name} cannot cut texts of this language into words",
                    got=language,
                    where=where,
                    hint=instead[language],
                )
            )
        provided |= kind.provides
        if component is None:
            has_unknown = True  # its alias is not known
            continue
        if component.alias in aliases:
            faults.append(
                ConfigError(
                    "the aliases of components must differ",
                    got=component.alias,
                    where=where,
                    hint="another `alias`",
                )
            )
        wanted = getattr(component.options, "featurizers", ())
        absent = [name for name in wanted if name not in aliases]
        if absent and not has_unknown:
            faults.append(
                ConfigError(
                    "the option featurizers must name featurizers that come before "
                    f"{component.name}",
                    got=absent,
                    where=where,
                    hint=f"some of {sorted(aliases)}",
                )
            )
        aliases.add(component.alias)
    return faults


def check_components(
    components: Sequence[Component],
    wheres: Sequence[Location | None],
    *,
    language: str | None = None,
) -> None:
    """Refuse a pipeline that cannot work, and warn of one that is probably a mistake.

    Args:
        components: in pipeline order.
        wheres: where each is written.
        language: of the assistant.

    Raises:
        ConfigError: what `component_faults` finds.
    """
    pairs = zip(components, wheres, strict=True)
    faults = component_faults(
        [Part(type(component), component, where) for component, where in pairs], language=language
    )
    if faults:
        raise all_of(faults)
    _warn_of_competing_extractors(components)
    _warn_of_competing_selectors(components, wheres)


def warn_of_unused_data(components: Sequence[Component], data: TrainingData) -> None:
    """Warn of training data that no component learns from, and of doubly found entities."""
    names = {component.name for component in components}
    uses_regexes = any(getattr(c.options, "use_regexes", False) for c in components)
    uses_lookups = any(getattr(c.options, "use_lookup_tables", False) for c in components)
    remedy = "RegexFeaturizer or RegexEntityExtractor"
    if data.regexes and not uses_regexes:
        _warn_unused("regexes", data.regexes[0].where, remedy)
    if data.lookups and not uses_lookups:
        _warn_unused("lookup tables", data.lookups[0].where, remedy)
    if "EntitySynonymMapper" not in names:
        implied = (
            example.where
            for example in data.examples
            for entity in example.entities
            if isinstance(entity.value, str)
            and entity.value != example.text[entity.start : entity.end]
        )
        places = [*(synonym.where for synonym in data.synonyms[:1]), *implied]
        if places:
            _warn_unused("synonyms", places[0], "EntitySynonymMapper")
    trainable = _trainable_extractors(components)
    patterns = {regex.name for regex in data.regexes} | {table.name for table in data.lookups}
    both = sorted(patterns & set(data.entity_types))
    if trainable and both and "RegexEntityExtractor" in names:
        warnings.warn(
            f"{trainable[0].alias} and RegexEntityExtractor both look for {', '.join(both)}, so "
            "such entities may be reported twice; name the patterns otherwise to use them as "
            "features only",
            stacklevel=3,
        )


def _trainable_extractors(components: Sequence[Component]) -> list[Component]:
    return [
        component
        for component in components
        if "entities" in component.provides
        and component.name not in _LEARN_NO_ENTITIES
        and getattr(component.options, "entity_recognition", not is_own_class(type(component)))
    ]


def _warn_of_competing_extractors(components: Sequence[Component]) -> None:
    trainable = _trainable_extractors(components)
    if len(trainable) > 1:
        warnings.warn(
            f"{' and '.join(c.alias for c in trainable)} all learn the same entities, so each may "
            "be reported more than once; keep one, or set entity_recognition: false in the others",
            stacklevel=4,
        )


def _warn_of_competing_selectors(
    components: Sequence[Component], wheres: Sequence[Location | None]
) -> None:
    selectors: dict[str, str] = {}
    for component, where in zip(components, wheres, strict=True):
        if "response_selector" not in component.provides:
            continue
        name = getattr(component, "selector_name", component.alias)
        earlier = selectors.setdefault(name, component.alias)
        if earlier != component.alias:
            place = place_prefix(where)
            warnings.warn(
                f"{place}{component.alias} selects for '{name}' as {earlier} does, so its choice "
                "will take the other's place; keep one, or give them different values of "
                "retrieval_intent",
                stacklevel=4,
            )


def _warn_unused(what: str, where: Location | None, remedy: str) -> None:
    place = place_prefix(where)
    warnings.warn(
        f"{place}the training data has {what} but nothing in the pipeline uses them; add {remedy}",
        stacklevel=4,
    )
