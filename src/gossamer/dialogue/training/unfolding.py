"""From stories and rules to the conversations they describe.

Each path through checkpoints and alternatives is one conversation. Where several reach the same
checkpoint and look the same to a policy, one of them goes on. Circles of checkpoints are walked
twice. Both as in Rasa 3.6. Unlike Rasa, which unfolds them all, a sample is drawn where there are
too many (see `unfolding_limit`), with a warning.

Augmentation glues whole conversations together, so that a model learns that what was said before
a story began does not matter. As in Rasa, at most `factor` conversations serve as beginnings in
each of three rounds, and at most ten times `factor` glued ones are kept. Unlike Rasa, which glues
all pairs and then draws, pairs are drawn first and only those glued: a fraction of the work.
"""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import place_prefix
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.data.text.limits import MAX_CONVERSATIONS
from gossamer.dialogue.history.events import (
    ActionReverted,
    Event,
    Restarted,
    UserUtteranceReverted,
)
from gossamer.dialogue.history.state import State, states_of
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.story_events import LISTEN
from gossamer.dialogue.training.story_graph import START, Segment, segments_of, story_graph
from gossamer.dialogue.training.unfolding_limit import Quota

_ROUNDS = 3
_KEPT_PER_BEGINNING = 10
_RETURNS = (ActionReverted, UserUtteranceReverted, Restarted)


@dataclass(frozen=True, slots=True)
class TrainingTracker:
    """A conversation that stories describe.

    Attributes:
        tracker: the conversation.
        path: the segments it went through.
        is_augmented: whether it is glued together from several.
        is_rule: whether it is a rule.
    """

    tracker: Tracker
    path: tuple[Segment, ...] = ()
    is_augmented: bool = False
    is_rule: bool = False

    @property
    def name(self) -> str:
        """Names of its stories."""
        return " > ".join(dict.fromkeys(segment.story for segment in self.path))

    @property
    def sources(self) -> tuple[Story | Rule, ...]:
        """The stories or rules it went through."""
        return tuple({id(segment.source): segment.source for segment in self.path}.values())


def unfold_stories(
    data: StoryData,
    domain: Domain,
    *,
    augmentation_factor: int = 0,
    random_seed: int = 42,
    max_conversations: int | None = None,
) -> list[TrainingTracker]:
    """The conversations that stories describe, the augmented ones last.

    Args:
        data: stories and rules; rules do not count here.
        domain: says what counts of messages and slots.
        augmentation_factor: how many beginnings to glue in each round; 0 for none.
        random_seed: decides what is glued, and what is drawn where there is too much.
        max_conversations: how many conversations to walk, counted at each branch; None for
            `MAX_CONVERSATIONS`. Ten may always go on from a branch.

    Raises:
        DataError: a step cannot be understood; see `step_events`.
    """
    unfolding = Unfolding(
        data, domain, max_conversations=max_conversations, random_seed=random_seed
    )
    return [
        *unfolding.trackers,
        *unfolding.augmented(augmentation_factor, random_seed=random_seed),
    ]


class Unfolding:
    """The conversations that stories describe, and from which others can be glued together.

    Args:
        data: stories and rules; rules do not count here.
        domain: says what counts of messages and slots.
        max_conversations: as for `unfold_stories`.
        random_seed: decides what is drawn where there is too much.

    Attributes:
        trackers: the conversations, none of them augmented.

    Raises:
        DataError: a step cannot be understood; see `step_events`.
    """

    def __init__(
        self,
        data: StoryData,
        domain: Domain,
        *,
        max_conversations: int | None = None,
        random_seed: int = 42,
    ) -> None:
        self._walk = _Walk(domain, is_rule=False, most=max_conversations, random_seed=random_seed)
        self.trackers = self._walk.run(
            [part for story in data.stories for part in segments_of(story, domain)]
        )

    def augmented(self, factor: int, *, random_seed: int = 42) -> list[TrainingTracker]:
        """Conversations glued together; can be asked for once.

        Args:
            factor: how many beginnings to glue in each round; 0 for none.
            random_seed: decides what is glued.
        """
        if factor < 0:
            raise ValueError(f"augmentation_factor must not be negative (got {factor})")
        return _augmented(self._walk, factor, random.Random(random_seed)) if factor > 0 else []


