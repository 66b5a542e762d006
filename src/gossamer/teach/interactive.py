"""Talking with an assistant and correcting it: each message, each action, then the story.

`Interactive` holds no terminal: it is a conversation that waits for a person's yes or no at every
step. What it hears of messages is taught at once, a conversation as a story when it is asked for.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, MessageWarning
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.intents import intent_name
from gossamer.data.stories.steps import Story
from gossamer.dialogue.history.events import ActionExecuted, SlotSet, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.runtime.running_turn import FOLLOWUP_POLICY
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import TurnRunner
from gossamer.nlu.pipeline.parse import Parse
from gossamer.teach.accepting import accepted_example, corrected, example_of
from gossamer.teach.corrections import Correction, MessageCorrection, StoryCorrection
from gossamer.teach.files.derive import AlreadySo
from gossamer.teach.files.patch import Patch
from gossamer.teach.project import Taught, TaughtProject
from gossamer.teach.stories import story_to_learn


class Awaits(Enum):
    """What a conversation waits for."""

    MESSAGE = "message"
    """What the user says: `say`."""
    MEANING = "meaning"
    """Whether it was understood: `accept` or `correct`."""
    ACTION = "action"
    """What the assistant does: `do`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the assistant would do next.

    Attributes:
        action: the action's name, or the text it says.
        confidence: in it.
        policy: who chose it; `FOLLOWUP_POLICY` where an event asked for it.
        ranking: all actions with the scores that the winning policy gives, best first; of equal
            ones the domain's own before those that every assistant has.
        prediction: what policies said, or None.
    """

    action: str
    confidence: float
    policy: str
    ranking: tuple[tuple[str, float], ...]
    prediction: EnsemblePrediction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Where a conversation is.

    Attributes:
        tracker: what happened.
        awaits: what comes next.
        parse: what was understood of the message that is being judged, or None.
        is_corrected: whether the story so far has something that policies did not choose, and is
            not taught yet.
    """

    tracker: Tracker
    awaits: Awaits = Awaits.MESSAGE
    parse: Parse | None = None
    is_corrected: bool = False


@dataclass(frozen=True, slots=True)
class _Past:
    """A state before a decision, and what the decision taught."""

    state: _State
    taught: Taught | None = None


