"""A `config.yml` of Rasa 1 or 2 in the terms of Rasa 3."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gossamer.data.config import DEFAULT_PIPELINE, ComponentConfig, ProjectConfig
from gossamer.data.config_files import dump_config, read_config
from gossamer.data.errors import ConfigError
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.data.stories.steps import ActionStep, LoopStep, Rule, UserStep
from gossamer.data.text.text_files import read_text

_LEARNT: Final = ("EmbeddingPolicy", "KerasPolicy", "SklearnPolicy")
_RULED: Final = ("FallbackPolicy", "FormPolicy", "MappingPolicy", "TwoStageFallbackPolicy")
_KEPT_OPTIONS: Final = ("epochs", "max_history")
_TWO_STAGES = "action_two_stage_fallback"
_GONE: Final = MappingProxyType(
    {
        "ConveRTFeaturizer": "LanguageModelFeaturizer",
        "ConveRTTokenizer": "WhitespaceTokenizer",
        "EmbeddingIntentClassifier": "DIETClassifier",
        "HFTransformersNLP": "LanguageModelFeaturizer, with its model_name",
        "LanguageModelTokenizer": "WhitespaceTokenizer",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedConfig:
    """A configuration for Rasa 3.

    Attributes:
        text: of the file; as it was, comments included, where nothing had to change.
        rules: that do what old policies did.
        has_mapping_policy: whether intents were mapped to actions, by `triggers` in the domain.
        notes: what was changed, and what is left to do.
    """

    text: str
    rules: tuple[Rule, ...] = ()
    has_mapping_policy: bool = False
    notes: tuple[str, ...] = ()


def migrate_config(path: Path) -> MigratedConfig:
    """Write a configuration in the terms of Rasa 3.

    FormPolicy, MappingPolicy, FallbackPolicy and TwoStageFallbackPolicy become RulePolicy, with
    their thresholds and with FallbackClassifier where they had one for messages. EmbeddingPolicy,
    KerasPolicy and SklearnPolicy become TEDPolicy, with `max_history` and `epochs`.
    `weight_sparsity` becomes `connection_density`. Components that are gone stay, with a note.

    Raises:
        ConfigError: as `read_config`.
    """
    old = read_config(path, needs_pipeline=False)
    new, rules, notes = _policies(old)
    new = dataclasses.replace(
        new,
        pipeline=tuple(_component(part, notes) for part in new.pipeline),
        policies=tuple(_component(part, notes) for part in new.policies),
    )
    text = read_text(path, error=ConfigError)
    if new != old:
        if "#" in text:
            notes.append("comments are not kept")
        if old.pipeline is DEFAULT_PIPELINE and new.pipeline == old.pipeline:
            new = dataclasses.replace(new, pipeline=())  # none was written, and none is
        text = dump_config(new)
    return MigratedConfig(
        text=text,
        rules=tuple(rules),
        has_mapping_policy=any(_short(part) == "MappingPolicy" for part in old.policies),
        notes=tuple(f"{path}: {note}" for note in dict.fromkeys(notes)),
    )


def _short(part: ComponentConfig) -> str:
    return part.name.rpartition(".")[2]


def _policies(config: ProjectConfig) -> tuple[ProjectConfig, list[Rule], list[str]]:
    notes: list[str] = []
    rules: list[Rule] = []
    policies: list[ComponentConfig] = []
    of_rules: dict[str, Any] = {}
    classifier: ComponentConfig | None = None
    is_ruled = False
    names = [_short(part) for part in config.policies]
    for part, name in zip(config.policies, names, strict=True):
        if name in _LEARNT:
            notes.append(
                f"{name} became TEDPolicy; options besides max_history and epochs are gone"
            )
            kept = _kept_options(part)
            if "TEDPolicy" not in (*names, *(other.name for other in policies)):
                policies.append(ComponentConfig(name="TEDPolicy", options=kept))
        elif name in _RULED:
            is_ruled = True
            notes.append(f"{name} became RulePolicy")
            if name == "FormPolicy":
                notes.append("each form needs a rule that starts it, and one that goes on after it")
            if "Fallback" in name:
                of_rules |= _core_fallback(part)
                classifier = _fallback_classifier(part)
                rules.append(_fallback_rule(part))
        else:
            policies.append(part)
    if is_ruled:
        found = next((part for part in policies if _short(part) == "RulePolicy"), None)
        if found is None:
            policies.append(ComponentConfig(name="RulePolicy", options=of_rules))
        else:
            merged = dataclasses.replace(found, options={**of_rules, **found.options})
            policies[policies.index(found)] = merged
    changed = dataclasses.replace(config, policies=tuple(policies))
    if classifier is not None:
        changed = _with_fallback(changed, classifier, notes)
    return (changed if notes else config), rules, notes


def _kept_options(part: ComponentConfig) -> dict[str, Any]:
    """Of an old policy that learns: `epochs`, and `max_history`, wherever it was written."""
    kept = {key: part.options[key] for key in _KEPT_OPTIONS if key in part.options}
    featurizers = part.options.get("featurizer")
    for featurizer in featurizers if isinstance(featurizers, list) else []:
        if isinstance(featurizer, Mapping) and featurizer.get("max_history") is not None:
            kept.setdefault("max_history", featurizer["max_history"])
    return kept


def _with_fallback(
    config: ProjectConfig, classifier: ComponentConfig, notes: list[str]
) -> ProjectConfig:
    """The configuration with a policy's thresholds for messages in its FallbackClassifier."""
    pipeline = config.pipeline
    if config.pipeline is DEFAULT_PIPELINE:
        pipeline = tuple(part for part in pipeline if part.name != classifier.name)
        notes.append("the default pipeline is written out, with the thresholds for messages")
    own = next((part for part in pipeline if _short(part) == classifier.name), None)
    if own is None:
        return dataclasses.replace(config, pipeline=(*pipeline, classifier))
    told = {key: own.options.get(key) for key in classifier.options}
    if told != classifier.options:
        shown = ", ".join(f"{key} {value}" for key, value in classifier.options.items())
        notes.append(f"FallbackClassifier keeps its own thresholds; the policy had {shown}")
    return config


