"""One run of a study: what is varied, and what names it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gossamer.sparse import Topology


class Task(StrEnum):
    """What is learnt, and which F1 is reported.

    Attributes:
        INTENT: DIET on intents alone; weighted F1 over intents.
        ENTITY: DIET on entities alone; weighted F1 over tokens, as Rasa counts.
        DIALOGUE: TED on stories; weighted F1 over actions.
    """

    INTENT = "intent"
    ENTITY = "entity"
    DIALOGUE = "dialogue"


class Method(StrEnum):
    """How the connections that exist are found.

    Attributes:
        FIXED: drawn once by the topology, before training: the article's way.
        ONE_SHOT: dense training, then all but the largest weights removed at once, then the rest of
            the epochs as fine-tuning.
        GRADUAL: dense at first, the smallest weights removed little by little (Zhu and Gupta 2017).
        SET: drawn at random, the smallest replaced by random ones while training (Mocanu et al.
            2018).
        RIGL: as SET, replaced by those with the largest gradient (Evci et al. 2020).
    """

    FIXED = "fixed"
    ONE_SHOT = "one-shot"
    GRADUAL = "gradual"
    SET = "set"
    RIGL = "rigl"


class InputLayer(StrEnum):
    """What is between features and the first randomly connected layer.

    Attributes:
        LEARNED: the dense layer that DIET has there, trained.
        FROZEN: that layer, as it was initialised.
        HASHED: a fixed random layer in its place that sends each feature to one unit, with a sign.
        NONE: nothing: features go straight into a randomly connected layer.
        WINDOWED: nothing: features go straight into a layer of which each output reads a window of
            neighbouring features.
        SHUFFLED: as WINDOWED, the features put in a random order first.
    """

    LEARNED = "learned"
    FROZEN = "frozen"
    HASHED = "hashed"
    NONE = "none"
    WINDOWED = "windowed"
    SHUFFLED = "shuffled"

    @property
    def is_sparse(self) -> bool:
        """Whether features go straight into a sparse layer."""
        return self in (InputLayer.NONE, InputLayer.WINDOWED, InputLayer.SHUFFLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All that distinguishes one training from another on the same data.

    Attributes:
        task: what is learnt.
        density: share of connections in the randomly connected layers, in [0, 1].
        size: width of the transformer, `transformer_size`.
        seed: of topology, weights, order and dropout.
        epochs: passes over the data.
        topology: how connections are drawn; `uniform` for methods that change them.
        method: how connections are found.
        input_layer: what comes before them.
        options: further options of DIETClassifier or TEDPolicy, by name.

    Raises:
        ValueError: a task, topology, method or input layer is unknown.
    """

    task: Task
    density: float
    size: int
    seed: int
    epochs: int
    topology: Topology = Topology.BLOCKED
    method: Method = Method.FIXED
    input_layer: InputLayer = InputLayer.LEARNED
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        # Names in place of values, and 1 in place of 1.0, are the same run under the same key.
        kinds = (
            ("task", Task),
            ("density", float),
            ("topology", Topology),
            ("method", Method),
            ("input_layer", InputLayer),
        )
        for name, kind in kinds:
            object.__setattr__(self, name, kind(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, as in a row."""
        names = (each.name for each in dataclasses.fields(self))
        content = {name: getattr(self, name) for name in names}
        return content | {
            "task": str(self.task),
            "topology": str(self.topology),
            "method": str(self.method),
            "input_layer": str(self.input_layer),
            "options": dict(self.options),
        }

    def key(self, data_digest: str) -> str:
        """The name of this run on these data: equal for equal settings, 16 hexadecimal digits.

        Args:
            data_digest: of configuration, training and test data.
        """
        text = json.dumps([self.to_dict(), data_digest], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
