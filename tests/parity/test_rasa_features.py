"""Sparse features against Rasa's, as sets of (row, name of the column, value)."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from gossamer.data import read_training_data
from gossamer.data.nlu.examples import Example, LookupTable, RegexPattern, TrainingData
from gossamer.nlu.featurizers.count_vectors_featurizer import CountVectorsFeaturizer
from gossamer.nlu.featurizers.lexical_syntactic_featurizer import LexicalSyntacticFeaturizer
from gossamer.nlu.featurizers.regex_featurizer import RegexFeaturizer
from gossamer.nlu.pipeline.component import Component
from gossamer.nlu.pipeline.messages import FeatureBlock, MessageBatch, TrainingBatch
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from gossamer.nn.csr import CsrMatrix

FIXTURES = Path(__file__).parent / "fixtures"
SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
OWN: dict[str, Any] = json.loads((FIXTURES / "features.json").read_text())["content"]
SHARED: dict[str, Any] = json.loads((FIXTURES / "features_shared.json").read_text())["content"]
#: Departure from Rasa: the element "C++" of a lookup table is found in the text, by these settings.
SIGN_TEXT = "what does the C++ course cost"
FIND_SIGNS = ("regex", "regex_case_insensitive", "regex_only_lookups")
KINDS: dict[str, type[Component]] = {
    kind.name: kind
    for kind in (CountVectorsFeaturizer, LexicalSyntacticFeaturizer, RegexFeaturizer)
}
OWN_NAMES = [name for name in OWN if isinstance(OWN[name], dict)]
SHARED_NAMES = [
    (source, name)
    for source in SHARED
    for name in SHARED[source]
    if isinstance(SHARED[source][name], dict)
]


def digest(value: Any) -> str:
    """The start of the SHA-256 of a value's canonical JSON, as in `record/recording.py`."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:8]


def digests(values: list[Any]) -> list[str]:
    """One digest for every 20 values, as in `record/recording.py`."""
    return [digest(values[start : start + 20]) for start in range(0, len(values), 20)]


def trained(setting: dict[str, Any], data: TrainingData) -> tuple[Component, TrainingBatch]:
    """A featurizer that has been trained on, and has processed, the data."""
    kind = KINDS[setting["component"]]
    options = {name: value for name, value in setting.items() if name != "component"}
    options["rasa_defaults"] = True
    tool = kind(kind.Options.model_validate(options))
    examples = data.unique_examples()
    batch = TrainingBatch(texts=[e.text for e in examples], examples=examples, labels=data.intents)
    WhitespaceTokenizer(WhitespaceTokenizerOptions(rasa_defaults=True)).process(batch)
    with warnings.catch_warnings():
        # Character n-grams have no intent features; min_df leaves some words out.
        warnings.simplefilter("ignore", UserWarning)
        tool.train(data, batch)
    tool.process(batch)
    return tool, batch


def column_names(tool: Component) -> list[str]:
    """The columns' names as in the fixtures."""
    if isinstance(tool, CountVectorsFeaturizer):
        return list(tool.vocabulary)
    if isinstance(tool, LexicalSyntacticFeaturizer):
        before = len(tool.options.features) // 2
        columns = tool.state().json["columns"]
        return [f"{offset + before}|{feature}|{value}" for offset, feature, value in columns]
    seen: Counter[str] = Counter()
    names = []
    for pattern in tool.state().json["patterns"]:
        name = pattern["name"]
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def entries(matrix: Any, names: Sequence[str]) -> list[list[Any]]:
    """Sorted [row, name, value] of what is not zero."""
    found = sparse.coo_array(matrix.toarray() if isinstance(matrix, CsrMatrix) else matrix)
    assert found.shape[1] == len(names)
    return sorted(
        [int(row), names[int(column)], int(value)]
        for row, column, value in zip(found.row, found.col, found.data, strict=True)
        if value != 0
    )


