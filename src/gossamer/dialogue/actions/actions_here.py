"""Custom actions of a module, run in this process: classes of `CustomAction`, or the Rasa SDK's.

What they want to happen is checked as an answer of an action server is. Departure from a server:
nothing ends an action that takes too long.
"""

from __future__ import annotations

import copy
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol, cast

from gossamer.data.domain.domain import Domain
from gossamer.data.endpoints import ActionEndpoint, ActionsModule
from gossamer.data.errors import Location
from gossamer.dialogue.actions.action import (
    ActionError,
    ActionRejected,
    ActionReply,
    CustomActions,
)
from gossamer.dialogue.actions.action_server import ActionServer, reply_of
from gossamer.dialogue.actions.custom_action import CustomAction, Dispatcher
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.events import Event
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.own.failures import GUIDE, OwnCode, OwnPartError, path_of
from gossamer.nlu.own.importing import folders_of, load_module

_SDK = "rasa_sdk"
_TRACEBACK = "in Python, turn.problems: the __cause__ of the error has the traceback"


def custom_actions(endpoint: ActionEndpoint | ActionsModule | None) -> CustomActions | None:
    """What runs the custom actions of an `endpoints.yml`.

    Raises:
        OwnPartError: the module that it names cannot be used.
    """
    if isinstance(endpoint, ActionsModule):
        return ActionsHere(endpoint)
    return None if endpoint is None else ActionServer(endpoint)


class _Action(Protocol):
    """A `CustomAction` or an action of the Rasa SDK."""

    def name(self) -> str: ...

    def run(self, dispatcher: Any, tracker: Any, domain: Any) -> Any: ...


class ActionsHere:
    """Runs the custom actions that are in a module or package.

    Args:
        place: the module; of a package all modules are imported.

    Attributes:
        names: sorted names of the actions.

    Raises:
        OwnPartError: the module cannot be imported, has no actions, an action cannot be made, or
            two have the same name.
    """

    def __init__(self, place: ActionsModule) -> None:
        self._actions: dict[str, _Action] = {}
        self._domain: tuple[Domain, dict[str, Any]] | None = None
        for kind in _action_classes(place.module, place.where):
            with OwnCode(kind, "__init__", place.where):
                action = kind()
            with OwnCode(kind, "name", place.where):
                name = action.name()
            if not isinstance(name, str) or not name:
                raise OwnPartError(
                    f"name() of {path_of(kind)} must give a text", got=repr(name), where=place.where
                )
            self._add(name, action, place.where)
        if not self._actions:
            raise OwnPartError(
                f"the module {place.module} must have classes made from "
                "gossamer.parts.CustomAction or rasa_sdk.Action",
                where=place.where,
                hint=GUIDE,
            )
        self.names = sorted(self._actions)

    def _add(self, name: str, action: _Action, where: Location | None) -> None:
        """Of a class and one made from it the latter counts."""
        known = self._actions.setdefault(name, action)
        if isinstance(action, type(known)):
            self._actions[name] = action
        elif not isinstance(known, type(action)):
            raise OwnPartError(
                f"each action must have a name of its own: {path_of(type(known))} and "
                f"{path_of(type(action))} have the same",
                got=name,
                where=where,
            )

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        """Run an action.

        Args:
            name: the action.
            tracker: the conversation; the action gets a copy.
            domain: what may be said and done.

        Raises:
            ActionRejected: the action would not run.
            ActionError: there is no such action, or what it wants cannot be read.
            OwnPartError: it failed.
        """
        action = self._actions.get(name)
        if action is None:
            raise ActionError(
                "the actions module must have this action",
                got=name,
                hint=f"a class whose name() gives '{name}'; there are {', '.join(self.names)}",
            )
        rejection: ActionRejected | None = None
        found: Any = None
        dispatcher, state, content = self._given(action, tracker, domain)
        with OwnCode(type(action), "run", hint=_TRACEBACK):
            try:
                found = _awaited(action.run(dispatcher, state, content))
            except Exception as error:
                rejection = _rejection(name, error)
                if rejection is None:
                    raise
        if rejection is not None:
            raise rejection
        return _reply(name, found, dispatcher.messages)

    def _given(self, action: _Action, tracker: Tracker, domain: Domain) -> tuple[Any, Any, Any]:
        """Dispatcher, tracker and domain: the SDK's for its actions, else Gossamer's."""
        if isinstance(action, CustomAction):
            return Dispatcher(), tracker.fork(), domain
        return *_of_sdk(tracker), self._content(domain)

    def _content(self, domain: Domain) -> dict[str, Any]:
        """A copy of the domain's content, which actions may change."""
        if self._domain is None or self._domain[0] is not domain:
            self._domain = (domain, copy.deepcopy(dict(domain.content)))
        return self._domain[1]


def _action_classes(module: str, where: Location | None) -> Iterator[type[_Action]]:
    for loaded in _with_submodules(module, where):
        sdk = sys.modules.get(_SDK)
        bases = (CustomAction, *([] if sdk is None else [sdk.Action]))
        for kind in vars(loaded).values():
            if (
                inspect.isclass(kind)
                and issubclass(kind, bases)
                and kind.__module__ == loaded.__name__
                and not inspect.isabstract(kind)
            ):
                yield cast(type[_Action], kind)


def _with_submodules(name: str, where: Location | None) -> Iterator[ModuleType]:
    module = load_module(name, folders_of(where), where)
    yield module
    for part in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if part.name != "__main__":
            yield from _with_submodules(f"{name}.{part.name}", where)


def _of_sdk(tracker: Tracker) -> tuple[Any, Any]:
    """The SDK's dispatcher and tracker, which knows what one on an action server knows."""
    from importlib import import_module

    state = json.loads(json.dumps(current_state(tracker), allow_nan=False))
    return (
        import_module(f"{_SDK}.executor").CollectingDispatcher(),
        import_module(f"{_SDK}.interfaces").Tracker.from_dict(state),
    )


def _rejection(name: str, error: Exception) -> ActionRejected | None:
    """What an action raises that would not run; None if it is another error."""
    if isinstance(error, ActionRejected):
        return error
    sdk = sys.modules.get(_SDK)
    is_sdks = sdk is not None and isinstance(error, sdk.ActionExecutionRejection)
    return ActionRejected(name, str(error) or None) if is_sdks else None


def _awaited(found: Any) -> Any:
    """What a call gave, waited for if it must be, also where an event loop is running already."""
    if not inspect.isawaitable(found):
        return found
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    async def wait() -> Any:
        return await found

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, wait()).result()


def _reply(name: str, events: Any, messages: Any) -> ActionReply:
    """What an action wants to happen, as it would come from an action server."""
    if events is None:
        events = []
    if not isinstance(events, list | tuple) or not all(
        isinstance(event, Event | Mapping) for event in events
    ):
        raise ActionError(
            f"the action '{name}' must give a list of events",
            got=events,
            hint="return [SlotSet(name='city', value='Rome')], or []",
        )
    plain = [event.to_dict() if isinstance(event, Event) else dict(event) for event in events]
    try:
        content = json.loads(json.dumps({"events": plain, "responses": messages}, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ActionError(
            f"the action '{name}' must give JSON values in events and messages: {error}"
        ) from error
    return reply_of(name, content)
