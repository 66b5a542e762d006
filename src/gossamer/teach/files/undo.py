"""Taking out what was taught, wherever it now is.

First the lines of one correction alone are turned back. Where later ones need them or stand in
them (a second example of an intent that the first one brought), they are turned back too and then
taught anew: the files are as if the one had never been taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gossamer.data.errors import DataError, InputError
from gossamer.data.nlu.examples import Example
from gossamer.teach.corrections import Correction, MessageCorrection
from gossamer.teach.files.derive import AlreadySo, Derived, derive
from gossamer.teach.files.hunks import Moved, applied, inverse, reverted
from gossamer.teach.files.journal import Step, text_hash
from gossamer.teach.files.names import Name, declared_names, names_of, used_names
from gossamer.teach.files.patch import FileChange, patch_of
from gossamer.teach.files.reading import ProjectFiles

_UNDONE_APART = frozenset({"nlu", "stories", "intents", "entities"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A correction as the journal has it.

    Attributes:
        id: its number.
        correction: what was taught.
        step: what it changed.
        is_added: whether it added an example; the same one may have been there besides another.
        replaced: examples that it took out.
        fresh: names that it declared in the domain and that nothing used before.
    """

    id: int
    correction: Correction
    step: Step
    is_added: bool
    replaced: tuple[Example, ...]
    fresh: frozenset[Name]


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
    base = _before(files, entry, later)
    try:
        texts = _turned_back(files, entry, later)
    except (Moved, InputError):
        if not later or base is None:
            raise _edited(entry) from None
    else:
        if base is None or _can_follow(files.replaced(texts), entry, later, base):
            return Undone(texts=texts)
    state = files
    texts = {}
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
            again = Derived(texts={}, is_added=False)
        except DataError as problem:
            raise DataError(
                f"a correction that a later one (number {each.id}) needs cannot be undone: "
                f"{problem}",
                hint=f"undoing number {each.id} first",
            ) from None
        step = step_of(state, again.texts)
        others.append(
            replace(
                each,
                step=step,
                is_added=again.is_added,
                replaced=again.replaced,
                fresh=again.fresh,
            )
        )
        texts |= again.texts
        state = state.replaced(again.texts)
    changed = {path: text for path, text in texts.items() if text != files.text(path)}
    return Undone(texts=changed, others=tuple(others))


def _can_follow(
    files: ProjectFiles, entry: Entry, later: Sequence[Entry], base: Mapping[str, str | None]
) -> bool:
    """Whether later corrections can still be undone, in order, once an earlier one is."""
    if _before(files, None, later, is_strict=True) == base:
        return True
    if _before(files, None, later) != base:
        return False
    paths = {change.path for change in entry.step.patch.files}
    for each in reversed(later):
        if paths & {change.path for change in each.step.patch.files}:
            try:
                files = files.replaced(_turned_back(files, each))
            except (Moved, InputError):
                return False
    return True


def _before(
    files: ProjectFiles, entry: Entry | None, later: Sequence[Entry], *, is_strict: bool = False
) -> dict[str, str | None] | None:
    """The files before a correction and all later ones; None if some lines are not there."""
    texts: dict[str, str | None] = {file: files.text(file) for file in files.paths()}
    try:
        for each in (*reversed(later), *([] if entry is None else [entry])):
            for change in each.step.patch.files:
                texts[change.path] = _without(
                    change, each, texts.get(change.path), is_strict=is_strict
                )
    except Moved:
        return None
    return {path: text for path, text in texts.items() if text is not None}


def _without(
    change: FileChange, entry: Entry, text: str | None, *, is_strict: bool = False
) -> str | None:
    """A file's text without its change by a correction."""
    if text_hash(text) == entry.step.after[change.path]:
        return applied(inverse(change), text)
    return reverted(change, text, is_strict=is_strict)


def step_of(files: ProjectFiles, texts: Mapping[str, str | None]) -> Step:
    """The step from files as they are to new texts."""
    pairs = {path: (files.text(path), text) for path, text in texts.items()}
    patch = patch_of(pairs)
    return Step(
        patch=patch,
        before={change.path: text_hash(pairs[change.path][0]) for change in patch.files},
        after={change.path: text_hash(pairs[change.path][1]) for change in patch.files},
    )


def _turned_back(
    files: ProjectFiles, entry: Entry, later: Sequence[Entry] = ()
) -> dict[str, str | None]:
    """The texts of files without a correction, others that were taught later being there.

    Raises:
        Moved: its lines are not there any more.
        DataError: without them, the files do not say what they must.
    """
    if not entry.step.patch.files:  # the files said it already when it was written anew
        return {}
    texts = {
        change.path: _without(change, entry, files.text(change.path))
        for change in entry.step.patch.files
    }
    _check(files, files.replaced(texts), entry, later, texts)
    return texts


def _check(
    before: ProjectFiles,
    after: ProjectFiles,
    entry: Entry,
    later: Sequence[Entry],
    texts: Mapping[str, str | None],
) -> None:
    """Refuse files that do not say what they said, but for a correction."""
    examples = Counter(map(_key, before.examples()))
    stories = Counter(repr(story) for story in before.stories())
    if isinstance(entry.correction, MessageCorrection):
        examples[_key(entry.correction.example)] -= entry.is_added
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
    needed = {name for each in later for name in names_of(each.correction)}
    gone = declared_names(before) - declared_names(after)
    is_needed = gone & (needed | (entry.fresh & used_names(after)))
    if not is_same or is_needed:
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


def _edited(entry: Entry) -> DataError:
    paths = ", ".join(change.path for change in entry.step.patch.files)
    return DataError(
        f"what was taught must be as it was written to be undone; number {entry.id} was edited "
        f"since, or what is around it, in {paths}",
        hint="taking it out by hand",
    )