def features_of(block: FeatureBlock, batch: MessageBatch, names: list[str]) -> list[dict[str, Any]]:
    """What the fixtures hold of each text."""
    ends = np.cumsum(batch.lengths)
    results = []
    for text, (end, length) in enumerate(zip(ends, batch.lengths, strict=True)):
        result: dict[str, Any] = {"sequence": None, "sentence": None}
        if block.sequence is not None:
            result["sequence"] = entries(block.sequence[end - length : end], names)
        if block.sentence is not None:
            result["sentence"] = entries(block.sentence[text : text + 1], names)
        results.append(result)
    return results


def label_features(tool: Component, batch: TrainingBatch) -> dict[str, dict[str, Any]]:
    """Features of each intent, as in the fixtures; none of other featurizers than words."""
    if not batch.label_blocks:
        return {label: {"sequence": None, "sentence": None} for label in batch.labels}
    assert isinstance(tool, CountVectorsFeaturizer)
    (block,) = batch.label_blocks
    assert block.sequence is not None
    # The vocabulary of intents is not public; its terms stand in the order of their columns.
    names = list(tool._label_vocabulary)
    return {
        label: {"sequence": entries(block.sequence[row : row + 1], names), "sentence": None}
        for row, label in enumerate(batch.labels)
    }


def own_data() -> TrainingData:
    return TrainingData(
        examples=tuple(Example(text=text, intent=intent) for intent, text in OWN["examples"]),
        regexes=tuple(RegexPattern(name=name, pattern=p) for name, p in OWN["regexes"]),
        lookups=tuple(LookupTable(name=n, elements=tuple(e)) for n, e in OWN["lookups"]),
    )


@pytest.mark.parametrize("name", OWN_NAMES)
def test_own_texts(name: str) -> None:
    expected = OWN[name]
    tool, batch = trained(expected["setting"], own_data())
    names = column_names(tool)
    unseen = MessageBatch(texts=OWN["unseen"])
    WhitespaceTokenizer(WhitespaceTokenizerOptions(rasa_defaults=True)).process(unseen)
    tool.process(unseen)
    columns: Any = sorted(names)
    found_trained: list[Any] = features_of(batch.blocks[0], batch, names)
    found_unseen: list[Any] = features_of(unseen.blocks[0], unseen, names)
    if name in FIND_SIGNS:
        features = found_trained[batch.texts.index(SIGN_TEXT)]
        assert features["sentence"] == [[0, "language", 1]], "found, unlike in Rasa"
        features["sequence"], features["sentence"] = [], []
    if isinstance(expected["columns"], str):  # recorded as digests
        columns = digest(columns)
        found_trained = [digest(features) for features in found_trained]
        found_unseen = [digest(features) for features in found_unseen]
    assert columns == expected["columns"]
    assert found_trained == expected["trained_texts"]
    assert found_unseen == expected["unseen_texts"]
    assert label_features(tool, batch) == expected["intents"]


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(("source", "name"), SHARED_NAMES)
def test_reference_texts(source: str, name: str) -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip("the reference data is not beside the checkout")
    expected = SHARED[source][name]
    file = {"sara": "sara/split/train.yml", "snips": "snips/train.md"}[source]
    data = read_training_data([SHARED_DATA / file])
    if source == "snips":
        data = TrainingData(examples=data.examples[:1000])
    tool, batch = trained(expected["setting"], data)
    names = column_names(tool)
    by_text = dict(zip(batch.texts, features_of(batch.blocks[0], batch, names), strict=True))
    assert digest(sorted(by_text)) == SHARED[source]["different_texts"], "the readers differ"
    assert len(names) == expected["n_columns"]
    assert digest(sorted(names)) == expected["columns"]
    assert digests([by_text[text] for text in sorted(by_text)]) == expected["texts"]
    if "intents" in expected:
        assert digest(label_features(tool, batch)) == expected["intents"]
