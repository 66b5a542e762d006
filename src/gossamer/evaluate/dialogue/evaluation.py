"""How well an assistant follows test stories, counted as Rasa's `test core` counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError, InputError
from gossamer.data.stories.steps import StoryData, UserStep
from gossamer.dialogue.runtime.conversations import MAX_ACTIONS
from gossamer.evaluate.dialogue.conversations import Conversation, conversations_of
from gossamer.evaluate.dialogue.outcomes import (
    ActionOutcome,
    ConversationOutcome,
    MessageOutcome,
)
from gossamer.evaluate.dialogue.replay import ActionChooser, Replay
from gossamer.evaluate.labels import LabelScores, score_labels
from gossamer.evaluate.nlu import TextParser
from gossamer.nlu.pipeline.messages import Parse

ConversationListener = Callable[[int, int], None]
"""Called after each conversation with how many are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class DialogueEvaluation:
    """Results on test stories, with scores.

    Attributes:
        outcomes: one for each conversation, in the order of the stories.
        actions: scores of actions alone.
        labels: scores of actions, intents and entities in one, as Rasa's `story_report.json` has
            them; those of actions where intents were given.
        is_end_to_end: whether messages were understood by a parser.
    """

    outcomes: tuple[ConversationOutcome, ...]
    actions: LabelScores
    labels: LabelScores
    is_end_to_end: bool = False

    @property
    def failed(self) -> list[ConversationOutcome]:
        """Conversations with something wrong."""
        return [outcome for outcome in self.outcomes if not outcome.is_right]

    @property
    def successful(self) -> list[ConversationOutcome]:
        """Conversations in which all is right, those with warnings among them."""
        return [outcome for outcome in self.outcomes if outcome.is_right]

    @property
    def with_warnings(self) -> list[ConversationOutcome]:
        """Successful conversations in which `action_unlikely_intent` was also predicted."""
        return [outcome for outcome in self.outcomes if outcome.has_warnings]

    @property
    def action_outcomes(self) -> list[ActionOutcome]:
        """All predicted actions, in order."""
        return [action for outcome in self.outcomes for action in outcome.actions]

    @property
    def message_outcomes(self) -> list[MessageOutcome]:
        """All messages that were understood by a parser, in order."""
        return [message for outcome in self.outcomes for message in outcome.messages]

    @property
    def conversation_accuracy(self) -> float:
        """Share of conversations in which all is right."""
        return len(self.successful) / len(self.outcomes)

    @property
    def in_training_data_fraction(self) -> float:
        """Share of actions predicted by a policy that only repeats what it was trained on.

        Departure from Rasa 3.6, which looks for names of policies of the time before 3.0, and so
        always finds 0.
        """
        actions = self.action_outcomes
        return sum(action.is_in_training_data for action in actions) / len(actions)

    def headline(self) -> dict[str, float]:
        """The figures that are quoted, by name.

        `conversation accuracy`, `action accuracy`, `action weighted precision`,
        `action weighted F1`, `in-training-data fraction`; end-to-end also `message accuracy`.
        """
        figures = {
            "conversation accuracy": self.conversation_accuracy,
            "action accuracy": self.actions.accuracy,
            "action weighted precision": self.actions.precision,
            "action weighted F1": self.actions.f1,
            "in-training-data fraction": self.in_training_data_fraction,
        }
        messages = self.message_outcomes
        if messages:
            figures["message accuracy"] = sum(m.is_right for m in messages) / len(messages)
        return figures


def evaluate_dialogue(
    chooser: ActionChooser,
    stories: StoryData,
    domain: Domain,
    *,
    parser: TextParser | None = None,
    end_to_end: bool = False,
    max_actions: int = MAX_ACTIONS,
    on_conversation: ConversationListener | None = None,
) -> DialogueEvaluation:
    """Go through test stories and predict each action.

    Whatever is predicted, a conversation goes on as the story has it. No action is called: slots
    and loops change where the story says so. Where an active form is predicted and the story does
    something else, the form is taken to have rejected the message, and the next action is predicted
    again. An `action_unlikely_intent` that the story does not have is a warning: it happens, and
    what comes after it is predicted. An event that asks for an action is followed. Not predicted
    are the first listening and an action that a story begins with.

    Departures from Rasa 3.6's `test core`: a right prediction is carried out with everything that
    belongs to it, as in a conversation (its events; turns that only rules know are hidden from
    other policies), while Rasa only notes the action; end-to-end, a message without an intent is
    taken as it is, while Rasa counts it as wrong; where a story begins with slots, Rasa predicts
    the first listening or action, too.

    Args:
        chooser: trained policies.
        stories: test stories; rules do not count.
        domain: what may be said and done.
        parser: understands messages, end-to-end.
        end_to_end: whether messages that the stories give with text and intent are understood by
            the parser, and its intent and entities compared; else intents and entities are given.
        max_actions: how many actions may follow each other without listening; the next prediction
            then is `CIRCUIT_BREAKER`.
        on_conversation: called after each conversation.

    Raises:
        InputError: end-to-end without a parser.
        DataError: there are no stories, nothing in them is to be predicted, or a step cannot be
            understood.
    """
    if end_to_end and parser is None:
        raise InputError(
            "to test end-to-end, there must be a model that understands messages",
            hint="a model with a pipeline, or no end_to_end",
        )
    conversations = conversations_of(stories, domain)
    if not conversations:
        raise DataError(
            "there must be test stories to evaluate on",
            hint="tests/test_stories.yml, with '- story:' under 'stories:'",
        )
    parses = parsed_messages(parser, conversations) if end_to_end and parser is not None else {}
    outcomes: list[ConversationOutcome] = []
    for conversation in conversations:
        replay = Replay(conversation, chooser, domain, parses=parses, max_actions=max_actions)
        outcomes.append(replay.run())
        if on_conversation is not None:
            on_conversation(len(outcomes), len(conversations))
    return _scored(outcomes, is_end_to_end=end_to_end)


def parsed_messages(
    parser: TextParser, conversations: Sequence[Conversation]
) -> Mapping[str, Parse]:
    """Parses, by their text, of the messages that conversations give with text and intent."""
    texts = {
        step.text: None
        for conversation in conversations
        for step in conversation.steps
        if isinstance(step, UserStep) and step.text is not None and step.intent is not None
    }
    return dict(zip(texts, parser.parse_many(list(texts)), strict=True)) if texts else {}


def _scored(outcomes: Sequence[ConversationOutcome], *, is_end_to_end: bool) -> DialogueEvaluation:
    actions = [action for outcome in outcomes for action in outcome.actions]
    if not actions:
        raise DataError(
            "test stories must hold an action to predict",
            got=outcomes[0].conversation.story,
            hint="a message, and '- action:' after it",
        )
    targets = [action.target for action in actions]
    predictions = [action.prediction for action in actions]
    scores = score_labels(targets, predictions)
    messages = [message.labels() for outcome in outcomes for message in outcome.messages]
    for true, found in messages:
        targets += true
        predictions += found
    return DialogueEvaluation(
        outcomes=tuple(outcomes),
        actions=scores,
        labels=score_labels(targets, predictions) if messages else scores,
        is_end_to_end=is_end_to_end,
    )
