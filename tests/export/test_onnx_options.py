"""Every option that changes what a trained DIET computes gives the same results in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from gossamer.data.nlu.examples import RegexPattern, TrainingData
from gossamer.nlu.pipeline import registry
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import FeatureBlock, MessageBatch
from gossamer.nlu.pipeline.pipeline import register
from gossamer.sparse import Topology

Exported = Callable[..., Any]
Steps = tuple[tuple[str, Mapping[str, Any]], ...]
WORDS: Steps = (("WhitespaceTokenizer", {}), ("CountVectorsFeaturizer", {}))


class LettersOptions(ComponentOptions):
    alias: str | None = None
    sequence: bool = True
    sentence: bool = True


class Letters(Component):
    """Dense features: how often some letters occur."""

    name: ClassVar[str] = "LettersOfExport"
    Options: ClassVar[type[ComponentOptions]] = LettersOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})

    def process(self, batch: MessageBatch) -> None:
        tokens = [token.text for found in batch.tokens for token in found]
        texts = list(batch.texts)
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=_letters(tokens) if self.options.sequence else None,
                sentence=_letters(texts) if self.options.sentence else None,
            )
        )


def _letters(texts: list[str]) -> Any:
    return np.array([[text.count(c) for c in "aeiou"] for text in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def letters() -> Iterator[None]:
    register(Letters)
    yield
    del registry._registered[Letters.name]


@pytest.mark.thinned(3)
@pytest.mark.parametrize("topology", list(Topology), ids=str)
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_topologies(exported: Exported, topology: str, density: float) -> None:
    exported({"topology": topology, "connection_density": density})


def test_groups_of_two_sizes(exported: Exported) -> None:
    options = {"transformer_size": 22, "connection_density": 0.3, "topology": "grouped"}
    assistant, _, _ = exported(options)
    network = assistant.pipeline.components[-2].network
    indices = network.encoder.input.connectivity.indices
    assert 22 % len(indices) != 0


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "options",
    [
        {"rasa_defaults": True},
        {"rasa_defaults": True, "number_of_transformer_layers": 0},
        {"context_window": 0},
        {"context_window": 2, "unidirectional_encoder": True},
        {"context_window": 1},
        {"wide_path": False},
        {"prune_features": False},
        {"calibrate": False},
        {"hidden_layers_sizes": {"text": [12, 10], "label": [9]}},
        {
            "hidden_layers_sizes": {"text": [12], "label": [12]},
            "dense_dimension": {"text": 16, "label": 16},
            "share_hidden_layers": True,
        },
        {"number_of_transformer_layers": 0},
        {"number_of_transformer_layers": 0, "hidden_layers_sizes": {"text": [12]}},
        {"number_of_transformer_layers": 0, "entity_recognition": False},
        {"use_key_relative_attention": True, "max_relative_position": 2},
        {"use_value_relative_attention": True, "max_relative_position": 2},
        {
            "use_key_relative_attention": True,
            "use_value_relative_attention": True,
            "unidirectional_encoder": True,
        },
        {"unidirectional_encoder": True},
        {"loss_type": "margin", "constrain_similarities": False},
        {"similarity_type": "cosine"},
        {"entity_recognition": False},
        {"intent_classification": False, "constrain_similarities": False},
        {"BILOU_flag": False},
        {"use_masked_language_model": True},
    ],
    ids=lambda options: "-".join(options),
)
def test_options(exported: Exported, options: Mapping[str, Any]) -> None:
    exported(options)


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    "dense",
    [{}, {"sequence": False}, {"sentence": False}],
    ids=["both", "sentence", "sequence"],
)
def test_dense_features_beside_sparse_ones(exported: Exported, dense: Mapping[str, Any]) -> None:
    exported({}, before=(*WORDS, ("LettersOfExport", dense)))


def test_sparse_features_of_tokens_alone(exported: Exported) -> None:
    """The last token stands for the text, and there are no counts for the wide path."""
    before: Steps = (("WhitespaceTokenizer", {}), ("LexicalSyntacticFeaturizer", {}))
    _, _, session = exported({}, before=before)
    assert {value.name for value in session.get_inputs()} == {
        "lengths", "sequence_offsets", "sequence_columns", "sequence_values",
    }  # fmt: skip


def test_sparse_features_that_no_training_text_has(
    exported: Exported, travel_data: TrainingData
) -> None:
    in_a_text_to_try = RegexPattern(name="letters", pattern="xyz")
    data = replace(travel_data, regexes=(in_a_text_to_try,))
    before: Steps = (("WhitespaceTokenizer", {}), ("RegexFeaturizer", {}), ("LettersOfExport", {}))
    exported({}, before=before, data=data)


@pytest.mark.thinned(1)
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize(
    ("dense", "options"),
    [
        ({}, {}),
        ({"sentence": False}, {}),  # the last token stands for the text
        ({"sequence": False}, {"entity_recognition": False}),  # nothing of tokens
    ],
    ids=["both", "no-sentence", "no-sequence"],
)
def test_dense_features_alone(
    exported: Exported, dense: Mapping[str, Any], options: Mapping[str, Any], layers: int
) -> None:
    before: Steps = (("WhitespaceTokenizer", {}), ("LettersOfExport", dense))
    exported({**options, "number_of_transformer_layers": layers}, before=before)


def test_entities_without_roles_and_groups(exported: Exported, travel_data: TrainingData) -> None:
    plain = TrainingData(
        examples=tuple(
            replace(e, entities=tuple(replace(part, role=None, group=None) for part in e.entities))
            for e in travel_data.examples
        )
    )
    _, _, session = exported({}, data=plain)
    names = {output.name for output in session.get_outputs()}
    assert "entity_tags" in names
    assert "role_tags" not in names
