"""What `latency.py` measures, each in a process of its own that imports what answering needs.

A program: `python measurements.py order.json` carries out an order and prints what it found. The
code that is measured is on PYTHONPATH, this commit's or another one's, so only what both have may
be used here, and nothing of the benchmarks.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import math
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossamer.assistant import Assistant

Order = Mapping[str, Any]
WARM_UP = 100
"""Messages before a measurement."""
SETTLED_AFTER = 5
"""Swaps before memory is read for the first time."""
_TURNS = 6  # messages of a conversation
_WITH_EPOCHS = ("DIETClassifier", "ResponseSelector", "TEDPolicy")


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds: the smallest time that this percentage does not exceed."""
    ordered = sorted(seconds)
    return {
        f"p{share}": ordered[max(0, -(-len(ordered) * share // 100) - 1)] * 1000
        for share in (50, 95, 99)
    }


def memory_mib(name: str = "VmRSS") -> float:
    """The memory this process holds, or has held at most (VmHWM); NaN where that is unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return math.nan


# -- orders ---------------------------------------------------------------------------------------


def one_at_a_time(order: Order) -> dict[str, Any]:
    """Milliseconds of a message, then the memory held."""
    assistant = _loaded(order)
    texts = order["texts"]
    for text in texts[:WARM_UP]:
        assistant.parse(text)
    seconds = []
    for text in texts:
        began = time.perf_counter()
        assistant.parse(text)
        seconds.append(time.perf_counter() - began)
    return percentiles(seconds) | {"rss_mib": memory_mib(), "peak_rss_mib": memory_mib("VmHWM")}


def in_batches(order: Order) -> dict[str, Any]:
    """Messages a second."""
    assistant = _loaded(order)
    texts, size = order["texts"], order["batch_size"]
    parts = [texts[start : start + size] for start in range(0, len(texts), size)]
    for part in parts[: -(-WARM_UP // size)]:
        assistant.parse_many(part)
    began = time.perf_counter()
    for part in parts:
        assistant.parse_many(part)
    return {"rate": len(texts) / (time.perf_counter() - began)}


def whole_turns(order: Order) -> dict[str, Any]:
    """Milliseconds from a message to all that the assistant says to it.

    Messages come in an order of their own, always the same, a few to a conversation. Custom actions
    fail at once, as there is no server for them.
    """
    conversations = _loaded(order).conversations(random_seed=1)
    texts = list(order["texts"])
    random.Random(1).shuffle(texts)
    for number, text in enumerate(texts[:WARM_UP]):
        conversations.handle(text, f"before {number // _TURNS}")
    seconds, n_said, n_done = [], 0, 0
    for number, text in enumerate(texts):
        began = time.perf_counter()
        turn = conversations.handle(text, f"person {number // _TURNS}")
        seconds.append(time.perf_counter() - began)
        n_said += len(turn.messages)
        n_done += len(turn.actions)
    return percentiles(seconds) | {
        "rss_mib": memory_mib(),
        "said": n_said / len(texts),
        "done": n_done / len(texts),
    }


def long_conversations(order: Order) -> dict[str, Any]:
    """Processor time of a turn after some earlier ones, and of the longest conversation as JSON.

    Messages are drawn, always the same; medians, in milliseconds, by number of earlier turns.
    """
    from gossamer.dialogue.history.tracker import Tracker

    conversations = _loaded(order).conversations(random_seed=1)
    texts = order["texts"]
    drawn = random.Random(1)
    for number in range(WARM_UP):
        conversations.handle(drawn.choice(texts), f"before {number // _TURNS}")
    found: dict[str, Any] = {}
    for n_earlier in order["n_earlier"]:
        seconds = []
        for person in range(order["conversations"]):
            name = f"person {n_earlier} {person}"
            for _ in range(n_earlier):
                conversations.handle(drawn.choice(texts), name)
            seconds += [
                _cpu(partial(conversations.handle, drawn.choice(texts), name))
                for _ in range(_TURNS)
            ]
        found[str(n_earlier)] = percentiles(seconds)["p50"]
    tracker = conversations.tracker(name)
    slots, content = conversations.domain.slots, json.dumps(tracker.to_dict())
    written = [_cpu(lambda: json.dumps(tracker.to_dict())) for _ in range(WARM_UP // 5)]
    read = [
        _cpu(lambda: Tracker.from_dict(slots, json.loads(content))) for _ in range(WARM_UP // 5)
    ]
    found |= {"written": percentiles(written)["p50"], "read": percentiles(read)["p50"]}
    return found | {"n_events": len(tracker.events)}


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def swaps(order: Order) -> dict[str, Any]:
    """Milliseconds of a swap, and by how many MiB memory grew from the fifth to the last.

    A swap loads the model again, answers a message and lets the former one go.
    """
    text = order["texts"][0]
    current = _loaded(order)  # held until the next one has answered
    current.parse(text)
    seconds, memory = [], []
    for number in range(1, order["swaps"] + 1):
        began = time.perf_counter()
        following = _load(order["model"])
        following.parse(text)
        current = following
        del following
        seconds.append(time.perf_counter() - began)
        if number in (SETTLED_AFTER, order["swaps"]):
            gc.collect()
            memory.append(memory_mib())
    del current
    return {"ms": percentiles(seconds)["p50"], "growth_mib": memory[-1] - memory[0]}


def train(order: Order) -> dict[str, Any]:
    """Train a model and write it: NLU alone, or a project with stories."""
    from gossamer.assistant import Assistant
    from gossamer.data import read_config, read_training_data
    from gossamer.data.project import Project, read_project

    if order.get("domain"):
        data = [order["train"], *order["stories"]]
        project = read_project(order["config"], data, order["domain"])
    else:
        config = read_config(order["config"])
        project = Project(config=config, nlu=read_training_data(order["train"]))

    def short(parts: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            dataclasses.replace(part, options={**part.options, "epochs": order["epochs"]})
            if part.name.rpartition(".")[2] in _WITH_EPOCHS
            else part
            for part in parts
        )

    config = dataclasses.replace(
        project.config,
        pipeline=short(project.config.pipeline),
        policies=short(project.config.policies),
    )
    assistant = Assistant.train_project(
        dataclasses.replace(project, config=config),
        augmentation_factor=0,  # networks have the same size
        rasa_defaults=order["rasa_defaults"],
    )
    assistant.save(order["model"])
    return {}


ORDERS: Mapping[str, Callable[[Order], dict[str, Any]]] = {
    "one": one_at_a_time,
    "many": in_batches,
    "turns": whole_turns,
    "long": long_conversations,
    "swaps": swaps,
    "train": train,
}


def _load(model: str) -> Assistant:
    from gossamer.assistant import Assistant

    return Assistant.load(model)


def _loaded(order: Order) -> Assistant:
    """The model, which answers on the threads that the order names.

    Variables of the environment have set them before the process began. PyTorch and Gossamer are
    told too where they take no notice of these; PyTorch is not imported for that.
    """
    assistant = _load(order["model"])
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(order["threads"])
    had_torch = "torch" in sys.modules
    try:
        threads: Any = importlib.import_module("gossamer.nn.threads")
    except ModuleNotFoundError:  # an older commit
        threads = None
    if "torch" in sys.modules and not had_torch:
        raise RuntimeError("gossamer.nn.threads imports PyTorch, which loading the model did not")
    if hasattr(threads, "set_num_threads"):
        threads.set_num_threads(order["threads"])
    return assistant


def main() -> None:
    """Carry out an order; the last line that is printed is JSON of what was found."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = ORDERS[order["what"]](order)
    found["has_torch"] = "torch" in sys.modules
    found["source"] = str(Path(sys.modules["gossamer"].__file__ or "").parents[1])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
