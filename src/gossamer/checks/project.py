"""What is doubtful in a project, and what training starts from."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gossamer.checks.finetuning import Finetuning
from gossamer.checks.parts import Parts, attempted
from gossamer.data.config import DEFAULT_PIPELINE, ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, DataError, InputError, all_of, place_prefix
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.data.project import Project, joined
from gossamer.data.project_checks import check_project
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.dialogue.last_model import LastModel
from gossamer.dialogue.model import PreparedDialogue, prepare_dialogue
from gossamer.dialogue.policies.policy import Policy
from gossamer.dialogue.policies.registry import (
    DEFAULT_POLICIES,
    RASAS_POLICIES,
    policy_class,
    read_policies,
)
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, known_name
from gossamer.nlu.pipeline.options_reader import HasOptions
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.registry import component_class

T = TypeVar("T")

MOST_WARNINGS = 20
"""How many findings training reports before it only counts them."""

_LARGEST_SEED = 2**63 - 1
# What rules and stories are checked against where no configuration names policies.
_RULES_ALONE = (ComponentConfig(name="RulePolicy"),)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A project that was checked, ready to be trained once if nothing refuses it.

    Attributes:
        project: with seeds set as asked for; None: a part could not be read.
        findings: all that is doubtful.
        read_at: see `Parts`.
        pipeline: its untrained NLU components, or None.
        dialogue: its dialogue before the first epoch, or None.
        last: the model whose parts are taken where they need not be trained again, or None.
    """

    project: Project | None
    findings: tuple[Finding, ...]
    read_at: float
    pipeline: Pipeline | None = field(default=None, repr=False)
    dialogue: PreparedDialogue | None = field(default=None, repr=False)
    last: LastModel | None = field(default=None, repr=False)

    @property
    def refusals(self) -> list[InputError]:
        """Why it cannot be trained; empty when it can."""
        return [found.refusal for found in self.findings if found.refusal is not None]

    @property
    def mistakes(self) -> list[Finding]:
        """Errors that training can live with."""
        return [
            found
            for found in self.findings
            if found.severity is Severity.ERROR and found.refusal is None
        ]

    def require_sound(self) -> Project:
        """The project, if it can be trained.

        Raises:
            InputError: it cannot; all reasons are reported.
        """
        if self.refusals:
            raise all_of(self.refusals)
        if self.project is None:
            raise InputError("a project must be read before it is trained")
        return self.project

    def warn(self) -> None:
        """Warn of the errors that training can live with, the first `MOST_WARNINGS` of them."""
        told = self.mistakes[:MOST_WARNINGS]
        for found in told:
            place = place_prefix(found.where)
            warnings.warn(f"{place}{found.message}", stacklevel=3)
        more = len(self.mistakes) - len(told)
        if more > 0:
            warnings.warn(f"{more} more errors: gossamer data validate shows them", stacklevel=3)


def check(
    parts: Parts,
    *,
    random_seed: int | None = None,
    rasa_defaults: bool = False,
    last: LastModel | None = None,
    finetuning: Finetuning | None = None,
) -> Checked:
    """Everything doubtful in a project, and what training starts from.

    Args:
        parts: see `read_parts`.
        random_seed: seed for everything that draws numbers; None leaves what the configuration
            says.
        rasa_defaults: options that are not set have Rasa's defaults; see
            `ProjectConfig.with_rasa_defaults`.
        last: a model whose parts are to be taken where they need not be trained again.
        finetuning: what training is to go on from; None: it starts anew.

    Returns:
        Findings: of reading, of configuration, data, domain and stories, and what components and
        policies refuse.
    """
    findings = [*parts.findings]
    if random_seed is not None:
        findings += _refuse_seed(random_seed)
    if parts.wants_all:
        findings += _missing_parts(parts)
    config = parts.config
    names_pipeline = config is not None and _names_pipeline(config)
    if config is not None and (random_seed is not None or rasa_defaults):
        if parts.wants_dialogue and not config.policies:
            default = RASAS_POLICIES if rasa_defaults else DEFAULT_POLICIES
            config = dataclasses.replace(config, policies=default)
        if rasa_defaults:
            config = config.with_rasa_defaults()
        if random_seed is not None:
            config = _with_seed(config, random_seed)

    def attempt(read: Callable[[], T]) -> T | None:
        return attempted(read, findings)

    pipeline: Pipeline | None = None
    if config is not None and parts.wants_nlu and (parts.nlu is not None or names_pipeline):
        settings = config
        pipeline = attempt(lambda: Pipeline.from_config(settings))
    items = _RULES_ALONE if config is None else config.policies
    own = NO_OWN_PARTS if config is None else OwnParts.of(config)
    policies, faults = read_policies(items, own) if parts.wants_dialogue else ([], [])
    findings += map(Finding.of, faults)
    if finetuning is not None and config is not None and not _refuses(findings):
        learning = None if parts.nlu is None else pipeline
        findings += map(Finding.of, finetuning.begin(learning, policies, config))
    findings += (
        attempt(
            lambda: check_project(
                parts.nlu, parts.stories, parts.domain, restrict_rules=_restrict_rules(policies)
            )
        )
        or ()
    )
    if parts.nlu is None and not parts.wants_dialogue and not _refuses(findings):
        fault = InputError(
            "training needs examples, stories or rules",
            where=None if config is None else config.where,
            hint="files with 'nlu:', 'stories:' or 'rules:' under data/",
        )
        findings.append(Finding.of(fault))
    project: Project | None = None
    if parts.stories is not None:
        whole = Project(
            config=ProjectConfig() if config is None else config,
            nlu=parts.nlu,
            stories=parts.stories,
            domain=parts.domain,
        )
        project = attempt(lambda: joined(whole))
    if pipeline is not None and project is not None and project.nlu is not None:
        findings += map(Finding.of, pipeline.check(project.nlu))
    dialogue: PreparedDialogue | None = None
    if (
        project is not None
        and parts.wants_dialogue
        and _can_prepare(parts, policies, items, findings)
    ):
        ready, known = project, () if last is None else last.policies
        dialogue = attempt(lambda: prepare_dialogue(ready, policies, pipeline=pipeline, last=known))
    return Checked(
        project=project if config is not None else None,
        findings=tuple(dict.fromkeys(findings)),
        read_at=parts.read_at,
        pipeline=pipeline,
        dialogue=dialogue,
        last=last,
    )


