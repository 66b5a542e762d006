"""The pipeline configuration, `config.yml`: which components, in which order, with which options.

Whether a component exists and what options it has is not known here; the pipeline checks that.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from gossamer.data.errors import ConfigError, InputError, Location, all_of
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_tree import (
    YamlList,
    YamlMapping,
    YamlNode,
    YamlScalar,
    parse_yaml_tree,
)
from gossamer.data.text.yaml_writer import yaml_lines

T = TypeVar("T")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OWN_KEYS = ("recipe", "assistant_id", "language", "pipeline", "policies")
# Keys of Rasa that say how data are found and how a graph is built: kept, but without effect here.
_RASAS_KEYS = (
    "version",
    "importers",
    "imports",
    "core_target",
    "nlu_target",
    "train_schema",
    "predict_schema",
    "spaces",
)


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


def read_config(path: str | Path, *, needs_pipeline: bool = True) -> ProjectConfig:
    """Read a `config.yml`.

    A missing or empty pipeline is replaced by `DEFAULT_PIPELINE`, with a warning. Missing policies
    stay missing. A top-level key that neither Gossamer nor Rasa knows is an error, because it is
    most likely a misspelt one, whose content would be dropped.

    Args:
        path: the file.
        needs_pipeline: False: the pipeline is not going to be used, so there is no warning about
            it.

    Raises:
        ConfigError: the file is missing or not well-formed YAML; it is not a mapping; a top-level
            key is unknown; the pipeline is not a list of mappings with a name; the recipe is not
            "default.v1". All such faults are reported together.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError("a configuration must be a file", where=Location(path))
    tree = parse_yaml_tree(read_text(path, error=ConfigError), path, error=ConfigError)
    if tree is None:
        tree = YamlMapping(Location(path), (), {})
    if not isinstance(tree, YamlMapping):
        raise ConfigError(
            "a configuration must be a mapping with the key 'pipeline'",
            where=tree.where,
            hint="pipeline:",
        )
    faults: list[InputError] = [
        _unknown_key(str(key.value), key.where)
        for key, _ in tree.pairs
        if key.value not in (*_OWN_KEYS, *_RASAS_KEYS)
    ]

    def attempt(read: Callable[[YamlMapping, str], T], key: str, otherwise: T) -> T:
        try:
            return read(tree, key)
        except ConfigError as fault:
            faults.append(fault)
            return otherwise

    recipe = attempt(_recipe, "recipe", "default.v1")
    language = attempt(_text, "language", None)
    assistant_id = attempt(_text, "assistant_id", None)
    none: tuple[ComponentConfig, ...] = ()
    pipeline = attempt(_components, "pipeline", none)
    policies = attempt(_components, "policies", none)
    if faults:
        raise all_of(faults)
    if not pipeline:
        if needs_pipeline:
            names = ", ".join(component.name for component in DEFAULT_PIPELINE)
            warnings.warn(f"{path}: no pipeline; the default one is used: {names}", stacklevel=2)
        pipeline = DEFAULT_PIPELINE
    return ProjectConfig(
        language=language,
        recipe=recipe,
        assistant_id=assistant_id,
        pipeline=pipeline,
        policies=policies,
        others={
            key.text: node.to_python() for key, node in tree.pairs if key.text not in _OWN_KEYS
        },
        where=Location(path),
    )


def _unknown_key(key: str, where: Location) -> ConfigError:
    known = (*_OWN_KEYS, *_RASAS_KEYS)
    near = nearest(key, known)
    listed = f"one of {', '.join(known)}"
    return ConfigError(
        "a key of the configuration must be one that Gossamer or Rasa knows",
        got=key,
        where=where,
        hint=f"'{near}', or {listed}" if near is not None else f"removing it, or {listed}",
    )


def _recipe(tree: YamlMapping, key: str) -> str:
    recipe = _text(tree, key)
    if recipe is None or recipe == "default.v1":
        return "default.v1"
    raise ConfigError(
        "the recipe must be default.v1",
        got=recipe,
        where=tree.entries[key].where,
        hint="a pipeline in place of a graph",
    )


def _is_absent(node: YamlNode | None) -> bool:
    return node is None or (isinstance(node, YamlScalar) and node.value is None)


def _text(tree: YamlMapping, key: str) -> str | None:
    node = tree.entries.get(key)
    if node is None or _is_absent(node):
        return None
    if not isinstance(node, YamlScalar):
        raise ConfigError(f"'{key}' must be a text", where=node.where)
    return node.text


def _components(tree: YamlMapping, key: str) -> tuple[ComponentConfig, ...]:
    node = tree.entries.get(key)
    if node is None or _is_absent(node):
        return ()
    if not isinstance(node, YamlList):
        hint = "- name: WhitespaceTokenizer, one item for each component"
        if isinstance(node, YamlScalar):
            hint += "; the templates of Rasa 1 are gone"
        raise ConfigError(
            f"'{key}' must be a list", got=node.to_python(), where=node.where, hint=hint
        )
    found: list[ComponentConfig] = []
    faults: list[InputError] = []
    for item in node.items:
        try:
            found.append(_component(item, key))
        except ConfigError as fault:
            faults.append(fault)
    if faults:
        raise all_of(faults)
    return tuple(found)


def _component(item: YamlNode, key: str) -> ComponentConfig:
    if not isinstance(item, YamlMapping):
        raise ConfigError(
            f"an item of '{key}' must be a mapping with the key 'name'",
            got=item.to_python(),
            where=item.where,
            hint=f"- name: {item.text}" if isinstance(item, YamlScalar) else "- name: ...",
        )
    name = item.entries.get("name")
    if not isinstance(name, YamlScalar) or not isinstance(name.value, str) or not name.text.strip():
        raise ConfigError(
            f"an item of '{key}' needs a name",
            got=item.to_python(),
            where=item.where,
            hint="- name: DIETClassifier, its options below it, indented alike",
        )
    for option, _ in item.pairs:
        if not isinstance(option.value, str):
            raise ConfigError(
                "the name of an option must be a text", got=option.value, where=option.where
            )
    options = {option.text: node.to_python() for option, node in item.pairs}
    del options["name"]
    return ComponentConfig(name=name.text.strip(), options=options, where=item.where)


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
        others={key: value for key, value in content.items() if key not in _OWN_KEYS},
    )


def dump_config(config: ProjectConfig) -> str:
    """The configuration as the text of a `config.yml`.

    Raises:
        DataError: an option's value cannot be written as YAML.
    """
    return "\n".join(yaml_lines(config_to_dict(config))) + "\n"
