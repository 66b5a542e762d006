"""How long does an answer take? One message at a time, batches, cold start, memory, file, `--help`.

Every figure comes from fresh processes: cold starts are medians of several of them, percentiles
and throughputs medians of several rounds over all test texts after a warm-up. Training for a few
epochs is enough, as the number of epochs changes no size. Rasa, when its interpreter is given,
trains and answers the same texts in the same sitting; it takes one message at a time only.

    python benchmarks/latency.py --config config.yml --train train.yml --test test.yml
    python benchmarks/latency.py --model models/first.gossamer --test test.yml --out results
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rasa_side import latency as rasa_latency
from support import plain_errors
from support.latency_report import Row, draw, table
from support.provenance import OtherLoad, described, peak_rss_mib, rss_mib, surroundings

_WARM_UP = 100
# A program of its own, so that only what answering needs is imported.
_COLD = """
import json, sys, time
began = time.perf_counter()
from gossamer.assistant import Assistant
imported = time.perf_counter()
assistant = Assistant.load(sys.argv[1])
loaded = time.perf_counter()
assistant.parse(sys.argv[2])
answered = time.perf_counter()
print(json.dumps([imported - began, loaded - imported, answered - loaded]))
"""
_IMPORT, _LOAD = "import", "load, with the import of PyTorch"
_ANSWER, _WHOLE = "first answer", "cold start to first answer, whole process"


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds: the smallest time that this percentage does not exceed."""
    ordered = sorted(seconds)
    return {
        f"p{share}": ordered[max(0, -(-len(ordered) * share // 100) - 1)] * 1000
        for share in (50, 95, 99)
    }


# -- what happens in processes of their own -------------------------------------------------------


def _one_at_a_time(order: dict[str, Any]) -> dict[str, Any]:
    import torch

    from gossamer.assistant import Assistant

    torch.set_num_threads(order["threads"])
    assistant = Assistant.load(order["model"])
    texts = order["texts"]
    for text in texts[:_WARM_UP]:
        assistant.parse(text)
    rounds = []
    for _ in range(order["rounds"]):
        seconds = []
        for text in texts:
            began = time.perf_counter()
            assistant.parse(text)
            seconds.append(time.perf_counter() - began)
        rounds.append(percentiles(seconds))
    return {"rounds": rounds, "rss_mib": rss_mib(), "peak_rss_mib": peak_rss_mib()}


def _in_batches(order: dict[str, Any]) -> dict[str, Any]:
    import torch

    from gossamer.assistant import Assistant

    torch.set_num_threads(order["threads"])
    assistant = Assistant.load(order["model"])
    texts, size = order["texts"], order["batch_size"]
    parts = [texts[start : start + size] for start in range(0, len(texts), size)]
    for part in parts[: -(-_WARM_UP // size)]:
        assistant.parse_many(part)
    rates = []
    for _ in range(order["rounds"]):
        began = time.perf_counter()
        for part in parts:
            assistant.parse_many(part)
        rates.append(len(texts) / (time.perf_counter() - began))
    return {"rates": rates}


def _train(order: dict[str, Any]) -> dict[str, Any]:
    import dataclasses

    from gossamer.assistant import Assistant
    from gossamer.data import read_config, read_training_data

    project = read_config(order["config"])
    pipeline = tuple(
        dataclasses.replace(part, options={**part.options, "epochs": order["epochs"]})
        if part.name.rpartition(".")[2] == "DIETClassifier"
        else part
        for part in project.pipeline
    )
    config = dataclasses.replace(project, pipeline=pipeline)
    data = read_training_data(order["train"])
    Assistant.train(config, data, rasa_defaults=order["rasa_defaults"]).save(order["model"])
    return {}


_ORDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "one": _one_at_a_time,
    "many": _in_batches,
    "train": _train,
}


def _in_a_process(what: str, folder: Path, **order: Any) -> dict[str, Any]:
    """Carry out an order in a fresh process."""
    path = folder / "order.json"
    path.write_text(json.dumps({"what": what, **order}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--order", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the measurement '{what}' failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _cold_start(model: Path, text: str) -> dict[str, float]:
    """Seconds of importing, loading, the first answer and the `whole` process."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _COLD, str(model), text],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"the cold start failed:\n{done.stderr[-3000:]}")
    parts: list[float] = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(("import", "load", "answer"), parts, strict=True)) | {"whole": seconds}


def _help_seconds() -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "gossamer.cli", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began


# -- putting it together --------------------------------------------------------------------------


def measure(model: Path, texts: Sequence[str], options: argparse.Namespace) -> list[Row]:
    """All figures of a model file.

    Args:
        model: the file.
        texts: the messages.
        options: of the command.
    """

    def row(name: str, unit: str, found: Sequence[float], **more: Any) -> Row:
        middle = statistics.median(found)
        return Row(name=name, unit=unit, gossamer=middle, least=min(found), most=max(found), **more)

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        order = {"model": str(model), "texts": list(texts), "rounds": options.rounds}
        alone = _in_a_process("one", folder, **order, threads=1)
        for key, target in (("p50", 2.0), ("p95", None), ("p99", 5.0)):
            times = [part[key] for part in alone["rounds"]]
            rows.append(row(f"one message, 1 thread, {key}", "ms", times, target=target))
        size = options.batch_size
        for threads in (1, 2):
            found = _in_a_process("many", folder, **order, threads=threads, batch_size=size)
            aim = {"target": 3000.0, "at_least": True} if threads == 2 else {}
            label = f"batches of {size}, {threads} thread{'s' if threads > 1 else ''}"
            rows.append(row(label, "messages/s", found["rates"], **aim))
        cold = [_cold_start(model, texts[0]) for _ in range(options.processes)]
        for key, label, target in (
            ("import", _IMPORT, None),
            ("load", _LOAD, None),
            ("answer", _ANSWER, None),
            ("whole", _WHOLE, 2.5),
        ):
            rows.append(row(label, "s", [part[key] for part in cold], target=target))
        rows.append(row("resident memory", "MiB", [alone["rss_mib"]], target=400.0))
        rows.append(row("peak memory", "MiB", [alone["peak_rss_mib"]]))
    rows.append(row("model file", "MB", [model.stat().st_size / 1e6], target=6.0))
    helps = [_help_seconds() for _ in range(options.processes)]
    rows.append(row("gossamer --help", "s", helps, target=0.3))
    return rows


def _with_rasa(rows: list[Row], options: argparse.Namespace, texts: Sequence[str]) -> list[Row]:
    """The rows with Rasa's figures put in where it has them."""
    import dataclasses

    found = rasa_latency.measure(
        rasa_python=options.rasa_python,
        config=options.config,
        train=options.train,
        texts=texts[: options.rasa_texts],
        epochs=options.rasa_epochs,
    )
    alone = percentiles(found["seconds"])
    rate = len(found["seconds"]) / sum(found["seconds"])
    of_rasa = {
        **{f"one message, 1 thread, {key}": value for key, value in alone.items()},
        f"batches of {options.batch_size}, 1 thread": rate,
        _IMPORT: found["import_seconds"],
        _LOAD: found["load_seconds"],
        _ANSWER: found["first_answer_seconds"],
        _WHOLE: found["import_seconds"] + found["load_seconds"] + found["first_answer_seconds"],
        "resident memory": found["rss_mib"],
        "peak memory": found["peak_rss_mib"],
        "model file": found["model_bytes"] / 1e6,
    }
    return [dataclasses.replace(row, rasa=of_rasa.get(row.name)) for row in rows]


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
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7, help="over all texts")
    parser.add_argument("--processes", type=int, default=7, help="for each cold start")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="two epochs, rounds and processes, unless set otherwise",
    )
    parser.add_argument("--rasa-python", type=Path, help="interpreter of Rasa's environment")
    parser.add_argument("--rasa-epochs", type=int, default=1)
    parser.add_argument("--rasa-texts", type=int, default=300, help="messages for Rasa")
    parser.add_argument(
        "--out", type=Path, help="folder for latency.jsonl, latency.md and latency.png"
    )
    parser.add_argument("--order", type=Path, help=argparse.SUPPRESS)
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(epochs=2, rounds=2, processes=2)
    options = parser.parse_args()
    if options.order is not None:
        return options
    if options.test is None:
        parser.error("--test is needed")
    if options.model is None and (options.config is None or options.train is None):
        parser.error("--model is needed, or --config and --train")
    if options.rasa_python is not None and (options.config is None or options.train is None):
        parser.error("--rasa-python needs --config and --train: Rasa trains a model of its own")
    return options


def main() -> None:
    """Measure, print and write a table."""
    options = _arguments()
    if options.order is not None:
        order = json.loads(options.order.read_text(encoding="utf-8"))
        print(json.dumps(_ORDERS[order.pop("what")](order)))
        return
    from gossamer.data import read_training_data

    others = OtherLoad()
    texts = [example.text for example in read_training_data(options.test).examples]
    with tempfile.TemporaryDirectory() as name:
        model = options.model
        if model is None:
            model = Path(name) / "model.gossamer"
            order = {
                "config": str(options.config),
                "train": str(options.train),
                "epochs": options.epochs,
                "rasa_defaults": options.rasa_defaults,
            }
            _in_a_process("train", Path(name), **order, model=str(model))
        rows = measure(model, texts, options)
    if options.rasa_python is not None:
        rows = _with_rasa(rows, options, texts)
    shown = table(rows)
    print(shown)
    if options.out is not None:
        about = surroundings(others)
        settings = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(options).items()
        }
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "latency.jsonl").open("a", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps({**asdict(row), "settings": settings, **about}) + "\n")
        note = f"{len(texts)} messages. {described(about)}"
        page = f"# Answering\n\n{note}\n\n{shown}\n"
        (options.out / "latency.md").write_text(page, encoding="utf-8")
        draw(rows, options.out / "latency.png")


if __name__ == "__main__":
    plain_errors.run(main)
