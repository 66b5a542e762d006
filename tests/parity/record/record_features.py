"""Record the sparse features Rasa's featurizers give, with the names of the columns.

Column order is no part of the recording: a feature is a (row, name, value). Names are the
vocabulary entry for count vectors, "position|feature|value" for lexical features (position counts
the lists of the window from 0), the pattern's name for regexes, with "#2" and so on behind it when
an earlier column has that name.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer import CountVectorsFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.lexical_syntactic_featurizer import (
    LexicalSyntacticFeaturizer,
)
from rasa.nlu.featurizers.sparse_featurizer.regex_featurizer import RegexFeaturizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa_data import make, markdown_examples, sara, tokenizer, training_data
from recording import SHARED_DATA, digest, digests, write_fixture
from texts import (
    FEATURIZER_EXAMPLES,
    FEATURIZER_LOOKUPS,
    FEATURIZER_REGEXES,
    FEATURIZER_SETTINGS,
    FEATURIZER_UNSEEN,
)

KINDS = {
    kind.__name__: kind
    for kind in (RegexFeaturizer, LexicalSyntacticFeaturizer, CountVectorsFeaturizer)
}
SHARED_SETTINGS = ("regex", "lexical", "words", "char_wb", "words_1_2")
N_SNIPS = 1000


def column_names(tool: Any, attribute: str) -> list[str]:
    """The name of each column."""
    if isinstance(tool, CountVectorsFeaturizer):
        vocabulary = tool.vectorizers[attribute].vocabulary_
        return sorted(vocabulary, key=vocabulary.__getitem__)
    if isinstance(tool, LexicalSyntacticFeaturizer):
        found = {
            column: f"{position}|{feature}|{value}"
            for (position, feature), values in tool._feature_to_idx_dict.items()
            for value, column in values.items()
        }
        return [found[column] for column in range(len(found))]
    seen: Counter[str] = Counter()
    names = []
    for pattern in tool.known_patterns:
        seen[pattern["name"]] += 1
        count = seen[pattern["name"]]
        names.append(pattern["name"] if count == 1 else f"{pattern['name']}#{count}")
    return names


def entries(matrix: Any, names: list[str]) -> list[list[Any]]:
    """Sorted [row, name, value] of a matrix, zeros left out."""
    matrix = matrix.tocoo()
    assert matrix.shape[1] == len(names)
    return sorted(
        [int(row), names[column], int(value)]
        for row, column, value in zip(matrix.row, matrix.col, matrix.data, strict=True)
        if value != 0
    )


def features_of(tool: Any, message: Message, attribute: str) -> dict[str, Any]:
    """Sequence and sentence features of a message; null when there are none."""
    found: dict[str, Any] = {"sequence": None, "sentence": None}
    names = None
    for features in message.features:
        if features.attribute == attribute and features.origin == tool._identifier:
            names = column_names(tool, attribute) if names is None else names
            found[features.type] = entries(features.features, names)
    return found


def trained(setting: dict[str, Any], data: TrainingData, folder: Path) -> Any:
    """A featurizer trained on data that has been through the tokenizer."""
    options = {key: value for key, value in setting.items() if key != "component"}
    tool = make(KINDS[setting["component"]], folder, **options)
    tool.train(data)
    return tool


def first_of_each_intent(messages: list[Message]) -> dict[str, Message]:
    """Intent to its first message, by name."""
    found: dict[str, Message] = {}
    for message in messages:
        if message.get(INTENT) is not None:
            found.setdefault(message.get(INTENT), message)
    return dict(sorted(found.items()))


def own_texts(folder: Path) -> None:
    """features.json: all entries for our own data."""
    content = {
        "examples": FEATURIZER_EXAMPLES,
        "unseen": FEATURIZER_UNSEEN,
        "regexes": FEATURIZER_REGEXES,
        "lookups": FEATURIZER_LOOKUPS,
    }
    for name, setting in FEATURIZER_SETTINGS.items():
        data = tokenizer().process_training_data(
            training_data(FEATURIZER_EXAMPLES, FEATURIZER_REGEXES, FEATURIZER_LOOKUPS)
        )
        tool = trained(setting, data, folder)
        tool.process_training_data(data)
        texts = [message.get(TEXT) for message in data.training_examples]
        assert texts == [text for _, text in FEATURIZER_EXAMPLES]
        unseen = [Message(data={TEXT: text}) for text in FEATURIZER_UNSEEN]
        tool.process(tokenizer().process(unseen))
        names = column_names(tool, TEXT)
        content[name] = {
            "setting": setting,
            "columns": sorted(names),
            "trained_texts": [features_of(tool, m, TEXT) for m in data.training_examples],
            "unseen_texts": [features_of(tool, m, TEXT) for m in unseen],
            "intents": {
                intent: features_of(tool, message, INTENT)
                for intent, message in first_of_each_intent(data.training_examples).items()
            },
        }
        if name in ("char", "char_wb"):
            # Thousands of n-grams: digests are enough here.
            content[name]["columns"] = digest(content[name]["columns"])
            for part in ("trained_texts", "unseen_texts"):
                content[name][part] = [digest(value) for value in content[name][part]]
    write_fixture("features", "record_features.py", {"tokenizer": "WhitespaceTokenizer"}, content)


def shared_texts(folder: Path) -> None:
    """features_shared.json: digests for Sara and SNIPS."""
    snips = markdown_examples(SHARED_DATA / "snips" / "train.md")[:N_SNIPS]
    content = {}
    for source in ("sara", "snips"):
        results = {}
        for name in SHARED_SETTINGS:
            setting = FEATURIZER_SETTINGS[name]
            if source == "snips" and setting["component"] == "RegexFeaturizer":
                continue
            data = sara() if source == "sara" else training_data(snips)
            data = tokenizer().process_training_data(data)
            tool = trained(setting, data, folder)
            tool.process_training_data(data)
            by_text = {m.get(TEXT): m for m in data.intent_examples}
            names = sorted(column_names(tool, TEXT))
            results[name] = {
                "setting": setting,
                "n_columns": len(names),
                "columns": digest(names),
                "texts": digests([features_of(tool, by_text[t], TEXT) for t in sorted(by_text)]),
            }
            if name == "words":
                results[name]["intents"] = {
                    intent: features_of(tool, message, INTENT)
                    for intent, message in first_of_each_intent(data.intent_examples).items()
                }
                results[name]["intents"] = digest(results[name]["intents"])
        content[source] = {
            "n_texts": len(by_text),
            "different_texts": digest(sorted(by_text)),
            **results,
        }
    write_fixture(
        "features_shared",
        "record_features.py",
        {
            "tokenizer": "WhitespaceTokenizer",
            "sara": "sara/split/train.yml; its different texts, sorted",
            "snips": f"the first {N_SNIPS} examples of snips/train.md; different texts, sorted",
            "digest": "for 20 texts at a time, 8 hex digits of SHA-256 of the canonical JSON",
        },
        content,
    )


def main() -> None:
    """Write both fixtures."""
    with tempfile.TemporaryDirectory() as folder:
        own_texts(Path(folder))
        shared_texts(Path(folder))


if __name__ == "__main__":
    main()
