"""From a correction and a project's files to what the files are to hold: nothing is written here.

Each file that changes is read back, and must then say what it said before and what is taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gossamer.data.errors import DataError, InputError, Location, all_of
from gossamer.data.nlu.checks import Severity
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.stories.checks import check_stories
from gossamer.data.stories.steps import Story, StoryData
from gossamer.teach.corrections import Correction, MessageCorrection
from gossamer.teach.files.domain_edits import DomainEdits, NewNames, add_to_domain
from gossamer.teach.files.nlu_edits import NluEdits, Place
from gossamer.teach.files.reading import ProjectFiles
from gossamer.teach.files.source import SourceFile, Splice
from gossamer.teach.files.story_edits import TAUGHT_STORIES, check_story_added, with_story

CONVERT: Final = "gossamer data convert, which writes YAML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What a correction does.

    Attributes:
        texts: what files are to hold, by their paths below the project; None: it goes.
        replaced: examples that it takes out or changes.
    """

    texts: Mapping[str, str | None]
    replaced: tuple[Example, ...] = ()


class AlreadySo(DataError):
    """The project says what is to be taught."""


def derive(files: ProjectFiles, correction: Correction) -> Derived:
    """What a correction changes in a project's files.

    Args:
        files: the files as they are.
        correction: what is taught.

    Raises:
        AlreadySo: the project says it.
        DataError: it cannot be written; the message says why.
    """
    if isinstance(correction, MessageCorrection):
        return _message(files, correction.example)
    return _story(files, correction.story)


@dataclass(slots=True)
class _Edits:
    """All that changes in one file."""

    file: SourceFile
    nlu: NluEdits | None = None
    domain: DomainEdits | None = None

    def text(self) -> str:
        parts = (self.nlu, self.domain)
        splices: list[Splice] = [s for part in parts if part is not None for s in part.splices]
        return self.file.edited(splices)


def _message(files: ProjectFiles, example: Example) -> Derived:
    annotate(example)  # says what cannot be written, before anything else is looked at
    edits: dict[str, _Edits] = {}

    def nlu(file: SourceFile) -> NluEdits:
        if not file.is_nlu_yaml:
            raise DataError("only YAML can be taught", where=Location(file.path), hint=CONVERT)
        found = edits.setdefault(files.relative(file.path), _Edits(file))
        found.nlu = NluEdits(file) if found.nlu is None else found.nlu
        return found.nlu

    known = [
        (file, own, [number for number, each in enumerate(own) if each.text == example.text])
        for file, own in files.nlu()
    ]
    same, others = _where_it_is(known, example)
    gone = list(others)
    if not any(place.example.entities == example.entities for _, place in same):
        moved = example
        if same and nlu(same[0][0]).change(same[0][1], example):
            gone += same[1:]
        else:
            gone += same
            metadata = [place.example.metadata for _, place in gone]
            moved = replace(example, metadata=next((m for m in metadata if m is not None), None))
            nlu(_home(known, example)).add(moved)
    else:
        gone += [(f, place) for f, place in same if place.example.entities != example.entities]
        if not gone:
            raise AlreadySo(
                f"a correction must change something; this text is an example of "
                f"'{example.intent}' already",
                got=example.text,
                where=same[0][1].example.where,
            )
    for file in {id(file): file for file, _ in gone}.values():
        nlu(file).remove([place for each, place in gone if each is file])
    _add_names(files, edits, example)
    replaced = [place.example for _, place in gone]
    changed = [
        each.nlu.places()[number].example
        for each in edits.values()
        if each.nlu is not None
        for number in each.nlu.changed
    ]
    texts = {path: _checked(edit) for path, edit in edits.items() if _has_changes(edit)}
    return Derived(texts=texts, replaced=(*replaced, *changed))


def _has_changes(edit: _Edits) -> bool:
    return any(part is not None and part.splices for part in (edit.nlu, edit.domain))


_Known = Sequence[tuple[SourceFile, tuple[Example, ...], list[int]]]
_Found = list[tuple[SourceFile, Place]]


def _where_it_is(known: _Known, example: Example) -> tuple[_Found, _Found]:
    """Where the same text is an example of the same intent, and of others."""
    same: _Found = []
    others: _Found = []
    for file, _, numbers in known:
        if not numbers:
            continue
        if not file.is_nlu_yaml:
            raise DataError(
                "only YAML can be taught, and this text is an example elsewhere",
                got=example.text,
                where=file.nlu.examples[numbers[0]].where if file.nlu else None,
                hint=CONVERT,
            )
        places = NluEdits(file).places()
        for place in (places[number] for number in numbers):
            (same if place.example.intent == example.intent else others).append((file, place))
    return same, others


