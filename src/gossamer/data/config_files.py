"""Reading and writing `config.yml`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gossamer.data.config import (
    DEFAULT_PIPELINE,
    OWN_KEYS,
    ComponentConfig,
    ProjectConfig,
    config_to_dict,
)
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
        if key.value not in (*OWN_KEYS, *_RASAS_KEYS)
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
        others={key.text: node.to_python() for key, node in tree.pairs if key.text not in OWN_KEYS},
        where=Location(path),
    )


def _unknown_key(key: str, where: Location) -> ConfigError:
    known = (*OWN_KEYS, *_RASAS_KEYS)
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


def dump_config(config: ProjectConfig) -> str:
    """The configuration as the text of a `config.yml`.

    Raises:
        DataError: an option's value cannot be written as YAML.
    """
    return "\n".join(yaml_lines(config_to_dict(config))) + "\n"
