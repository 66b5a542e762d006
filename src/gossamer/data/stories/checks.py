"""What is doubtful in stories and rules: everything that can be found, at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gossamer.data.domain.domain import REQUESTED_SLOT, SESSION_METADATA_SLOT, Domain
from gossamer.data.domain.slots import Slot, SlotType, read_bool
from gossamer.data.domain.value_checks import is_number
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.data.stories.checkpoints import StoryPart, story_parts
from gossamer.data.stories.reading import is_test_file
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    CheckpointStep,
    EventStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.text.suggestions import nearest

_ALWAYS_SLOTS = frozenset({REQUESTED_SLOT, SESSION_METADATA_SLOT})


def check_stories(
    data: StoryData,
    domain: Domain | None = None,
    *,
    restrict_rules: bool = True,
    is_test: bool = False,
) -> list[Finding]:
    """Everything doubtful in stories and rules.

    Errors: intents, entities (with roles and groups), actions, slots and loops that the domain
    does not have; a rule in which the user speaks more than once. Warnings: a value that a slot
    cannot take or does not name, a rule's condition on a slot whose value models do not see, a slot
    named without the value that its type needs, a checkpoint that nothing leads to or that leads
    nowhere, checkpoints that are reached only from themselves or never lead to an end, a story that
    begins with an action (which is not learnt), a retrieval intent with its key in a training story
    (the key is not learnt).

    A name, or a value of a slot, is reported once, at its first place. Stories that contradict
    each other are not looked for here.

    Args:
        data: what to check.
        domain: what the assistant knows, with the responses of the NLU data, if there are any
            (`Domain.with_responses`); None: only what needs no domain is checked.
        restrict_rules: whether rules are to have one message of the user at most, as Rasa's
            `RulePolicy` demands by default.
        is_test: they are test stories, in which retrieval intents have their keys; those in
            files named `test_...` always are.

    Returns:
        Findings in the order of the checks, and within a check of the data.
    """
    findings: list[Finding] = []
    if domain is not None:
        findings += _check_names(data, domain)
        findings += _check_values(data, domain)
    findings += _check_checkpoints(data)
    findings += _check_beginnings(data)
    if not is_test:
        findings += _check_retrieval_intents(data)
    if restrict_rules:
        findings += _check_rules(data)
    return findings


def _warning(message: str, where: Location | None) -> Finding:
    return Finding(Severity.WARNING, message, where)


def _error(message: str, where: Location | None) -> Finding:
    return Finding(Severity.ERROR, message, where)


def _all_parts(data: StoryData) -> Iterator[Story | Rule]:
    yield from data.stories
    yield from data.rules


def _called(part: Story | Rule) -> str:
    return f"{'rule' if isinstance(part, Rule) else 'story'} '{part.name}'"


def _flat(part: Story | Rule) -> Iterator[Step]:
    """All steps: conditions and alternatives too."""
    if isinstance(part, Rule):
        yield from part.conditions
    for step in part.steps:
        yield step
        if isinstance(step, OrStep):
            yield from step.alternatives
        elif isinstance(step, CheckpointStep):
            yield from step.conditions


@dataclass(frozen=True, slots=True)
class _Use:
    """A name that a story takes from the domain."""

    kind: str
    name: str
    where: Location | None


def _uses(part: Story | Rule) -> Iterator[_Use]:
    for step in _flat(part):
        match step:
            case UserStep():
                if step.intent is not None:
                    yield _Use("intent", step.intent, step.where)
                for entity in step.entities:
                    yield _Use("entity", entity.entity, step.where)
                    if entity.role is not None:
                        yield _Use("role", f"{entity.entity}#{entity.role}", step.where)
                    if entity.group is not None:
                        yield _Use("group", f"{entity.entity}#{entity.group}", step.where)
            case ActionStep():
                yield _Use("action", step.name, step.where)
            case EventStep(name="followup", fields={"name": str(name)}):
                yield _Use("action", name, step.where)
            case SlotStep():
                yield _Use("slot", step.name, step.where)
            case LoopStep(name=str(name)):
                yield _Use("loop", name, step.where)


def _check_names(data: StoryData, domain: Domain) -> Iterator[Finding]:
    actions = set(domain.action_names)
    known = {
        "intent": set(domain.intent_names),
        "entity": {entity.name for entity in domain.entities},
        "role": {f"{e.name}#{role}" for e in domain.entities for role in e.roles},
        "group": {f"{e.name}#{group}" for e in domain.entities for group in e.groups},
        "action": actions,
        "slot": {*domain.slot_by_name, *_ALWAYS_SLOTS},
        "loop": {*domain.forms, *actions},
    }
    first: dict[tuple[str, str], tuple[Story | Rule, _Use]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for part in _all_parts(data):
        for use in _uses(part):
            name = use.name
            if use.kind == "intent" and name not in known["intent"]:
                name = name.partition("/")[0]
            if name in known[use.kind]:
                continue
            if use.kind in ("role", "group") and name.partition("#")[0] not in known["entity"]:
                continue  # the type is reported
            first.setdefault((use.kind, name), (part, use))
            counts[use.kind, name] += 1
    for (kind, name), (part, use) in first.items():
        near = nearest(name, sorted(domain.forms if kind == "loop" else known[kind]))
        hint = "" if near is None else f"; did you mean '{near}'?"
        n_more = counts[kind, name] - 1
        more = f" ({n_more} more of it)" if n_more else ""
        message = f"{_called(part)}: the domain has no {kind} '{name}'{hint}{more}"
        if kind == "action":  # no policy can learn it
            yield Finding.of(DataError(message, where=use.where))
        else:
            yield _error(message, use.where)


def _check_values(data: StoryData, domain: Domain) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for part in _all_parts(data):
        for step in _flat(part):
            slot = domain.slot_by_name.get(step.name) if isinstance(step, SlotStep) else None
            if slot is None or not isinstance(step, SlotStep):
                continue
            problem = _problem(slot, step)
            key = (step.name, repr(step.value))
            if problem is not None and key not in seen:
                seen.add(key)
                yield _warning(f"{_called(part)}: {problem}", step.where)
        for condition in part.conditions if isinstance(part, Rule) else ():
            slot = domain.slot_by_name.get(condition.name or "")
            if slot is not None and isinstance(condition, SlotStep):
                yield from _check_condition(part, slot, condition)


def _check_condition(part: Story | Rule, slot: Slot, step: SlotStep) -> Iterator[Finding]:
    """Conditions of a rule see what models see of a slot, which may be nothing."""
    if slot.feature_size == 0:
        yield _warning(
            f"{_called(part)}: a condition on slot '{slot.name}' has no effect, because the slot "
            "does not influence the conversation",
            step.where,
        )
    elif slot.type in (SlotType.TEXT, SlotType.LIST) and step.value is not None:
        yield _warning(
            f"{_called(part)}: a condition on slot '{slot.name}' of type {slot.type} holds for any "
            f"value, not for {step.value!r} alone; a categorical slot tells values apart",
            step.where,
        )


def _problem(slot: Slot, step: SlotStep) -> str | None:
    """What is doubtful about the value of a slot, or None."""
    if step.is_named_only:
        if slot.feature_size == 0 or slot.type in (SlotType.TEXT, SlotType.LIST):
            return None
        return f"slot '{slot.name}' of type {slot.type} counts as not set unless its value is given"
    if step.value is None:
        return None
    value = repr(step.value)
    if slot.type is SlotType.CATEGORICAL and str(step.value).lower() not in slot.values:
        return (
            f"{value} is not among the values of slot '{slot.name}' ({', '.join(slot.values)}); "
            "it counts as an unknown one"
        )
    if slot.type is SlotType.BOOL and read_bool(step.value) is None:
        return f"{value} is not a truth value, as slot '{slot.name}' needs; it counts as not set"
    if slot.type is SlotType.FLOAT and not is_number(step.value):
        return f"{value} is not a number, as slot '{slot.name}' needs; it counts as not set"
    return None


def _check_checkpoints(data: StoryData) -> Iterator[Finding]:
    parts = [part for story in data.stories for part in story_parts(story)]
    starts = _places(parts, lambda part: part.starts)
    ends = _places(parts, lambda part: part.ends)
    reached = _closure(parts, lambda part: part.starts, lambda part: part.ends)
    ending = _closure(parts, lambda part: part.ends, lambda part: part.starts)
    for name, (story, where) in starts.items():
        if name not in ends:
            yield _warning(
                f"story '{story.name}' begins with checkpoint '{name}', with which no story ends"
                + _hint(name, ends),
                where,
            )
        elif name not in reached:
            yield _warning(f"no beginning of a conversation leads to checkpoint '{name}'", where)
    for name, (story, where) in ends.items():
        if name not in starts:
            yield _warning(
                f"story '{story.name}' ends with checkpoint '{name}', with which no story begins"
                + _hint(name, starts),
                where,
            )
        elif name not in ending:
            yield _warning(f"from checkpoint '{name}' no story comes to an end", where)


_Places = dict[str, tuple[Story, Location | None]]
_Ends = Callable[[StoryPart], tuple[CheckpointStep, ...]]


def _places(parts: list[StoryPart], of: _Ends) -> _Places:
    """Where each checkpoint is first."""
    result: _Places = {}
    for part in parts:
        for step in of(part):
            result.setdefault(step.name, (part.story, step.where))
    return result


def _closure(parts: list[StoryPart], near: _Ends, far: _Ends) -> set[str]:
    """Checkpoints at the far ends of parts whose near end is open or such a checkpoint."""
    result: set[str] = set()
    waiting = parts
    while True:
        closed: list[StoryPart] = []
        for part in waiting:
            if not near(part) or any(step.name in result for step in near(part)):
                result.update(step.name for step in far(part))
            else:
                closed.append(part)
        if len(closed) == len(waiting):
            return result
        waiting = closed


def _hint(name: str, places: _Places) -> str:
    near = nearest(name, places)
    return "" if near is None else f"; did you mean '{near}'?"


def _check_beginnings(data: StoryData) -> Iterator[Finding]:
    for story in data.stories:
        first = next((s for s in story.steps if not isinstance(s, SlotStep | LoopStep)), None)
        if isinstance(first, ActionStep | BotStep):
            yield _warning(
                f"story '{story.name}' begins with an action, which is not learnt, as nothing "
                "comes before it",
                first.where,
            )


def _check_retrieval_intents(data: StoryData) -> Iterator[Finding]:
    seen: set[str] = set()
    for part in _all_parts(data):
        for step in _flat(part):
            if not isinstance(step, UserStep) or step.intent is None or step.intent in seen:
                continue
            if step.where is not None and is_test_file(step.where.path):
                continue
            if step.intent != step.base_intent:
                seen.add(step.intent)
                yield _warning(
                    f"{_called(part)}: of the retrieval intent '{step.intent}', only "
                    f"'{step.base_intent}' is learnt",
                    step.where,
                )


def _check_rules(data: StoryData) -> Iterator[Finding]:
    for rule in data.rules:
        turns = [step for step in rule.steps if _is_message(step)]
        if len(turns) > 1:
            yield Finding.of(
                DataError(
                    f"in rule '{rule.name}' the user speaks {len(turns)} times; once is the most",
                    where=turns[1].where,
                )
            )


def _is_message(step: Step) -> bool:
    if isinstance(step, OrStep):
        return any(isinstance(part, UserStep) for part in step.alternatives)
    return isinstance(step, UserStep)
