"""A trained dialogue model: a domain, and the policies that choose among its actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.storage import domain_from_dict, domain_to_dict
from gossamer.data.errors import InputError, ModelFileError, all_of
from gossamer.data.fingerprints import fingerprint, has_texts, of_dialogue
from gossamer.data.project import Project
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION
from gossamer.dialogue.policies.ensemble import Ensemble, takes_epochs
from gossamer.dialogue.policies.policy import DialogueData, Policy
from gossamer.dialogue.policies.registry import check_policies, policy_class, read_policies
from gossamer.dialogue.policies.reuse import fingerprint_of
from gossamer.dialogue.training.unfolding import Unfolding, unfold_rules
from gossamer.nlu.own.failures import OwnCode, OwnPartError
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, stored_name
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nlu.pipeline.options_reader import read_stored_options
from gossamer.nlu.pipeline.own_results import checked_state, options_as_json
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.reuse import (
    Change,
    ChangeListener,
    ComponentRecord,
    Earlier,
    Fingerprint,
    Source,
    of_state,
    restored,
    stored_fingerprint,
)

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class DialogueModel:
    """Made by `train` or `from_parts`.

    Attributes:
        domain: what may be said and done.
        ensemble: trained policies.
        learnt_from: by alias, what a policy was learnt from; where that is not known it is left
            out.
    """

    domain: Domain
    ensemble: Ensemble
    learnt_from: Mapping[str, Source] = field(default_factory=dict)

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
                    **stored_fingerprint(self.learnt_from.get(policy.alias, Source())),
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
        records = policy_records(content, arrays)
        try:
            domain = domain_from_dict(content["domain"])
            ensemble = Ensemble([_stored_policy(record, own) for record in records])
        except (ModelFileError, OwnPartError):
            raise
        except (KeyError, TypeError, InputError) as error:
            raise _unfit(error) from error
        ensemble.restore([record.state for record in records], domain, pipeline)
        return cls(
            domain=domain,
            ensemble=ensemble,
            learnt_from={r.alias: r.source for r in records if r.fingerprint},
        )


def policy_records(
    content: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> list[ComponentRecord]:
    """The policies that `DialogueModel.to_parts` took apart, as they were stored.

    Raises:
        ModelFileError: the parts do not describe policies.
    """
    by_policy: dict[str, Arrays] = {}
    for name, array in arrays.items():
        prefix, _, rest = name.partition(".")
        if prefix == "policy":
            number, _, own = rest.partition(".")
            by_policy.setdefault(number, {})[own] = array
    try:
        return [
            ComponentRecord.stored(part, by_policy.get(str(number), {}))
            for number, part in enumerate(content["policies"])
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise _unfit(error) from error


def _unfit(error: Exception) -> ModelFileError:
    return ModelFileError(
        f"a stored dialogue model must be one that this version can build: {error}",
        hint="training the model again",
    )


class _Choice(NamedTuple):
    """A policy, taken from an earlier model or to be trained.

    Attributes:
        policy: it.
        wanted: the fingerprint of what it is learnt from.
        change: whether it is trained.
        learnt: a fingerprint of what it has learnt; "" before that.
        went_on: of a policy that is taken, whether it went on from a model before.
    """

    policy: Policy
    wanted: Fingerprint
    change: Change
    learnt: str = ""
    went_on: bool = False


class _Unfolded(NamedTuple):
    """What policies learn from.

    Attributes:
        data: without augmented stories, which take a while.
        unfolding: gives those.
    """

    data: DialogueData
    unfolding: Unfolding


def _stored_policy(record: ComponentRecord, own: OwnParts) -> Policy:
    kind = policy_class(record.name, own=own)
    options = read_stored_options(kind, record.options)
    with OwnCode(kind, "__init__"):
        return kind(options, alias=record.alias)


@dataclass(frozen=True, kw_only=True)
class PreparedDialogue:
    """A dialogue model before the first epoch; made by `prepare_dialogue`.

    Attributes:
        ensemble: its policies, of which those that take no epochs are trained.
    """

    ensemble: Ensemble
    _project: Project
    _inputs: Mapping[str, str]  # fingerprints of stories, rules and domain
    _earlier: Earlier  # policies of an earlier model that may still be taken
    _early: Mapping[str, _Choice]  # by alias, those that take no epochs, all of them trained
    _unfolded: _Unfolded | None  # None: not needed so far

    @property
    def data(self) -> DialogueData:
        """What the policies learn from, without augmented stories, which take a while."""
        unfolded = self._unfolded or _unfold(self._project, self._project.require_domain())
        return unfolded.data

    @property
    def untaken(self) -> list[Policy]:
        """Policies that take epochs, and that the earlier model does not have.

        Where stories have texts there may be more: that depends on the features.
        """
        return [
            policy
            for policy in self.ensemble.policies
            if takes_epochs(policy)
            and not self._earlier.may_have(policy, fingerprint_of(policy, self._inputs, {}))
        ]

    def foresee(
        self, outputs: Mapping[str, str], *, augmentation_factor: int = DEFAULT_AUGMENTATION
    ) -> list[Change]:
        """What `train` would train; it cannot be asked for that afterwards.

        Args:
            outputs: of the pipeline; see `gossamer.nlu.pipeline.reuse.Foresight`.
            augmentation_factor: as for `train`.
        """
        return [choice.change for choice in self._choices(outputs, augmentation_factor)]

    def train(
        self,
        pipeline: Pipeline | None = None,
        *,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        on_epoch: EpochListener | None = None,
        on_change: ChangeListener | None = None,
    ) -> DialogueModel:
        """Train the policies that take epochs; can be done once.

        Args:
            pipeline: trained NLU components, needed when stories have texts.
            augmentation_factor: see `unfold_stories`.
            on_epoch: called after every epoch of a policy that has epochs.
            on_change: called for every policy, with whether it is trained.

        Raises:
            InputError: a policy cannot use the data.
        """
        outputs = {} if pipeline is None else pipeline.outputs
        choices = self._choices(outputs, augmentation_factor, pipeline)
        if on_change is not None:
            for choice in choices:
                on_change(choice.change)
        domain = self._project.require_domain()
        known = [choice.policy for choice in choices if choice.learnt]
        data = DialogueData(domain=domain, pipeline=pipeline)
        if len(known) < len(choices):
            read, unfolding = self._unfolded or _unfold(self._project, domain)
            stories = [*read.stories, *unfolding.augmented(augmentation_factor)]
            data = dataclasses.replace(read, pipeline=pipeline, stories=stories)
        ensemble = Ensemble([choice.policy for choice in choices])
        go_on = {choice.policy.alias for choice in choices if choice.policy.start is not None}
        ensemble.finish(data, known=known, on_epoch=on_epoch)
        learnt_from = {
            policy.alias: Source(
                wanted,
                learnt or of_state(checked_state(policy)),
                went_on or policy.alias in go_on,
            )
            for policy, wanted, _, learnt, went_on in choices
        }
        return DialogueModel(domain=domain, ensemble=ensemble, learnt_from=learnt_from)

    def _choices(
        self, outputs: Mapping[str, str], factor: int, pipeline: Pipeline | None = None
    ) -> list[_Choice]:
        domain = self._project.require_domain()
        inputs = {**self._inputs, "augmentation": fingerprint(factor)}
        features = outputs if has_texts(self._project.stories, domain) else {}
        return [
            self._early[policy.alias]
            if policy.alias in self._early
            else _choose(
                policy, fingerprint_of(policy, inputs, features), self._earlier, domain, pipeline
            )
            for policy in self.ensemble.policies
        ]


def prepare_dialogue(
    project: Project,
    policies: Sequence[Policy] | None = None,
    *,
    pipeline: Pipeline | None = None,
    last: Sequence[ComponentRecord] = (),
) -> PreparedDialogue:
    """Do all that needs no epoch and no trained pipeline, so that faults are reported early.

    Args:
        project: with stories or rules, and a domain.
        policies: new ones; None: those that the project's configuration names.
        pipeline: NLU components, trained or not yet.
        last: policies of an earlier model; those that would learn from the same are taken from it,
            and stories are not unfolded when all are.

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
    inputs, earlier = of_dialogue(stories, domain), Earlier(last)
    wanted = {policy.alias: fingerprint_of(policy, inputs, {}) for policy in policies}
    early = {
        policy.alias: _choose(policy, wanted[policy.alias], earlier, domain, pipeline)
        for policy in policies
        if not takes_epochs(policy)
    }
    ready = [early[p.alias].policy if p.alias in early else p for p in policies]
    unfolded: _Unfolded | None = None
    if (
        has_texts(stories, domain)
        or any(choice.change.is_trained for choice in early.values())
        or not all(earlier.may_have(p, wanted[p.alias]) for p in policies if takes_epochs(p))
    ):
        unfolded = _unfold(project, domain, pipeline)
        known = [choice.policy for choice in early.values() if choice.learnt]
        faults += Ensemble(ready).prepare(unfolded.data, known=known)
    if faults:
        raise all_of(faults)
    return PreparedDialogue(
        _project=project,
        ensemble=Ensemble(ready),
        _inputs=inputs,
        _earlier=earlier,
        _early={
            alias: choice._replace(learnt=choice.learnt or of_state(checked_state(choice.policy)))
            for alias, choice in early.items()
        },
        _unfolded=unfolded,
    )


def _choose(
    policy: Policy,
    wanted: Fingerprint,
    earlier: Earlier,
    domain: Domain,
    pipeline: Pipeline | None,
) -> _Choice:
    record = earlier.take(policy, wanted)

    def restore(twin: Policy) -> None:
        if record is not None:
            twin.domain = domain
            twin.restore(record.state, domain, pipeline)

    twin = None if record is None else restored(policy, restore)
    if record is None or twin is None:
        return _Choice(policy, wanted, earlier.change(policy, wanted))
    return _Choice(twin, wanted, Change(policy.alias), record.learnt, record.went_on)


def _unfold(project: Project, domain: Domain, pipeline: Pipeline | None = None) -> _Unfolded:
    unfolding = Unfolding(project.stories, domain)
    data = DialogueData(
        domain=domain,
        stories=unfolding.trackers,
        rules=unfold_rules(project.stories, domain),
        pipeline=pipeline,
    )
    return _Unfolded(data, unfolding)
