"""How good the answers are: our networks next to plain models and Rasa's settings, on public data.

Every run has a process of its own and gives one row, which is appended to `rows.jsonl` as soon as
it is made. A run that already has a row, of the same settings and the same package, is not done
again, so the command can be interrupted and repeated. Settings are chosen with `--part dev`, the
default; `--part test` reads the test files, once, at the end.

    python benchmarks/accuracy.py --quick
    python benchmarks/accuracy.py --contestants svm,lr,svm+crf,ours-20 --seeds 1,2,3 --workers 2
    python benchmarks/accuracy.py --examples 5,10,20,50,all
    python benchmarks/accuracy.py --oos
    python benchmarks/accuracy.py --ablation --seeds 1,2,3
    python benchmarks/accuracy.py report --rows docs/accuracy/rows.jsonl --out docs/accuracy
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accuracy_parts.data import (
    DATA_FOLDER,
    DATA_SETS,
    DEFAULT_DATA,
    PARTS,
    intents_to_leave_out,
    load,
)
from accuracy_parts.report import write_report
from accuracy_parts.runs import FEATURES, PEERS, Task, check_task, run_once, source_of
from nlu_f1 import name_and_value
from support import plain_errors
from support.each_in_a_process import each_in_a_process

from gossamer.data.errors import InputError
from gossamer.data.text.files import check_writable
from gossamer.data.text.wording import counted
from gossamer.study.executors.worker import THREAD_VARIABLES, Failure
from gossamer.study.results.rows import RowStore

OUT = Path("benchmarks/results/accuracy/rows.jsonl")
CONTESTANTS = "svm,lr,svm+crf,ours-100,ours-20,ours-5,rasa-100,rasa-20"
WITH_INTENTS = "svm,lr,ours-20"
OURS = "ours-20"
ABLATION: tuple[dict[str, Any], ...] = (
    {"context_window": 0},
    {"context_window": 1},
    {"mention_replacement": 0.0},
    {"wide_path": False},
    {"number_of_negative_examples": 20, "label_smoothing": 0.0},
    {"label_smoothing": 0.0},
    {"regularize_labels": True},
    {"prune_features": False},
    {"learning_rate": 0.001},
)
"""What `--ablation` changes, one part at a time."""
OOS_DATA = ("sara", "snips")
QUICK: dict[str, Any] = {
    "data": "sara,atis",
    "contestants": "svm,lr,svm+crf,ours-20",
    "seeds": [1],
    "workers": 2,
}
_AGAIN = " again "
_SHOWN = {
    "intent_accuracy": "intents",
    "entity_span_micro_f1": "entity spans",
    "whole_sentences": "sentences",
    "oos_auroc": "AUROC",
}


def tasks_of(args: argparse.Namespace) -> list[Task]:
    """All runs that the command line asks for, in their order.

    Raises:
        InputError: a data set, a contestant, an option or a file cannot be used.
    """
    names = _names(args.data) or (OOS_DATA if args.oos else DEFAULT_DATA[args.part])
    for name in names:
        if name not in DATA_SETS:
            raise InputError(
                "a data set must be one of the benchmark's", got=name, hint=", ".join(DATA_SETS)
            )
    default = WITH_INTENTS if args.oos or args.examples else CONTESTANTS
    default = OURS if args.ablation else default
    contestants = _names(args.contestants) or _names(default)
    seeds = args.seeds
    changes: list[dict[str, Any]] = [{}, *ABLATION] if args.ablation else [{}]
    tasks: list[Task] = []
    for name in names:
        for left_out in _left_out(name, args) if args.oos else [None]:
            for n_examples in args.examples or [None]:
                for contestant in contestants:
                    is_peer = contestant in PEERS
                    tasks += [
                        Task(
                            data=name,
                            part=args.part,
                            contestant=contestant,
                            seed=seed,
                            n_examples=n_examples,
                            left_out=left_out,
                            options={} if is_peer else {**dict(args.option), **change},
                            threads=args.threads,
                            data_folder=str(args.data_folder),
                        )
                        for change in changes
                        # Peers draw nothing, so one run is enough unless examples are drawn.
                        for seed in (seeds[:1] if is_peer and n_examples is None else seeds)
                    ]
    for task in tasks:
        check_task(task)
    return tasks


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(filter(None, (part.strip() for part in text.split(","))))


def _left_out(name: str, args: argparse.Namespace) -> list[str]:
    train, test = load(DATA_SETS[name], args.part, args.data_folder)
    return intents_to_leave_out(train, test.examples, most=args.oos_intents)


def row_key(task: Task, source: str) -> str:
    """The key of a run's row: its settings and `source_of` it."""
    settings = task.settings()
    if task.is_peer and task.n_examples is None:
        settings["seed"] = None  # another seed is not another run
    return json.dumps([settings, source], sort_keys=True)


def to_do(
    tasks: Sequence[Task], rows: Sequence[Mapping[str, Any]], *, again: bool
) -> tuple[dict[str, Task], int]:
    """Which runs have no row yet.

    Args:
        tasks: what is asked for; of equal ones the first counts.
        rows: those that are there.
        again: whether runs that have a row are done too.

    Returns:
        The runs by the key of their row, and how many are left out.
    """
    seen = Counter(str(row["key"]).partition(_AGAIN)[0] for row in rows)
    wanted = {row_key(task, source_of(task)): task for task in reversed(tasks)}
    waiting = {
        f"{key}{_AGAIN}{seen[key]}" if seen[key] else key: task
        for key, task in reversed(wanted.items())
        if again or not seen[key]
    }
    return waiting, len(wanted) - len(waiting)


