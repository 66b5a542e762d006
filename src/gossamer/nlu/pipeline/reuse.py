"""What need not be trained again: a part that an earlier model has, learnt from the same.

The fingerprint of a part names everything that its training reads, each with a fingerprint of its
own: its options, the code, the parts of the data (`Component.reads`), and what earlier components
give it. The latter is not what those were trained on but what they have learnt: a vocabulary that
stays the same although examples were added changes nothing for those who read it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gossamer.data.errors import InputError
from gossamer.data.fingerprints import DIALOGUE_INPUTS, NLU_INPUTS, fingerprint, of_training_data
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.own.failures import OwnCode
from gossamer.nlu.own.importing import stored_name
from gossamer.nlu.own.sources import code_of
from gossamer.nlu.pipeline.component import FOR_LATER_COMPONENTS, Component
from gossamer.nlu.pipeline.messages import ComponentState, TrainingBatch
from gossamer.nn.storage import digest_of
from gossamer.version import __version__

Fingerprint = Mapping[str, str]
T = TypeVar("T")

_UNKNOWN: Fingerprint = MappingProxyType({})
_CODE = ("data", "dialogue", "nlu", "nn", "sparse")  # folders whose code decides what is learnt
_NEW = "it is new"
_UNKNOWN_SOURCE = "it is not known what the last model's has learnt from"
_ORDER = "order of components"
_UNREADABLE = "the last model's cannot be read"
UNSTEADY = "it learns something else from the same"


class Source(NamedTuple):
    """What a trained part was learnt from; see `ComponentRecord`."""

    fingerprint: Fingerprint = _UNKNOWN
    learnt: str = ""
    went_on: bool = False


class ComponentRecord(NamedTuple):
    """A trained component or policy, in parts that can be stored.

    Attributes:
        name: of the component.
        alias: unique in the pipeline.
        options: all of them, as plain JSON values.
        state: what was learnt.
        fingerprint: what it was learnt from, by name; empty when that is not known.
        learnt: a fingerprint of `state`; "" when that is not known.
        went_on: whether it went on from an earlier model, and was not learnt from that alone.
    """

    name: str
    alias: str
    options: Mapping[str, Any]
    state: ComponentState
    fingerprint: Fingerprint = _UNKNOWN
    learnt: str = ""
    went_on: bool = False

    @property
    def source(self) -> Source:
        """Where it comes from."""
        return Source(self.fingerprint, self.learnt, self.went_on)

    @classmethod
    def stored(cls, part: Mapping[str, Any], arrays: Mapping[str, Any]) -> ComponentRecord:
        """What a model file holds of a part.

        Args:
            part: its JSON.
            arrays: its own.

        Raises:
            KeyError: something is missing.
            TypeError: something is of another kind.
        """
        name, alias, options, state = (part[key] for key in ("name", "alias", "options", "state"))
        if not isinstance(name, str) or not isinstance(alias, str):
            raise TypeError(f"name and alias must be texts: {name!r:.80}, {alias!r:.80}")
        if not isinstance(options, Mapping) or not isinstance(state, Mapping):
            raise TypeError(f"options and state of {alias:.80} must be objects")
        return cls(name, alias, options, ComponentState(state, arrays), *read_fingerprint(part))


@dataclass(frozen=True, slots=True)
class Change:
    """Whether a component or policy is trained, and why.

    Attributes:
        part: its alias.
        reasons: what has changed; empty when nothing has, and it is not trained.
    """

    part: str
    reasons: tuple[str, ...] = ()

    @property
    def is_trained(self) -> bool:
        """Whether it is trained."""
        return bool(self.reasons)

    def __str__(self) -> str:
        """A sentence."""
        if not self.reasons:
            return f"{self.part} is unchanged"
        return f"{self.part} is trained: {', '.join(self.reasons)}"


ChangeListener = Callable[[Change], None]


class Earlier:
    """The parts of an earlier model, each of which is taken once at most.

    Args:
        records: in order.
    """

    def __init__(self, records: Iterable[ComponentRecord]) -> None:
        self._records = list(records)
        self._left = [record for record in self._records if record.fingerprint]

    def take(self, part: Any, wanted: Fingerprint) -> ComponentRecord | None:
        """One that was learnt from the same; of several that of the same alias."""
        name = stored_name(type(part), part.name)
        found = [r for r in self._left if r.name == name and r.fingerprint == wanted]
        best = min(found, key=lambda record: record.alias != part.alias, default=None)
        self._left = [record for record in self._left if record is not best]
        return best

    def may_have(self, part: Any, wanted: Fingerprint) -> bool:
        """Whether one agrees with a fingerprint in all that this names."""
        name = stored_name(type(part), part.name)
        return any(
            record.name == name and wanted.items() <= record.fingerprint.items()
            for record in self._left
        )

    def learnt(self, part: Any) -> str:
        """What the one of the same alias has learnt."""
        known = self._of_alias(part)
        return "" if known is None else known.learnt

    def change(self, part: Any, wanted: Fingerprint) -> Change:
        """That a part is trained, and what differs from the one of the same alias."""
        known = self._of_alias(part)
        if known is None:
            return Change(part.alias, (_NEW,))
        if not known.fingerprint:
            return Change(part.alias, (_UNKNOWN_SOURCE,))
        return Change(part.alias, differences(known.fingerprint, wanted) or (_UNREADABLE,))

    def _of_alias(self, part: Any) -> ComponentRecord | None:
        wanted = (stored_name(type(part), part.name), part.alias)
        found = [r for r in self._records if (r.name, r.alias) == wanted]
        return min(found, key=lambda record: not record.fingerprint, default=None)


class Walk:
    """Fingerprints of a pipeline's components, asked for in their order.

    Args:
        data: fingerprints of the data; see `gossamer.data.fingerprints.of_training_data`.
        files: fingerprints of files, by the alias of the component that reads them, where they are
            known: files of vectors are large.

    Attributes:
        files: likewise, of all components that were asked for.
    """

    def __init__(self, data: Mapping[str, str], files: Mapping[str, str] = _UNKNOWN) -> None:
        self.files = dict(files)
        self._data = data
        self._passed: list[tuple[Component, str]] = []

    def fingerprint(self, component: Component) -> Fingerprint:
        """What it is learnt from, after those that were `passed`."""
        reads = declared_reads(component) if learns(component) else frozenset()
        names = ["everything"] if reads is None else sorted(reads & NLU_INPUTS.keys())
        if component.alias not in self.files:
            with OwnCode(type(component), "files_read"):
                self.files[component.alias] = component.files_read() if learns(component) else ""
        files = self.files[component.alias]
        given = {
            f"{' and '.join(sorted(what))} of {other.alias}": output
            for other, output in self._passed
            if (what := _given(other, component))
        }
        return {
            **of_part(component),
            **({"files": files} if files else {}),
            **{name: self._data[name] for name in names},
            **in_order(given),
        }

    def passed(self, component: Component, learnt: str) -> None:
        """Go on to the next.

        Args:
            component: the one that comes next.
            learnt: a fingerprint of its state.
        """
        if component.provides & FOR_LATER_COMPONENTS:
            before = [output for other, output in self._passed if _given(other, component)]
            files = self.files.get(component.alias, "")  # they may decide what is not in its state
            output = fingerprint(component.alias, of_part(component), before, files, learnt)
            self._passed.append((component, output))

    @property
    def outputs(self) -> dict[str, str]:
        """Of those that were passed and give something to others, by alias."""
        return {component.alias: output for component, output in self._passed}


class Kept(NamedTuple):
    """A component that may be taken from an earlier model.

    Attributes:
        record: the earlier one.
        component: what it has learnt.
    """

    record: ComponentRecord
    component: Component


@dataclass(frozen=True)
class Foresight:
    """What can be known before the first component is trained.

    Attributes:
        kept: by alias, those that stay if what they read of others stays.
        changes: those that learn, in order.
        outputs: see `Walk.outputs`.
        files: see `Walk.files`.
        needs_batch: whether the components have to process the examples.
    """

    kept: Mapping[str, Kept]
    changes: Sequence[Change]
    outputs: Mapping[str, str]
    files: Mapping[str, str]
    needs_batch: bool


def foresee(
    components: Sequence[Component],
    data: Mapping[str, str],
    earlier: Earlier,
    *,
    is_cautious: bool = False,
) -> Foresight:
    """Which components have to be trained in any case.

    Args:
        components: in order, untrained.
        data: as for `Walk`.
        earlier: parts of an earlier model.
        is_cautious: those that read what a trained one gives are trained too. Without it they are
            not unless something else has changed, as it may learn what it learnt before.
    """
    walk = Walk(data)
    kept: dict[str, Kept] = {}
    changes: list[Change] = []
    needs = False
    for component in components:
        if not learns(component):
            walk.passed(component, "")
            continue
        wanted = walk.fingerprint(component)
        record = earlier.take(component, wanted)
        twin = None if record is None else _restored(component, record)
        if record is None or twin is None:
            changes.append(earlier.change(component, wanted))
            needs = needs or needs_batch(component)
            walk.passed(component, "" if is_cautious else earlier.learnt(component))
            continue
        kept[component.alias] = Kept(record, twin)
        changes.append(Change(component.alias))
        walk.passed(component, record.learnt)
    return Foresight(kept, changes, walk.outputs, walk.files, needs)


def _restored(component: Component, record: ComponentRecord) -> Component | None:
    return restored(component, lambda twin: twin.restore(record.state))


def inputs_of(data: TrainingData, batch: TrainingBatch) -> dict[str, str]:
    """Fingerprints of all that components read of the data."""
    responses = batch.responses
    texts = None if responses is None or responses.texts is None else responses.texts.texts
    return {**of_training_data(data), "response_texts": fingerprint(texts)}


def keeps_columns(part: Component, earlier: Component) -> bool:
    """Whether a component's first columns are those of an earlier one; asked when it is trained."""
    if part.start is not None or not learns(part):
        return True
    one, other = part.state(), earlier.state()
    return (
        one.json == other.json
        and one.arrays.keys() == other.arrays.keys()
        and all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())
    )


