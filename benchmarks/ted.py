"""How well TED learns stories, and how fast: several seeds and densities, and Rasa's TED.

Every (density, seed) trains in a process of its own, one after the other, TED the only policy. The
figures are those of `gossamer test core`: accuracy and weighted F1 over actions, and conversations
that are right from beginning to end. Seconds are those from stories in memory to a trained policy;
kernels are compiled in that time, modules are loaded before.

    python benchmarks/ted.py --domain domain.yml --train train --test test.md \
        --epochs 100 --max-history 10 --densities 1.0,0.2 --seeds 0,1,2,3,4
    python benchmarks/ted.py ... --split 0.8                    a part of --train is the test
    python benchmarks/ted.py ... --rasa-train train.yml --rasa-test test.yml \
        --rasa-domain domain.yml --rasa-python rasa-env/bin/python

With `--rasa-python`, Rasa trains between the seeds, so that both are measured in one sitting; its
stories must be YAML of Rasa 3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from support import plain_errors
from support.provenance import OtherLoad, peak_rss_mib, surroundings

FIGURES = {
    "action_accuracy": "action accuracy",
    "action_weighted_f1": "weighted F1",
    "n_right": "conversations right",
    "train_seconds": "training, s",
    "peak_rss_mib": "peak memory, MiB",
}


def run_once(options: argparse.Namespace, density: float, seed: int) -> dict[str, Any]:
    """Train and test once, in this process."""
    import torch

    from gossamer.data import ProjectConfig, read_domain, read_stories, split_stories
    from gossamer.data.config import ComponentConfig
    from gossamer.data.project import Project, joined
    from gossamer.dialogue.model import DialogueModel
    from gossamer.dialogue.policies.ted.policy import TEDPolicy
    from gossamer.evaluate import evaluate_dialogue
    from gossamer.sparse import count_weights

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    ted = {
        "epochs": options.epochs,
        "max_history": options.max_history,
        "connection_density": density,
        "random_seed": seed,
        "constrain_similarities": options.constrain_similarities,
        **dict(options.option),
    }
    config = ProjectConfig(policies=(ComponentConfig(name="TEDPolicy", options=ted),))
    domain = read_domain(options.domain)
    stories = read_stories(options.train)
    stories = type(stories)(stories=stories.stories)  # rules are not TED's
    if options.split is not None:
        stories, tests = split_stories(stories, options.split, random_seed=options.split_seed)
    else:
        tests = read_stories(options.test)
    if options.responses:
        from gossamer.data import read_training_data

        domain = domain.with_responses(read_training_data(options.responses).responses)
    project = joined(Project(config=config, stories=stories, domain=domain))
    others = OtherLoad()
    began = time.perf_counter()
    epochs: list[float] = []
    model = DialogueModel.train(
        project,
        augmentation_factor=options.augmentation,
        on_epoch=lambda report: epochs.append(report.seconds),
    )
    seconds = time.perf_counter() - began
    peak = peak_rss_mib()
    evaluation = evaluate_dialogue(model.ensemble, tests, model.domain)
    (policy,) = model.ensemble.policies
    assert isinstance(policy, TEDPolicy)
    assert policy.network is not None
    return {
        "density": density,
        "seed": seed,
        "options": policy.options.model_dump(mode="json"),
        "n_stories": len(stories.stories),
        "n_test_stories": len(evaluation.outcomes),
        "n_actions": len(evaluation.action_outcomes),
        "n_weights": count_weights(policy.network),
        "action_accuracy": evaluation.actions.accuracy,
        "action_weighted_f1": evaluation.actions.f1,
        "n_right": len(evaluation.successful),
        "train_seconds": seconds,
        "epoch_seconds": statistics.median(epochs) if epochs else None,
        "peak_rss_mib": peak,
        **surroundings(others),
    }


def run_rasa(options: argparse.Namespace, density: float, seed: int) -> dict[str, Any]:
    """Rasa's TED, in its own environment, at the same options."""
    command = [options.rasa_python, "-W", "ignore", str(Path(__file__).with_name("rasa_ted.py"))]
    command += ["--domain", str(options.rasa_domain), "--train", str(options.rasa_train)]
    command += ["--epochs", str(options.epochs), "--density", str(density), "--seed", str(seed)]
    command += ["--augmentation", str(options.augmentation)]
    if options.max_history is not None:
        command += ["--max-history", str(options.max_history)]
    if options.rasa_test is not None:
        command += ["--test", str(options.rasa_test)]
    if options.rasa_stop_after is not None:
        command += ["--stop-after", str(options.rasa_stop_after)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    content: dict[str, Any] = json.loads(result.stdout[result.stdout.index("{") :])
    return content


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over seeds, one line per density."""
    lines = ["density  " + "  ".join(f"{name:>22}" for name in FIGURES.values())]
    for density in dict.fromkeys(row["density"] for row in rows):
        own = [row for row in rows if row["density"] == density]
        cells = []
        for figure in FIGURES:
            values = [float(row[figure]) for row in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            digits = 4 if figure.startswith("action") else 1
            cells.append(f"{statistics.fmean(values):.{digits}f} +- {spread:.{digits}f}".rjust(22))
        lines.append(f"{density:7.2f}  " + "  ".join(cells))
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    paths: dict[str, Any] = {"type": Path, "nargs": "+"}
    parser.add_argument("--domain", required=True, **paths)
    parser.add_argument("--train", required=True, **paths)
    parser.add_argument("--test", **paths)
    parser.add_argument("--responses", help="NLU data with responses of the domain", **paths)
    parser.add_argument("--split", type=float, help="share of the stories to train on")
    parser.add_argument("--split-seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--max-history", type=int)
    parser.add_argument("--densities", type=_numbers(float), default=[1.0, 0.2])
    parser.add_argument("--seeds", type=_numbers(int), default=[0, 1, 2])
    parser.add_argument("--augmentation", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument(
        "--constrain-similarities", action=argparse.BooleanOptionalAction, default=True
    )
    parser.add_argument("--option", type=_option, action="append", default=[], metavar="NAME=JSON")
    parser.add_argument("--rasa-python", help="measure Rasa's TED as well")
    parser.add_argument("--rasa-domain", type=Path)
    parser.add_argument("--rasa-train", type=Path)
    parser.add_argument("--rasa-test", type=Path)
    parser.add_argument("--rasa-stop-after", type=int, help="end Rasa's training after this many")
    parser.add_argument("--out", type=Path, help="file to add the rows to, JSON lines")
    options = parser.parse_args()
    if (options.test is None) == (options.split is None):
        parser.error("give either --test or --split")
    if options.rasa_python is not None and None in (options.rasa_domain, options.rasa_train):
        parser.error("--rasa-python needs --rasa-domain and --rasa-train")
    return options


def main() -> None:
    """Run all, print as it goes, and a table in the end."""
    options = parse_arguments()
    rows: list[dict[str, Any]] = []
    if options.rasa_python is not None:
        rasa = run_rasa(options, options.densities[-1], options.seeds[0])
        print(f"Rasa: {json.dumps({k: v for k, v in rasa.items() if k != 'epoch_seconds'})}")
    for seed in options.seeds:
        for density in options.densities:
            # A process each: memory is its own, and so are threads and compiled kernels.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                row = pool.submit(run_once, options, density, seed).result()
            rows.append(row)
            told = ", ".join(f"{name} {row[key]:.4g}" for key, name in FIGURES.items())
            print(f"density {density:g} seed {seed}: {told}", flush=True)
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"\n{rows[0]['n_stories']} stories, tested on {rows[0]['n_test_stories']}")
    print(table(rows))


def _numbers(kind: Any) -> Any:
    return lambda text: [kind(part) for part in text.split(",")]


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


if __name__ == "__main__":
    plain_errors.run(main)
