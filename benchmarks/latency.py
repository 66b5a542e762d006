"""How long does an answer take? Messages, batches, turns, cold start, memory, swaps, `--help`.

Every figure comes from fresh processes: medians of several of them, each of which answers all
test texts once after a warm-up. Training for a few epochs is enough, as the number of epochs
changes no size. With `--against`, all is measured for another commit too, in turns with this one.
Rasa, when its interpreter is given, trains and answers the same texts in the same sitting; it
takes one message at a time only.

    python benchmarks/latency.py --config config.yml --train train.yml --test test.yml
    python benchmarks/latency.py --model models/first.gossamer --test test.yml --out results
    python benchmarks/latency.py ... --domain domain.yml --stories stories rules responses
    python benchmarks/latency.py --only-turns --stories-model starter.gossamer --test test.yml
    git worktree add before HEAD~1; python benchmarks/latency.py ... --against before

Whole turns of a conversation need a model with policies: `--stories-model`, or `--domain` and
`--stories` to train one with the policies of `--stories-config`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from latency_parts.measurements import SETTLED_AFTER, percentiles
from latency_parts.rows import Effort, measure, of_rasa, turns
from latency_parts.sides import HERE, Side
from rasa_side import latency as rasa_latency
from support import plain_errors
from support.latency_report import Row, draw, report
from support.provenance import OtherLoad, described, surroundings


def _sides(options: argparse.Namespace, folder: Path) -> list[Side]:
    """This commit and perhaps another one, each with its models, which are trained if need be."""
    places = [("this", HERE, options.model, options.stories_model)]
    if options.against is not None:
        models = options.against_model, options.against_stories_model
        places.append(("against", options.against, *models))
    sides = []
    for name, checkout, model, stories_model in places:
        own = folder / name
        own.mkdir()
        side = Side.of(checkout, own, model=model, stories_model=stories_model)
        print(f"training, {side.commit or checkout}", file=sys.stderr, flush=True)
        order = {
            "train": str(options.train),
            "epochs": options.epochs,
            "rasa_defaults": options.rasa_defaults,
        }
        if model is None:
            side.carry_out("train", config=str(options.config), model=str(side.model), **order)
        if options.stories is not None and stories_model is None:
            path = own / "stories.gossamer"
            side.carry_out(
                "train",
                config=str(options.stories_config or options.config),
                model=str(path),
                domain=[str(path) for path in options.domain],
                stories=[str(path) for path in options.stories],
                **order,
            )
            side = dataclasses.replace(side, stories_model=path)
        sides.append(side)
    return sides


def _with_rasa(rows: list[Row], options: argparse.Namespace, texts: Sequence[str]) -> list[Row]:
    """The rows with Rasa's figures put in where it has them."""
    found = rasa_latency.measure(
        rasa_python=options.rasa_python,
        config=options.config,
        train=options.train,
        texts=texts[: options.rasa_texts],
        epochs=options.rasa_epochs,
    )
    rasa = of_rasa(found, percentiles(found["seconds"]), options.batch_size)
    return [dataclasses.replace(row, rasa=rasa.get(row.name)) for row in rows]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, help="pipeline to train")
    parser.add_argument("--train", type=Path, help="what to train on")
    parser.add_argument("--epochs", type=int, default=3, help="how long (default: 3)")
    parser.add_argument(
        "--rasa-defaults",
        action="store_true",
        help="options that the configuration leaves open are as in Rasa",
    )
    parser.add_argument("--model", type=Path, help="a trained model, instead of training one")
    parser.add_argument("--test", type=Path, help="its texts are the messages")
    parser.add_argument("--domain", type=Path, nargs="+", help="of conversations")
    parser.add_argument(
        "--stories", type=Path, nargs="+", help="stories, rules and responses, besides --train"
    )
    parser.add_argument(
        "--stories-config", type=Path, help="pipeline and policies (default: --config)"
    )
    parser.add_argument("--stories-model", type=Path, help="a trained model with policies")
    parser.add_argument("--against", type=Path, help="checkout of another commit")
    parser.add_argument("--against-model", type=Path, help="its --model")
    parser.add_argument("--against-stories-model", type=Path, help="its --stories-model")
    parser.add_argument(
        "--only-turns",
        action="store_true",
        help="only the processor time of turns of --stories-model, which then is the --model too",
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7, help="processes that answer all texts")
    parser.add_argument("--processes", type=int, default=7, help="for each cold start")
    parser.add_argument("--swaps", type=int, default=50, help="of models, in three processes")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="two epochs, rounds and processes, ten swaps, unless set otherwise",
    )
    parser.add_argument("--rasa-python", type=Path, help="interpreter of Rasa's environment")
    parser.add_argument("--rasa-epochs", type=int, default=1)
    parser.add_argument("--rasa-texts", type=int, default=300, help="messages for Rasa")
    parser.add_argument(
        "--out", type=Path, help="folder for latency.jsonl, latency.md and latency.png"
    )
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(epochs=2, rounds=2, processes=2, swaps=10)
    options = parser.parse_args()
    if options.only_turns:
        options.model = options.stories_model
        options.against_model = options.against_stories_model
    refused = _refused(options)
    if refused is not None:
        parser.error(refused)
    return options


