"""Training that goes on from a model against training anew: scores and processor seconds.

A part of the training data is held out to score on; test data are not read. The model to go on from
is trained on a part of the rest, without two of its intents. Then all of the rest is learnt: by
going on from that model for some fractions of the epochs, and anew.

    python benchmarks/finetune.py --config config.yml --train train.yml --seeds 1,2,3 \
        --fractions 0.1,0.2,0.5
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from random import Random

import torch
from support import plain_errors

from gossamer.assistant import Assistant
from gossamer.data import TrainingData, read_config, read_training_data, split_examples
from gossamer.data.project import Project
from gossamer.evaluate import evaluate_nlu

_LEAST_EXAMPLES = 15  # of an intent that is to be new


@dataclass(frozen=True, slots=True)
class Scores:
    """How well an assistant does on what was held out.

    Attributes:
        seconds: of the processor, to train it.
        intents: accuracy of intents.
        new_intents: the same, of examples of the new intents.
        entities: micro F1 of tokens.
        calibration_error: of confidences in intents; 0 is best.
    """

    seconds: float
    intents: float
    new_intents: float
    entities: float
    calibration_error: float


def scores(
    assistant: Assistant, seconds: float, held_out: TrainingData, new: Sequence[str]
) -> Scores:
    """Score an assistant."""
    found = evaluate_nlu(assistant, held_out)
    of_new = replace(held_out, examples=tuple(e for e in held_out.examples if e.intent in new))
    examples = of_new.unique_examples()
    parses = assistant.parse_many([example.text for example in examples])
    hits = [
        parse.intent.name == example.intent for parse, example in zip(parses, examples, strict=True)
    ]
    figures = found.headline()
    return Scores(
        seconds,
        figures["intent accuracy"],
        statistics.mean(hits),
        figures["DIETClassifier token micro F1"],
        figures["intent calibration error"],
    )


def runs(
    config: Path, data: TrainingData, seed: int, fractions: Sequence[float], share: float
) -> dict[str, Scores]:
    """Scores of the model to go on from, of those that go on, and of one that is trained anew."""
    whole, held_out = split_examples(data, training_fraction=0.8, random_seed=seed)
    counts = Counter(str(example.intent) for example in whole.unique_examples())
    common = sorted(name for name, number in counts.items() if number >= _LEAST_EXAMPLES)
    new = Random(seed).sample(common, 2)
    part, _ = split_examples(whole, training_fraction=share, random_seed=seed)
    part = replace(part, examples=tuple(e for e in part.examples if e.intent not in new))
    settings = read_config(config)

    def trained(
        learnt: TrainingData, finetune: Assistant | None = None, fraction: float = 1.0
    ) -> tuple[Assistant, float]:
        project, start = Project(config=settings, nlu=learnt), time.process_time()
        assistant = Assistant.train_project(
            project, random_seed=seed, finetune=finetune, epoch_fraction=fraction
        )
        return assistant, time.process_time() - start

    base, seconds = trained(part)
    found = {"to go on from": scores(base, seconds, held_out, new)}
    for fraction in fractions:
        name = f"going on, {fraction:g}"
        found[name] = scores(*trained(whole, base, fraction), held_out, new)
    found["anew"] = scores(*trained(whole), held_out, new)
    return found


def main() -> None:
    """Run and print a table of means over seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--train", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--fractions", default="0.1,0.2,0.5")
    parser.add_argument("--share", type=float, default=0.8, help="known to the first model")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = read_training_data(args.train)
    fractions = [float(fraction) for fraction in args.fractions.split(",")]
    found = [
        runs(args.config, data, int(seed), fractions, args.share) for seed in args.seeds.split(",")
    ]
    print("| training | seconds | intents | new intents | entities, F1 | calibration error |")
    print("|---|---|---|---|---|---|")
    for name in found[0]:
        columns = zip(*(astuple(run[name]) for run in found), strict=True)
        seconds, *rest = map(statistics.mean, columns)
        print(f"| {name} | {seconds:.0f} | " + " | ".join(f"{value:.3f}" for value in rest) + " |")


if __name__ == "__main__":
    plain_errors.run(main)
