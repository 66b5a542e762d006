"""Reading domains: Rasa 3 as it is, Rasa 1 and 2 as `domain_migration` says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gossamer.data.domain.domain import (
    DEFAULT_INTENTS,
    KNOWLEDGE_BASE_ACTION,
    KNOWLEDGE_BASE_SLOTS,
    REQUESTED_SLOT,
    SESSION_METADATA_SLOT,
    Domain,
    EntityType,
    Form,
    Intent,
    SessionConfig,
)
from gossamer.data.domain.migration import migrate
from gossamer.data.domain.parts import DomainParts, Named, merge_parts, parts_of
from gossamer.data.domain.reading_responses import read_variations
from gossamer.data.domain.reading_slots import read_slot
from gossamer.data.domain.slots import Slot, SlotType
from gossamer.data.errors import DataError, Location
from gossamer.data.text.search import FileKind, Paths, read_files
from gossamer.data.text.yaml_tree import YamlList, YamlMapping, YamlScalar, parse_yaml_tree
from gossamer.data.text.yaml_values import (
    bool_of,
    is_null,
    mapping_of,
    plain,
    texts_of,
    warn_unread,
)
from gossamer.data.top_keys import DOMAIN_KEYS

_MAY_BE_DOMAIN = re.compile(
    rf"""^\s*[{{"']*(?:{"|".join(sorted(DOMAIN_KEYS))})["']?\s*:""", re.MULTILINE
)
_INTENT_KEYS = ("use_entities", "ignore_entities", "is_retrieval_intent")
_ENTITY_KEYS = ("roles", "groups", "influence_conversation")


def is_domain_yaml(text: str, path: Path) -> bool:
    """Whether a YAML file holds a domain: one of the keys of a domain at its top.

    A file of NLU data with responses for it, and nothing else of a domain, does not. A text in
    which no line starts with such a key, nor the whole with a brace, is not parsed at all.

    Raises:
        DataError: the text is parsed, and not well-formed.
    """
    return _domain_tree(text, path) is not None


def _domain_tree(text: str, path: Path) -> YamlMapping | None:
    if _MAY_BE_DOMAIN.search(text) is None and not text.lstrip().startswith("{"):
        return None
    tree = parse_yaml_tree(text, path)
    if not isinstance(tree, YamlMapping):
        return None
    keys = tree.entries.keys() & DOMAIN_KEYS
    if not keys or (keys == {"responses"} and "nlu" in tree.entries):
        return None
    return tree


def _parser(text: str, path: Path) -> Callable[[str, Path], YamlMapping] | None:
    tree = _domain_tree(text, path)
    return None if tree is None else lambda _text, _path: tree


DOMAIN_FILES = FileKind(
    subject="a domain",
    name="a domain",
    formats="Rasa YAML with intents:, slots:, responses: and the like",
    suffixes=frozenset({".yml", ".yaml"}),
    parser=_parser,
)


def read_domain(paths: Paths) -> Domain:
    """Read a domain.

    Files of several paths and of folders, which are searched with their subfolders, are merged:
    of two parts of one name the first counts, with a warning, in the order of the paths and in
    folders of the files' absolute paths. Rasa takes files as the file system lists them.

    Args:
        paths: a file, a folder or several of them.

    Returns:
        The domain, with Rasa's default intents and slots, and with the actions that say retrieval
        responses ("utter_faq" for "utter_faq/ask_price"), declared or not. Warnings name what
        Rasa warns of when it reads, and what is written but not read.

    Raises:
        DataError: a path is missing or holds no domain; a file is not well-formed; a part of the
            domain is not what it must be (see the message, which names file and line).
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    return domain_of(read_files(given, DOMAIN_FILES), Location(Path(given[0])))


def domain_of(trees: Iterable[YamlMapping], where: Location) -> Domain:
    """The domain of files that were parsed, at least one; as `read_domain`.

    Args:
        trees: the files' content, in order.
        where: the file or folder.

    Raises:
        DataError: as `read_domain`.
    """
    return _domain(merge_parts(parts_of(tree) for tree in trees), where)


def _domain(parts: DomainParts, where: Location) -> Domain:
    entities = tuple(_entity(named) for named in parts.entities.values())
    parts = migrate(parts, entities)
    influence = {entity.name: entity.influence_conversation for entity in entities}
    intents = {name: _intent(named, influence) for name, named in parts.intents.items()}
    for name in DEFAULT_INTENTS:
        intents.setdefault(name, Intent(name=name))
    forms = {name: _form(named) for name, named in parts.forms.items()}
    slots = [read_slot(named) for named in parts.slots.values()]
    session = SessionConfig() if parts.session is None else parts.session
    domain = Domain(
        intents=tuple(intents[name] for name in sorted(intents)),
        entities=tuple(sorted(entities, key=lambda entity: entity.name)),
        slots=(*slots, *_added_slots(parts)),
        responses={
            name: read_variations(name, named.body, named.where)
            for name, named in parts.responses.items()
            if named.body is not None
        },
        forms=forms,
        actions=tuple(parts.actions),
        action_texts=tuple(parts.e2e_actions),
        send_domain=frozenset(name for name, named in parts.actions.items() if _needs(named)),
        session=session,
        store_entities_as_slots=parts.store_entities_as_slots is not False,
        content=_content(parts, session),
        where=where,
    )
    return domain.with_responses({})  # retrieval responses bring their actions


def _options(named: Named, kind: str, example: str) -> YamlMapping | None:
    """The options below a name in a list; None when there is only the name."""
    if named.body is None:
        return None
    name = named.key.text
    if is_null(named.body) or (isinstance(named.body, YamlMapping) and not named.body.pairs):
        raise DataError(
            f"{kind} with a colon needs options below it",
            got=name,
            where=named.where,
            hint=f"- {name}, without the colon; or options, indented further than the name",
        )
    return mapping_of(named.body, f"the options of {kind} '{name}'", example)


def _intent(named: Named, influence: Mapping[str, bool]) -> Intent:
    """An intent, given whether each entity type influences the conversation.

    As in Rasa 3.6, an entity that does not is used only if `ignore_entities` is written too and
    does not name it; without it, that it is named in `use_entities` has no effect.
    """
    name = named.key.text
    options = _options(named, "an intent", "use_entities: []")
    if options is None:
        return Intent(name=name, where=named.where)
    triggers = options.entries.get("triggers")
    if triggers is not None:
        warnings.warn(
            f"{triggers.where}: 'triggers' of intent '{name}' has no effect since Rasa 3; a rule "
            "does what it did",
            stacklevel=2,
        )
    warn_unread(options, (*_INTENT_KEYS, "triggers"), f"intent '{name}'")
    use = _entity_names(options, "use_entities", name)
    ignore = _entity_names(options, "ignore_entities", name)
    if ignore is None:
        ignore = tuple(entity for entity in use or () if not influence.get(entity, True))
    both = sorted(set(use or ()) & set(ignore))
    if both:
        warnings.warn(
            f"{options.where}: intent '{name}' uses and ignores {', '.join(both)} (an entity with "
            "influence_conversation: false is ignored unless ignore_entities says otherwise); "
            "ignoring counts",
            stacklevel=2,
        )
    return Intent(name=name, use_entities=use, ignore_entities=ignore, where=named.where)


def _entity_names(options: YamlMapping, key: str, intent: str) -> tuple[str, ...] | None:
    """Names in a list; none at all for false and null; None when all are meant or none is said."""
    node = options.entries.get(key)
    what = f"'{key}' of intent '{intent}'"
    if node is None:
        return None
    if isinstance(node, YamlList):
        return texts_of(node, what)
    value = node.value if isinstance(node, YamlScalar) else node
    if value is True and key == "use_entities":
        return None
    if value is False or value is None:
        return ()
    raise DataError(
        f"{what} must be a list of entity types",
        got=node.to_python(),
        where=node.where,
        hint=f"{key}: [] for none",
    )


def _entity(named: Named) -> EntityType:
    name = named.key.text
    options = _options(named, "an entity", "roles: [...]")
    if options is None:
        return EntityType(name=name, where=named.where)
    what = f"entity '{name}'"
    warn_unread(options, _ENTITY_KEYS, what)
    influence = options.entries.get("influence_conversation")
    return EntityType(
        name=name,
        roles=texts_of(options.entries.get("roles"), f"'roles' of {what}"),
        groups=texts_of(options.entries.get("groups"), f"'groups' of {what}"),
        influence_conversation=(
            influence is None or bool_of(influence, f"'influence_conversation' of {what}")
        ),
        where=named.where,
    )


def _form(named: Named) -> Form:
    name = named.key.text
    entries = named.body.entries if isinstance(named.body, YamlMapping) else {}
    return Form(
        name=name,
        required_slots=texts_of(
            entries.get("required_slots"), f"'required_slots' of form '{name}'"
        ),
        ignored_intents=texts_of(
            entries.get("ignored_intents"), f"'ignored_intents' of form '{name}'"
        ),
        where=named.where,
    )


def _needs(named: Named) -> bool:
    """Whether an action is sent the domain."""
    name = named.key.text
    options = _options(named, "an action", "send_domain: true")
    if options is None:
        return name.startswith("validate_")
    warn_unread(options, ("send_domain",), f"action '{name}'")
    value = options.entries.get("send_domain")
    return value is not None and bool_of(value, f"'send_domain' of action '{name}'")


def _added_slots(parts: DomainParts) -> list[Slot]:
    """Slots that Rasa adds to what is declared."""
    names = [REQUESTED_SLOT] if parts.forms else []
    if KNOWLEDGE_BASE_ACTION in parts.actions:
        names += KNOWLEDGE_BASE_SLOTS
    added = [Slot(name=name, type=SlotType.TEXT, influence_conversation=False) for name in names]
    added.append(Slot(name=SESSION_METADATA_SLOT, type=SlotType.ANY, influence_conversation=False))
    return [slot for slot in added if slot.name not in parts.slots]


def _content(parts: DomainParts, session: SessionConfig) -> dict[str, Any]:
    """What Rasa sends to the action server; empty sections are left out."""
    content: dict[str, Any] = {
        "version": "3.1",
        "intents": [
            _with_lists(item)
            for item in _listed(parts.intents[name] for name in sorted(parts.intents))
        ],
        "entities": _listed(parts.entities.values()),
        "slots": _keyed(parts.slots),
        "responses": _keyed(parts.responses),
        "actions": _listed(parts.actions.values()),
        "forms": _keyed(parts.forms),
        "e2e_actions": _listed(parts.e2e_actions.values()),
    }
    if parts.store_entities_as_slots is not None:
        content["config"] = {"store_entities_as_slots": parts.store_entities_as_slots}
    content["session_config"] = {
        "session_expiration_time": session.expiration_time,
        "carry_over_slots_to_new_session": session.carry_over_slots,
    }
    return {key: value for key, value in content.items() if value not in ([], {})}


def _listed(parts: Iterable[Named]) -> list[Any]:
    return [
        part.key.text if part.body is None else {part.key.text: plain(part.body)} for part in parts
    ]


def _keyed(parts: Mapping[str, Named]) -> dict[str, Any]:
    return {name: None if part.body is None else plain(part.body) for name, part in parts.items()}


def _with_lists(intent: Any) -> Any:
    """An intent whose `use_entities: false` or null is written as a list, as Rasa sends it."""
    if isinstance(intent, dict):
        for options in intent.values():
            for key in ("use_entities", "ignore_entities"):
                if key in options and not options[key]:
                    options[key] = []
    return intent
