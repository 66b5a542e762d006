"""Stories cut at checkpoints and `or`: segments, and which may follow which.

A segment is a part of a story without branches. Where a story says "one of these", it is cut,
and each alternative ends at one generated checkpoint. Segments are put in an order in which each
comes after those that lead to it; where checkpoints lead in a circle, one link of the circle is
taken out of that order and followed in a further round (see `unfold`), as in Rasa 3.6.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gossamer.data.domain.domain import ACTION_LISTEN, RULE_SNIPPET_ACTION, Domain
from gossamer.data.stories.steps import CheckpointStep, OrStep, Rule, SlotStep, Step, Story
from gossamer.dialogue.history.events import ActionExecuted, Event, UserUttered
from gossamer.dialogue.training.story_events import LISTEN, PlainStep, slot_value, step_events

START: Final = "STORY_START"
_GENERATED: Final = "GENR_"

_SNIPPET = ActionExecuted(name=RULE_SNIPPET_ACTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a segment may begin.

    Attributes:
        name: of the checkpoint.
        conditions: slots that must have these values.
    """

    name: str
    conditions: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a story without branches.

    Attributes:
        story: name of the story.
        starts: where it may begin.
        ends: checkpoints it leads to; none: the story ends here.
        events: what happens, all that is implied written out.
        source: the story or rule it is part of.
        steps: of the source that are in it, one of the alternatives where there are several.
    """

    story: str
    starts: tuple[Link, ...]
    ends: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    source: Story | Rule = field(compare=False, repr=False)
    steps: tuple[PlainStep, ...] = field(default=(), compare=False, repr=False)


@dataclass(slots=True)
class _Open:
    """A segment that is being written."""

    starts: tuple[Link, ...]
    steps: list[PlainStep]
    ends: list[str]

    def branch(self, step: PlainStep, end: str) -> _Open:
        return _Open(self.starts, [*self.steps, step], [end])


def segments_of(source: Story | Rule, domain: Domain) -> list[Segment]:
    """Cut a story or a rule into segments, in order.

    Raises:
        DataError: see `step_events`.
    """
    in_rule = isinstance(source, Rule)
    steps: list[Step] = []
    if isinstance(source, Rule):
        steps += source.conditions
    steps += source.steps
    first: list[Link] = []
    done: list[_Open] = []
    current: list[_Open] = []
    for index, step in enumerate(steps):
        if isinstance(step, CheckpointStep):
            if current:
                _end_at(current, step.name)
            else:
                first.append(_link(step, domain))
            continue
        if current and any(part.ends for part in current):
            done += [part for part in current if part.ends]
            current = [part for part in current if not part.ends] or [_after(current)]
        if not current:
            current = [_Open(tuple(first) or (Link(name=START),), [], [])]
        if isinstance(step, OrStep) and len(step.alternatives) > 1:
            end = _generated_name(source, index)
            current = [part.branch(choice, end) for part in current for choice in step.alternatives]
            continue
        plain = step.alternatives[0] if isinstance(step, OrStep) else step
        for part in current:
            part.steps.append(plain)
    done += _at_the_end(current)
    return [
        Segment(
            story=source.name,
            starts=part.starts,
            ends=tuple(part.ends),
            events=_written_out(part, source, domain, in_rule=in_rule, is_last=not part.ends),
            source=source,
            steps=tuple(part.steps),
        )
        for part in done
    ]


def _end_at(current: list[_Open], name: str) -> None:
    """A checkpoint in or after a story: what is open ends here, even where it ended already."""
    again: list[_Open] = []
    for part in current:
        if part.ends:
            again.append(_Open(part.starts, list(part.steps), [name]))
        else:
            part.ends = [name]
    current += again


def _at_the_end(current: list[_Open]) -> list[_Open]:
    """What is open when a story is over: it leads to the checkpoints that the story ends with.

    A story that ends with alternatives ends with each of them. (Rasa drops such a story.)
    """
    leading = [p for p in current if any(not end.startswith(_GENERATED) for end in p.ends)]
    return leading or [_Open(part.starts, part.steps, []) for part in current]


def _after(ended: Sequence[_Open]) -> _Open:
    names = dict.fromkeys(end for part in ended for end in part.ends)
    return _Open(tuple(Link(name=name) for name in names), [], [])


def _link(step: CheckpointStep, domain: Domain) -> Link:
    conditions = tuple((slot.name, _condition(slot, domain)) for slot in step.conditions)
    return Link(name=step.name, conditions=conditions)


def _condition(slot: SlotStep, domain: Domain) -> object:
    value = slot_value(slot, domain)
    declared = domain.slot_by_name.get(slot.name)
    return value if declared is None else declared.coerce(value)


def _generated_name(source: Story | Rule, index: int) -> str:
    """A name that is the same in every run and in every story that is written the same way."""
    text = repr((type(source).__name__, source.name, source.steps[: index + 1], source.where))
    return f"{_GENERATED}OR_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _written_out(
    part: _Open, source: Story | Rule, domain: Domain, *, in_rule: bool, is_last: bool
) -> tuple[Event, ...]:
    events: list[Event] = []
    is_first = any(link.name == START for link in part.starts)
    if isinstance(source, Rule) and is_first and not source.conversation_start:
        # Conditions are true before anything in the rule happens.
        n_conditions = len(source.conditions)
        for step in part.steps[:n_conditions]:
            events += step_events(step, domain, in_rule=True)
        events.append(_SNIPPET)
        rest: Iterable[PlainStep] = part.steps[n_conditions:]
    else:
        rest = part.steps
    for step in rest:
        for event in step_events(step, domain, in_rule=in_rule):
            if isinstance(event, UserUttered):
                _listen(events)
            events.append(event)
    if is_first:
        events = _first_action_marked(events)
    if isinstance(source, Rule) and is_last and not source.wait_for_user_input:
        events.append(_SNIPPET)
    if is_last:
        _listen(events)
    return tuple(events)


def _listen(events: list[Event]) -> None:
    if not events or events[-1] != LISTEN:
        events.append(LISTEN)


def _first_action_marked(events: list[Event]) -> list[Event]:
    """An action that begins a story has no history to learn it from."""
    for index, event in enumerate(events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted) and event.name != ACTION_LISTEN:
            marked = dataclasses.replace(event, is_unpredictable=True)
            return [*events[:index], marked, *events[index + 1 :]]
    return events


@dataclass(frozen=True, slots=True)
class StoryGraph:
    """Segments in an order in which each comes after those that lead to it.

    Attributes:
        segments: in that order.
        returns: for each link of a circle that was taken out, the checkpoint that a segment ends at
            instead, to the one that further rounds begin at. Other segments that began where the
            circle closes begin at a checkpoint of their own besides.
    """

    segments: tuple[Segment, ...]
    returns: dict[str, str]


def story_graph(segments: Sequence[Segment]) -> StoryGraph:
    """Put segments in order; circles are cut."""
    followers = _followers(segments)
    order, back_links = _topological_order(followers)
    parts = list(segments)
    returns: dict[str, str] = {}
    for number, (source, target) in enumerate(back_links):
        sink, restart, onward = (f"{_GENERATED}{kind}_{number}" for kind in ("SINK", "SRC", "CONN"))
        returns[sink] = restart
        shared = set(parts[source].ends) & {link.name for link in parts[target].starts}
        ends = [*(end for end in parts[source].ends if end not in shared), sink]
        for index, part in enumerate(parts):
            new = restart if index == target else onward
            links = [
                Link(name=new, conditions=link.conditions)
                for link in part.starts
                if link.name in shared
            ]
            if links:
                parts[index] = dataclasses.replace(part, starts=(*part.starts, *links))
                if new == onward and onward not in ends:
                    ends.append(onward)
        parts[source] = dataclasses.replace(parts[source], ends=tuple(ends))
    return StoryGraph(tuple(parts[index] for index in order), returns)


def _followers(segments: Sequence[Segment]) -> list[list[int]]:
    by_start: dict[str, list[int]] = defaultdict(list)
    for index, segment in enumerate(segments):
        for link in segment.starts:
            by_start[link.name].append(index)
    return [
        sorted({other for end in segment.ends for other in by_start.get(end, [])})
        for segment in segments
    ]


def _topological_order(followers: list[list[int]]) -> tuple[list[int], list[tuple[int, int]]]:
    """Depth first; links back into the path that is being walked are left out and returned."""
    order: list[int] = []
    back_links: list[tuple[int, int]] = []
    is_open: dict[int, bool] = {}
    for root in range(len(followers) - 1, -1, -1):
        if root in is_open:
            continue
        is_open[root] = True
        path: list[tuple[int, Iterator[int]]] = [(root, iter(followers[root]))]
        while path:
            node, rest = path[-1]
            for follower in rest:
                if follower not in is_open:
                    is_open[follower] = True
                    path.append((follower, iter(followers[follower])))
                    break
                if is_open[follower]:
                    back_links.append((node, follower))
            else:
                is_open[node] = False
                order.append(node)
                path.pop()
    return order[::-1], sorted(back_links)
