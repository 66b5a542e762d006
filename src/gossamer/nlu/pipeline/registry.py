"""The components that a pipeline can be built of, by name."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final

from gossamer.data.errors import ConfigError, Location
from gossamer.data.installed import missing_part
from gossamer.data.text.suggestions import nearest_or_all
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, is_own, register_as
from gossamer.nlu.pipeline.component import Component

#: Where the components of `gossamer.nlu` are; imported when asked for, so that a pipeline without
#: a network needs no torch. The class has the component's name unless one is given.
KNOWN_COMPONENTS: Final = MappingProxyType(
    {
        "CRFEntityExtractor": "extractors.crf.extractor",
        "CountVectorsFeaturizer": "featurizers.count_vectors_featurizer",
        "DIETClassifier": "diet.classifier:DIETComponent",
        "DucklingEntityExtractor": "extractors.duckling_entity_extractor",
        "EntitySynonymMapper": "extractors.entity_synonym_mapper",
        "FallbackClassifier": "classifiers.fallback_classifier",
        "JiebaTokenizer": "tokenizers.jieba_tokenizer",
        "KeywordIntentClassifier": "classifiers.keyword_intent_classifier",
        "LanguageModelFeaturizer": "featurizers.language_model.featurizer",
        "LexicalSyntacticFeaturizer": "featurizers.lexical_syntactic_featurizer",
        "LogisticRegressionClassifier": "classifiers.logistic_regression_classifier",
        "RegexEntityExtractor": "extractors.regex_entity_extractor",
        "RegexFeaturizer": "featurizers.regex_featurizer",
        "ResponseSelector": "selectors.response_selector",
        "SemanticMapFeaturizer": "featurizers.semantic_map.featurizer",
        "SklearnIntentClassifier": "classifiers.sklearn_intent_classifier",
        "SpacyEntityExtractor": "extractors.spacy_entity_extractor",
        "SpacyFeaturizer": "featurizers.spacy_featurizer",
        "SpacyNLP": "languages.spacy_nlp",
        "SpacyTokenizer": "tokenizers.spacy_tokenizer",
        "StaticVectorsFeaturizer": "featurizers.vectors.static_vectors_featurizer",
        "WhitespaceTokenizer": "tokenizers.whitespace_tokenizer",
        "WordClustersFeaturizer": "featurizers.vectors.word_clusters_featurizer",
    }
)

_MITIE = "MITIE has had no release since 2018 and does not install on current Pythons"
# Components of Rasa that there are not going to be: why, and what to use instead.
_REFUSED: Final = MappingProxyType(
    {
        "ConveRTFeaturizer": (
            "the weights of ConveRT were withdrawn by their owner",
            "LanguageModelFeaturizer, or StaticVectorsFeaturizer, which is faster",
        ),
        "MitieNLP": (_MITIE, "removing it; SpacyNLP where its vectors are needed"),
        "MitieTokenizer": (_MITIE, "WhitespaceTokenizer or SpacyTokenizer"),
        "MitieFeaturizer": (_MITIE, "StaticVectorsFeaturizer or SpacyFeaturizer"),
        "MitieEntityExtractor": (_MITIE, "DIETClassifier or CRFEntityExtractor"),
        "MitieIntentClassifier": (_MITIE, "DIETClassifier or LogisticRegressionClassifier"),
    }
)

_registered: dict[str, type[Component]] = {}


def register(component: type[Component]) -> type[Component]:
    """Make a component known by its `name` and its module path; usable as a class decorator.

    A class that is defined once more, as in a notebook, takes the earlier one's place.

    Raises:
        ValueError: another component has that name.
    """
    register_as(component.name, component, _registered, KNOWN_COMPONENTS, "component")
    return component


def known_components() -> tuple[str, ...]:
    """Sorted names of all components that a `config.yml` may ask for."""
    return tuple(sorted({*KNOWN_COMPONENTS, *_registered}))


def component_class(
    name: str, where: Location | None = None, own: OwnParts = NO_OWN_PARTS
) -> type[Component]:
    """The component of a name.

    Of a module path of Rasa's (`rasa.nlu.x.DIETClassifier`) the last part counts. Any other module
    path (`my_parts.sentiment.Sentiment`) is that of a class of the user's own, also when its last
    part is the name of a component here.

    Args:
        name: as a configuration has it.
        where: where it is written.
        own: the classes of the user's own that may be imported; registered ones always may be used.

    Raises:
        ConfigError: it is unknown, and the message names the nearest and lists all; or it is one
            of Rasa's that is refused, and the message says why and what to use; or it is the path
            of an own class that cannot be used.
        ModelFileError: it is the path of a class that may not be imported.
        MissingPartError: it needs a library that is not installed.
    """
    if is_own(name):
        return _installed(own.find(name, Component, where), where)  # type: ignore[type-abstract]
    short = name.rpartition(".")[2]
    if short in _registered:
        return _installed(_registered[short], where)
    if short in _REFUSED:
        reason, instead = _REFUSED[short]
        raise ConfigError(
            f"a component must be one that can still be had: {reason}",
            got=name,
            where=where,
            hint=instead,
        )
    path = KNOWN_COMPONENTS.get(short)
    if path is None:
        raise ConfigError(
            "a pipeline component must be one that Gossamer has",
            got=name,
            where=where,
            hint=f"{nearest_or_all(short, known_components())}; for a class of your own its path, "
            "as my_parts.sentiment.Sentiment",
        )
    module, _, attribute = path.partition(":")
    component = getattr(import_module(f"gossamer.nlu.{module}"), attribute or short)
    if not (isinstance(component, type) and issubclass(component, Component)):
        raise TypeError(f"{path} must be a Component")
    return _installed(component, where)


def _installed(component: type[Component], where: Location | None) -> type[Component]:
    missing = missing_part(component.name, *component.needs, where=where)
    if missing is not None:
        raise missing
    return component
