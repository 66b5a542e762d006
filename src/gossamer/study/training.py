"""One run: train with its settings, count, test, and put everything into a row."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from gossamer.data import Example, TrainingData
from gossamer.data.errors import ConfigError, DataError
from gossamer.dialogue.policies.ensemble import Ensemble
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.registry import policies_from_config
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories
from gossamer.evaluate import evaluate_dialogue, evaluate_parses
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.messages import MessageBatch, Parse, TrainingBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.sparse.kernels.build import compile_time
from gossamer.study.data import StudyData
from gossamer.study.interventions import callbacks_for
from gossamer.study.results.counting import WeightCounts, count_network
from gossamer.study.results.memory import peak_memory_mib, reset_peak_memory
from gossamer.study.results.provenance import provenance
from gossamer.study.run import Method, Run, Task

_KEPT = 2  # data sets whose features a process keeps


class _Trained(NamedTuple):
    counts: WeightCounts
    scores: dict[str, float]
    took: _Clock
    test_seconds: float


class _Clock(NamedTuple):
    """A point in time, or the time between two; compiling kernels is counted separately."""

    seconds: float
    cpu_seconds: float
    compile_seconds: float

    @classmethod
    def now(cls) -> _Clock:
        compiling = compile_time()
        return cls(
            time.perf_counter() - compiling.seconds,
            time.process_time() - compiling.cpu_seconds,
            compiling.seconds,
        )

    def since(self, before: _Clock) -> _Clock:
        return _Clock(*(now - then for now, then in zip(self, before, strict=True)))


def check_run(data: StudyData, run: Run) -> None:
    """Check that a run's settings can be used, before anything is trained.

    Raises:
        DataError: the data are not those of the run's task.
        ConfigError: the settings cannot be used; the message says why.
    """
    if run.task is Task.DIALOGUE and (data.project is None or data.test_stories is None):
        raise DataError("a study of dialogue needs stories", got=str(data.task))
    if run.task is not Task.DIALOGUE and (data.examples is None or data.test_examples is None):
        raise DataError("a study of intents or entities needs examples", got=str(data.task))
    config = data.config_for(run)
    options: Any
    if run.task is Task.DIALOGUE:
        options = policies_from_config(config.policies)[0].options
    else:
        options = Pipeline.from_config(config).components[-2].options
    if options.checkpoint_model and run.method is not Method.FIXED:
        raise ConfigError(
            f"the method {run.method} must keep the connections it ends with",
            got="checkpoint_model, which goes back to weights of other connections",
            hint="checkpoint_model: false",
        )
    callbacks_for(run)


def perform(data: StudyData, run: Run) -> dict[str, Any]:
    """Train and test once.

    Args:
        data: what to train and test on.
        run: with which settings.

    Returns:
        A row of JSON values: `key`, the settings of `Run`, `data` (what was read, its digest and
        sizes), `f1` and other `scores`, `sparse_weights`, `sparse_biases`, `weights`,
        `train_seconds` (of the network, features made before, without compiling kernels),
        `compile_seconds` (compiling them, which a process does once for each shape of layer),
        `cpu_seconds` (as `train_seconds`, but processor time of all threads), `warm_cpu_seconds`
        (of the epochs, the first counted like the second), `test_seconds`, `peak_memory_mib` (see
        there), `losses` (mean of each epoch; None where training has diverged), `threads`, versions
        and commit.

    Raises:
        InputError: data and settings do not fit together.
    """
    check_run(data, run)
    reset_peak_memory()
    losses: list[float] = []
    clock = [_Clock.now()]

    def listen(report: EpochReport) -> None:
        losses.append(report.metrics["t_loss"])
        clock.append(_Clock.now())

    with warnings.catch_warnings():
        # Reading the data has warned already; a study repeats the same training many times.
        warnings.simplefilter("ignore")
        train = _train_dialogue if run.task is Task.DIALOGUE else _train_nlu
        trained = train(data, run, listen)
    epochs = [after.cpu_seconds - before.cpu_seconds for before, after in itertools.pairwise(clock)]
    epochs[:1] = epochs[1:2] or epochs[:1]
    peak = peak_memory_mib()
    return {
        "key": run.key(data.digest),
        **run.to_dict(),
        "data": {
            **data.names,
            "digest": data.digest,
            "n_train": data.n_train(),
            "n_test": data.n_test(),
        },
        "f1": trained.scores[_F1[run.task]],
        "scores": trained.scores,
        "sparse_weights": trained.counts.sparse,
        "sparse_biases": trained.counts.sparse_biases,
        "weights": trained.counts.whole,
        "train_seconds": round(trained.took.seconds, 3),
        "compile_seconds": round(trained.took.compile_seconds, 3),
        "cpu_seconds": round(trained.took.cpu_seconds, 3),
        "warm_cpu_seconds": round(sum(epochs), 3),
        "test_seconds": round(trained.test_seconds, 3),
        "peak_memory_mib": None if peak is None else round(peak, 1),
        "losses": [round(loss, 4) if math.isfinite(loss) else None for loss in losses],
        "threads": torch.get_num_threads(),
        **provenance(),
    }


_F1 = {
    Task.INTENT: "intent weighted F1",
    Task.ENTITY: "DIETClassifier token weighted F1",
    Task.DIALOGUE: "action weighted F1",
}


class _Features(NamedTuple):
    """The data after the components before DIET."""

    training: TrainingBatch
    test: MessageBatch


def _train_nlu(data: StudyData, run: Run, listen: Callable[[EpochReport], None]) -> _Trained:
    assert data.examples is not None and data.test_examples is not None  # see `check_run`
    diet = Pipeline.from_config(data.config_for(run)).components[-2]  # direct messages come last
    assert isinstance(diet, DIETComponent)  # `read_study_data` ensures it
    features = _features(_ByDigest(data))
    diet.callbacks = callbacks_for(run)
    batch = copy.copy(features.training)
    began = _Clock.now()
    diet.train(data.examples, batch, on_epoch=listen)
    trained = _Clock.now()
    tests = copy.copy(features.test)
    tests.parses = [Parse(text=text) for text in tests.texts]
    diet.process(tests)
    for parse, tokens in zip(tests.parses, tests.tokens, strict=True):
        parse.tokens = tokens
    headline = evaluate_parses(
        _filled(data.test_examples),
        tests.parses,
        extractors=[diet.name] if run.task is Task.ENTITY else [],
    ).headline()
    tested = _Clock.now()
    wanted = "intent" if run.task is Task.INTENT else ("entity", diet.name)
    scores = {name: value for name, value in headline.items() if name.startswith(wanted)}
    return _Trained(
        _counts(diet.network), scores, trained.since(began), tested.since(trained).seconds
    )


@functools.lru_cache(_KEPT)
def _features(data: _ByDigest) -> _Features:
    """Features depend on the data alone, so they are made once in a process."""
    content = data.content
    assert content.examples is not None and content.test_examples is not None
    *before, _ = content.config.pipeline
    featurizers = Pipeline.from_config(dataclasses.replace(content.config, pipeline=tuple(before)))
    training = featurizers.train_batch(content.examples)
    tests = _filled(content.test_examples)
    if not tests:
        raise DataError("the test data must hold at least one example with a text")
    return _Features(training, featurizers.process([example.text for example in tests]))


def _filled(data: TrainingData) -> list[Example]:
    return [example for example in data.unique_examples() if example.text.strip()]


def _train_dialogue(data: StudyData, run: Run, listen: Callable[[EpochReport], None]) -> _Trained:
    assert data.test_stories is not None  # see `check_run`
    stories = _unfolded(_ByDigest(data))
    ensemble = Ensemble(policies_from_config(data.config_for(run).policies))
    (policy,) = ensemble.policies
    assert isinstance(policy, TEDPolicy)  # `read_study_data` ensures it
    policy.callbacks = callbacks_for(run)
    began = _Clock.now()
    ensemble.train(stories, on_epoch=listen)
    trained = _Clock.now()
    evaluation = evaluate_dialogue(ensemble, data.test_stories, stories.domain)
    tested = _Clock.now()
    scores = {
        "action accuracy": evaluation.actions.accuracy,
        "action weighted F1": evaluation.actions.f1,
        "conversations right": float(len(evaluation.successful)),
    }
    return _Trained(
        _counts(policy.network), scores, trained.since(began), tested.since(trained).seconds
    )


@functools.lru_cache(_KEPT)
def _unfolded(data: _ByDigest) -> DialogueData:
    project = data.content.project
    assert project is not None
    domain = project.require_domain()
    # Forms are not run here, so that no RulePolicy is needed: stories say what happens in them.
    return DialogueData(
        domain=domain,
        stories=unfold_stories(project.stories, domain, augmentation_factor=0),
        rules=unfold_rules(project.stories, domain),
    )


def _counts(network: nn.Module | None) -> WeightCounts:
    return WeightCounts(0, 0, 0) if network is None else count_network(network)


class _ByDigest:
    """Study data that are the same when their digest is."""

    def __init__(self, content: StudyData) -> None:
        self.content = content

    def __hash__(self) -> int:
        return hash(self.content.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and other.content.digest == self.content.digest