def _home(known: _Known, example: Example) -> SourceFile:
    """The file for a new example: where its intent, or its retrieval intent, has most of them."""
    if not any(own for _, own, _ in known):
        raise DataError(
            "a project must have an example in a YAML file before it can be taught",
            hint="'- intent: greet' below 'nlu:' in data/nlu.yml",
        )
    base = example.base_intent if example.response_key is not None else None

    def rank(item: tuple[SourceFile, tuple[Example, ...], list[int]]) -> tuple[int, int, int]:
        _, own, _ = item
        return (
            sum(each.intent == example.intent for each in own),
            sum(base is not None and each.base_intent == base for each in own),
            len(own),
        )

    return max(known, key=rank)[0]


def _add_names(files: ProjectFiles, edits: dict[str, _Edits], example: Example) -> None:
    """What the domain lacks."""
    assert example.base_intent is not None
    names = NewNames(intent=example.base_intent)
    for entity in example.entities:
        roles, groups = names.labels.setdefault(entity.entity, ([], []))
        for labels, label in ((roles, entity.role), (groups, entity.group)):
            if label is not None and label not in labels:
                labels.append(label)
    for domain in add_to_domain(files.domain, names):
        edits.setdefault(files.relative(domain.file.path), _Edits(domain.file)).domain = domain


def _checked(edit: _Edits) -> str:
    """The text of a file with what is taught, read back."""
    text = edit.text()
    after = SourceFile(edit.file.path, text)
    try:
        said = _said(after, edit)
    except InputError as problem:
        raise _unsound(edit, str(problem)) from None
    if repr(said) != repr(_meant(edit)):
        raise _unsound(edit, None)
    return text


def _unsound(edit: _Edits, got: str | None) -> DataError:
    return DataError(
        "a file must say the same as before, and what is taught; the layout of this one does not "
        "allow it",
        got=got,
        where=Location(edit.file.path),
        hint="examples in lines, 'examples: |', and lists of the domain with a dash for each item",
    )


def _said(file: SourceFile, edit: _Edits) -> list[Any]:
    """What a file says, part by part; parts that are not edited as plain values."""
    nlu = file.nlu
    parts: list[Any] = [_plain(file.tree.to_python(), edit)]
    if edit.nlu is not None and nlu is not None:
        parts += [nlu.examples, *_other_nlu(file)]
    return parts


def _meant(edit: _Edits) -> list[Any]:
    content = edit.file.tree.to_python() if edit.domain is None else edit.domain.content
    parts: list[Any] = [_plain(content, edit)]
    if edit.nlu is not None:
        parts += [edit.nlu.expected(), *_other_nlu(edit.file)]
    return parts


def _plain(content: Mapping[str, Any], edit: _Edits) -> list[tuple[str, Any]]:
    return sorted(
        ((str(key), value) for key, value in content.items() if key != "nlu" or edit.nlu is None),
        key=lambda pair: pair[0],
    )


def _other_nlu(file: SourceFile) -> list[Any]:
    assert file.nlu is not None
    return [file.nlu.synonyms, file.nlu.regexes, file.nlu.lookups]


def _story(files: ProjectFiles, story: Story) -> Derived:
    domain = files.domain_now()
    if domain is None:
        raise DataError("a story needs a domain", got=story.name, hint="domain.yml")
    if any(repr(each) == repr(story) for each in files.stories()):
        raise AlreadySo(
            "a correction must change something; there is this story already", got=story.name
        )
    found = check_stories(StoryData(stories=(story,)), domain)
    faults: list[InputError] = [
        DataError(f"a taught story must fit the domain: {finding.message}")
        for finding in found
        if finding.severity is Severity.ERROR
    ]
    if faults:
        raise all_of(faults)
    if files.data_folder is None:
        raise DataError(
            "the data of a project must be a folder for stories to be taught", hint="--data data"
        )
    path = files.data_folder / TAUGHT_STORIES
    relative = files.relative(path)
    before = files.find(relative)
    text = with_story(before, path, story)
    check_story_added(before, SourceFile(path, text), story)
    return Derived(texts={relative: text})