def _refused(options: argparse.Namespace) -> str | None:
    """Why the options cannot be used together, or None."""
    can_train = options.config is not None and options.train is not None
    if options.test is None:
        return "--test is needed"
    if options.only_turns and options.stories_model is None:
        return "--only-turns needs --stories-model"
    if options.model is None and not can_train:
        return "--model is needed, or --config and --train"
    if options.rasa_python is not None and not can_train:
        return "--rasa-python needs --config and --train: Rasa trains a model of its own"
    if (options.domain is None) != (options.stories is None):
        return "--domain and --stories need each other"
    if options.stories is not None:
        if options.train is None or (options.stories_config is None and options.config is None):
            return "--stories needs --train, and --stories-config or --config"
        if options.stories_model is not None:
            return "give either --stories-model or --stories"
    elif options.stories_config is not None:
        return "--stories-config needs --domain and --stories"
    for name in ("model", "stories_model"):
        has_own = getattr(options, name) is not None
        has_other = getattr(options, f"against_{name}") is not None
        if has_other != (has_own and options.against is not None):
            option = name.replace("_", "-")
            return f"--against-{option} is needed with --{option} and --against, and only then"
    if options.swaps <= SETTLED_AFTER:
        return f"--swaps must be more than {SETTLED_AFTER}, after which memory is first read"
    if min(options.rounds, options.processes, options.batch_size) < 1:
        return "--rounds, --processes and --batch-size must be 1 or more"
    return None


def main() -> None:
    """Measure, print and write a table."""
    options = _arguments()
    from gossamer.data import read_training_data

    others = OtherLoad()
    texts = [example.text for example in read_training_data(options.test).examples]
    effort = Effort(
        rounds=options.rounds,
        processes=options.processes,
        batch_size=options.batch_size,
        swaps=options.swaps,
    )
    with tempfile.TemporaryDirectory() as name:
        sides = _sides(options, Path(name))
        if options.only_turns:
            notes: list[str] = []
            rows = turns(sides, texts, effort)
        else:
            rows, notes = measure(sides, texts, effort)
    if options.rasa_python is not None:
        rows = _with_rasa(rows, options, texts)
    commits = [side.commit or "unknown" for side in sides]
    shown = report(rows, commits)
    print(shown)
    print("\n" + "\n".join(notes))
    if options.out is not None:
        about = surroundings(others) | {"commit": commits[0], "against": commits[1:]}
        settings = json.loads(json.dumps(vars(options), default=str))
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "latency.jsonl").open("a", encoding="utf-8") as file:
            for row in rows:
                content = {**dataclasses.asdict(row), "settings": settings, **about}
                file.write(json.dumps(content) + "\n")
        note = " ".join([f"{len(texts)} messages.", *notes, described(about)])
        page = f"# Answering\n\n{note}\n\n{shown}\n"
        (options.out / "latency.md").write_text(page, encoding="utf-8")
        draw(rows, options.out / "latency.png", commits)


if __name__ == "__main__":
    plain_errors.run(main)
