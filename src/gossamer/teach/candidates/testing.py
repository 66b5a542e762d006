"""What a model is asked before and after, and what it answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from gossamer.assistant import Assistant
from gossamer.data.domain.domain import Domain
from gossamer.data.entities import Entity
from gossamer.data.errors import InputError
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_test_stories
from gossamer.data.stories.steps import ActionStep, BotStep, StoryData
from gossamer.dialogue.runtime.conversations import MAX_ACTIONS
from gossamer.evaluate.dialogue.conversations import Conversation, conversations_of
from gossamer.evaluate.dialogue.evaluation import parsed_messages
from gossamer.evaluate.dialogue.outcomes import ActionOutcome, ConversationOutcome
from gossamer.evaluate.dialogue.replay import Replay
from gossamer.evaluate.entities import PRETRAINED_EXTRACTORS
from gossamer.evaluate.responses import selection_of
from gossamer.nlu.pipeline.parse import Parse
from gossamer.teach.corrections import Correction, MessageCorrection, StoryCorrection

Content: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = Literal["message", "story"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model makes of a message or a story.

    Attributes:
        kind: "message" or "story".
        text: the message, or the story's name.
        expected: JSON of what is right: `intent` and `entities` of a message, `actions` of a story.
        found: JSON of what the model says; of a story also `errors`, each with `expected` and
            `found`, or `error` where it cannot be followed. None: there is no model.
        is_right: whether all is as expected.
    """

    kind: Kind
    text: str
    expected: Content
    found: Content | None
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model makes of everything it is asked; of two models of the same, in one order.

    Attributes:
        taught: of what was ever taught, messages first.
        messages: of the project's test messages.
        stories: of the ways through its test stories.
    """

    taught: tuple[Answer, ...] = ()
    messages: tuple[Answer, ...] = ()
    stories: tuple[Answer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Questions:
    """What models are asked.

    Attributes:
        messages: test messages, each once.
        stories: test stories.
        taught_messages: what was taught, each once.
        taught_stories: likewise.
    """

    messages: tuple[Example, ...] = ()
    stories: StoryData = field(default_factory=StoryData)
    taught_messages: tuple[Example, ...] = ()
    taught_stories: tuple[StoryCorrection, ...] = ()

    @classmethod
    def read(cls, tests: Path, taught: Sequence[Correction]) -> Questions:
        """The test data of a project, and what was taught.

        Args:
            tests: the folder with its test data; it may be missing.
            taught: in order; of several for one message the last one counts.

        Raises:
            InputError: a file of test data cannot be read as meant.
        """
        messages: tuple[Example, ...] = ()
        stories = StoryData()
        if tests.is_dir():
            messages = read_training_data(tests, is_required=False).unique_examples()
            stories = read_test_stories(tests, is_required=False)
        meant = [each.example for each in taught if isinstance(each, MessageCorrection)]
        told = [each for each in taught if isinstance(each, StoryCorrection)]
        return cls(
            messages=messages,
            stories=stories,
            taught_messages=tuple({example.text: example for example in meant}.values()),
            taught_stories=tuple({repr(each): each for each in told}.values()),
        )

    def taught(self) -> Questions:
        """Without the test data."""
        return dataclasses.replace(self, messages=(), stories=StoryData())

    def of_domain(self, domain: Domain | None) -> Conversations:
        """The conversations that its stories describe.

        Raises:
            InputError: a step of a test story cannot be understood.
        """
        if domain is None:
            return Conversations()
        taught: list[Conversation] = []
        for each in self.taught_stories:
            taught += conversations_of(StoryData(stories=(each.story,)), domain)
        return Conversations(
            test=tuple(conversations_of(self.stories, domain)) if self.stories.stories else (),
            taught=tuple(taught),
        )


@dataclass(frozen=True, kw_only=True)
class Conversations:
    """Ways through stories.

    Attributes:
        test: of test stories.
        taught: of what was taught.
    """

    test: tuple[Conversation, ...] = ()
    taught: tuple[Conversation, ...] = ()

    def of_taught(self) -> Conversations:
        """Without those of the test data."""
        return dataclasses.replace(self, test=())


def ask(
    assistant: Assistant | None,
    questions: Questions,
    conversations: Conversations,
    on_share: Callable[[float], None] = lambda share: None,
) -> Answers:
    """Ask a model everything.

    Args:
        assistant: the model; None: there is none, and nothing is right.
        questions: the messages.
        conversations: of the questions' stories.
        on_share: told how much is done.
    """
    examples = (*questions.taught_messages, *questions.messages)
    ways = (*conversations.taught, *conversations.test)
    parses: Sequence[Parse | None] = [None] * len(examples)
    if assistant is not None and assistant.understands_texts:
        parses = assistant.parse_many([example.text for example in examples])
    told = [_message(example, parse) for example, parse in zip(examples, parses, strict=True)]
    understood: Mapping[str, Parse] = {}
    if assistant is not None and assistant.understands_texts:
        understood = parsed_messages(assistant, ways)
    followed: list[Answer] = []
    for number, way in enumerate(ways):
        on_share((number + 1) / (len(ways) + 1))
        followed.append(_story(way, assistant, understood))
    n_messages, n_stories = len(questions.taught_messages), len(conversations.taught)
    return Answers(
        taught=(*told[:n_messages], *followed[:n_stories]),
        messages=tuple(told[n_messages:]),
        stories=tuple(followed[n_stories:]),
    )


def _message(example: Example, parse: Parse | None) -> Answer:
    expected = {
        "intent": example.intent,
        "entities": [_entity(entity) for entity in example.entities],
    }
    if parse is None:
        return Answer(
            kind="message", text=example.text, expected=expected, found=None, is_right=False
        )
    intent = parse.intent.name
    selection = selection_of(example, parse) if example.response_key is not None else None
    if selection is not None and intent == example.base_intent:
        intent = selection.best.intent_response_key
    entities = [e for e in parse.entities if e.extractor not in PRETRAINED_EXTRACTORS]
    return Answer(
        kind="message",
        text=example.text,
        expected=expected,
        found={
            "intent": intent,
            "confidence": round(parse.intent.confidence, 4),
            "entities": [_entity(entity) for entity in entities],
        },
        is_right=example.intent in (None, intent) and _same(example, entities),
    )


def _entity(entity: Entity) -> dict[str, Any]:
    parts = {name: getattr(entity, name) for name in ("start", "end", "entity", "value")}
    more = {"role": entity.role, "group": entity.group}
    return parts | {name: part for name, part in more.items() if part is not None}


def _same(example: Example, found: Sequence[Entity]) -> bool:
    """Whether borders, type, role and group are as annotated, and values that are not the text."""
    values = {_place(entity): entity.value for entity in found}
    return values.keys() == {_place(entity) for entity in example.entities} and all(
        values[_place(entity)] == entity.value
        for entity in example.entities
        if entity.value != example.text[slice(*entity.span)]
    )


def _place(entity: Entity) -> tuple[Any, ...]:
    return (entity.start, entity.end, entity.entity, entity.role, entity.group)


def _story(
    conversation: Conversation, assistant: Assistant | None, parses: Mapping[str, Parse]
) -> Answer:
    """Follow a conversation, whatever is predicted."""
    model = None if assistant is None else assistant.dialogue
    outcome: ConversationOutcome | None = None
    found: Content | None = None
    if model is not None:
        replay = Replay(
            conversation, model.ensemble, model.domain, parses=parses, max_actions=MAX_ACTIONS
        )
        try:
            outcome = replay.run()
        except InputError as error:  # it has an action, say, that this model does not know
            found = {"error": error.message}
        else:
            found = {
                "actions": [action.prediction for action in outcome.actions],
                "errors": [
                    {"expected": part.target, "found": part.prediction}
                    if isinstance(part, ActionOutcome)
                    else {"expected": part.expected, "found": part.remark}
                    for part in outcome.errors
                ],
            }
    return Answer(
        kind="story",
        text=conversation.name,
        expected={"actions": _actions(conversation)},
        found=found,
        is_right=outcome is not None and outcome.is_right,
    )


def _actions(conversation: Conversation) -> list[str]:
    """What the story has the assistant do."""
    return [
        step.name if isinstance(step, ActionStep) else step.text
        for step in conversation.steps
        if isinstance(step, ActionStep | BotStep)
    ]