def unfold_rules(
    data: StoryData, domain: Domain, *, max_conversations: int | None = None
) -> list[TrainingTracker]:
    """The conversations that rules describe.

    Args:
        data: stories and rules; stories do not count here.
        domain: says what counts of messages and slots.
        max_conversations: as for `unfold_stories`.

    Raises:
        DataError: a step cannot be understood; see `step_events`.
    """
    segments = [part for rule in data.rules for part in segments_of(rule, domain)]
    return _Walk(domain, is_rule=True, most=max_conversations).run(segments)


class _Walk:
    """Walks all paths through the segments.

    Attributes:
        ended: conversations that came to the end of a story; those cut by a restart are not here.
    """

    def __init__(
        self, domain: Domain, *, is_rule: bool, most: int | None, random_seed: int = 42
    ) -> None:
        self.domain = domain
        self.is_rule = is_rule
        self.ended: list[TrainingTracker] = []
        self._most = MAX_CONVERSATIONS.value() if most is None else most
        self._random_seed = random_seed
        self._seen: set[tuple[State, ...]] = set()
        self._states_by_id: dict[int, tuple[TrainingTracker, tuple[State, ...]]] = {}

    def run(self, segments: Sequence[Segment]) -> list[TrainingTracker]:
        """All conversations, those that stop in the middle first."""
        graph = story_graph(segments)
        quota = Quota(graph, self._most, self._random_seed)
        waiting: dict[str, list[TrainingTracker]] = defaultdict(list)
        waiting[START] = [TrainingTracker(Tracker(self.domain.slots), is_rule=self.is_rule)]
        stopped: list[TrainingTracker] = []
        used: set[str] = set()
        unused_before: set[str] = set()
        while any(waiting.values()):
            unused: set[str] = set()
            for segment in graph.segments:
                arriving: list[TrainingTracker] = []
                for link in segment.starts:
                    here = waiting.get(link.name, [])
                    if here:
                        arriving += [t for t in here if _allows(link.conditions, t.tracker)]
                        used.add(link.name)
                    elif link.name not in used:
                        unused.add(link.name)
                arriving = quota.draw(self._different(arriving), segment)
                if not arriving:
                    continue
                going, cut = self._through(segment, arriving)
                stopped += cut
                for end in segment.ends:
                    name = graph.returns.get(end, end)
                    waiting[name] += going
                    if name in used:
                        unused.add(name)
                if not segment.ends:
                    self.ended += self.new(going)
            unused |= {name for name in waiting if name not in used}
            is_over = unused == unused_before
            waiting = defaultdict(
                list, {name: waiting[name] for name in unused if name != START and waiting[name]}
            )
            if is_over or not any(waiting.values()):
                for name in sorted(unused - used):
                    stopped += waiting.get(name, [])
                    self._warn(name)
                break
            unused_before = unused
        self._states_by_id.clear()
        found = [*stopped, *self.ended]
        if quota.first_cut is not None:
            self._warn_of_cut(quota.first_cut.source, quota.n_paths, len(found))
        return found

    def extend(
        self, beginning: TrainingTracker, segments: Iterable[Segment]
    ) -> TrainingTracker | None:
        """A conversation that went on through segments, or None when a condition forbids it."""
        tracker = beginning.tracker.fork()
        previous: Segment | None = None
        for segment in segments:
            reached = (START,) if previous is None else previous.ends
            links = [link for link in segment.starts if link.name in reached]
            if links and not any(_allows(link.conditions, tracker) for link in links):
                return None
            tracker.update_all(segment.events)
            previous = segment
        return TrainingTracker(tracker, beginning.path, is_rule=self.is_rule)

    def new(self, trackers: Iterable[TrainingTracker]) -> list[TrainingTracker]:
        """Those that look different from all seen before."""
        found = []
        for tracker in trackers:
            states = self._states(tracker)
            if states not in self._seen:
                self._seen.add(states)
                found.append(tracker)
        return found

    def _states(self, tracker: TrainingTracker) -> tuple[State, ...]:
        # Asked for at each alternative that a conversation may go on with. The tracker is kept
        # beside them, so that no other one can have its id.
        known = self._states_by_id.get(id(tracker))
        if known is None:
            known = tracker, tuple(states_of(tracker.tracker, self.domain))
            self._states_by_id[id(tracker)] = known
        return known[1]

    def _different(self, trackers: list[TrainingTracker]) -> list[TrainingTracker]:
        if len(trackers) < 2:
            return trackers
        return list({self._states(tracker): tracker for tracker in reversed(trackers)}.values())[
            ::-1
        ]

    def _through(
        self, segment: Segment, arriving: Iterable[TrainingTracker]
    ) -> tuple[list[TrainingTracker], list[TrainingTracker]]:
        """Conversations after a segment, and as they were before each restart or return in it."""
        going, cut = [], []
        for before in arriving:
            tracker = before.tracker.fork()
            path = (*before.path, segment)
            for event in segment.events:
                if isinstance(event, _RETURNS):
                    cut.append(TrainingTracker(tracker.fork(), path, is_rule=self.is_rule))
                tracker.update(event)
            going.append(TrainingTracker(tracker, path, is_rule=self.is_rule))
        return going, cut

    def _warn_of_cut(self, source: Story | Rule, n_paths: int, n_found: int) -> None:
        kind = "rules" if self.is_rule else "stories"
        place = place_prefix(source.where)
        # Python does not print integers of thousands of digits.
        n_told = f"{n_paths:,}" if n_paths < 10**15 else "more than 10^15"
        warnings.warn(
            f"{place}{kind} describe {n_told} conversations, too many to learn from, so {n_found} "
            f"are drawn; '{source.name}' is the first that is not walked in every way. Try: fewer "
            "alternatives ('or') or checkpoints in a row, or "
            f"{MAX_CONVERSATIONS.variable}={10 * self._most} in the environment",
            stacklevel=4,
        )

    def _warn(self, name: str) -> None:
        if name != START and not name.startswith("GENR_"):
            warnings.warn(
                f"the checkpoint '{name}' leads nowhere: no story begins there, or none ends there",
                stacklevel=5,
            )


