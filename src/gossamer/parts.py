"""What components, policies and actions of your own are made from, in one place.

Names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = [
    "ActionRejected",
    "ActionReverted",
    "BotUttered",
    "Component",
    "ComponentOptions",
    "ComponentState",
    "ConfigError",
    "CustomAction",
    "DataError",
    "DialogueData",
    "Dispatcher",
    "Domain",
    "Entity",
    "EpochReport",
    "Event",
    "FeatureBlock",
    "FollowupAction",
    "InputError",
    "IntentPrediction",
    "MessageBatch",
    "ModelFileError",
    "Parse",
    "Policy",
    "PolicyOptions",
    "Prediction",
    "SlotSet",
    "Token",
    "Tracker",
    "TrainingBatch",
    "TrainingData",
    "register",
]

if TYPE_CHECKING:
    from gossamer.data.domain.domain import Domain as Domain
    from gossamer.data.entities import Entity as Entity
    from gossamer.data.errors import ConfigError as ConfigError
    from gossamer.data.errors import DataError as DataError
    from gossamer.data.errors import InputError as InputError
    from gossamer.data.errors import ModelFileError as ModelFileError
    from gossamer.data.nlu.examples import TrainingData as TrainingData
    from gossamer.dialogue.actions.action import ActionRejected as ActionRejected
    from gossamer.dialogue.actions.custom_action import CustomAction as CustomAction
    from gossamer.dialogue.actions.custom_action import Dispatcher as Dispatcher
    from gossamer.dialogue.history.events import ActionReverted as ActionReverted
    from gossamer.dialogue.history.events import BotUttered as BotUttered
    from gossamer.dialogue.history.events import Event as Event
    from gossamer.dialogue.history.events import FollowupAction as FollowupAction
    from gossamer.dialogue.history.events import SlotSet as SlotSet
    from gossamer.dialogue.history.tracker import Tracker as Tracker
    from gossamer.dialogue.policies.policy import DialogueData as DialogueData
    from gossamer.dialogue.policies.policy import Policy as Policy
    from gossamer.dialogue.policies.policy import PolicyOptions as PolicyOptions
    from gossamer.dialogue.policies.policy import Prediction as Prediction
    from gossamer.nlu.pipeline.component import Component as Component
    from gossamer.nlu.pipeline.component import ComponentOptions as ComponentOptions
    from gossamer.nlu.pipeline.component import EpochReport as EpochReport
    from gossamer.nlu.pipeline.messages import ComponentState as ComponentState
    from gossamer.nlu.pipeline.messages import FeatureBlock as FeatureBlock
    from gossamer.nlu.pipeline.messages import IntentPrediction as IntentPrediction
    from gossamer.nlu.pipeline.messages import MessageBatch as MessageBatch
    from gossamer.nlu.pipeline.messages import Parse as Parse
    from gossamer.nlu.pipeline.messages import Token as Token
    from gossamer.nlu.pipeline.messages import TrainingBatch as TrainingBatch

_HOMES = {
    "data.domain.domain": ("Domain",),
    "data.entities": ("Entity",),
    "data.errors": ("ConfigError", "DataError", "InputError", "ModelFileError"),
    "data.nlu.examples": ("TrainingData",),
    "dialogue.actions.action": ("ActionRejected",),
    "dialogue.actions.custom_action": ("CustomAction", "Dispatcher"),
    "dialogue.history.events": (
        *("ActionReverted", "BotUttered", "Event", "FollowupAction", "SlotSet"),
    ),
    "dialogue.history.tracker": ("Tracker",),
    "dialogue.policies.policy": ("DialogueData", "Policy", "PolicyOptions", "Prediction"),
    "nlu.pipeline.component": ("Component", "ComponentOptions", "EpochReport"),
    "nlu.pipeline.messages": (
        *("ComponentState", "FeatureBlock", "IntentPrediction", "MessageBatch", "Parse", "Token"),
        "TrainingBatch",
    ),
}

PartT = TypeVar("PartT", bound=type)


def register(kind: PartT) -> PartT:
    """Make a component or policy of your own known; usable as a class decorator.

    A configuration may then name it by its `name` or its module path, and models that have it can
    be loaded.

    Args:
        kind: made from `Component` or `Policy`. A class that is defined once more, as in a
            notebook, takes the earlier one's place.

    Raises:
        TypeError: it is made from neither.
        ValueError: another one has its name.
    """
    from gossamer.dialogue.policies import registry as policies
    from gossamer.dialogue.policies.policy import Policy
    from gossamer.nlu.pipeline import registry as components
    from gossamer.nlu.pipeline.component import Component

    if isinstance(kind, type) and issubclass(kind, Component):
        components.register(kind)
    elif isinstance(kind, type) and issubclass(kind, Policy):
        policies.register(kind)
    else:
        raise TypeError(
            f"what is registered must be a class made from Component or Policy (got {kind!r})"
        )
    return kind


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"gossamer.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