def learns(part: Component) -> bool:
    """Whether it learns anything; others have options only."""
    return type(part).train is not Component.train


def needs_batch(component: Component) -> bool:
    """Whether its training reads what other components make of the examples, or gives it them."""
    is_open = declared_reads(component) is None and learns(component)
    return is_open or bool((_wants(component) | component.provides) & FOR_LATER_COMPONENTS)


def declared_reads(part: Any) -> frozenset[str] | None:
    """What its class says that training reads; None: everything. It is not inherited."""
    reads: frozenset[str] | None = vars(type(part)).get("reads")
    return reads


def of_part(part: Any) -> dict[str, str]:
    """Fingerprints of a part's name, options and code, and of the libraries it answers with."""
    options = part.options.model_dump(mode="json")
    options.pop("rasa_defaults", None)  # its effect is in the others
    found = {"options": fingerprint(part.name, options), "version": _own_sources()}
    if libraries := getattr(part, "needs", ()):
        found["libraries"] = fingerprint([_version(library) for library in libraries])
    kinds: list[type] = [type(part), type(part.options)]
    code = [source for kind in kinds for source in code_of(kind)]
    return {**found, "code": fingerprint(code)} if code else found


def in_order(given: Mapping[str, str]) -> dict[str, str]:
    """Fingerprints of what others give, and one of their order, which is that of the features."""
    return {**given, _ORDER: fingerprint(list(given))} if given else {}


