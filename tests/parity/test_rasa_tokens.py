"""The white space tokenizer against Rasa's: on texts of our own, and on Sara and SNIPS."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import read_training_data
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)

FIXTURES = Path(__file__).parent / "fixtures"
SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_FILE = json.loads((FIXTURES / "tokens.json").read_text())
PATTERN: str = _FILE["settings"]["token_pattern"]
CASES: list[dict[str, Any]] = _FILE["content"]
SHARED: dict[str, Any] = json.loads((FIXTURES / "tokens_shared.json").read_text())["content"]


def digest(value: Any) -> str:
    """The start of the SHA-256 of a value's canonical JSON, as in `record/recording.py`."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:8]


def digests(values: list[Any]) -> list[str]:
    """One digest for every 20 values, as in `record/recording.py`."""
    return [digest(values[start : start + 20]) for start in range(0, len(values), 20)]


def tokens_of(text: str, pattern: str | None) -> list[list[Any]]:
    options = WhitespaceTokenizerOptions(token_pattern=pattern, rasa_defaults=True)
    tokenizer = WhitespaceTokenizer(options)
    return [[token.text, token.start, token.end] for token in tokenizer.tokenize(text)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"]))
def test_own_texts(case: dict[str, Any]) -> None:
    assert tokens_of(case["text"], None) == case["tokens"]
    assert tokens_of(case["text"], PATTERN) == case["pattern_tokens"]


def test_enough_texts_are_recorded() -> None:
    assert len(CASES) >= 120


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("sara", ["sara/split/train.yml", "sara/split/test.yml"]),
        ("snips", ["snips/train.md", "snips/val.md", "snips/test.md"]),
    ],
)
def test_reference_texts(name: str, files: list[str]) -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip("the reference data is not beside the checkout")
    expected = SHARED[name]
    data = read_training_data([SHARED_DATA / file for file in files])
    texts = sorted({example.text for example in data.examples})
    assert len(texts) == expected["n_texts"]
    assert digests(texts) == expected["texts"], "the readers differ"
    for pattern, key in ((None, "tokens"), (PATTERN, "pattern_tokens")):
        assert digests([tokens_of(text, pattern) for text in texts]) == expected[key]
