"""The baseline for intents: a linear SVM over TF-IDF of words and of character n-grams.

It trains in about a second, knows nothing of word order beyond pairs, and finds no entities. A
model that cannot beat it should not be slower. Deterministic: it takes no seed.

    python benchmarks/baseline_svm.py --train train.yml --test test.yml
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from gossamer.data import Example, read_training_data


@dataclass(frozen=True, slots=True, kw_only=True)
class SvmResult:
    """How well the SVM does.

    Attributes:
        intent_accuracy: share of test examples with the right intent.
        intent_weighted_f1: F1 per intent, averaged by how often the intent occurs in the test
            data; intents that do not occur there have no part in it (as in `gossamer test nlu`).
        train_seconds: wall time of fitting, features included.
        n_train: training examples with an intent.
        n_test: test examples with an intent.
    """

    intent_accuracy: float
    intent_weighted_f1: float
    train_seconds: float
    n_train: int
    n_test: int


def make_svm() -> Pipeline:
    """Words and pairs of words beside pieces of words of one to four characters."""
    return make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
        ),
        LinearSVC(random_state=0),
    )


def evaluate_svm(train: Sequence[Example], test: Sequence[Example]) -> SvmResult:
    """Fit on one list of examples, score on the other; examples without an intent are left out."""
    train = [example for example in train if example.base_intent is not None]
    started = time.perf_counter()
    svm = make_svm().fit([e.text for e in train], [e.base_intent for e in train])
    seconds = time.perf_counter() - started
    test = [example for example in test if example.base_intent is not None]
    truth = [str(example.base_intent) for example in test]
    predicted = svm.predict([example.text for example in test])
    return SvmResult(
        intent_accuracy=float(accuracy_score(truth, predicted)),
        intent_weighted_f1=float(
            f1_score(
                truth, predicted, labels=sorted(set(truth)), average="weighted", zero_division=0
            )
        ),
        train_seconds=seconds,
        n_train=len(train),
        n_test=len(test),
    )


def main() -> None:
    """Read, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--train", type=Path, nargs="+", required=True, metavar="PATH")
    parser.add_argument("--test", type=Path, nargs="+", required=True, metavar="PATH")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    result = evaluate_svm(
        read_training_data(options.train).unique_examples(),
        read_training_data(options.test).unique_examples(),
    )
    if options.json:
        print(json.dumps(asdict(result)))
        return
    print(f"linear SVM, trained on {result.n_train} examples, tested on {result.n_test}")
    print(f"  intent accuracy     {result.intent_accuracy:.4f}")
    print(f"  intent weighted F1  {result.intent_weighted_f1:.4f}")
    print(f"  seconds to train    {result.train_seconds:.2f}")


if __name__ == "__main__":
    main()