class Interactive:
    """A conversation in which a person decides at every step.

    Args:
        turns: runs the assistant's turns: `assistant.conversations().turns`.
        project: where what is taught goes.
        who: who teaches.
        clock: seconds since the epoch.

    Attributes:
        turns: as given.
        project: as given.
        taught: what was taught in this talk and not taken back, in order.

    Raises:
        DataError: a file of the project cannot be read as meant.
    """

    def __init__(
        self,
        turns: TurnRunner,
        project: TaughtProject,
        *,
        who: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.turns = turns
        self.project = project
        self.taught: list[Taught] = []
        self._who = who
        self._clock = clock
        self._intents = set(project.description().intents)
        self._state = _State(tracker=turns.new_tracker())
        self._past: list[_Past] = []

    @property
    def tracker(self) -> Tracker:
        """The conversation so far."""
        return self._state.tracker

    @property
    def awaits(self) -> Awaits:
        """What comes next."""
        return self._state.awaits

    @property
    def parse(self) -> Parse | None:
        """What was understood of the message that is being judged."""
        return self._state.parse

    @property
    def intents(self) -> list[str]:
        """Intents of the project, those that were taught among them, sorted."""
        return sorted(self._intents)

    @property
    def has_corrected_story(self) -> bool:
        """Whether the story so far has an action or a slot that a person chose, and is not taught.

        Of a turn that has not ended nothing counts.
        """
        return self._at_last_message().is_corrected

    @property
    def is_in_turn(self) -> bool:
        """Whether a turn is going on, of which nothing is in the story yet."""
        return self._state.awaits is Awaits.ACTION

    def begin(self) -> Turn:
        """Begin the session; the turn has what the assistant says then."""
        tracker, turn = self.turns.begin(self.tracker)
        self._state = _State(tracker=tracker)
        return turn

    # -- messages --------------------------------------------------------------------------------

    def say(self, text: str) -> Parse:
        """Say something. What it means is to be judged next, unless it says that itself (/greet).

        Raises:
            DataError: it is no message's turn, or the text names an intent that is not known.
        """
        self._need(Awaits.MESSAGE)
        text = text.strip()
        if not text:
            raise DataError("a message must not be blank")
        parse = self.turns.understood(text).parse or Parse(text=text)
        if parse_direct_message(text) is None:
            self._go(dataclasses.replace(self._state, awaits=Awaits.MEANING, parse=parse))
            return parse
        if parse.intent.name is None:
            raise DataError(
                "a message like /greet must name an intent that the model knows", got=text
            )
        self._hear(parse, None)
        return parse

    def accept(self, *, teaches: bool = True) -> Taught | None:
        """What was understood is right.

        Args:
            teaches: add the message to the examples.

        Returns:
            What was taught; None where it was known, or there is nothing to learn from it.

        Raises:
            DataError: no message is judged, no intent was found, or the project cannot be taught;
                then nothing has happened.
        """
        parse = self._judged()
        if parse.intent.name is None:
            raise DataError(
                "a message must have an intent", got=parse.text, hint="choosing one for it"
            )
        taught = None
        if teaches:
            example = accepted_example(parse, self._intents)
            taught = None if example is None else self._teach(MessageCorrection(example))
        self._hear(parse, taught)
        return taught

    def correct(
        self, intent: str, entities: Iterable[Entity] = (), *, teaches: bool = True
    ) -> Taught | None:
        """The message means something else; the conversation goes on with that.

        Args:
            intent: the right intent, which may be new; of a retrieval intent with the key.
            entities: all that the message names, with their places.
            teaches: add the message to the examples.

        Returns:
            What was taught, or None where it was known.

        Raises:
            DataError: no message is judged, it cannot be taught like this, or the project cannot be
                taught; then nothing has happened.
        """
        parse = self._judged()
        intent = intent_name(intent)
        example = example_of(parse.text, intent, entities)
        taught = self._teach(MessageCorrection(example)) if teaches else None
        self._hear(corrected(parse, example), taught)
        return taught

    # -- actions ---------------------------------------------------------------------------------

    def proposal(self) -> Proposal:
        """What the assistant would do now.

        Raises:
            DataError: it is not its turn.
        """
        self._need(Awaits.ACTION)
        found = self.turns.next_action(self.tracker)
        if found is None:  # it is silent, and `_hear` and `do` have seen to that
            raise DataError("the assistant is paused")
        action, prediction = found
        own = (prediction or self.turns.predict(self.tracker)).prediction
        domain = self.turns.domain
        scores = list(zip(domain.action_labels, map(float, own.scores), strict=True))
        named = {*domain.actions, *domain.responses, *domain.forms, ACTION_LISTEN}
        scores.sort(key=lambda pair: (-pair[1], pair[0] not in named))
        return Proposal(
            action=action,
            confidence=1.0 if prediction is None else prediction.confidence,
            policy=FOLLOWUP_POLICY if prediction is None else own.policy,
            ranking=tuple(scores),
            prediction=prediction,
        )

    def do(self, action: str, proposal: Proposal | None = None) -> Turn:
        """Let the assistant do something.

        Args:
            action: its name.
            proposal: what `proposal` gave; when its action is done, it was right.

        Raises:
            DataError: it is not the assistant's turn, or the domain does not have the action.
        """
        self._need(Awaits.ACTION)
        is_right = proposal is not None and proposal.action == action
        tracker, turn = self.turns.step(
            self.tracker,
            action,
            proposal.prediction if proposal is not None and is_right else None,
            policy=proposal.policy if proposal is not None and is_right else None,
        )
        self._go(
            _State(
                tracker=tracker,
                awaits=Awaits.MESSAGE if _listens(turn) else self._after(tracker),
                is_corrected=self._state.is_corrected or not is_right,
            )
        )
        return turn

    def set_slot(self, name: str, value: Any) -> None:
        """Set a slot, as an action would.

        Raises:
            DataError: the domain does not have the slot.
        """
        if name not in self.tracker.slots:
            raise DataError(
                "a slot must be of the domain", got=name, hint=", ".join(self.tracker.slots)
            )
        tracker = self.tracker.fork()
        tracker.update(SlotSet(name=name, value=value, timestamp=self._clock()))
        self._go(dataclasses.replace(self._state, tracker=tracker, is_corrected=True))

    # -- back, and anew --------------------------------------------------------------------------

    def undo(self) -> Taught | None:
        """Take the last decision back, and what it taught.

        Returns:
            What was taken out of the project, or None.

        Raises:
            DataError: nothing was decided, or what it taught cannot be taken out any more; then
                nothing has happened.
        """
        if not self._past:
            raise DataError("there must be something to take back")
        past = self._past[-1]
        undone = None
        if past.taught is not None:
            undone = self.project.undo(past.taught.id, who=self._who)
            self.taught = [each for each in self.taught if each.id != past.taught.id]
        self._past.pop()
        self._state = past.state
        return undone

    def restart(self) -> Turn:
        """Begin another conversation; `undo` goes back to this one."""
        tracker, turn = self.turns.begin(self.turns.new_tracker())
        self._go(_State(tracker=tracker))
        return turn

    def messages(self) -> list[str]:
        """What the user said in this conversation, in order."""
        return [event.text or f"/{event.intent}" for event in self._heard()]

    def fork(self, number: int) -> None:
        """Go on from before a message; `undo` goes back to this conversation.

        Args:
            number: of the message in `messages`, from 0.

        Raises:
            DataError: there is no such message.
        """
        heard = self._heard()
        if not 0 <= number < len(heard):
            raise DataError(
                f"a fork must name one of the {len(heard)} messages of the conversation", got=number
            )
        events = self.tracker.events
        position = next(i for i, event in enumerate(events) if event is heard[number])
        tracker = self.tracker.empty()
        tracker.update_all(events[:position])
        self._go(_State(tracker=tracker))

    # -- the story -------------------------------------------------------------------------------

    def story(self, name: str | None = None) -> Story | None:
        """The conversation as a story, up to the last turn that ended.

        Messages are there by their intents and entities, and slots that policies see.

        Args:
            name: of the story; None: made of the time.

        Returns:
            The story, or None where nobody said anything.
        """
        applied = self._at_last_message().tracker.applied_events()
        if not any(isinstance(event, UserUttered) for event in applied):
            return None
        when = datetime.fromtimestamp(self._clock()).astimezone()
        title = f"taught {when:%Y-%m-%d %H:%M:%S}" if name is None else name
        return story_to_learn(title, applied, self.turns.domain)

    def preview(self, story: Story) -> Patch:
        """What teaching a story would change, nothing if it has it; nothing is written.

        Raises:
            DataError: the project cannot be taught it.
        """
        try:
            return self.project.preview(StoryCorrection(story))
        except AlreadySo:
            return Patch(())

    def teach(self, story: Story) -> Taught | None:
        """Teach a story of this conversation; None where the project has it already.

        Raises:
            DataError: the project cannot be taught it.
        """
        taught = self._teach(StoryCorrection(story))
        self._go(dataclasses.replace(self._state, is_corrected=False), taught)
        return taught

    # -- parts -----------------------------------------------------------------------------------

    def _need(self, awaited: Awaits) -> None:
        if self._state.awaits is not awaited:
            raise DataError(
                f"a conversation that awaits {self._state.awaits.value} must get that first",
                got=awaited.value,
            )

    def _judged(self) -> Parse:
        self._need(Awaits.MEANING)
        assert self._state.parse is not None
        return self._state.parse

    def _go(self, state: _State, taught: Taught | None = None) -> None:
        self._past.append(_Past(self._state, taught))
        self._state = state

    def _hear(self, parse: Parse, taught: Taught | None) -> None:
        with warnings.catch_warnings():
            # Of an intent that is new the model knows nothing; that is why it is taught.
            warnings.simplefilter("ignore", MessageWarning)
            tracker, _ = self.turns.hear(self.tracker, parse)
        awaits, is_corrected = self._after(tracker), self._state.is_corrected
        self._go(_State(tracker=tracker, awaits=awaits, is_corrected=is_corrected), taught)

    def _after(self, tracker: Tracker) -> Awaits:
        return Awaits.MESSAGE if self.turns.next_action(tracker) is None else Awaits.ACTION

    def _teach(self, correction: Correction) -> Taught | None:
        try:
            taught = self.project.teach(correction, who=self._who)
        except AlreadySo:
            return None
        self.taught.append(taught)
        if isinstance(correction, MessageCorrection) and correction.example.intent is not None:
            self._intents.add(correction.example.intent)
        return taught

    def _at_last_message(self) -> _State:
        """The state when the last turn had ended."""
        if self._state.awaits is not Awaits.ACTION:
            return self._state
        before = (past.state for past in reversed(self._past))
        return next(state for state in before if state.awaits is not Awaits.ACTION)

    def _heard(self) -> list[UserUttered]:
        return [e for e in self.tracker.applied_events() if isinstance(e, UserUttered)]


def _listens(turn: Turn) -> bool:
    return any(
        isinstance(event, ActionExecuted) and event.name == ACTION_LISTEN for event in turn.events
    )
