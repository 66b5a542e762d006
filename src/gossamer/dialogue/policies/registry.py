"""The policies that a `config.yml` may ask for, by name, and whether they fit together."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final

from gossamer.data.config import ComponentConfig
from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, InputError, Location, all_of
from gossamer.data.stories.steps import StoryData
from gossamer.data.text.suggestions import nearest_or_all
from gossamer.dialogue.policies.policy import Policy
from gossamer.nlu.own.failures import OwnCode
from gossamer.nlu.own.importing import (
    NO_OWN_PARTS,
    OwnParts,
    is_own,
    register_as,
)
from gossamer.nlu.pipeline.options_reader import read_options, warn_of_idle_options

KNOWN_POLICIES: Final = MappingProxyType(
    {
        "AugmentedMemoizationPolicy": "memoization",
        "MemoizationPolicy": "memoization",
        "RulePolicy": "rules.policy",
        "TEDPolicy": "ted.policy",
        "UnexpecTEDIntentPolicy": "unexpected_intent.policy",
    }
)

DEFAULT_POLICIES: Final = (
    ComponentConfig(name="MemoizationPolicy"),
    ComponentConfig(name="RulePolicy"),
    ComponentConfig(
        name="TEDPolicy",
        options=MappingProxyType({"max_history": 5, "epochs": 100, "constrain_similarities": True}),
    ),
)
"""Rasa 3.6's default policies without its UnexpecTEDIntentPolicy, which Rasa calls experimental."""

RASAS_POLICIES: Final = (
    *DEFAULT_POLICIES[:-1],
    ComponentConfig(
        name="UnexpecTEDIntentPolicy",
        options=MappingProxyType({"max_history": 5, "epochs": 100}),
    ),
    DEFAULT_POLICIES[-1],
)
"""Rasa 3.6's default policies, trained with Rasa's defaults (`gossamer train --rasa-defaults`)."""

_REPLACED = MappingProxyType(
    {
        "EmbeddingPolicy": "TEDPolicy",
        "KerasPolicy": "TEDPolicy",
        "SklearnPolicy": "TEDPolicy",
        "FormPolicy": "RulePolicy, with a rule that starts the form",
        "MappingPolicy": "RulePolicy, with a rule for each mapped intent",
        "FallbackPolicy": "RulePolicy with core_fallback_threshold, and FallbackClassifier",
        "TwoStageFallbackPolicy": "RulePolicy with a rule from nlu_fallback to "
        "action_two_stage_fallback",
    }
)


_registered: dict[str, type[Policy]] = {}


def register(policy: type[Policy]) -> type[Policy]:
    """Make a policy known by its `name` and its module path; usable as a class decorator.

    A class that is defined once more, as in a notebook, takes the earlier one's place.

    Raises:
        ValueError: another policy has that name.
    """
    register_as(policy.name, policy, _registered, KNOWN_POLICIES, "policy")
    return policy


def policy_class(
    name: str, where: Location | None = None, own: OwnParts = NO_OWN_PARTS
) -> type[Policy]:
    """The policy of a name.

    Of a module path of Rasa's the last part counts; any other module path is that of a class of
    the user's own.

    Args:
        name: as a configuration has it.
        where: where it is written.
        own: the classes of the user's own that may be imported; registered ones always may be used.

    Raises:
        ConfigError: it is unknown; the message names what took its place or the nearest name. Or
            it is the path of an own class that cannot be used.
        ModelFileError: it is the path of a class that may not be imported.
    """
    if is_own(name):
        return own.find(name, Policy, where)  # type: ignore[type-abstract]
    short = name.rpartition(".")[2]
    if short in _registered:
        return _registered[short]
    if short in _REPLACED:
        raise ConfigError(
            "a policy must be one that is still there",
            got=name,
            where=where,
            hint=_REPLACED[short],
        )
    path = KNOWN_POLICIES.get(short)
    if path is None:
        raise ConfigError(
            "a policy must be one that Gossamer has",
            got=name,
            where=where,
            hint=f"{nearest_or_all(short, [*KNOWN_POLICIES, *_registered])}; for a class "
            "of your own its path, as my_parts.night.NightPolicy",
        )
    module, _, attribute = path.partition(":")
    found = getattr(import_module(f"gossamer.dialogue.policies.{module}"), attribute or short)
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise TypeError(f"{path} must be a Policy")
    return found


def read_policies(
    items: Sequence[ComponentConfig], own: OwnParts = NO_OWN_PARTS
) -> tuple[list[Policy], list[InputError]]:
    """The policies that a `config.yml` describes, and what is wrong with the others.

    Without any, they are `DEFAULT_POLICIES`. Warns of options that change nothing.

    Args:
        items: as they are written.
        own: the classes of the user's own that may be imported.
    """
    policies: list[Policy] = []
    faults: list[InputError] = []
    counts: Counter[str] = Counter()
    for item in items or DEFAULT_POLICIES:
        try:
            kind = policy_class(item.name, item.where, own)
            options = read_options(kind, item.options, item.where)
            number = counts[kind.name] + 1
            alias = kind.name if number == 1 else f"{kind.name}_{number}"
            with OwnCode(kind, "__init__", item.where):
                policy = kind(options, alias=alias)
        except InputError as fault:
            faults.append(fault)
            continue
        warn_of_idle_options(kind, item.options, options, item.where)
        counts[kind.name] = number
        policies.append(policy)
    if not policies and not faults:
        faults.append(
            ConfigError("a dialogue model needs at least one policy", hint="- name: RulePolicy")
        )
    return policies, faults


def policies_from_config(
    items: Sequence[ComponentConfig], own: OwnParts = NO_OWN_PARTS
) -> list[Policy]:
    """The policies that `read_policies` reads.

    Raises:
        ConfigError: a policy or an option is unknown, or a value is not valid; all faults are
            reported.
    """
    policies, faults = read_policies(items, own)
    if faults:
        raise all_of(faults)
    return policies


def check_policies(policies: Sequence[Policy], domain: Domain, stories: StoryData) -> None:
    """Whether policies, domain and stories fit together, as Rasa 3.6 checks it.

    Warns of equal priorities, and of rules that no policy learns.

    Raises:
        ConfigError: the domain has forms, and no RulePolicy runs them.
    """
    priorities = Counter(policy.options.priority for policy in policies)
    for priority, count in priorities.items():
        if count > 1:
            names = [p.alias for p in policies if p.options.priority == priority]
            warnings.warn(
                f"{' and '.join(names)} have the same priority, {priority}; of equally confident "
                "ones the first wins. Try: different priorities",
                stacklevel=2,
            )
    has_rules = any(policy.learns_rules for policy in policies)
    if domain.forms and not has_rules:
        raise ConfigError(
            "forms need RulePolicy, which runs them",
            got=sorted(domain.forms),
            where=domain.where,
            hint="- name: RulePolicy under 'policies:'",
        )
    if stories.rules and not has_rules:
        warnings.warn(
            f"{len(stories.rules)} rules are not learnt, as there is no RulePolicy. "
            "Try: - name: RulePolicy under 'policies:'",
            stacklevel=2,
        )
