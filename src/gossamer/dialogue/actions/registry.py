"""From the name of an action to the action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.dialogue.actions.action import UTTER_PREFIX, Action, ActionError
from gossamer.dialogue.actions.default_actions import (
    ASK_AFFIRMATION,
    ASK_REPHRASE,
    DEFAULT_FALLBACK,
    AskAffirmationAction,
    AskRephraseAction,
    BackAction,
    DeactivateLoopAction,
    DefaultFallbackAction,
    ExtractSlotsAction,
    NothingAction,
    ResponseAction,
    RestartAction,
    RetrievalAction,
    RevertFallbackAction,
    SessionStartAction,
    TextAction,
)
from gossamer.dialogue.actions.forms import FormAction
from gossamer.dialogue.actions.remote_action import RemoteAction
from gossamer.dialogue.actions.two_stage_fallback import TWO_STAGE_FALLBACK, TwoStageFallbackAction
from gossamer.dialogue.history.situation import ACTION_SESSION_START

_DEFAULTS: Mapping[str, type[Action]] = MappingProxyType(
    {
        ACTION_LISTEN: NothingAction,
        "action_restart": RestartAction,
        ACTION_SESSION_START: SessionStartAction,
        DEFAULT_FALLBACK: DefaultFallbackAction,
        "action_deactivate_loop": DeactivateLoopAction,
        "action_revert_fallback_events": RevertFallbackAction,
        ASK_AFFIRMATION: AskAffirmationAction,
        ASK_REPHRASE: AskRephraseAction,
        TWO_STAGE_FALLBACK: TwoStageFallbackAction,
        "action_unlikely_intent": NothingAction,
        "action_back": BackAction,
        "action_extract_slots": ExtractSlotsAction,
    }
)


def action_finder(domain: Domain) -> Callable[[str], Action]:
    """A function that gives the action of a name in a domain.

    A default action that the domain declares is run by the action server, and so is a form that it
    declares among its actions. A name that begins with `utter_` is a response; where there are
    responses `<name>/<key>`, it is the one that a response selector found.

    The function raises `ActionError` for a name that the domain does not have.
    """
    retrieval = {name.partition("/")[0] for name in domain.responses if "/" in name}
    own = {*domain.actions, *domain.forms}

    def find(name: str) -> Action:
        if name not in domain.action_index:
            raise ActionError(
                "an action must be in the domain", got=name, hint=f"actions: - {name}"
            )
        if name in _DEFAULTS and name not in own:
            return _DEFAULTS[name](name)
        if name in domain.action_texts:
            return TextAction(name)
        if name.startswith(UTTER_PREFIX):
            if name in retrieval:
                return RetrievalAction(name)
            return ResponseAction(name)
        if name in domain.forms and name not in domain.actions:
            return FormAction(name)
        return RemoteAction(name)

    return find