def _core_fallback(part: ComponentConfig) -> dict[str, Any]:
    options = part.options
    name = options.get("fallback_core_action_name", options.get("fallback_action_name"))
    return {
        "core_fallback_threshold": options.get("core_threshold", 0.3),
        "core_fallback_action_name": name or "action_default_fallback",
        "enable_fallback_prediction": True,
    }


def _fallback_classifier(part: ComponentConfig) -> ComponentConfig:
    options = {
        "threshold": part.options.get("nlu_threshold", 0.3),
        "ambiguity_threshold": part.options.get("ambiguity_threshold", 0.1),
    }
    return ComponentConfig(name="FallbackClassifier", options=options)


def _fallback_rule(part: ComponentConfig) -> Rule:
    message = UserStep(intent=FALLBACK_INTENT)
    if _short(part) == "TwoStageFallbackPolicy":
        steps = (message, ActionStep(name=_TWO_STAGES), LoopStep(name=_TWO_STAGES))
        return Rule(name="ask twice what was meant", steps=steps)
    name = part.options.get("fallback_action_name", "action_default_fallback")
    return Rule(name="answer what is not understood", steps=(message, ActionStep(name=name)))


def _component(part: ComponentConfig, notes: list[str]) -> ComponentConfig:
    name = _short(part)
    if name in _GONE:
        notes.append(f"{name} is gone since Rasa 3. Try: {_GONE[name]}")
    share = part.options.get("weight_sparsity")
    if isinstance(share, int | float) and "connection_density" not in part.options:
        notes.append(f"weight_sparsity of {name} became connection_density")
        options = {
            "connection_density" if key == "weight_sparsity" else key: (
                round(1 - share, 10) if key == "weight_sparsity" else value
            )
            for key, value in part.options.items()
        }
        return dataclasses.replace(part, options=options)
    return part
