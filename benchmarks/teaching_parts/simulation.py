"""One simulation of teaching: an order and a seed, a training after some corrections each."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from accuracy_parts import metrics
from accuracy_parts.data import DATA_SETS, Part, at_most, load
from accuracy_parts.runs import Task, check_task, config_of, source_of
from support.provenance import surroundings

from gossamer.assistant import Assistant
from gossamer.data import Example, TrainingData, config_from_dict
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.study.results.rows import RowStore
from gossamer.teach.inbox import Inbox, StoredMessage
from gossamer.teach.inbox.doubt import guess_of
from gossamer.teach.inbox.vectors import plain

ORDERS: Final = ("inbox", "margin", "random")
"""The inbox's; the smallest distance between the two best intents first; any."""

LOGISTIC: Final = "logistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Corrections in one order, and trainings in between.

    Attributes:
        data: one of `DATA_SETS`.
        part: "dev" or "test".
        contestant: one of our networks, as in the accuracy benchmark, or `LOGISTIC`.
        order: one of `ORDERS`.
        seed: of the examples at the start, of random order and of training.
        n_examples: of each intent at the start.
        corrections: after how many it is trained and scored, ascending from 0. The inbox is made
            anew each time.
        options: of the classifier.
        data_folder: where the data sets lie.
    """

    data: str
    part: Part
    contestant: str
    order: str
    seed: int
    n_examples: int
    corrections: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    data_folder: str

    def settings(self) -> dict[str, Any]:
        """What its rows have in common, and other chains have not."""
        settings = asdict(self)
        del settings["data_folder"], settings["corrections"]
        return settings

    def described(self) -> str:
        """In a few words."""
        return f"{self.data} {self.part} {self.contestant} {self.order} seed {self.seed}"

    def config(self) -> dict[str, Any]:
        """As in `config.yml`: the default pipeline."""
        config = config_of(self._task())
        if self.contestant == LOGISTIC:
            config["pipeline"][-1] = {"name": "LogisticRegressionClassifier", **self.options}
        return config

    def source(self) -> str:
        """What of the package and of the data its rows depend on."""
        return source_of(self._task())

    def check(self) -> None:
        """Find faults before anything is trained.

        Raises:
            InputError: contestant, options or files cannot be used.
        """
        check_task(self._task())
        Pipeline.from_config(config_from_dict(self.config()))

    def _task(self) -> Task:
        is_ours = self.contestant != LOGISTIC
        return Task(
            data=self.data,
            part=self.part,
            contestant=self.contestant if is_ours else "ours-20",
            seed=self.seed,
            options=self.options if is_ours else {},
            data_folder=self.data_folder,
        )


def run_chain(chain: Chain, store: RowStore) -> None:
    """Simulate, and append a row for each training; those that have a row are not done again.

    Raises:
        InputError: data, configuration or rows cannot be used.
    """
    train, test = load(DATA_SETS[chain.data], chain.part, Path(chain.data_folder))
    known = at_most(train, chain.n_examples, random_seed=chain.seed)
    pool = _pool(train, known)
    scored = [example for example in test.unique_examples() if example.base_intent is not None]
    source = chain.source()
    found = {row["key"]: row for row in store.rows()}
    ahead = [*chain.corrections[1:], None]
    for n_corrections, following in zip(chain.corrections, ahead, strict=True):
        n_next = 0 if following is None else following - n_corrections
        if n_corrections == 0 and chain.order == "random":
            # What the model says plays no part; its score is that of the other orders' start.
            texts = _at_random(chain, known, pool)[:n_next]
            known = _with_taught(known, pool, texts)
            continue
        settings = chain.settings()
        key = json.dumps([settings, n_corrections, n_next, source], sort_keys=True)
        row = found.get(key)
        if row is None:
            row = {"key": key, **settings, "source": source, "n_corrections": n_corrections}
            row |= _step(chain, known, pool, scored, n_next)
            store.append(row)
            _say(chain, row)
        known = _with_taught(known, pool, row["next"])


def _with_taught(
    known: TrainingData, pool: dict[str, Example], texts: Sequence[str]
) -> TrainingData:
    """What is known once the oracle has answered; the texts leave the pool."""
    taught = [pool.pop(text) for text in texts]
    return replace(known, examples=(*known.examples, *taught))


def _say(chain: Chain, row: Mapping[str, Any]) -> None:
    accuracy, seconds = row["intent_accuracy"], row["train_cpu_seconds"]
    said = f"accuracy {accuracy:.4f} after {row['n_corrections']}, {seconds:.0f} s to train"
    print(f"{chain.described()}: {said}", flush=True)


def _pool(train: TrainingData, known: TrainingData) -> dict[str, Example]:
    """What may be taught, by its text; of one text the first example."""
    taught = {plain(example.text) for example in known.examples}
    pool: dict[str, Example] = {}
    for example in train.unique_examples():
        key = plain(example.text)
        if example.base_intent is not None and key not in taught:
            taught.add(key)
            pool[example.text] = example
    return pool


def _step(
    chain: Chain,
    known: TrainingData,
    pool: Mapping[str, Example],
    scored: Sequence[Example],
    n_next: int,
) -> dict[str, Any]:
    """Train, score, and choose what is taught next."""
    import torch

    torch.set_num_threads(1)
    started = time.process_time()
    config = config_from_dict(chain.config())
    assistant = Assistant.train(config, known, random_seed=chain.seed)
    train_seconds = time.process_time() - started
    parses = assistant.parse_many([example.text for example in scored])
    started = time.process_time()
    texts = _next(chain, assistant, known, pool, n_next)
    return {
        "n_train": len(known.unique_examples()),
        "n_test": len(scored),
        **metrics.intent_scores(scored, parses, has_probabilities=True),
        "next": texts,
        "train_cpu_seconds": train_seconds,
        "choose_cpu_seconds": time.process_time() - started,
        **surroundings(),
    }


def _next(
    chain: Chain,
    assistant: Assistant,
    known: TrainingData,
    pool: Mapping[str, Example],
    n_next: int,
) -> list[str]:
    if n_next == 0:
        return []
    if chain.order == "random":
        return _at_random(chain, known, pool)[:n_next]
    texts = list(pool)
    parses = [parse.to_dict() for parse in assistant.parse_many(texts)]
    if chain.order == "margin":
        margins = [guess_of(parse).margin for parse in parses]
        order = sorted(range(len(texts)), key=lambda number: margins[number])
        return [texts[number] for number in order[:n_next]]
    messages = [
        StoredMessage(text=text, sender_id="someone", parse=parse)
        for text, parse in zip(texts, parses, strict=True)
    ]
    return [group.text for group in Inbox(known, messages).groups(n_next)]


def _at_random(chain: Chain, known: TrainingData, pool: Mapping[str, Example]) -> list[str]:
    texts = list(pool)
    random.Random(f"{chain.seed} {len(known.examples)}").shuffle(texts)
    return texts
