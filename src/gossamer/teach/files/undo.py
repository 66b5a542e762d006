"""Taking out what was taught, wherever it now is.

First the lines of one correction alone are turned back. Where later ones need them or stand in
them (a second example of an intent that the first one brought), they are turned back too and then
taught anew: the files are as if the one had never been taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, InputError
from gossamer.data.nlu.examples import Example
from gossamer.data.stories.steps import OrStep, Rule, Story, UserStep
from gossamer.teach.corrections import Correction, MessageCorrection
from gossamer.teach.files.derive import AlreadySo, Derived, derive
from gossamer.teach.files.hunks import Moved, applied, inverse, reverted
from gossamer.teach.files.journal import Step, text_hash
from gossamer.teach.files.patch import patch_of
from gossamer.teach.files.reading import ProjectFiles

_UNDONE_APART = frozenset({"nlu", "stories", "intents", "entities"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A correction as the journal has it.

    Attributes:
        id: its number.
        correction: what was taught.
        step: what it changed.
        replaced: examples that it took out.
    """

    id: int
    correction: Correction
    step: Step
    replaced: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What undoing does.

    Attributes:
        texts: what files are to hold, by path; None: the file goes.
        others: later corrections that are written anew.
    """

    texts: Mapping[str, str | None]
    others: tuple[Entry, ...] = ()


def derive_undo(files: ProjectFiles, entry: Entry, later: Sequence[Entry]) -> Undone:
    """What takes a correction out of a project's files.

    Args:
        files: the files as they are.
        entry: the correction.
        later: those that were taught after it and are not undone, in order.

    Raises:
        DataError: what was taught was edited since.
    """
    try:
        return Undone(texts=_turned_back(files, entry))
    except (Moved, InputError):
        if not later:
            raise _edited(entry) from None
    state = files
    texts: dict[str, str | None] = {}
    for each in (*reversed(later), entry):
        try:
            new = _turned_back(state, each)
        except (Moved, InputError):
            raise _edited(each) from None
        texts |= new
        state = state.replaced(new)
    others = []
    for each in later:
        try:
            again = derive(state, each.correction)
        except AlreadySo:
            again = Derived(texts={})
        except DataError as problem:
            raise DataError(
                f"a correction that a later one (number {each.id}) needs cannot be undone: "
                f"{problem}",
                hint=f"undoing number {each.id} first",
            ) from None
        step = step_of(state, again.texts)
        others.append(replace(each, step=step, replaced=again.replaced))
        texts |= again.texts
        state = state.replaced(again.texts)
    changed = {path: text for path, text in texts.items() if text != files.text(path)}
    return Undone(texts=changed, others=tuple(others))


def step_of(files: ProjectFiles, texts: Mapping[str, str | None]) -> Step:
    """The step from files as they are to new texts."""
    pairs = {path: (files.text(path), text) for path, text in texts.items()}
    patch = patch_of(pairs)
    return Step(
        patch=patch,
        before={change.path: text_hash(pairs[change.path][0]) for change in patch.files},
        after={change.path: text_hash(pairs[change.path][1]) for change in patch.files},
    )


def _turned_back(files: ProjectFiles, entry: Entry) -> dict[str, str | None]:
    """The texts of files without a correction.

    Raises:
        Moved: its lines are not there any more.
        DataError: without them, the files do not say what they must.
    """
    texts: dict[str, str | None] = {}
    for change in entry.step.patch.files:
        text = files.text(change.path)
        if text_hash(text) == entry.step.after[change.path]:
            texts[change.path] = applied(inverse(change), text)
        else:
            texts[change.path] = reverted(change, text)
    _check(files, files.replaced(texts), entry, texts)
    return texts


def _check(
    before: ProjectFiles, after: ProjectFiles, entry: Entry, texts: Mapping[str, str | None]
) -> None:
    """Refuse files that do not say what they said, but for a correction."""
    examples = Counter(map(_key, before.examples()))
    stories = Counter(repr(story) for story in before.stories())
    if isinstance(entry.correction, MessageCorrection):
        examples[_key(entry.correction.example)] -= 1
        examples.update(map(_key, entry.replaced))
    else:
        stories[repr(entry.correction.story)] -= 1
    is_same = (
        Counter(map(_key, after.examples())) == +examples
        and min(examples.values(), default=0) >= 0
        and Counter(repr(story) for story in after.stories()) == +stories
        and min(stories.values(), default=0) >= 0
        and all(_rest(before, path) == _rest(after, path) for path in texts)
    )
    declared = set(_declared(before))
    left = set(_declared(after))
    if not is_same or not left <= declared or not set(_used(after)) & declared <= left:
        raise DataError("what a correction changed must be there to be undone")


def _key(example: Example) -> tuple[str, str | None, str]:
    return example.text, example.intent, repr(example.entities)


def _rest(files: ProjectFiles, path: str) -> str:
    """What a file says besides examples, stories and names of the domain."""
    file = files.find(path)
    if file is None or not file.text.strip():
        return "[]"
    said: list[Any] = [
        (key.text, value.to_python())
        for key, value in file.tree.pairs
        if key.text not in _UNDONE_APART and key.text != "version"
    ]
    if file.nlu is not None:
        said += [*file.nlu.synonyms, *file.nlu.regexes, *file.nlu.lookups]
    return repr(said)


def _declared(files: ProjectFiles) -> Iterator[tuple[str, ...]]:
    """Names of intents, entity types, roles and groups of the domain."""
    domain = files.domain_now()
    if domain is None:
        return
    for intent in domain.intents:
        yield ("intent", intent.name)
    for entity in domain.entities:
        yield ("entity", entity.name)
        yield from (("role", entity.name, role) for role in entity.roles)
        yield from (("group", entity.name, group) for group in entity.groups)


def _used(files: ProjectFiles) -> Iterator[tuple[str, ...]]:
    """The same names in examples and stories."""
    for example in files.examples():
        yield from _names(example.intent, example.entities)
    told: list[Story | Rule] = [*files.stories(), *files.rules()]
    for part in told:
        for step in part.steps:
            for each in step.alternatives if isinstance(step, OrStep) else (step,):
                if isinstance(each, UserStep):
                    yield from _names(each.intent, each.entities)


def _names(intent: str | None, entities: Sequence[Entity]) -> Iterator[tuple[str, ...]]:
    if intent is not None:
        yield ("intent", intent.partition("/")[0])
    for entity in entities:
        yield ("entity", entity.entity)
        if entity.role is not None:
            yield ("role", entity.entity, entity.role)
        if entity.group is not None:
            yield ("group", entity.entity, entity.group)


def _edited(entry: Entry) -> DataError:
    paths = ", ".join(change.path for change in entry.step.patch.files)
    return DataError(
        f"what was taught must be as it was written to be undone; number {entry.id} was edited "
        f"since, or what is around it, in {paths}",
        hint="taking it out by hand",
    )
