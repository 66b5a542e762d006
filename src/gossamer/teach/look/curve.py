"""Would more examples of an intent help? A learning curve of a quick classifier tells."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean, stdev
from typing import Any, Final

from gossamer.assistant import Assistant
from gossamer.data.config import ComponentConfig, ProjectConfig
from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.text.wording import counted

_REPETITIONS: Final = 4
_SIZES: Final = (2, 5, 10, 20, 40, 80, 160, 320, 640)
_HELD_OUT: Final = 4
"""One of so many examples is held out where the project has too few test messages."""
_LEAST_TESTS: Final = 5
_LEAST_EXAMPLES: Final = 8
_MOST_OF_OTHERS: Final = 100
"""Examples of each other intent that are trained on, so that it stays quick."""
_RISE: Final = 0.02
"""Of F1 over the last doubling or so of examples, from which more are said to help."""

_HOW: Final = (
    "A logistic regression over words and their parts, which learns in seconds, was trained with a "
    "part of the intent's examples and at most {most} of each other intent, {n} times for each "
    "size; tested on {tests}. The model's own classifier learns in another way: its figures differ."
)


def learning_curve(
    intent: str,
    training: TrainingData,
    tests: TrainingData,
    *,
    config: ProjectConfig | None = None,
    on_point: Callable[[float], None] = lambda share: None,
    random_seed: int = 0,
) -> dict[str, Any]:
    """F1 of an intent against how many of its examples are learnt from.

    Args:
        intent: a base intent.
        training: of the project.
        tests: its test messages; with fewer than five of the intent, some of its examples are held
            out instead, others each time.
        config: of the project; its tokenizer is used. None: words are between blanks.
        on_point: told how much is done.
        random_seed: of what is drawn.

    Returns:
        JSON: `points`, each with `n_examples`, `f1`, `recall`, `precision` and `spread`, the
        standard deviation of F1; `advice` "more_helps", "enough" or "unclear"; `text`, `how`.

    Raises:
        DataError: the intent has no examples.
    """
    examples = [each for each in training.unique_examples() if each.base_intent]
    own = [each for each in examples if each.base_intent == intent]
    if not own:
        raise DataError("the intent must have examples", got=intent)
    if len(own) < _LEAST_EXAMPLES or len({each.base_intent for each in examples}) < 2:
        return {
            "state": "none",
            "text": f"{intent} has {counted(len(own), 'example')}, too few for a curve: "
            "more will help.",
            "hint": f"{_LEAST_EXAMPLES} examples at least, and another intent",
        }
    known = {each.text for each in examples}
    given = [each for each in tests.unique_examples() if each.base_intent]
    given = [each for each in given if each.text not in known]
    is_given = sum(each.base_intent == intent for each in given) >= _LEAST_TESTS
    draw = random.Random(random_seed)
    runs = list(_runs(intent, examples, given if is_given else None, draw))
    sizes = sorted({size for each in runs for size in each[0]})
    pipeline = _quick_pipeline(config)
    scores: dict[int, list[tuple[float, float, float]]] = {size: [] for size in sizes}
    n_all = sum(len(run_sizes) for run_sizes, *_ in runs)
    n_done = 0
    for run_sizes, learnt, others, asked in runs:
        for size in run_sizes:
            scores[size].append(_scores(pipeline, intent, [*learnt[:size], *others], asked))
            n_done += 1
            on_point(n_done / n_all)
    points = [_point(size, scores[size]) for size in sizes]
    advice, text = _advice(points)
    tested = (
        f"{counted(len(given), 'message')} of the test data"
        if is_given
        else f"examples that were held out, one of {_HELD_OUT}"
    )
    return {
        "state": "done",
        "intent": intent,
        "n_examples": len(own),
        "n_test_messages": sum(each.base_intent == intent for each in runs[0][3]),
        "points": points,
        "advice": advice,
        "text": text,
        "how": _HOW.format(most=_MOST_OF_OTHERS, n=_REPETITIONS, tests=tested),
    }


def _runs(
    intent: str,
    examples: Sequence[Example],
    given: Sequence[Example] | None,
    draw: random.Random,
) -> Iterator[tuple[list[int], list[Example], list[Example], Sequence[Example]]]:
    """Sizes, own examples in a random order, those of others, and what is asked; each time anew."""
    for _ in range(_REPETITIONS):
        by_intent: dict[str, list[Example]] = {}
        for each in draw.sample(list(examples), len(examples)):
            by_intent.setdefault(each.base_intent or "", []).append(each)
        asked: list[Example] = list(given or ())
        if given is None:
            for name, own in by_intent.items():
                n_out = len(own) // _HELD_OUT
                asked += own[:n_out]
                by_intent[name] = own[n_out:]
        learnt = by_intent.pop(intent)
        others = [each for own in by_intent.values() for each in own[:_MOST_OF_OTHERS]]
        sizes = [size for size in _SIZES if size < len(learnt)] + [len(learnt)]
        yield sizes, learnt, others, asked


def _scores(
    pipeline: ProjectConfig, intent: str, examples: Sequence[Example], asked: Sequence[Example]
) -> tuple[float, float, float]:
    """F1, recall and precision of the intent."""
    data = TrainingData(examples=tuple(dataclasses.replace(e, entities=()) for e in examples))
    parses = Assistant.train(pipeline, data).parse_many([each.text for each in asked])
    is_own = [each.base_intent == intent for each in asked]
    is_said = [parse.intent.name == intent for parse in parses]
    n_right = sum(own and said for own, said in zip(is_own, is_said, strict=True))
    recall = n_right / sum(is_own)
    precision = n_right / sum(is_said) if any(is_said) else 0.0
    return 2 * n_right / (sum(is_own) + sum(is_said)), recall, precision


def _quick_pipeline(config: ProjectConfig | None) -> ProjectConfig:
    tokenizers = [
        part
        for part in (() if config is None else config.pipeline)
        if part.name.endswith("Tokenizer") and "." not in part.name
    ]
    counts = "CountVectorsFeaturizer"
    return ProjectConfig(
        pipeline=(
            tokenizers[0] if tokenizers else ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name=counts),
            ComponentConfig(
                name=counts, options={"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}
            ),
            ComponentConfig(name="LogisticRegressionClassifier", options={"max_iter": 1000}),
        )
    )


def _point(size: int, scores: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    f1, recall, precision = zip(*scores, strict=True)
    return {
        "n_examples": size,
        "f1": mean(f1),
        "spread": stdev(f1) if len(f1) > 1 else None,
        "recall": mean(recall),
        "precision": mean(precision),
    }


def _advice(points: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Whether more examples help, by the rise over the last doubling, against its spread."""
    last = points[-1]
    before = [each for each in points if each["n_examples"] <= 0.6 * last["n_examples"]]
    if not before:
        return "unclear", "There are too few sizes to compare."
    start = before[-1]
    rise = last["f1"] - start["f1"]
    # Two standard errors of the mean over the repetitions.
    spread = max(last["spread"] or 0.0, start["spread"] or 0.0) * 2 / _REPETITIONS**0.5
    sizes = f"From {start['n_examples']} to {last['n_examples']} examples F1"
    told = f"{sizes} {'rose' if rise >= 0 else 'fell'} by {abs(rise):.2f}"
    if rise >= _RISE and rise > spread:
        return "more_helps", f"{told}: more examples will probably help."
    if rise < _RISE and spread < _RISE:
        return "enough", f"{told}: more examples of the same kind will hardly help."
    return "unclear", f"{told}, which chance may have done: too few messages to tell."
