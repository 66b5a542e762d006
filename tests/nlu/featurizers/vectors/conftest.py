"""Small files of vectors, and featurizers trained on a few texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.vectors.pretrained_featurizer import PretrainedFeaturizer
from gossamer.nlu.pipeline.component import Component
from gossamer.nlu.pipeline.messages import FeatureBlock, MessageBatch, TrainingBatch
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)

TEXT = """buy 1 0 0
purchase 0.96 0.28 0
London 0 2 0
shoes 0 0 -4
"""
WORD_PIECES = ["[UNK]", "buy", "un", "##box", "##ing", "shoes", "'", "s", "##s", "[PAD]"]


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.vec"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.fixture
def piece_folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder as model2vec saves it: a tokenizer's model, a row of a unit matrix a piece."""

    def make(model: dict[str, Any] | None = None, **tokenizer: Any) -> Path:
        if model is None:
            vocabulary = {piece: number for number, piece in enumerate(WORD_PIECES)}
            model = {"type": "WordPiece", "vocab": vocabulary, "unk_token": "[UNK]"}
        special = [{"content": "[PAD]", "special": True}]
        content = {"added_tokens": special, "model": model, **tokenizer}
        folder = tmp_path / "pieces"
        folder.mkdir()
        (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")
        n_pieces = len(model["vocab"])
        save_file({"embeddings": np.eye(n_pieces, dtype=np.float16)}, folder / "model.safetensors")
        return folder

    return make


def make(kind: type[Component], **options: Any) -> Any:
    return kind(kind.Options.model_validate(options), alias="outside")


def tokenized(batch: MessageBatch) -> Any:
    WhitespaceTokenizer(WhitespaceTokenizerOptions()).process(batch)
    return batch


def trained(kind: type[PretrainedFeaturizer], *texts: str, **options: Any) -> Any:
    featurizer = make(kind, **options)
    data = TrainingData()
    assert list(featurizer.check(data)) == []
    batch = tokenized(MessageBatch(texts=texts))
    training = TrainingBatch(texts=texts, examples=[], labels=[], tokens=batch.tokens)
    featurizer.train(data, training)
    return featurizer


def block(featurizer: Any, *texts: str) -> FeatureBlock:
    batch = tokenized(MessageBatch(texts=texts))
    featurizer.process(batch)
    found: FeatureBlock = batch.blocks[0]
    return found