def _allows(conditions: Iterable[tuple[str, object]], tracker: Tracker) -> bool:
    return all(tracker.slots.get(name) == value for name, value in conditions)


def _augmented(walk: _Walk, factor: int, rng: random.Random) -> list[TrainingTracker]:
    """Conversations glued together; see the module's docstring."""
    originals = list(walk.ended)
    if not originals:
        return []
    pool = list(originals)
    kept: list[TrainingTracker] = []
    for _ in range(_ROUNDS):
        beginnings = pool if len(pool) <= factor else rng.sample(pool, factor)
        n_pairs = len(beginnings) * len(originals)
        n_drawn = min(n_pairs, factor * _KEPT_PER_BEGINNING)
        glued = []
        for pair in rng.sample(range(n_pairs), n_drawn):
            before, after = divmod(pair, len(originals))
            joined = _glue(walk, beginnings[before], originals[after])
            if joined is not None:
                glued.append(joined)
        new = walk.new(glued)
        kept += new
        pool += new
    most = factor * _KEPT_PER_BEGINNING
    return kept if len(kept) <= most else rng.sample(kept, most)


def _glue(walk: _Walk, before: TrainingTracker, after: TrainingTracker) -> TrainingTracker | None:
    """One conversation after the other; the first one's last listening is the second's first."""
    events: tuple[Event, ...] = before.tracker.events
    if events and events[-1] == LISTEN:
        events = events[:-1]
    start = Tracker(walk.domain.slots, events=events)
    joined = walk.extend(TrainingTracker(start, before.path), after.path)
    if joined is None:
        return None
    return TrainingTracker(joined.tracker, (*before.path, *after.path), is_augmented=True)
