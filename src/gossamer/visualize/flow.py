"""From stories to a graph of what may follow what.

Nothing is unfolded: a checkpoint is one node, however many stories lead to it and on from it, and
the alternatives of an `or` are nodes beside each other that lead to one next node. So the graph
grows with what is written, not with the number of conversations that it describes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gossamer.data.entities import Entity
from gossamer.data.errors import InputError, Location
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)

DEFAULT_MAX_HISTORY = 2
_START = "(start)"
_ANYWHERE = "(anywhere)"


class Kind(StrEnum):
    """What a node is."""

    USER = "user"
    ACTION = "action"
    CHECKPOINT = "checkpoint"
    CONDITION = "condition"


@dataclass(slots=True)
class Node:
    """Something that happens after a certain history.

    Attributes:
        kind: what it is.
        label: an intent with the types of its entities, a text, or the name of an action or of a
            checkpoint.
        name: what the project calls it: the intent, action or checkpoint alone.
        stories: positions in `Flow.stories` of those that go through it, ascending.
        places: how many events come before it, summed over the `n_times` that stories reach it.
        n_times: how often they do.
        is_start: a story or rule begins here.
        is_end: one ends here.
    """

    kind: Kind
    label: str
    name: str
    stories: list[int] = field(default_factory=list)
    places: float = 0.0
    n_times: int = 0
    is_start: bool = False
    is_end: bool = False

    @property
    def mean_place(self) -> float:
        """How many events come before it, on average over the stories."""
        return self.places / self.n_times


@dataclass(frozen=True, slots=True)
class Told:
    """A story or rule that the graph shows."""

    name: str
    is_rule: bool
    where: Location | None


@dataclass(slots=True)
class Flow:
    """A graph of stories and rules.

    Attributes:
        nodes: in the order of their first story.
        edges: from and to which node (positions), with the stories that go there, ascending.
        stories: all stories, then all rules.
    """

    nodes: list[Node] = field(default_factory=list)
    edges: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    stories: list[Told] = field(default_factory=list)


_Event = tuple[Kind, str, str]  # kind, label, name


def flow_of(data: StoryData, *, max_history: int = DEFAULT_MAX_HISTORY) -> Flow:
    """The graph of stories and rules.

    Two places of stories are one node if their last `max_history` events are the same, that at the
    place itself included. Messages, actions and checkpoints count as events; the alternatives of an
    `or` count as one. Slots, loops and other events are not shown, but for the conditions of rules.

    Departures from Rasa, whose idea the merging is: Rasa walks the conversations that stories
    describe, at most 100 of them, and shows no checkpoints and no rules.

    Args:
        data: stories and rules.
        max_history: how many events must be alike.

    Raises:
        InputError: `max_history` is less than 1.
    """
    if max_history < 1:
        raise InputError("max_history must be at least 1", got=max_history)
    flow = Flow()
    known: dict[tuple[tuple[_Event, ...], ...], int] = {}
    sources: tuple[Story | Rule, ...] = (*data.stories, *data.rules)
    for source in sources:
        flow.stories.append(Told(source.name, isinstance(source, Rule), source.where))
        _add(flow, known, source, max_history)
    return flow


def _add(
    flow: Flow,
    known: dict[tuple[tuple[_Event, ...], ...], int],
    source: Story | Rule,
    max_history: int,
) -> None:
    number = len(flow.stories) - 1
    begins = _START if not isinstance(source, Rule) or source.conversation_start else _ANYWHERE
    history: tuple[tuple[_Event, ...], ...] = (((Kind.CONDITION, begins, ""),),)
    before: list[int] = []
    place = 0.0
    steps: tuple[Step, ...] = source.steps
    if isinstance(source, Rule):
        steps = (*source.conditions, *steps)
        n_conditions = len(source.conditions)
    else:
        n_conditions = 0
    for index, step in enumerate(steps):
        events = _condition(step) if index < n_conditions else _events(step)
        if not events:
            continue
        is_checkpoint = isinstance(step, CheckpointStep)
        # What comes after a checkpoint does not depend on what led to it.
        history = (events,) if is_checkpoint else (*history, events)[-max_history:]
        now = []
        for event in events:
            node = _node(flow, known, (*history[:-1], (event,)), event)
            if is_checkpoint and not before and flow.nodes[node].n_times > 0:
                place = flow.nodes[node].mean_place  # the story goes on from there
            flow.nodes[node].places += place
            flow.nodes[node].n_times += 1
            flow.nodes[node].is_start |= not before and not is_checkpoint
            _note(flow.nodes[node].stories, number)
            for earlier in before:
                _note(flow.edges.setdefault((earlier, node), []), number)
            now.append(node)
        before = now
        place += 1
    for node in before:
        flow.nodes[node].is_end |= flow.nodes[node].kind is not Kind.CHECKPOINT


def _node(
    flow: Flow,
    known: dict[tuple[tuple[_Event, ...], ...], int],
    key: tuple[tuple[_Event, ...], ...],
    event: _Event,
) -> int:
    found = known.get(key)
    if found is None:
        found = known[key] = len(flow.nodes)
        flow.nodes.append(Node(*event))
    return found


def _note(stories: list[int], number: int) -> None:
    if not stories or stories[-1] != number:
        stories.append(number)


def _events(step: Step) -> tuple[_Event, ...]:
    """What a step shows: nothing, one event, or several of which one happens."""
    match step:
        case UserStep():
            return (_message(step),)
        case ActionStep():
            return ((Kind.ACTION, step.name, step.name),)
        case BotStep():
            return ((Kind.ACTION, step.text, step.text),)
        case CheckpointStep():
            return ((Kind.CHECKPOINT, step.name, step.name),)
        case OrStep():
            found = (event for choice in step.alternatives for event in _events(choice))
            return tuple(dict.fromkeys(found))
    return ()


def _message(step: UserStep) -> _Event:
    kinds = ", ".join(dict.fromkeys(_entity_label(entity) for entity in step.entities))
    if step.intent is None:
        return (Kind.USER, f"“{step.text}”", step.text or "")
    return (Kind.USER, f"{step.intent} [{kinds}]" if kinds else step.intent, step.intent)


def _entity_label(entity: Entity) -> str:
    return ".".join(part for part in (entity.entity, entity.role, entity.group) if part)


def _condition(step: Step) -> tuple[_Event, ...]:
    match step:
        case SlotStep(name=name, is_named_only=True):
            return ((Kind.CONDITION, f"{name} is set", name),)
        case SlotStep(name=name, value=value):
            return ((Kind.CONDITION, f"{name} = {value}", name),)
        case LoopStep(name=loop):
            return ((Kind.CONDITION, f"in {loop}" if loop else "in no form", loop or ""),)
    return ()
