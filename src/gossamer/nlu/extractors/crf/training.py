"""Trains a conditional random field with CRFsuite, and takes the weights out of its model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gossamer.nlu.extractors.crf.attributes import Attributes
from gossamer.nlu.extractors.crf.options import CRFEntityExtractorOptions
from gossamer.nlu.extractors.crf.tagger import Tagger
from gossamer.nn.csr import CsrMatrix, indptr_of


def train_tagger(
    texts: Sequence[Sequence[Attributes]],
    tags: Sequence[Sequence[str]],
    options: CRFEntityExtractorOptions,
    *,
    on_step: Callable[[int, float, float], None] | None = None,
) -> Tagger:
    """Fit a field by L-BFGS, with weights also for pairs of tags that do not occur, as Rasa does.

    CRFsuite sees numbers instead of names, so that no character can confuse it.

    Args:
        texts: attributes of the tokens of each text.
        tags: of the same tokens.
        options: of the field.
        on_step: called after each step with its number, the loss and seconds.
    """
    import pycrfsuite

    known_tags: dict[str, int] = {}
    known: dict[str, int] = {}

    class Trainer(pycrfsuite.Trainer):  # type: ignore[misc]
        def message(self, line: str) -> None:
            if self.logparser.feed(line) == "iteration" and on_step is not None:
                step = self.logparser.last_iteration
                on_step(step["num"], step.get("loss", float("nan")), step.get("time", 0.0))

    trainer = Trainer(verbose=False, algorithm="lbfgs")
    trainer.set_params(
        {
            "c1": options.L1_c,
            "c2": options.L2_c,
            "max_iterations": options.max_iterations,
            "feature.possible_transitions": True,
        }
    )
    for text, own in zip(texts, tags, strict=True):
        trainer.append(
            pycrfsuite.ItemSequence(
                [
                    {str(known.setdefault(name, len(known))): value for name, value in each.items()}
                    for each in text
                ]
            ),
            [str(known_tags.setdefault(tag, len(known_tags))) for tag in own],
        )
    with tempfile.TemporaryDirectory(prefix="gossamer-crf-") as folder:
        path = str(Path(folder, "model"))
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        with tagger.open(path):
            info = tagger.info()
    return _taken_out(info, list(known_tags), list(known), options)


def _taken_out(
    info: Any, tags: list[str], attributes: list[str], options: CRFEntityExtractorOptions
) -> Tagger:
    """The field with the attributes that have a weight."""
    entries = sorted(
        (int(attribute), int(tag), weight)
        for (attribute, tag), weight in info.state_features.items()
        if weight != 0.0
    )
    rows, columns, weights = (np.array([entry[i] for entry in entries]) for i in range(3))
    kept, sizes = np.unique(rows.astype(np.int64), return_counts=True)
    transitions = np.zeros((len(tags), len(tags)), dtype=np.float32)
    for (before, after), weight in info.transitions.items():
        transitions[int(before), int(after)] = weight
    return Tagger(
        tags,
        [attributes[number] for number in kept.tolist()],
        CsrMatrix(
            weights.astype(np.float32),
            columns.astype(np.int32),
            indptr_of(sizes),
            (len(kept), len(tags)),
        ),
        transitions,
        is_bilou=options.BILOU_flag,
    )