def of_state(state: ComponentState) -> str:
    """A fingerprint of what was learnt."""
    return digest_of(fingerprint(state.json), state.arrays)[:32]


def differences(known: Fingerprint, wanted: Fingerprint) -> tuple[str, ...]:
    """What has changed, in words, most telling first.

    What other components give is named only where nothing else has changed, as that follows.
    """
    changed = {key for key in {*known, *wanted} if known.get(key) != wanted.get(key)}
    if "texts" in changed:
        changed -= {"intents", "entities", "entity_types"}  # those of other examples
    words = {
        "options": "options",
        "version": "version of Gossamer",
        "code": "its code",
        "libraries": "versions of libraries",
        "files": "files that it reads",
        "everything": "training data",
        **DIALOGUE_INPUTS,
        **NLU_INPUTS,
    }
    told = [words[key] for key in words if key in changed]
    told = told or sorted(changed - {_ORDER, *words})
    return tuple(told or changed)


def stored_fingerprint(source: Source) -> dict[str, Any]:
    """What is stored of a part so that it can be taken again; nothing when it is not known."""
    if not source.fingerprint:
        return {}
    found = {"fingerprint": dict(source.fingerprint), "learnt": source.learnt}
    return {"went_on": found} if source.went_on else found


def read_fingerprint(stored: Mapping[str, Any]) -> Source:
    """What a stored part was learnt from; unknown where it is not as it was stored."""
    went_on = isinstance(stored.get("went_on"), Mapping)
    place = stored["went_on"] if went_on else stored
    found, learnt = place.get("fingerprint"), place.get("learnt")
    if not isinstance(found, Mapping) or not isinstance(learnt, str):
        return Source()
    if not all(isinstance(text, str) for pair in found.items() for text in pair):
        return Source()
    return Source(dict(found), learnt, went_on)


def restored(part: T, restore: Callable[[T], None]) -> T | None:
    """A part like this one that has learnt what is stored; None when that does not fit.

    Args:
        part: a component or a policy, untrained.
        restore: gives such a part what is stored.
    """
    kind: Any = type(part)
    own: Any = part
    try:
        with OwnCode(kind, "restore"):
            twin: T = kind(own.options, alias=own.alias)
            restore(twin)
    except InputError:
        return None
    return twin


def _given(other: Component, component: Component) -> frozenset[str]:
    """What one component gives to the training of a later one."""
    given = other.provides & FOR_LATER_COMPONENTS
    return given if declared_reads(component) is None else given & _wants(component)


def _wants(component: Component) -> frozenset[str]:
    """What it reads of a batch, where it is there."""
    return component.required | ({"features"} if component.reads_features else set())


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


@functools.cache
def _own_sources() -> str:
    """A fingerprint of the version, and of the code that decides what is learnt.

    The code counts so that whoever works on it gets no part that was trained by what it was before.
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256(__version__.encode())
    for folder in _CODE:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
