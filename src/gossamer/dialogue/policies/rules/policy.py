"""RulePolicy: short pieces of conversation that always go the same way, and forms."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import Field

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, DataError, ModelFileError, all_of
from gossamer.dialogue.history.events import LoopInterrupted
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, known_states_of
from gossamer.dialogue.history.state_storage import states_from_dicts, states_to_dicts
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import (
    DialogueData,
    Policy,
    PolicyOptions,
    Prediction,
    Scores,
)
from gossamer.dialogue.policies.rules.checks import (
    FaultKind,
    RuleFault,
    check_completeness,
    check_restriction,
    replay,
)
from gossamer.dialogue.policies.rules.decisions import (
    Decision,
    RuleBook,
    Source,
    SourceKind,
    default_sources,
    learn_rule_book,
)
from gossamer.dialogue.policies.rules.table import (
    Deviation,
    LoopTable,
    Rule,
    RuleTable,
    key_text,
)
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.pipeline import Pipeline

FALLBACK_ACTION = "action_default_fallback"


class RulePolicyOptions(PolicyOptions):
    """Options of `RulePolicy`, named and defaulted as in Rasa 3.6.

    Attributes:
        priority: see `Prediction`.
        core_fallback_threshold: the score of the fallback action.
        core_fallback_action_name: the action to take when no rule fits and no other policy is more
            confident.
        enable_fallback_prediction: whether there is a fallback.
        restrict_rules: rules may have one message of the user at most.
        check_for_contradictions: rules must be complete, and agree with each other and with
            stories. Without this check, turns that only rules know are not hidden from other
            policies.
        use_nlu_confidence_as_score: the score is the classifier's confidence in the last message's
            intent, not 1.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **PolicyOptions.ignored,
            "max_history": "rules see the whole conversation",
            "featurizer": "rules see the whole conversation",
            "enable_feature_string_compression": "states are stored once each",
        }
    )

    priority: Annotated[int, Field(ge=0)] = 4
    core_fallback_threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    core_fallback_action_name: str = FALLBACK_ACTION
    enable_fallback_prediction: bool = True
    restrict_rules: bool = True
    check_for_contradictions: bool = True
    use_nlu_confidence_as_score: bool = False


