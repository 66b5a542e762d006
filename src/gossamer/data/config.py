"""The pipeline configuration, `config.yml`: which components, in which order, with which options.

Whether a component exists and what options it has is not known here; the pipeline checks that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gossamer.data.errors import ConfigError, Location

_NOTHING: Mapping[str, Any] = MappingProxyType({})
OWN_KEYS = ("recipe", "assistant_id", "language", "pipeline", "policies")


@dataclass(frozen=True, kw_only=True)
class ComponentConfig:
    """An item of a pipeline.

    Attributes:
        name: the component's name, or the path of its class.
        options: what is set, by name; defaults are not filled in.
        where: where it was read, or None; does not count when configurations are compared.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    where: Location | None = field(default=None, compare=False, repr=False)


DEFAULT_PIPELINE: tuple[ComponentConfig, ...] = (
    ComponentConfig(name="WhitespaceTokenizer"),
    ComponentConfig(name="RegexFeaturizer"),
    ComponentConfig(name="LexicalSyntacticFeaturizer"),
    ComponentConfig(name="CountVectorsFeaturizer"),
    ComponentConfig(
        name="CountVectorsFeaturizer",
        options=MappingProxyType({"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
    ),
    ComponentConfig(name="DIETClassifier"),
    ComponentConfig(name="EntitySynonymMapper"),
    ComponentConfig(
        name="FallbackClassifier",
        options=MappingProxyType({"threshold": 0.3, "ambiguity_threshold": 0.1}),
    ),
)
"""The components of Rasa 3.6's default pipeline without its ResponseSelector; DIETClassifier has
Gossamer's defaults. With `ProjectConfig.with_rasa_defaults` it is as in Rasa."""

_RASAS_DIET = ComponentConfig(
    name="DIETClassifier",
    options=MappingProxyType({"epochs": 100, "constrain_similarities": True}),
)
_RASAS_PIPELINE = tuple(
    _RASAS_DIET if part.name == _RASAS_DIET.name else part for part in DEFAULT_PIPELINE
)


@dataclass(frozen=True, kw_only=True)
class ProjectConfig:
    """What a `config.yml` says.

    Attributes:
        language: the language's code, or None.
        recipe: "default.v1", the only one that has a pipeline.
        assistant_id: the assistant's name, or None.
        pipeline: components in order; never empty.
        policies: as the pipeline, for dialogue; kept, not used for understanding.
        others: further top-level keys ("importers"), kept as they are.
        where: the file, or None; does not count when configurations are compared.
    """

    language: str | None = None
    recipe: str = "default.v1"
    assistant_id: str | None = None
    pipeline: tuple[ComponentConfig, ...] = DEFAULT_PIPELINE
    policies: tuple[ComponentConfig, ...] = ()
    others: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    where: Location | None = field(default=None, compare=False, repr=False)

    def with_rasa_defaults(self) -> ProjectConfig:
        """The configuration with Rasa's default for every option that is not set.

        Every component and policy gets the option `rasa_defaults: true` unless it sets that option
        itself. `DEFAULT_PIPELINE` becomes the one that Rasa suggests, whose DIETClassifier has
        `epochs: 100` and `constrain_similarities: true`.
        """
        pipeline = _RASAS_PIPELINE if self.pipeline is DEFAULT_PIPELINE else self.pipeline
        return dataclasses.replace(
            self,
            pipeline=tuple(map(_with_rasa_defaults, pipeline)),
            policies=tuple(map(_with_rasa_defaults, self.policies)),
        )


def _with_rasa_defaults(part: ComponentConfig) -> ComponentConfig:
    return dataclasses.replace(part, options={"rasa_defaults": True, **part.options})


def config_to_dict(config: ProjectConfig) -> dict[str, Any]:
    """The configuration as JSON values, in the layout of the file; locations are dropped."""
    result: dict[str, Any] = {"recipe": config.recipe}
    if config.assistant_id is not None:
        result["assistant_id"] = config.assistant_id
    if config.language is not None:
        result["language"] = config.language
    for key in ("pipeline", "policies"):
        components: tuple[ComponentConfig, ...] = getattr(config, key)
        if components:
            result[key] = [{"name": part.name, **part.options} for part in components]
    return result | dict(config.others)


def config_from_dict(content: Mapping[str, Any]) -> ProjectConfig:
    """The configuration that `config_to_dict` stored.

    Raises:
        ConfigError: the content is not of that layout.
    """
    lists: dict[str, tuple[ComponentConfig, ...]] = {}
    for key in ("pipeline", "policies"):
        items = content.get(key, [])
        if not isinstance(items, list) or not all(
            isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in items
        ):
            raise ConfigError(f"'{key}' must be a list of mappings with a name", got=items)
        lists[key] = tuple(
            ComponentConfig(
                name=item["name"],
                options={option: value for option, value in item.items() if option != "name"},
            )
            for item in items
        )
    if not lists["pipeline"]:
        raise ConfigError("a stored configuration must have a pipeline", got=dict(content))
    for key in ("language", "recipe", "assistant_id"):
        if not isinstance(content.get(key, ""), str):
            raise ConfigError(f"'{key}' must be a text", got=content[key])
    return ProjectConfig(
        language=content.get("language"),
        recipe=content.get("recipe", "default.v1"),
        assistant_id=content.get("assistant_id"),
        pipeline=lists["pipeline"],
        policies=lists["policies"],
        others={key: value for key, value in content.items() if key not in OWN_KEYS},
    )
