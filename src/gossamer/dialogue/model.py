"""A trained dialogue model: a domain, and the policies that choose among its actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.storage import domain_from_dict, domain_to_dict
from gossamer.data.errors import InputError, ModelFileError, all_of
from gossamer.data.project import Project
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION
from gossamer.dialogue.policies.ensemble import Ensemble
from gossamer.dialogue.policies.policy import DialogueData, Policy
from gossamer.dialogue.policies.registry import check_policies, policy_class, read_policies
from gossamer.dialogue.training.unfolding import Unfolding, unfold_rules
from gossamer.nlu.own.failures import OwnCode, OwnPartError
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, stored_name
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.options_reader import read_stored_options
from gossamer.nlu.pipeline.own_results import checked_state, options_as_json
from gossamer.nlu.pipeline.pipeline import Pipeline

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class DialogueModel:
    """Made by `train` or `from_parts`.

    Attributes:
        domain: what may be said and done.
        ensemble: trained policies.
    """

    domain: Domain
    ensemble: Ensemble

    @classmethod
    def train(
        cls,
        project: Project,
        *,
        pipeline: Pipeline | None = None,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        on_epoch: EpochListener | None = None,
    ) -> DialogueModel:
        """Train the policies that a project's configuration names.

        Args:
            project: with stories or rules, and a domain.
            pipeline: trained NLU components, needed when stories have texts.
            augmentation_factor: see `unfold_stories`.
            on_epoch: called after every epoch of a policy that has epochs.

        Raises:
            InputError: configuration, domain, stories and rules cannot be used or do not fit
                together.
        """
        return prepare_dialogue(project, pipeline=pipeline).train(
            pipeline, augmentation_factor=augmentation_factor, on_epoch=on_epoch
        )

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """JSON, and all arrays, named "policy.<number of the policy>.<name>".

        Raises:
            OwnPartError: the state of a policy of the user's own cannot be stored.
        """
        policies: list[dict[str, Any]] = []
        arrays: Arrays = {}
        for number, policy in enumerate(self.ensemble.policies):
            state = checked_state(policy)
            arrays |= {f"policy.{number}.{name}": array for name, array in state.arrays.items()}
            policies.append(
                {
                    "name": stored_name(type(policy), policy.name),
                    "alias": policy.alias,
                    "options": options_as_json(policy),
                    "state": dict(state.json),
                }
            )
        return {"domain": domain_to_dict(self.domain), "policies": policies}, arrays

    @classmethod
    def from_parts(
        cls,
        content: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        pipeline: Pipeline | None = None,
        own: OwnParts = NO_OWN_PARTS,
    ) -> DialogueModel:
        """The trained model that `to_parts` took apart.

        Args:
            content: JSON.
            arrays: all arrays.
            pipeline: trained NLU components, or None.
            own: the classes of the user's own that may be imported.

        Raises:
            ModelFileError: the parts do not describe a dialogue model of this version, or name an
                own class that may not be imported.
            OwnPartError: an own class cannot be imported or restored.
        """
        by_policy: dict[str, Arrays] = {}
        for name, array in arrays.items():
            prefix, _, rest = name.partition(".")
            if prefix == "policy":
                number, _, part = rest.partition(".")
                by_policy.setdefault(number, {})[part] = array
        try:
            domain = domain_from_dict(content["domain"])
            ensemble = Ensemble([_stored_policy(part, own) for part in content["policies"]])
            states = [
                ComponentState(json=part["state"], arrays=by_policy.get(str(number), {}))
                for number, part in enumerate(content["policies"])
            ]
        except (ModelFileError, OwnPartError):
            raise
        except (KeyError, TypeError, InputError) as error:
            raise ModelFileError(
                f"a stored dialogue model must be one that this version can build: {error}",
                hint="training the model again",
            ) from error
        ensemble.restore(states, domain, pipeline)
        return cls(domain=domain, ensemble=ensemble)


def _stored_policy(part: Mapping[str, Any], own: OwnParts) -> Policy:
    kind = policy_class(part["name"], own=own)
    options = read_stored_options(kind, part["options"])
    with OwnCode(kind, "__init__"):
        return kind(options, alias=part["alias"])


@dataclass(frozen=True, kw_only=True)
class PreparedDialogue:
    """A dialogue model before the first epoch.

    Attributes:
        ensemble: its policies, of which those that take no epochs are trained.
        data: what the other policies learn from, without augmented stories, which take a while.
        unfolding: gives the augmented stories.
    """

    ensemble: Ensemble
    data: DialogueData
    unfolding: Unfolding

    def train(
        self,
        pipeline: Pipeline | None = None,
        *,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        on_epoch: EpochListener | None = None,
    ) -> DialogueModel:
        """Train the policies that take epochs; can be done once.

        Args:
            pipeline: trained NLU components, needed when stories have texts.
            augmentation_factor: see `unfold_stories`.
            on_epoch: called after every epoch of a policy that has epochs.

        Raises:
            InputError: a policy cannot use the data.
        """
        data = dataclasses.replace(
            self.data,
            pipeline=pipeline,
            stories=[*self.data.stories, *self.unfolding.augmented(augmentation_factor)],
        )
        self.ensemble.finish(data, on_epoch=on_epoch)
        return DialogueModel(domain=data.domain, ensemble=self.ensemble)


def prepare_dialogue(
    project: Project,
    policies: Sequence[Policy] | None = None,
    *,
    pipeline: Pipeline | None = None,
) -> PreparedDialogue:
    """Do all that needs no epoch and no trained pipeline, so that faults are reported early.

    Args:
        project: with stories or rules, and a domain.
        policies: new ones; None: those that the project's configuration names.
        pipeline: NLU components, trained or not yet.

    Raises:
        InputError: configuration, domain, stories and rules cannot be used or do not fit together;
            all reasons found are reported.
    """
    domain, stories = project.require_domain(), project.stories
    faults: list[InputError] = []
    if policies is None:
        policies, faults = read_policies(project.config.policies, OwnParts.of(project.config))
        if faults:
            raise all_of(faults)
    try:
        check_policies(policies, domain, stories)
    except InputError as fault:
        faults.append(fault)
    ensemble = Ensemble(policies)
    unfolding = Unfolding(stories, domain)
    data = DialogueData(
        domain=domain,
        stories=unfolding.trackers,
        rules=unfold_rules(stories, domain),
        pipeline=pipeline,
    )
    faults += ensemble.prepare(data)
    if faults:
        raise all_of(faults)
    return PreparedDialogue(ensemble=ensemble, data=data, unfolding=unfolding)