def _refuse_seed(random_seed: int) -> list[Finding]:
    if 0 <= random_seed <= _LARGEST_SEED:
        return []
    return [Finding.of(ConfigError(f"random_seed must be 0 to {_LARGEST_SEED}", got=random_seed))]


def _missing_parts(parts: Parts) -> list[Finding]:
    """What the configuration names but there is no data to train on."""
    config = parts.config
    if config is None or _refuses(parts.findings):
        return []
    found: list[Finding] = []
    if parts.nlu is None and _names_pipeline(config) and parts.wants_dialogue:
        fault = DataError(
            "the pipeline needs examples to learn from, but there are none",
            where=config.where,
            hint="examples under 'nlu:', or `gossamer train core` for dialogue alone",
        )
        found.append(Finding.of(fault))
    if not parts.wants_dialogue and config.policies and parts.domain is not None:
        fault = DataError(
            "policies need stories or rules to learn from, but there are none",
            where=config.where,
            hint="stories under 'stories:' or 'rules:', or `gossamer train nlu` without dialogue",
        )
        found.append(Finding.of(fault))
    return found


def _refuses(findings: Sequence[Finding]) -> bool:
    return any(found.refusal is not None for found in findings)


def _names_pipeline(config: ProjectConfig) -> bool:
    return config.pipeline is not DEFAULT_PIPELINE


def _restrict_rules(policies: Sequence[Policy]) -> bool:
    return any(
        policy.learns_rules and getattr(policy.options, "restrict_rules", False)
        for policy in policies
    )


def _can_prepare(
    parts: Parts,
    policies: Sequence[Policy],
    items: Sequence[ComponentConfig],
    findings: Sequence[Finding],
) -> bool:
    """Whether stories and policies are valid enough to be compared."""
    if not policies or (parts.domain is None and _refuses(parts.findings)):
        return False
    asked = {known_name(item.name) for item in items}
    if "RulePolicy" in asked and not any(policy.learns_rules for policy in policies):
        return False  # findings about rules and forms would be wrong
    told = parts.stories or StoryData()
    written: tuple[Story | Rule, ...] = (*told.stories, *told.rules)
    files = {part.where.path for part in written if part.where is not None}
    return not any(
        found.refusal is not None and (found.where is None or found.where.path in files)
        for found in findings
    )


def _with_seed(config: ProjectConfig, random_seed: int) -> ProjectConfig:
    """The configuration with the option `random_seed` set wherever a component has it.

    What cannot be found or imported stays as it is; reading it reports why.
    """
    own = OwnParts.of(config)

    def seeded(part: ComponentConfig, find: Callable[..., type[HasOptions]]) -> ComponentConfig:
        try:
            options = find(part.name, own=own).Options
        except InputError:
            return part
        return _seeded(part, random_seed) if "random_seed" in options.model_fields else part

    return dataclasses.replace(
        config,
        pipeline=tuple(seeded(part, component_class) for part in config.pipeline),
        policies=tuple(seeded(part, policy_class) for part in config.policies),
    )


def _seeded(part: ComponentConfig, random_seed: int) -> ComponentConfig:
    return dataclasses.replace(part, options={**part.options, "random_seed": random_seed})
