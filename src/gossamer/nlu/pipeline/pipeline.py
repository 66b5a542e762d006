"""The components of an assistant in their order: trained together, applied one after the other."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gossamer.data.config import ProjectConfig
from gossamer.data.errors import (
    ConfigError,
    DataError,
    InputError,
    Location,
    ModelFileError,
    all_of,
    place_prefix,
)
from gossamer.data.installed import MissingPartError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.text.listing import warn_together
from gossamer.nlu.own.failures import OwnCode, OwnPartError
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts, stored_name
from gossamer.nlu.pipeline.checks import (
    Part,
    check_components,
    component_faults,
    warn_of_unused_data,
)
from gossamer.nlu.pipeline.component import (
    FOR_LATER_COMPONENTS,
    Component,
    EpochListener,
)
from gossamer.nlu.pipeline.direct_message import DirectMessageHandler
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    MessageBatch,
    Parse,
    ResponseLabels,
    TrainingBatch,
)
from gossamer.nlu.pipeline.options_reader import (
    read_options,
    read_stored_options,
    warn_of_idle_options,
)
from gossamer.nlu.pipeline.own_results import checked_state, options_as_json, process
from gossamer.nlu.pipeline.registry import component_class, known_components, register
from gossamer.nlu.pipeline.response_labels import response_labels
from gossamer.nlu.pipeline.reuse import (
    UNSTEADY,
    Change,
    ChangeListener,
    ComponentRecord,
    Earlier,
    Foresight,
    Source,
    Walk,
    foresee,
    inputs_of,
    keeps_columns,
    learns,
    of_state,
)
from gossamer.nlu.pipeline.starting_point import ColumnsBefore, StartingPoint

if TYPE_CHECKING:  # a parse needs no domain
    from gossamer.data.domain.domain import Domain

__all__ = ["ComponentRecord", "Pipeline", "known_components", "register"]

_TEXTS_AT_A_TIME = 256


class Pipeline:
    """Text in, `Parse` out.

    After the last component comes a `DirectMessageHandler`, always, as in Rasa.

    Args:
        components: in order, without the handler of direct messages.
        wheres: where each is written, for error messages.
        language: of the assistant; some tokenizers refuse some languages.

    Attributes:
        outputs: by alias, fingerprints of what its components give to others; empty unless it was
            trained just now.
        learnt_from: by alias, what its components were learnt from, where that is known.
        columns_before: where features were in the pipeline that training goes on from; None unless
            `go_on_from` was called.

    Raises:
        ConfigError: the components do not fit together (see `check_components`).
    """

    def __init__(
        self,
        components: Sequence[Component],
        *,
        wheres: Sequence[Location | None] | None = None,
        language: str | None = None,
    ) -> None:
        if not components:
            raise ConfigError("a pipeline needs at least one component")
        places = [None] * len(components) if wheres is None else wheres
        check_components(components, places, language=language)
        self._components = tuple(components)
        self._direct = DirectMessageHandler()
        self._is_trained = False
        self._checked: TrainingData | None = None
        self.learnt_from: dict[str, Source] = {}
        self.outputs: dict[str, str] = {}
        self.columns_before: ColumnsBefore | None = None

    @classmethod
    def from_config(cls, config: ProjectConfig) -> Pipeline:
        """Build the pipeline that a `config.yml` describes.

        Module paths in it are imported: see `gossamer.nlu.own.importing`.

        Raises:
            ConfigError: a component or an option is unknown, a value is not valid, or the
                components do not fit together; the message lists all faults, with their places.
        """
        if not config.pipeline:
            raise ConfigError(
                "the pipeline needs at least one component",
                where=config.where,
                hint="WhitespaceTokenizer, CountVectorsFeaturizer and DIETClassifier",
            )
        own = OwnParts.of(config)
        faults: list[InputError] = []
        parts: list[Part] = []
        counts: Counter[str] = Counter()
        for item in config.pipeline:
            kind: type[Component] | None = None
            component: Component | None = None
            try:
                kind = component_class(item.name, item.where, own)
                counts[kind.name] += 1
                options = read_options(kind, item.options, item.where)
                number = counts[kind.name]
                default = kind.name if number == 1 else f"{kind.name}_{number}"
                alias = getattr(options, "alias", None)
                with OwnCode(kind, "__init__", item.where):
                    component = kind(options, alias=default if alias is None else alias)
                faults += component.check_machine(item.where)
                warn_of_idle_options(kind, item.options, options, item.where)
            except InputError as fault:
                faults.append(fault)
            parts.append(Part(kind, component, item.where))
        if faults:
            raise all_of([*faults, *component_faults(parts, language=config.language)])
        return cls(
            [part.component for part in parts if part.component is not None],
            wheres=[part.where for part in parts],
            language=config.language,
        )

    def take_domain(self, domain: Domain) -> None:
        """Let messages like /order name what a domain has, too."""
        self._direct.take_domain(domain)

    @property
    def components(self) -> tuple[Component, ...]:
        """All components in order, the handler of direct messages last."""
        return (*self._components, self._direct)

    @property
    def is_trained(self) -> bool:
        """Whether `parse` can be called."""
        return self._is_trained

    def check(self, data: TrainingData) -> list[InputError]:
        """What training would refuse, as far as it can be known before any component is trained.

        Warns of data that no component uses. Training on the same data does not check them again.
        """
        self._checked = data
        warn_of_unused_data(self._components, data)
        faults: list[InputError] = []
        examples = data.unique_examples()
        blank = [example for example in examples if not example.text.strip()]
        warn_together(
            f"{place_prefix(example.where)}an example without text is left out" for example in blank
        )
        if len(blank) == len(examples):
            return [DataError("training needs at least one example with a text")]
        for component in self._components:
            with OwnCode(type(component), "check"):
                faults += component.check(data)
        return faults

    def go_on_from(self, earlier: Pipeline, epoch_fraction: float) -> None:
        """Let the next training go on from an earlier pipeline, where components can.

        Args:
            earlier: trained, of the same components; they have the same options where these decide
                about features and what is learnt.
            epoch_fraction: how much of its epochs a component that goes on is trained for.
        """
        probe = MessageBatch(texts=["a"])
        for part in earlier.components:
            if part.provides & FOR_LATER_COMPONENTS:
                process(part, probe)
        pairs = list(zip(self._components, earlier._components, strict=True))

        def keeps(number: int, old: Component) -> bool:
            return keeps_columns(self._components[number], old)  # one that was taken, perhaps

        self.columns_before = ColumnsBefore(
            probe.blocks,
            {
                part.alias: functools.partial(keeps, number, old)
                for number, (part, old) in enumerate(pairs)
            },
        )
        for part, old in pairs:
            if part.can_go_on_from(old):
                part.start = StartingPoint(old, epoch_fraction, self.columns_before)

    def train(
        self,
        data: TrainingData,
        *,
        on_epoch: EpochListener | None = None,
        last: Sequence[ComponentRecord] = (),
        on_change: ChangeListener | None = None,
    ) -> None:
        """Train the components on the unique examples, each on what the earlier ones provide.

        Args:
            data: what to train on.
            on_epoch: called after every epoch of a component that has epochs.
            last: components of an earlier model; those that would learn from the same are taken
                from it.
            on_change: called for every component that learns, when it is known whether it is
                trained.

        Raises:
            DataError: there is nothing to train on, or a component cannot use the data.
        """
        self._train(data, on_epoch, last, on_change)

    def train_batch(
        self, data: TrainingData, *, on_epoch: EpochListener | None = None
    ) -> TrainingBatch:
        """Train as `train` does, and hand out what the components made of the examples.

        So another component can be trained on the same features again and again.
        """
        return self._train(data, on_epoch, (), None)

    def foresee(self, data: TrainingData, last: Sequence[ComponentRecord]) -> Foresight:
        """What `train` would train, at most; nothing is trained."""
        batch = self._batch(data)
        return foresee(self._components, inputs_of(data, batch), Earlier(last), is_cautious=True)

    def _train(
        self,
        data: TrainingData,
        on_epoch: EpochListener | None,
        last: Sequence[ComponentRecord],
        on_change: ChangeListener | None,
    ) -> TrainingBatch:
        if self._checked is not data:
            faults = self.check(data)
            if faults:
                raise all_of(faults)
        batch = self._batch(data)
        inputs, earlier = inputs_of(data, batch), Earlier(last)
        expected = foresee(self._components, inputs, earlier)
        walk = Walk(inputs, expected.files)
        tell = on_change or (lambda change: None)
        readers = [part for part in self._components if part.reads_features]
        components = list(self._components)
        for number, component in enumerate(self._components):
            wanted, goes_on = walk.fingerprint(component), component.start is not None
            kept = expected.kept.get(component.alias)
            if kept is not None and kept.record.fingerprint != wanted:
                kept = None
            gives = expected.needs_batch and bool(component.provides & FOR_LATER_COMPONENTS)
            if kept is not None and not gives:
                learnt = kept.record.learnt
                components[number] = kept.component
                kept.component.renew(data)
                tell(Change(component.alias))
            else:
                # One that is known and gives features to others is trained along: what it makes of
                # the examples' labels is not stored, and it takes no epochs.
                if kept is None and learns(component):
                    tell(earlier.change(component, wanted))
                batch.is_last_reader = readers[-1:] == [component]
                with OwnCode(type(component), "train"):
                    component.train(data, batch, on_epoch=on_epoch)
                if gives:
                    process(component, batch)
                    if batch.responses is not None and batch.responses.texts is not None:
                        process(component, batch.responses.texts)
                learnt = of_state(checked_state(component)) if learns(component) else ""
                if kept is not None:
                    is_same = learnt == kept.record.learnt
                    tell(Change(component.alias, () if is_same else (UNSTEADY,)))
            is_taken = kept is not None and learnt == kept.record.learnt
            went_on = kept.record.went_on if kept is not None and is_taken else goes_on
            self.learnt_from[component.alias] = Source(wanted, learnt, went_on)
            walk.passed(component, learnt)
        self._components, self.outputs = tuple(components), walk.outputs
        if self.columns_before is not None:
            self.columns_before.settle()
            for component in self._components:
                component.start = None
        self._direct.train(data, batch)
        self._is_trained = True
        return batch

    def _batch(self, data: TrainingData) -> TrainingBatch:
        """The examples, before the first component."""
        examples = [example for example in data.unique_examples() if example.text.strip()]
        return TrainingBatch(
            texts=[example.text for example in examples],
            examples=examples,
            labels=data.intents,
            responses=self._responses(examples, data),
        )

    def _responses(self, examples: Sequence[Example], data: TrainingData) -> ResponseLabels | None:
        """What the selectors learn to tell apart; None without a selector."""
        selectors = [part for part in self._components if "response_selector" in part.provides]
        if not selectors:
            return None
        return response_labels(
            examples,
            data.responses,
            with_texts=any(getattr(s.options, "use_text_as_label", False) for s in selectors),
        )

    def parse(self, texts: Sequence[str]) -> list[Parse]:
        """Understand messages; one result for each, in order.

        A text with nothing but white space has no intent (None, 0.0) and no entities; a
        FallbackClassifier makes its intent "nlu_fallback".

        Raises:
            TypeError: one string was given where a list of them is meant.
            RuntimeError: the pipeline is not trained.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a list of strings (got one string). Try: [text]")
        if not self._is_trained:
            raise RuntimeError("a pipeline must be trained before it parses. Try: train(data)")
        parses = [Parse(text=text) for text in texts]
        filled = [index for index, text in enumerate(texts) if text.strip()]
        for start in range(0, len(filled), _TEXTS_AT_A_TIME):
            chosen = filled[start : start + _TEXTS_AT_A_TIME]
            batch = self.process([texts[index] for index in chosen])
            for index, parse in zip(chosen, batch.parses, strict=True):
                parses[index] = parse
        self._judge([parse for parse in parses if not parse.text.strip()])
        return parses

    def _judge(self, blank: list[Parse]) -> None:
        """Send parses of texts without a word through the components that read intents only."""
        if not blank:
            return
        batch = MessageBatch(texts=[parse.text for parse in blank])
        batch.parses = blank
        for component in self._components:
            if "intent" in component.requires:
                process(component, batch)

    def process(self, texts: Sequence[str], *, before: Component | None = None) -> MessageBatch:
        """Send non-blank texts through all components, or those before one of them.

        The batch keeps tokens and features.
        """
        batch = MessageBatch(texts=texts)
        for component in self.components:
            if component is before:
                break
            process(component, batch)
        for parse, tokens in zip(batch.parses, batch.tokens, strict=False):
            parse.tokens = tokens
        return batch

    def state(self) -> list[ComponentRecord]:
        """All components with what they have learnt, in order.

        Raises:
            OwnPartError: the state of a component of the user's own cannot be stored.
        """
        return [
            ComponentRecord(
                stored_name(type(component), component.name),
                component.alias,
                options_as_json(component),
                checked_state(component),
                *self.learnt_from.get(component.alias, ()),
            )
            for component in self.components
        ]

    @classmethod
    def from_state(
        cls,
        records: Sequence[ComponentRecord | tuple[str, str, Mapping[str, Any], ComponentState]],
        own: OwnParts = NO_OWN_PARTS,
    ) -> Pipeline:
        """The trained pipeline that `state` described.

        Args:
            records: of all components.
            own: the classes of the user's own that may be imported.

        Raises:
            ModelFileError: the records do not describe a pipeline of this version, or name an own
                class that may not be imported.
            MissingPartError: a component needs a library that is not installed.
            OwnPartError: an own class cannot be imported or restored.
        """
        stored = [ComponentRecord(*record) for record in records]
        if not stored or stored[-1].name != DirectMessageHandler.name:
            raise ModelFileError(
                f"a stored pipeline must end with {DirectMessageHandler.name}",
                got=[record.name for record in stored],
            )
        try:
            components: list[Component] = []
            for record in stored[:-1]:
                kind = component_class(record.name, own=own)
                options = read_stored_options(kind, record.options)
                with OwnCode(kind, "__init__"):
                    components.append(kind(options, alias=record.alias))
            pipeline = cls(components)
        except (ModelFileError, MissingPartError, OwnPartError):
            raise
        except InputError as error:
            raise ModelFileError(
                f"a stored pipeline must be one that this version can build: {error}",
                hint="training the model again",
            ) from error
        for component, record in zip(pipeline.components, stored, strict=True):
            with OwnCode(type(component), "restore"):
                component.restore(record.state)
            if record.fingerprint:
                pipeline.learnt_from[component.alias] = record.source
        pipeline._is_trained = True
        return pipeline
