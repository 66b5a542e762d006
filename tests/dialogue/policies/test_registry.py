"""Policies by name, as a configuration asks for them, and whether they fit what they learn from."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pytest
from small import DOMAIN, STORIES

from gossamer.data.config import ComponentConfig
from gossamer.data.domain.domain import Form
from gossamer.data.errors import ConfigError, Location
from gossamer.data.stories.steps import ActionStep, Rule, StoryData, UserStep
from gossamer.dialogue.policies.registry import (
    DEFAULT_POLICIES,
    KNOWN_POLICIES,
    RASAS_POLICIES,
    check_policies,
    policies_from_config,
    policy_class,
)

RULES = StoryData(
    rules=(Rule(name="r", steps=(UserStep(intent="bye"), ActionStep(name="utter_bye"))),)
)
WHERE = Location(Path("config.yml"), 9)


def asked(*names: str, **options: object) -> list[ComponentConfig]:
    return [ComponentConfig(name=name, options=options, where=WHERE) for name in names]


@pytest.mark.parametrize("name", KNOWN_POLICIES)
def test_every_known_policy_is_there(name: str) -> None:
    assert policy_class(name).name == name
    assert policy_class(f"rasa.core.policies.somewhere.{name}") is policy_class(name)


def test_without_any_the_default_ones_are_taken() -> None:
    policies = policies_from_config([])
    assert [policy.name for policy in policies] == [item.name for item in DEFAULT_POLICIES]
    ted = policies[-1].options
    assert (ted.max_history, ted.epochs, ted.constrain_similarities) == (5, 100, True)
    assert [policy.options.priority for policy in policies] == [3, 4, 1]


def test_options_and_aliases() -> None:
    items = [
        *asked("MemoizationPolicy", max_history=4),
        *asked("MemoizationPolicy", max_history=2, priority=2),
        *asked("RulePolicy", core_fallback_threshold=0.5),
    ]
    policies = policies_from_config(items)
    assert [p.alias for p in policies] == ["MemoizationPolicy", "MemoizationPolicy_2", "RulePolicy"]
    assert [p.options.max_history for p in policies[:2]] == [4, 2]
    assert policies[2].options.core_fallback_threshold == 0.5


@pytest.mark.parametrize("options", [{"max_histroy": 3}, {"max_history": "three"}])
def test_bad_options_are_told_with_their_place(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"^config.yml:9: .*max_hist.*") as caught:
        policies_from_config(asked("MemoizationPolicy", **options))
    assert "MemoizationPolicy" in caught.value.must_hold


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"config.yml:9: .*'MemoisationPolicy'") as caught:
        policies_from_config(asked("MemoisationPolicy"))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("'MemoizationPolicy', or one of ")
    with pytest.raises(ConfigError, match="Try: one of Augmented"):
        policies_from_config(asked("zzz"))


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("FormPolicy", "RulePolicy"),
        ("MappingPolicy", "RulePolicy"),
        ("FallbackPolicy", "RulePolicy"),
        ("TwoStageFallbackPolicy", "RulePolicy"),
        ("rasa.core.policies.two_stage_fallback.TwoStageFallbackPolicy", "RulePolicy"),
        ("EmbeddingPolicy", "TEDPolicy"),
        ("KerasPolicy", "TEDPolicy"),
        ("SklearnPolicy", "TEDPolicy"),
    ],
)
def test_a_policy_that_is_gone_is_told_with_what_took_its_place(name: str, instead: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)config.yml:9: .*Try: {instead}"):
        policies_from_config(asked(name))


def test_rasas_default_policies_have_one_more() -> None:
    policies = policies_from_config(RASAS_POLICIES)
    assert [policy.options.priority for policy in policies] == [3, 4, 2, 1]
    assert policies[2].name == "UnexpecTEDIntentPolicy"
    assert (policies[2].options.max_history, policies[2].options.epochs) == (5, 100)


# -- whether they fit ------------------------------------------------------------------------------


def test_the_default_ones_fit() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_policies(policies_from_config([]), DOMAIN, RULES.merge([STORIES]))


def test_equal_priorities() -> None:
    policies = policies_from_config(asked("MemoizationPolicy", "AugmentedMemoizationPolicy"))
    with pytest.warns(
        UserWarning,
        match="MemoizationPolicy and AugmentedMemoizationPolicy have the same priority, 3",
    ):
        check_policies(policies, DOMAIN, STORIES)


def test_rules_that_nobody_learns() -> None:
    policies = policies_from_config(asked("MemoizationPolicy"))
    with pytest.warns(UserWarning, match=r"1 rules are not learnt.*RulePolicy"):
        check_policies(policies, DOMAIN, RULES)


def test_forms_that_nobody_runs() -> None:
    policies = policies_from_config(asked("MemoizationPolicy"))
    domain = dataclasses.replace(DOMAIN, forms={"order_form": Form(name="order_form")})
    with pytest.raises(ConfigError, match="forms need RulePolicy"):
        check_policies(policies, domain, STORIES)
