"""The components of an assistant in their order: trained together, applied one after the other."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

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
from gossamer.nlu.pipeline.registry import component_class, known_components, register
from gossamer.nlu.pipeline.response_labels import response_labels
from gossamer.nlu.pipeline.starting_point import ColumnsBefore, StartingPoint

__all__ = ["ComponentRecord", "Pipeline", "known_components", "register"]

_TEXTS_AT_A_TIME = 256


class ComponentRecord(NamedTuple):
    """A trained component, in parts that can be stored.

    Attributes:
        name: of the component.
        alias: unique in the pipeline.
        options: all of them, as plain JSON values.
        state: what was learnt.
    """

    name: str
    alias: str
    options: dict[str, Any]
    state: ComponentState


class Pipeline:
    """Text in, `Parse` out.

    After the last component comes a `DirectMessageHandler`, always, as in Rasa.

    Args:
        components: in order, without the handler of direct messages.
        wheres: where each is written, for error messages.
        language: of the assistant; some tokenizers refuse some languages.

    Attributes:
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
        self.columns_before: ColumnsBefore | None = None

    @classmethod
    def from_config(cls, config: ProjectConfig) -> Pipeline:
        """Build the pipeline that a `config.yml` describes.

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
        faults: list[InputError] = []
        parts: list[Part] = []
        counts: Counter[str] = Counter()
        for item in config.pipeline:
            kind: type[Component] | None = None
            component: Component | None = None
            try:
                kind = component_class(item.name, item.where)
                counts[kind.name] += 1
                options = read_options(kind, item.options, item.where)
                number = counts[kind.name]
                default = kind.name if number == 1 else f"{kind.name}_{number}"
                alias = getattr(options, "alias", None)
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
                part.process(probe)
        pairs = list(zip(self._components, earlier._components, strict=True))
        keeps = {part.alias: functools.partial(_keeps_columns, part, old) for part, old in pairs}
        self.columns_before = ColumnsBefore(probe.blocks, keeps)
        for part, old in pairs:
            if part.can_go_on_from(old):
                part.start = StartingPoint(old, epoch_fraction, self.columns_before)

    def train(self, data: TrainingData, *, on_epoch: EpochListener | None = None) -> None:
        """Train every component on the unique examples, each on what the earlier ones provide.

        Raises:
            DataError: there is nothing to train on, or a component cannot use the data.
        """
        self.train_batch(data, on_epoch=on_epoch)

    def train_batch(
        self, data: TrainingData, *, on_epoch: EpochListener | None = None
    ) -> TrainingBatch:
        """Train as `train` does, and hand out what the components made of the examples.

        So another component can be trained on the same features again and again.
        """
        if self._checked is not data:
            faults = self.check(data)
            if faults:
                raise all_of(faults)
        examples = [example for example in data.unique_examples() if example.text.strip()]
        batch = TrainingBatch(
            texts=[example.text for example in examples],
            examples=examples,
            labels=data.intents,
            responses=self._responses(examples, data),
        )
        texts = None if batch.responses is None else batch.responses.texts
        readers = [part for part in self.components if part.reads_features]
        for component in self.components:
            batch.is_last_reader = readers[-1:] == [component]
            component.train(data, batch, on_epoch=on_epoch)
            if component.provides & FOR_LATER_COMPONENTS:
                component.process(batch)
                if texts is not None:
                    component.process(texts)
        if self.columns_before is not None:
            self.columns_before.settle()
            for component in self._components:
                component.start = None
        self._is_trained = True
        return batch

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
                component.process(batch)

    def process(self, texts: Sequence[str], *, before: Component | None = None) -> MessageBatch:
        """Send non-blank texts through all components, or those before one of them.

        The batch keeps tokens and features.
        """
        batch = MessageBatch(texts=texts)
        for component in self.components:
            if component is before:
                break
            component.process(batch)
        for parse, tokens in zip(batch.parses, batch.tokens, strict=False):
            parse.tokens = tokens
        return batch

    def state(self) -> list[ComponentRecord]:
        """All components with what they have learnt, in order."""
        return [
            ComponentRecord(
                component.name,
                component.alias,
                component.options.model_dump(mode="json"),
                component.state(),
            )
            for component in self.components
        ]

    @classmethod
    def from_state(
        cls, records: Sequence[tuple[str, str, Mapping[str, Any], ComponentState]]
    ) -> Pipeline:
        """The trained pipeline that `state` described.

        Raises:
            ModelFileError: the records do not describe a pipeline of this version.
            MissingPartError: a component needs a library that is not installed.
        """
        if not records or records[-1][0] != DirectMessageHandler.name:
            raise ModelFileError(
                f"a stored pipeline must end with {DirectMessageHandler.name}",
                got=[record[0] for record in records],
            )
        try:
            components: list[Component] = []
            for name, alias, options, _ in records[:-1]:
                kind = component_class(name)
                components.append(kind(read_stored_options(kind, options), alias=alias))
            pipeline = cls(components)
        except (ModelFileError, MissingPartError):
            raise
        except InputError as error:
            raise ModelFileError(
                f"a stored pipeline must be one that this version can build: {error}",
                hint="training the model again",
            ) from error
        for component, record in zip(pipeline.components, records, strict=True):
            component.restore(record[3])
        pipeline._is_trained = True
        return pipeline


def _keeps_columns(part: Component, earlier: Component) -> bool:
    """Whether a component's first columns are those of an earlier one; asked when it is trained."""
    if part.start is not None or type(part).train is Component.train:
        return True
    one, other = part.state(), earlier.state()
    return (
        one.json == other.json
        and one.arrays.keys() == other.arrays.keys()
        and all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())
    )
