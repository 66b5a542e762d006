"""Reading stories and rules in Rasa's YAML, versions 2.x and 3.x.

What Rasa skips with a warning (an unknown step, a text as a step, a story without steps) is an
error here, because its author meant it as data.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.formats.rasa_yaml import check_version
from gossamer.data.stories.parts import action_step, check_steps, message_step, story_intent
from gossamer.data.stories.steps import (
    BotStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import (
    YamlList,
    YamlMapping,
    YamlNode,
    YamlScalar,
    parse_yaml_tree,
)
from gossamer.data.text.yaml_values import warn_unread
from gossamer.data.top_keys import TOP_KEYS

_MAY_BE_STORIES = re.compile(r"""^\s*[{"']*(?:stories|rules)["']?\s*:""", re.MULTILINE)
_IS_STORIES = re.compile(r"^(?:stories|rules)[ \t]*:", re.MULTILINE)
_BLANKS = " \r\n"  # what is stripped; tabs stay
# What a step is, by the first of these keys that it has, and which keys it may have then.
_STEP_KEYS = {
    "intent": ("intent", "user", "entities"),
    "user": ("intent", "user", "entities"),
    "or": ("or",),
    "action": ("action",),
    "bot": ("bot",),
    "checkpoint": ("checkpoint", "slot_was_set"),
    "slot_was_set": ("slot_was_set",),
    "active_loop": ("active_loop",),
    "form": ("form",),  # the old name of active_loop
}
_STORY_KEYS = ("story", "steps", "metadata")
_RULE_KEYS = (
    "rule",
    "condition",
    "conversation_start",
    "wait_for_user_input",
    "steps",
    "metadata",
)


def is_story_yaml(text: str, path: Path) -> bool:
    """Whether a YAML file holds stories or rules: a key `stories` or `rules`.

    A text in which no line starts with either key is not parsed at all, so other YAML files of a
    project may be as broken as they like.

    Raises:
        DataError: a line starts with one of the keys, and the file is not well-formed.
    """
    if _IS_STORIES.search(text) is not None:
        return True
    if _MAY_BE_STORIES.search(text) is None:
        return False
    tree = parse_yaml_tree(text, path)
    return isinstance(tree, YamlMapping) and bool(tree.entries.keys() & {"stories", "rules"})


def parse_story_yaml(text: str, path: Path) -> StoryData:
    """Read the stories and rules of a Rasa YAML file.

    Retrieval intents keep their key ("faq/ask_price"), as test stories need it. Read are also the
    2.x forms `form: name` and `active_loop: {name: ...}`, and a text alone in `or`.

    Args:
        text: the whole file.
        path: the file, for locations.

    Raises:
        DataError: not well-formed YAML; a version above 3.1; a key or step that is unknown; a
            story without a name or without steps; a step that says nothing; a broken annotation;
            conditions on a checkpoint that does not begin its story; a checkpoint in a rule.
    """
    tree = parse_yaml_tree(text, path)
    if tree is None:
        return StoryData()
    if not isinstance(tree, YamlMapping):
        raise DataError(
            "stories must be a mapping with the key 'stories' or 'rules'",
            where=tree.where,
            hint="stories:",
        )
    check_version(tree.entries.get("version"))
    warn_unread(tree, TOP_KEYS, "a file of stories")
    held = [(key, value) for key, value in tree.pairs if key.text in ("stories", "rules")]
    if held and all(isinstance(value, YamlScalar) and value.value is None for _, value in held):
        (key, _), *_ = held
        warnings.warn(f"{key.where}: '{key.text}' is empty; an empty list is []", stacklevel=2)
    return StoryData(
        stories=tuple(_story(item) for item in _items(tree, "stories", "- story: name")),
        rules=tuple(_rule(item) for item in _items(tree, "rules", "- rule: name")),
    )


def _refuse(must_hold: str, node: YamlNode, hint: str) -> NoReturn:
    raise DataError(must_hold, got=node.to_python(), where=node.where, hint=hint)


def _items(parent: YamlMapping, key: str, hint: str) -> tuple[YamlNode, ...]:
    """The items of a list; none when there is no list."""
    node = parent.entries.get(key)
    if node is None or (isinstance(node, YamlScalar) and node.value is None):
        return ()
    if not isinstance(node, YamlList):
        _refuse(f"'{key}' must be a list", node, hint)
    return node.items


def _text(node: YamlNode, must_hold: str, hint: str, where: Location | None = None) -> str:
    """The text of a scalar that is not blank; `where` is reported when there is nothing at all."""
    if isinstance(node, YamlScalar) and node.value is None:
        raise DataError(must_hold, where=node.where if where is None else where, hint=hint)
    if not isinstance(node, YamlScalar) or not node.text.strip():
        _refuse(must_hold, node, hint)
    return node.text


def _flag(item: YamlMapping, key: str, *, default: bool) -> bool:
    node = item.entries.get(key)
    if node is None:
        return default
    value = node.to_python()
    if not isinstance(value, bool):
        _refuse(f"'{key}' must be true or false", node, f"{key}: {str(not default).lower()}")
    return value


def _part(item: YamlNode, kind: str, known: tuple[str, ...]) -> tuple[YamlMapping, str]:
    """A story or rule as a mapping of known keys, and its name."""
    if not isinstance(item, YamlMapping) or kind not in item.entries:
        _refuse(f"a {kind} must be a mapping with the key '{kind}'", item, f"- {kind}: name")
    for key, _ in item.pairs:
        if key.text not in known:
            near = nearest(key.text, known)
            raise DataError(
                f"a {kind} has the keys {', '.join(known)}",
                got=key.text,
                where=key.where,
                hint=None if near is None else f"'{near}', with all else below its 'steps'",
            )
    hint = f"{kind}: greet and help"
    name = _text(item.entries[kind], f"a {kind} needs a name", hint, item.where)
    return item, name


def _metadata(item: YamlMapping) -> Any:
    node = item.entries.get("metadata")
    return None if node is None else node.to_python()


def _story(node: YamlNode) -> Story:
    item, name = _part(node, "story", _STORY_KEYS)
    steps = _steps(item)
    check_steps("story", name, steps, item.where)
    return Story(name=name, steps=steps, metadata=_metadata(item), where=item.where)


def _rule(node: YamlNode) -> Rule:
    item, name = _part(node, "rule", _RULE_KEYS)
    steps = _steps(item)
    check_steps("rule", name, steps, item.where)
    return Rule(
        name=name,
        steps=steps,
        conditions=tuple(_conditions(item)),
        conversation_start=_flag(item, "conversation_start", default=False),
        wait_for_user_input=_flag(item, "wait_for_user_input", default=True),
        metadata=_metadata(item),
        where=item.where,
    )


def _steps(item: YamlMapping) -> tuple[Step, ...]:
    return tuple(
        step for node in _items(item, "steps", "- intent: greet") for step in _read_step(node)
    )


def _conditions(item: YamlMapping) -> Iterator[SlotStep | LoopStep]:
    for node in _items(item, "condition", "- active_loop: name"):
        for step in _read_step(node):
            if not isinstance(step, SlotStep | LoopStep):
                _refuse("a condition must be 'slot_was_set' or 'active_loop'", node, "steps:")
            yield step


def _step_mapping(node: YamlNode) -> tuple[str, YamlMapping]:
    """What kind of step it is, and its keys."""
    listed = ", ".join(key for key in _STEP_KEYS if key != "form")
    if not isinstance(node, YamlMapping):
        hint = "- action: utter_greet"
        if node.to_python() == "...":
            hint = "conversation_start and wait_for_user_input, which replace '...'"
        _refuse(f"a step must be a mapping with one of the keys {listed}", node, hint)
    kind = next((key for key in _STEP_KEYS if key in node.entries), None)
    if kind is None:
        near = (nearest(key.text, _STEP_KEYS) for key, _ in node.pairs)
        hint = next((f"{name}:" for name in near if name is not None), "- action: utter_greet")
        _refuse(f"a step must have one of the keys {listed}", node, hint)
    for key, _ in node.pairs:
        if key.text not in _STEP_KEYS[kind]:
            raise DataError(
                f"a step with '{kind}' has no key '{key.text}'",
                got=node.to_python(),
                where=key.where,
                hint=f"a dash before '{key.text}'"
                if key.text in _STEP_KEYS
                else f"the keys {', '.join(_STEP_KEYS[kind])}",
            )
    return kind, node


def _read_step(node: YamlNode) -> Iterator[Step]:
    kind, item = _step_mapping(node)
    value = item.entries[kind]
    if kind in ("intent", "user"):
        yield _user(item)
    elif kind == "or":
        yield _or(value, item.where)
    elif kind == "action":
        yield action_step(
            _text(value, "an action needs a name", "action: utter_greet", item.where), item.where
        )
    elif kind == "bot":
        text = _text(value, "'bot' needs a text", "bot: Hello", item.where)
        yield BotStep(text=_message(value, text), where=item.where)
    elif kind == "checkpoint":
        yield _checkpoint(item)
    elif kind == "slot_was_set":
        yield from _slots(value)
    else:
        yield LoopStep(name=_loop(value, kind), where=item.where)


def _message(node: YamlNode, text: str) -> str:
    """A text as it is said.

    Departure from Rasa: blanks at the ends of a double-quoted text are kept, so that every text
    can be written.
    """
    exact = isinstance(node, YamlScalar) and node.style == '"'
    return text if exact else text.strip(_BLANKS)


def _user(item: YamlMapping) -> UserStep:
    intent: str | None = None
    if "intent" in item.entries:
        node = item.entries["intent"]
        written = _text(
            node, "'intent' needs a name", "intent: greet, or no 'intent' at all", item.where
        )
        intent = story_intent(written, node.where)
    entities = tuple(_entities(item))
    if "user" not in item.entries:
        return UserStep(intent=intent, entities=entities, where=item.where)
    node = item.entries["user"]
    text = _text(node, "'user' needs a text", "user: hello, or no 'user' at all", item.where)
    step = message_step(_message(node, text), intent, node.where)
    unsaid = {entity.entity for entity in entities} - {entity.entity for entity in step.entities}
    if unsaid:
        warnings.warn(
            f"{item.where}: entities of a step with 'user' are those annotated in its text; "
            f"'{sorted(unsaid)[0]}' is not and is left out",
            stacklevel=2,
        )
    return UserStep(intent=step.intent, entities=step.entities, text=step.text, where=item.where)


def _entities(item: YamlMapping) -> Iterator[Entity]:
    node = item.entries.get("entities")
    if node is None:
        return
    if not isinstance(node, YamlList):
        _refuse("'entities' must be a list", node, "- city: Rome")
    for part in node.items:
        if isinstance(part, YamlScalar):
            yield Entity(entity=_text(part, "an entity needs a type", "- city"))
            continue
        if not isinstance(part, YamlMapping):
            _refuse("an entity must be a type, or a mapping of it to a value", part, "- city: Rome")
        types = [key.text for key, _ in part.pairs if key.text not in ("role", "group")]
        if len(types) != 1 or not types[0].strip():
            _refuse(
                "an entity must have one type, and may have 'role' and 'group'",
                part,
                "a dash before each entity",
            )
        yield Entity(
            entity=types[0],
            value=part.entries[types[0]].to_python(),
            role=_label(part, "role"),
            group=_label(part, "group"),
        )


def _label(entity: YamlMapping, key: str) -> str | None:
    node = entity.entries.get(key)
    return None if node is None else _text(node, f"'{key}' needs a name", f"{key}: departure")


def _or(node: YamlNode, where: Location) -> OrStep:
    if not isinstance(node, YamlList) or not node.items:
        _refuse("'or' must be a list of alternatives", node, "- intent: affirm")
    alternatives: list[UserStep | SlotStep] = []
    for part in node.items:
        for step in _read_step(part):
            if not isinstance(step, UserStep | SlotStep):
                _refuse("an alternative must be an intent or 'slot_was_set'", part, "two stories")
            alternatives.append(step)
    return OrStep(alternatives=tuple(alternatives), where=where)


def _checkpoint(item: YamlMapping) -> CheckpointStep:
    node = item.entries["checkpoint"]
    name = _text(node, "a checkpoint needs a name", "checkpoint: greeted", item.where)
    slots = item.entries.get("slot_was_set")
    conditions = () if slots is None else tuple(_slots(slots))
    for slot in conditions:
        if slot.is_named_only:
            raise DataError(
                "a condition of a checkpoint must give the value of its slot",
                got=slot.name,
                where=slot.where,
                hint=f"- {slot.name}: value",
            )
    return CheckpointStep(name=name, conditions=conditions, where=item.where)


def _slots(node: YamlNode) -> Iterator[SlotStep]:
    if not isinstance(node, YamlList) or not node.items:
        _refuse("'slot_was_set' must be a list of slots", node, "a dash before each slot")
    for part in node.items:
        if isinstance(part, YamlScalar):
            name = _text(part, "a slot needs a name", "- city: Rome")
            yield SlotStep(name=name, is_named_only=True, where=part.where)
        elif isinstance(part, YamlMapping) and part.pairs:
            for key, value in part.pairs:
                name = _text(key, "a slot needs a name", "- city: Rome")
                yield SlotStep(name=name, value=value.to_python(), where=key.where)
        else:
            _refuse("a slot must be a name, or a mapping of it to a value", part, "- city: Rome")


def _loop(node: YamlNode, key: str) -> str | None:
    if isinstance(node, YamlMapping) and list(node.entries) == ["name"]:
        node = node.entries["name"]
    if isinstance(node, YamlScalar) and node.value is None:
        return None
    return _text(node, f"'{key}' must be the name of a loop, or null", f"{key}: null")
