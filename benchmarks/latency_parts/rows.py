"""All measurements of `latency.py`, in turns of the sides, as rows of its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency_parts.measurements import SETTLED_AFTER
from latency_parts.sides import Side, in_turns
from support.latency_report import Row

_IMPORT, _LOAD, _ANSWER = "import", "load", "first answer"
_WHOLE = "process start to first answer"
_SWAP_ROUNDS = 3  # at most: each has many swaps
_EARLIER = (1, 20, 100)  # turns of a conversation
_CONVERSATIONS = 5  # of each of these lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: processes for each side, that answer all messages once each.
        processes: cold starts of each side.
        batch_size: messages in a batch.
        swaps: of the model, in a process.
    """

    rounds: int
    processes: int
    batch_size: int
    swaps: int


def measure(
    sides: Sequence[Side], texts: Sequence[str], effort: Effort
) -> tuple[list[Row], list[str]]:
    """All figures, and what is to be said about them.

    Args:
        sides: this commit, and perhaps another one; their models are trained.
        texts: the messages.
        effort: how much is measured.
    """
    notes: list[str] = []
    rows = [*_answers(sides, texts, effort, notes), *_starts(sides, texts[0], effort)]
    if all(side.stories_model is not None for side in sides):
        rows += _turns(sides, texts, effort, notes)
        rows += turns(sides, texts, effort)
    rows += _swaps(sides, texts, effort)
    sizes = [[side.model.stat().st_size / 1e6] for side in sides]
    rows.append(Row.of("model file", "MB", sizes, target=6.0))
    helps = in_turns("--help", sides, effort.processes, lambda side: side.help_seconds())
    rows.append(Row.of("gossamer --help", "s", helps, target=0.3))
    return rows, notes


def _answers(
    sides: Sequence[Side], texts: Sequence[str], effort: Effort, notes: list[str]
) -> list[Row]:
    rows = []

    def carry_out(what: str, threads: int) -> list[list[dict[str, Any]]]:
        return in_turns(
            f"{what}, threads: {threads}",
            sides,
            effort.rounds,
            lambda side: side.carry_out(
                what,
                model=str(side.model),
                texts=list(texts),
                threads=threads,
                batch_size=effort.batch_size,
            ),
        )

    alone = carry_out("one", 1)
    for key, target, ratio in (("p50", 2.0, 0.6), ("p95", None, None), ("p99", 5.0, 0.6)):
        name = f"one message, 1 thread, {key}"
        rows.append(Row.of(name, "ms", _each(alone, key), target=target, ratio_target=ratio))
    for threads in (1, 2):
        rates = _each(carry_out("many", threads), "rate")
        label = f"batches of {effort.batch_size}, {threads} thread{'s' if threads > 1 else ''}"
        target, ratio = (3000.0, 1.3) if threads == 2 else (None, None)
        rows.append(
            Row.of(label, "messages/s", rates, target=target, ratio_target=ratio, at_least=True)
        )
    rows.append(Row.of("resident memory", "MiB", _each(alone, "rss_mib"), target=120.0))
    rows.append(Row.of("peak memory", "MiB", _each(alone, "peak_rss_mib")))
    for side, found in zip(sides, alone, strict=True):
        used = "was imported" if found[0]["has_torch"] else "was not imported"
        notes.append(f"PyTorch {used} to answer messages ({side.commit or side.source}).")
    return rows


def _starts(sides: Sequence[Side], text: str, effort: Effort) -> list[Row]:
    for side in sides:
        side.cold_start(text)  # fills caches of files
    cold = in_turns("cold start", sides, effort.processes, lambda side: side.cold_start(text))
    return [
        Row.of(name, "s", _each(cold, key), target=target)
        for key, name, target in (
            ("import", _IMPORT, None),
            ("load", _LOAD, None),
            ("answer", _ANSWER, None),
            ("whole", _WHOLE, 0.5),
            ("own", f"{_WHOLE}, less Python's own", None),
        )
    ]