def run_tasks(tasks: Sequence[Task], store: RowStore, *, workers: int, again: bool) -> int:
    """Do the runs that have no row yet.

    Args:
        tasks: what to run; of equal ones the first counts.
        store: where rows are, and are appended.
        workers: runs at a time.
        again: do runs that have a row too.

    Returns:
        How many failed. Their messages are printed.
    """
    waiting, n_kept = to_do(tasks, store.rows(), again=again)
    if n_kept:
        print(f"{counted(n_kept, 'run')} already in {store.path}; --again repeats them")
    n_failed = 0

    def on_end(keyed: tuple[str, Task], outcome: dict[str, Any] | Failure) -> str:
        nonlocal n_failed
        key, task = keyed
        if isinstance(outcome, Failure):
            n_failed += 1
            return f"{task.described()}: FAILED: {outcome.type}: {outcome.message}"
        store.append({"key": key, **outcome})
        return f"{task.described()}: {_figures(outcome)}"

    kept = f"The rows so far are in {store.path}."
    each_in_a_process(_run_keyed, [*waiting.items()], on_end, workers=workers, kept=kept)
    return n_failed


def _run_keyed(keyed: tuple[str, Task]) -> dict[str, Any]:
    return run_once(keyed[1])


def _figures(row: Mapping[str, Any]) -> str:
    parts = [f"{name} {row[key]:.4f}" for key, name in _SHOWN.items() if row.get(key) is not None]
    return ", ".join([*parts, f"{row['train_seconds']:.1f} s to train"])


def whole_numbers(text: str) -> list[int]:
    """`1,2,3`: at least one whole number, none negative."""
    parts = _names(text)
    if not parts or not all(part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers (got {text!r})")
    return [int(part) for part in parts]


def number_of_examples(text: str) -> list[int | None]:
    """`5,10,all`: numbers of at least 1, None for all."""
    numbers: list[int | None] = []
    for part in _names(text):
        if part != "all" and (not part.isdigit() or int(part) < 1):
            raise argparse.ArgumentTypeError(f"must be numbers or 'all' (got {part!r})")
        numbers.append(None if part == "all" else int(part))
    return numbers


def at_least_one(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1 (got {text!r})")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """The command line of runs."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="accuracy.py report --rows FILE... --out FOLDER makes tables and figures.",
    )
    add = parser.add_argument
    add("--part", choices=PARTS, default="dev", help="what is answered (default dev)")
    add("--data", metavar="NAME,NAME", help=f"of {', '.join(DATA_SETS)} (default: all of the part)")
    add("--contestants", metavar="NAME,NAME",
        help=f"{', '.join(PEERS)}, ours-PERCENT, rasa-PERCENT, either with +{', +'.join(FEATURES)} "
        f"for more features (default {CONTESTANTS}; "
        f"with --examples or --oos {WITH_INTENTS})")  # fmt: skip
    add(
        "--seeds",
        type=whole_numbers,
        default=[1, 2, 3],
        metavar="N,N",
        help="default 1,2,3; most peers take none",
    )
    add("--examples", type=number_of_examples, metavar="N,N,all",
        help="learning curves: at most N training examples for each intent")  # fmt: skip
    add("--oos", action="store_true",
        help="leave out one intent after the other, and detect its messages by low confidence; "
        f"default data {','.join(OOS_DATA)}")  # fmt: skip
    add("--oos-intents", type=at_least_one, default=7, metavar="N",
        help="how many intents are left out, each in a run of its own (default 7)")  # fmt: skip
    add("--ablation", action="store_true",
        help="our network as it is, and without each of its parts in turn")  # fmt: skip
    add("--option", type=name_and_value, action="append", default=[], metavar="NAME=VALUE",
        help="an option of DIETClassifier in our networks, repeatable")  # fmt: skip
    add("--workers", type=at_least_one, default=1, metavar="N", help="runs at a time (default 1)")
    add("--threads", type=at_least_one, default=1, metavar="N", help="of each run (default 1)")
    add("--again", action="store_true", help="repeat runs that have a row")
    add("--quick", action="store_true",
        help="the short form: Sara and ATIS, one seed, two runs at a time")  # fmt: skip
    add("--data-folder", type=Path, default=DATA_FOLDER, metavar="FOLDER",
        help="default %(default)s")  # fmt: skip
    add("--out", type=Path, default=OUT, metavar="FILE", help="rows (default %(default)s)")
    return parser


def make_report_parser() -> argparse.ArgumentParser:
    """The command line of `report`."""
    parser = argparse.ArgumentParser(
        prog="accuracy.py report", description="Tables and figures from rows."
    )
    parser.add_argument("--rows", type=Path, nargs="+", default=[OUT], metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    return parser


def main() -> None:
    """Run what is asked for, or report."""
    if sys.argv[1:2] == ["report"]:
        args = make_report_parser().parse_args(sys.argv[2:])
        for path in write_report(args.rows, args.out):
            print(path)
        return
    parser = make_parser()
    args = parser.parse_args()
    if args.oos and args.examples:
        parser.error("give either --oos or --examples")
    if args.quick:
        for name, value in QUICK.items():
            if getattr(args, name) == parser.get_default(name):
                setattr(args, name, value)
    tasks = tasks_of(args)
    check_writable([args.out])
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(args.threads)))
    n_failed = run_tasks(tasks, RowStore(args.out), workers=args.workers, again=args.again)
    if n_failed:
        raise SystemExit(f"{counted(n_failed, 'run')} failed")


if __name__ == "__main__":
    plain_errors.run(main)
