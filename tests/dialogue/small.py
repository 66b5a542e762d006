"""A small domain and stories, for tests of dialogue."""

from __future__ import annotations

from gossamer.data.domain.domain import Domain, EntityType, Intent
from gossamer.data.domain.slots import MappingType, Slot, SlotMapping, SlotType
from gossamer.data.entities import Entity
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    SlotStep,
    Story,
    StoryData,
    UserStep,
)
from gossamer.dialogue.history.events import ActionExecuted, Event, SlotSet, UserUttered

LISTEN = ActionExecuted(name="action_listen")

DOMAIN = Domain(
    intents=tuple(Intent(name=name) for name in ("bye", "greet", "order", "restart")),
    entities=(EntityType(name="drink", roles=("first",)),),
    slots=(
        Slot(
            name="drink",
            type=SlotType.TEXT,
            mappings=(SlotMapping(type=MappingType.FROM_ENTITY, entity="drink"),),
        ),
        Slot(name="paid", type=SlotType.BOOL),
    ),
    actions=("utter_greet", "utter_bye", "utter_which", "utter_served"),
)

STORIES = StoryData(
    stories=(
        Story(
            name="asks",
            steps=(
                UserStep(intent="greet"),
                ActionStep(name="utter_greet"),
                UserStep(intent="order"),
                ActionStep(name="utter_which"),
            ),
        ),
        Story(
            name="knows",
            steps=(
                UserStep(intent="order", entities=(Entity(entity="drink", value="tea"),)),
                ActionStep(name="utter_served"),
                SlotStep(name="paid", value=True),
                UserStep(intent="bye"),
                ActionStep(name="utter_bye"),
            ),
        ),
    )
)

SPOKEN = StoryData(
    stories=(
        Story(
            name="spoken",
            steps=(
                UserStep(
                    text="some green tea please",
                    entities=(Entity(entity="drink", value="green tea", start=5, end=14),),
                ),
                BotStep(text="Here is your tea"),
                UserStep(text="see you tomorrow"),
                BotStep(text="Until then"),
            ),
        ),
        Story(name="named", steps=(UserStep(intent="greet"), ActionStep(name="utter_greet"))),
    )
)


def greeted() -> list[Event]:
    """The user has said hello."""
    return [LISTEN, UserUttered(intent="greet", text="hello")]


def ordered(drink: str) -> list[Event]:
    """The user has asked for a drink."""
    entities = (Entity(entity="drink", value=drink),)
    return [
        LISTEN,
        UserUttered(intent="order", entities=entities),
        SlotSet(name="drink", value=drink),
    ]