def _turns(
    sides: Sequence[Side], texts: Sequence[str], effort: Effort, notes: list[str]
) -> list[Row]:
    found = in_turns(
        "whole turns",
        sides,
        effort.rounds,
        lambda side: side.carry_out(
            "turns", model=str(side.stories_model), texts=list(texts), threads=1
        ),
    )
    for side, results in zip(sides, found, strict=True):
        said, done = results[0]["said"], results[0]["done"]
        notes.append(
            f"A turn had {done:.1f} actions and {said:.1f} answers in the mean "
            f"({side.commit or side.source})."
        )
    times = [
        Row.of(f"a whole turn, 1 thread, {key}", "ms", _each(found, key), target=target)
        for key, target in (("p50", 4.0), ("p95", None), ("p99", None))
    ]
    memory = _each(found, "rss_mib")
    return [*times, Row.of("resident memory, with policies", "MiB", memory)]


def turns(sides: Sequence[Side], texts: Sequence[str], effort: Effort) -> list[Row]:
    """Processor time of turns by the length of the conversation, and of a conversation's JSON."""
    found = in_turns(
        "long conversations",
        sides,
        effort.rounds,
        lambda side: side.carry_out(
            "long",
            model=str(side.stories_model),
            texts=list(texts),
            threads=1,
            n_earlier=_EARLIER,
            conversations=_CONVERSATIONS,
        ),
    )
    names = {str(n): f"CPU of a turn after {n}, p50" for n in _EARLIER}
    length = f"{_EARLIER[-1]} turns ({found[0][0]['n_events']} events)"
    names |= {"written": f"CPU of {length} to JSON", "read": f"CPU of {length} from JSON"}
    targets = {str(n): 3.0 for n in _EARLIER}
    return [
        Row.of(name, "ms", _each(found, key), target=targets.get(key), panel="CPU of turns")
        for key, name in names.items()
    ]


def _swaps(sides: Sequence[Side], texts: Sequence[str], effort: Effort) -> list[Row]:
    rows = []
    models = {"": [side.model for side in sides]}
    with_policies = [side.stories_model for side in sides if side.stories_model is not None]
    if len(with_policies) == len(sides):
        models[", with policies"] = with_policies
    for suffix, paths in models.items():
        of_side = dict(zip(sides, paths, strict=True))

        def carry_out(side: Side, of_side: dict[Side, Path] = of_side) -> dict[str, Any]:
            order = {"model": str(of_side[side]), "texts": texts[:1], "swaps": effort.swaps}
            return side.carry_out("swaps", threads=1, **order)

        rounds = min(effort.rounds, _SWAP_ROUNDS)
        found = in_turns(f"swaps{suffix}", sides, rounds, carry_out)
        name = f"growth, swaps {SETTLED_AFTER} to {effort.swaps}{suffix}"
        growth = _each(found, "growth_mib")
        rows.append(Row.of(f"a swap{suffix}", "ms", _each(found, "ms"), panel="swaps"))
        rows.append(Row.of(name, "MiB", growth, panel="growth of memory", target=5.0))
    return rows


def _each(found: Sequence[Sequence[dict[str, Any]]], key: str) -> list[list[float]]:
    return [[result[key] for result in results] for results in found]


def of_rasa(found: dict[str, Any], alone: dict[str, float], batch_size: int) -> dict[str, float]:
    """Rasa's figures by the names of rows.

    Args:
        found: by `rasa_side.latency.measure`.
        alone: percentiles of its messages.
        batch_size: of the row it is put beside; it has no call for many.
    """
    return {
        **{f"one message, 1 thread, {key}": value for key, value in alone.items()},
        f"batches of {batch_size}, 1 thread": len(found["seconds"]) / sum(found["seconds"]),
        _IMPORT: found["import_seconds"],
        _LOAD: found["load_seconds"],
        _ANSWER: found["first_answer_seconds"],
        _WHOLE: found["import_seconds"] + found["load_seconds"] + found["first_answer_seconds"],
        "resident memory": found["rss_mib"],
        "peak memory": found["peak_rss_mib"],
        "model file": found["model_bytes"] / 1e6,
    }