class RulePolicy(Policy):
    """Does what rules say; runs forms; falls back when no policy is confident. As in Rasa 3.6.

    What comes next is decided by, in this order, the intents restart, back and session_start; an
    active form; rules on the message's text; rules on its intent; else the fallback. Of several
    rules that fit, the one that says most of the conversation wins: whose states are longest as
    JSON.

    Departures from Rasa: of two that are equally long the first in the data wins, where Rasa picks
    one at random; faults of all kinds are reported together, with their places.

    Attributes:
        rule_only: slots and loops that occur in rules and not in stories; policies that learn from
            stories must not see them.
    """

    name: ClassVar[str] = "RulePolicy"
    Options: ClassVar[type[ComponentOptions]] = RulePolicyOptions
    learns_rules: ClassVar[bool] = True
    reads: ClassVar[frozenset[str] | None] = frozenset({"domain", "rules", "stories"})

    options: RulePolicyOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._book = RuleBook(rules=RuleTable({}), loops=LoopTable({}))
        self._domain: Domain | None = None

    @property
    def rule_only(self) -> RuleOnly:
        """See the class."""
        return self._book.rule_only

    # -- training ------------------------------------------------------------------------------

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Learn rules, and from stories how forms are left and come back.

        Raises:
            ConfigError: the fallback action is not in the domain.
            DataError: rules are not complete or contradict each other or stories; the message
                names all of it, with the places of both.
        """
        domain, options = data.domain, self.options
        self._check_fallback(domain)
        rules = tuple(data.rules)
        stories = tuple(story for story in data.stories if not story.is_augmented)
        book = learn_rule_book(rules, stories, domain)
        faults: list[RuleFault] = check_restriction(rules) if options.restrict_rules else []
        if options.check_for_contradictions:
            replayed = replay(book, rules, stories, domain, fallback=self._fallback)
            faults += check_completeness(rules, domain) + replayed.faults
            hidden = (replayed.learnt | default_sources(domain)) - replayed.followed
            book = dataclasses.replace(replayed.book, hidden=frozenset(hidden))
        else:
            book = dataclasses.replace(book, rule_only=NO_RULES)
        if faults:
            raise all_of([_refusal(fault) for fault in faults])
        self._book, self._domain = book, domain

    @property
    def _fallback(self) -> str | None:
        options = self.options
        return options.core_fallback_action_name if options.enable_fallback_prediction else None

    def _check_fallback(self, domain: Domain) -> None:
        action = self.options.core_fallback_action_name
        if action not in domain.action_index:
            raise ConfigError(
                "core_fallback_action_name of RulePolicy must be an action of the domain",
                got=action,
                where=domain.where,
                hint=f"declaring it under 'actions:' or 'responses:', or {FALLBACK_ACTION}",
            )

    # -- predicting ----------------------------------------------------------------------------

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Score 1, or the classifier's confidence, for what rules say, and the fallback.

        A form that is active and not in the domain is ignored, with a warning: an action server
        or a conversation of another domain may have begun it. Rasa 3.6 fails then.

        `reason` holds "rules", names of the rules that say so; "default_intent" or "active_loop"
        where one of these decides; "fallback" where nothing does.

        Args:
            tracker: the conversation so far.
            rule_only: does not count; rules see everything.

        Raises:
            RuntimeError: it is not trained.
        """
        domain = self._domain
        if domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        states = known_states_of(tracker, domain)[-self._book.n_states :]
        decision = self._book.decide(_with_known_loop(tracker, domain), states)
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=self._scores(decision.action, tracker, domain),
            is_no_user_prediction=decision.is_no_user_prediction,
            is_end_to_end=decision.is_end_to_end,
            hide_rule_turn=decision.source in self._book.hidden,
            events=(LoopInterrupted(),) if decision.returns_to_loop else (),
            reason=self._reason(decision),
        )

    def _scores(self, action: str | None, tracker: Tracker, domain: Domain) -> Scores:
        scores = self.nothing(domain).scores
        if self._fallback is not None:
            scores[domain.action_index[self._fallback]] = self.options.core_fallback_threshold
        if action is not None:
            message = tracker.latest_message
            uses_confidence = self.options.use_nlu_confidence_as_score and message is not None
            score = message.confidence if uses_confidence and message is not None else 1.0
            scores[domain.action_index[action]] = score
        return scores

    def _reason(self, decision: Decision) -> dict[str, Any]:
        if decision.action is None:
            return {} if self._fallback is None else {"fallback": self._fallback}
        source = decision.source
        if source.kind is SourceKind.INTENT:
            return {"default_intent": source.name}
        if decision.rule is None:
            return {"active_loop": source.name}
        reason: dict[str, Any] = {"rules": list(decision.rule.names)}
        if decision.action != decision.rule.action:
            reason["active_loop"] = decision.action
        return reason

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """Rules as states in Rasa's layout, each with its action; plain JSON throughout."""
        book = self._book
        return ComponentState(
            json={
                "rules": [
                    {
                        "rules": list(rule.names),
                        "states": states_to_dicts(rule.states),
                        "action": rule.action,
                    }
                    for rule in book.rules.rules.values()
                ],
                "loops": [
                    {"states": states_to_dicts(states), "deviation": str(deviation)}
                    for states, deviation in book.loops.deviations.items()
                ],
                "rule_only_slots": sorted(book.rule_only.slots),
                "rule_only_loops": sorted(book.rule_only.loops),
                "not_in_stories": [
                    {str(source.kind): source.name or states_to_dicts(source.states)}
                    for source in sorted(
                        book.hidden, key=lambda s: (s.kind, s.name, key_text(s.states))
                    )
                ],
            }
        )

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Restore stored rules.

        Raises:
            ConfigError: the fallback action is not in the domain.
            ModelFileError: it is not such a state, or an action or slot is not in the domain.
        """
        self._check_fallback(domain)
        try:
            book = _book_from_json(state.json, domain)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ModelFileError(
                "stored rules must be states and actions of the domain",
                got=str(error),
                hint="training the model again",
            ) from error
        self._book, self._domain = book, domain


def _with_known_loop(tracker: Tracker, domain: Domain) -> Tracker:
    """The conversation, without its active loop if the domain does not have that."""
    loop = tracker.active_loop_name
    if loop is None or loop in domain.action_index:
        return tracker
    warnings.warn(
        f"the form '{loop}' is active, which the domain does not have; it is not continued. "
        "Try: declaring it under 'forms:'",
        stacklevel=3,
    )
    other = tracker.fork()
    other.active_loop = None
    return other


def _refusal(fault: RuleFault) -> DataError:
    is_contradiction = fault.kind is FaultKind.CONTRADICTING
    hint = "a condition in the rule that tells them apart, where both are right"
    return DataError(str(fault), where=fault.where, hint=hint if is_contradiction else None)


def _book_from_json(content: Mapping[str, Any], domain: Domain) -> RuleBook:
    rules: dict[Any, Rule] = {}
    for item in content["rules"]:
        states = states_from_dicts(item["states"], domain)
        action = item["action"]
        if not states or action not in domain.action_index:
            raise ValueError(f"the rule {item} does not belong to the domain")
        rules[states] = Rule(states, action, tuple(map(str, item["rules"])))
    loops = {
        states_from_dicts(item["states"], domain): Deviation(item["deviation"])
        for item in content["loops"]
    }
    if () in loops:
        raise ValueError("a loop needs states")
    return RuleBook(
        rules=RuleTable(rules),
        loops=LoopTable(loops),
        rule_only=RuleOnly(
            frozenset(map(str, content["rule_only_slots"])),
            frozenset(map(str, content["rule_only_loops"])),
        ),
        hidden=frozenset(_source(item, domain) for item in content["not_in_stories"]),
    )


def _source(item: Mapping[str, Any], domain: Domain) -> Source:
    [(name, value)] = item.items()
    kind = SourceKind(name)
    if kind is SourceKind.RULE:
        return Source(kind, states=states_from_dicts(value, domain))
    return Source(kind, str(value))
