"""Reads `endpoints.yml`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gossamer.data.endpoints.brokers import (
    FileBrokerOptions,
    OwnBrokerOptions,
    PikaBrokerOptions,
    event_broker_of,
)
from gossamer.data.endpoints.http import HTTP_READERS, ActionEndpoint, ActionsModule, NlgEndpoint
from gossamer.data.endpoints.tracker_store import (
    InMemoryTrackerStore,
    SqlTrackerStore,
    check_lock_store,
    tracker_store_of,
)
from gossamer.data.endpoints.values import (
    Readers,
    given_in,
    made,
    mapping_of,
    options_in,
    text_of,
    truth_of,
)
from gossamer.data.errors import ConfigError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode, parse_yaml_tree
from gossamer.data.text.yaml_values import is_null

_ACTION: Final = "action_endpoint"
_NLG: Final = "nlg"
_MODULE: Final = "actions_module"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What an `endpoints.yml` says.

    Attributes:
        action: the action server, the module of actions, or None.
        tracker_store: where conversations are kept, or None.
        event_broker: where events are published, or None.
        nlg: the server that makes messages of responses; None: the domain has them.
        where: the file, or None; does not count when endpoints are compared.
    """

    action: ActionEndpoint | ActionsModule | None = None
    tracker_store: SqlTrackerStore | InMemoryTrackerStore | None = None
    event_broker: FileBrokerOptions | PikaBrokerOptions | OwnBrokerOptions | None = None
    nlg: NlgEndpoint | None = None
    where: Location | None = field(default=None, compare=False, repr=False)


def read_endpoints(path: str | Path, *, only: Collection[str] | None = None) -> Endpoints:
    """Read an `endpoints.yml`.

    The keys are Rasa's: `action_endpoint`, `tracker_store`, `lock_store`, `event_broker`, `nlg` and
    `models`; one warning names others. A server may have `timeout`, in seconds, besides Rasa's
    keys. With `actions_module`, as in later versions of Rasa, custom actions run in this process; a
    `url` beside it is not used, with a warning.

    Args:
        path: the file.
        only: keys to read; of other known ones it does not count what is under them. None: all.

    Raises:
        ConfigError: the file is missing or not well-formed YAML; it is not a mapping; it names an
            environment variable that is not set; a key is misspelt; what is under one that is read
            has no valid `url` or `type`, an unknown key, or a value of another type than it should
            have; or it asks for something that Gossamer does not have.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError("endpoints must be a file", where=Location(path))
    tree = parse_yaml_tree(read_text(path, error=ConfigError), path, error=ConfigError)
    if tree is None or is_null(tree):
        return Endpoints(where=Location(path))
    if not isinstance(tree, YamlMapping):
        raise ConfigError(
            f"endpoints must be a mapping, as with the key '{_ACTION}'",
            where=tree.where,
            hint=f"{_ACTION}:",
        )
    _check_keys(tree, path)
    found: dict[str, Any] = {}
    for key, (attribute, read) in _SECTIONS.items():
        node = tree.entries.get(key)
        if node is None or is_null(node) or (only is not None and key not in only):
            continue
        content = read(node)
        if attribute is not None:
            found[attribute] = content
    return Endpoints(**found, where=Location(path))


def _check_keys(tree: YamlMapping, path: Path) -> None:
    """Refuse misspelt keys, and warn of others that are not known."""
    unknown = [key for key, _ in tree.pairs if key.text not in _SECTIONS]
    for key in unknown:
        meant = nearest(key.text, _SECTIONS) if key.text != _OF_OLD else None
        if meant is not None and meant not in tree.entries:
            raise ConfigError(
                "a key of endpoints must be a known one",
                got=key.text,
                where=key.where,
                hint=f"{meant}:",
            )
    if unknown:
        names = ", ".join(key.text for key in unknown)
        warnings.warn(f"{path}: not used by Gossamer: {names}", stacklevel=3)


def _action_endpoint(node: YamlNode) -> ActionEndpoint | ActionsModule:
    section = mapping_of(_ACTION, node, hint=f"url: {ActionEndpoint.example}")
    given = given_in(_ACTION, section, _ACTION_READERS)
    if _MODULE in given:
        module = given[_MODULE][1]
        others = [key for key in given if key != _MODULE]
        if others:
            warnings.warn(
                f"{module.where}: actions run in this process, because of {_MODULE}; not used: "
                f"{', '.join(others)}",
                stacklevel=4,
            )
        return ActionsModule(module=text_of(_MODULE, module), where=module.where)
    options = options_in(_ACTION, section, _ACTION_READERS)
    if "url" not in options:
        raise ConfigError(
            f"'{_ACTION}' needs a url",
            where=node.where,
            hint=f"url: {ActionEndpoint.example}, or {_MODULE}: actions to run them here",
        )
    return made(ActionEndpoint, options, section.where)


def _nlg(node: YamlNode) -> NlgEndpoint | None:
    section = mapping_of(_NLG, node, hint=f"url: {NlgEndpoint.example}")
    options = options_in(_NLG, section, _NLG_READERS)
    kind = options.pop("type", "callback" if "url" in options else "response")
    if kind.lower() not in ("callback", "response"):
        raise ConfigError(
            f"the type of '{_NLG}' must be callback, for a server, or response, for the domain's "
            "responses",
            got=kind,
            where=section.entries["type"].where,
            hint=f"url: {NlgEndpoint.example}, for a server of your own",
        )
    if kind.lower() == "response" and not options:
        return None
    if "url" not in options or kind.lower() == "response":
        raise ConfigError(
            f"'{_NLG}' needs a url"
            if "url" not in options
            else f"'{_NLG}' must have no url where its type is response",
            where=section.where,
            hint=f"url: {NlgEndpoint.example}",
        )
    return made(NlgEndpoint, options, section.where)


def _models(node: YamlNode) -> None:
    raise ConfigError(
        "models are not fetched from a server",
        where=node.where,
        hint="leaving 'models' out, and PUT /model at the running server when there is a new model",
    )


_ACTION_READERS: Final[Readers] = MappingProxyType(
    {
        **HTTP_READERS,
        "enable_selective_domain": ("is_domain_selective", truth_of),
        _MODULE: (_MODULE, text_of),
    }
)
_NLG_READERS: Final[Readers] = MappingProxyType({**HTTP_READERS, "type": ("type", text_of)})

_OF_OLD: Final = "nlu"  # of Rasa 1

# By key: the attribute of `Endpoints`, if it has one, and what reads it.
_SECTIONS: Final[MappingProxyType[str, tuple[str | None, Callable[[YamlNode], Any]]]] = (
    MappingProxyType(
        {
            _ACTION: ("action", _action_endpoint),
            "tracker_store": ("tracker_store", tracker_store_of),
            "lock_store": (None, check_lock_store),
            "event_broker": ("event_broker", event_broker_of),
            _NLG: ("nlg", _nlg),
            "models": (None, _models),
        }
    )
)
