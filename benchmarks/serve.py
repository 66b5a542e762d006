"""How much load does the server hold? Messages a second, waiting times, memory, start, failures.

A second process on the same machine asks over loopback: 1, 8, 64 and 256 clients, each with one
connection, which send their next message when the answer to the last one is there. Both
`/model/parse` and whole turns over the REST channel are measured, with the starter project. Each
answer's shape is checked, and a tenth of them is compared with what the same server says to a
single client. The generator shares the processors with the server; what it takes is in the table.

Rasa's server, when the interpreter of its environment is given, gets the same project and the same
messages, in turns with Gossamer's. `--bare` measures a server that understands nothing: the ceiling
of the generator and of HTTP on this machine. Memory and processor time are read from /proc. On a
machine that others use only the processor time of a message says something, beside that of another
checkout that was measured in turns with this one: `--beside`.

    python benchmarks/serve.py --rasa-python rasa-env/bin/python --out results
    python benchmarks/serve.py --quick
    python benchmarks/serve.py --peers bare rasa --rasa-python rasa-env/bin/python
    python benchmarks/serve.py --beside ../main --model starter.gossamer --quick --rounds 3
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from serve_parts import messages, report, sides
from serve_parts.rounds import Effort, Row, Said, Start, one_round
from support import plain_errors
from support.provenance import OtherLoad, described, surroundings

_N_TEXTS, _N_COMPARED_TEXTS = 4000, 400
_N_CONVERSATIONS, _N_COMPARED_CONVERSATIONS = 240, 24


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rasa-python", type=Path, help="interpreter of Rasa's environment")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=("gossamer", "rasa", "bare"),
        help="what is measured (default: Gossamer, and Rasa where its interpreter is given)",
    )
    parser.add_argument("--model", type=Path, help="Gossamer's, trained on the starter project")
    parser.add_argument("--rasa-model", type=Path, help="Rasa's, trained on the starter project")
    parser.add_argument("--endpoints", type=Path, help="endpoints.yml for both servers")
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turns with this")
    parser.add_argument("--workers", type=int, default=1, help="Gossamer's processes (default: 1)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds of load before it")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="mean seconds from an answer to the next message"
    )
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for last answers")
    parser.add_argument("--rounds", type=int, default=2, help="starts of each server")
    parser.add_argument("--rasa-epochs", type=int, default=20, help="of DIET and TED")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="1 and 64 clients, 3 s after 1 s, one round, unless set otherwise",
    )
    parser.add_argument("--out", type=Path, help="folder for serve.jsonl, serve.md and serve.png")
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(clients=[1, 64], seconds=3.0, warm_up=1.0, rounds=1)
    options = parser.parse_args()
    if options.peers is None:
        options.peers = ["gossamer"] if options.rasa_python is None else ["gossamer", "rasa"]
    if "rasa" in options.peers and options.rasa_python is None:
        parser.error("--rasa-python is needed to measure Rasa")
    if options.beside is not None and not (options.beside / "src" / "gossamer").is_dir():
        parser.error(f"--beside must be a checkout of this project (got {str(options.beside)!r})")
    for path in (options.model, options.rasa_model, options.endpoints):
        if path is not None and not path.is_file():  # Rasa would start without a model
            parser.error(f"the file must exist (got {str(path)!r})")
    if min(options.rounds, options.workers, *options.clients) < 1:
        parser.error("--rounds, --workers and --clients must be 1 or more")
    if options.seconds <= 0 or min(options.warm_up, options.patience, options.pause) < 0:
        parser.error("--seconds must be above 0; --warm-up, --patience and --pause not below 0")
    return options


def _sides(options: argparse.Namespace, folder: Path) -> list[sides.Side]:
    """The servers, in the order of their turns, each with its model."""
    found = []
    for peer in dict.fromkeys(options.peers):
        own = folder / peer
        if peer == "gossamer":
            more = [] if options.workers == 1 else ["--workers", str(options.workers)]
            found.append(sides.gossamer(own, options.model, options.endpoints, more=more))
            if options.beside is not None:
                found.append(_beside(options, folder))
        elif peer == "rasa":
            python, epochs = options.rasa_python, options.rasa_epochs
            found.append(sides.rasa(python, own, options.rasa_model, options.endpoints, epochs))
        else:
            found.append(sides.bare(own))
    return found


def _beside(options: argparse.Namespace, folder: Path) -> sides.Side:
    """Another checkout's server, with the same model."""
    model = options.model or folder / "gossamer" / "starter.gossamer"
    sources = (options.beside / "src").resolve()
    return sides.gossamer(
        folder / "beside", model, options.endpoints, name="the other", sources=sources
    )


def _page(starts: list[Start], rows: list[Row], about: dict[str, Any]) -> list[str]:
    """The parts of a report in Markdown."""
    return [*report.tables(starts, rows), report.targets(starts, rows), described(about)]


def main() -> None:
    """Measure in turns, print and write tables."""
    options = _arguments()
    others = OtherLoad()
    starts: list[Start] = []
    rows: list[Row] = []
    effort = Effort(
        clients=options.clients,
        warm_up=options.warm_up,
        seconds=options.seconds,
        patience=options.patience,
        pause=options.pause,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = _sides(options, folder)
        said = Said(
            texts=messages.parse_texts(sides.STARTER, _N_TEXTS),
            n_compared_texts=_N_COMPARED_TEXTS,
            conversations=messages.conversations(_N_CONVERSATIONS),
            n_compared_conversations=_N_COMPARED_CONVERSATIONS,
            responses=messages.responses(sides.STARTER),
        )
        for side in peers:  # the first start compiles what is imported
            with side.server():
                pass
        for number in range(1, options.rounds + 1):
            for side in peers:
                start, found = one_round(side, said, effort, number, folder)
                starts.append(start)
                rows += found
    about = surroundings(others)
    parts = _page(starts, rows, about)
    shown = [report.plain(part) if part.startswith("|") else part for part in parts if part]
    print("\n\n".join(shown))
    for row in rows:
        if row.example:
            print(f"\n{row.peer}, {row.path}, {row.n_clients} clients: {row.example}")
    if options.out is not None:
        settings = json.loads(json.dumps(vars(options), default=str))
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "serve.jsonl").open("a", encoding="utf-8") as file:
            contents = [*map(dataclasses.asdict, starts), *map(dataclasses.asdict, rows)]
            for content in contents:
                line = {**content, "settings": settings, **about}
                file.write(json.dumps(line) + "\n")
        page = "\n\n".join(["# Serving", *filter(None, parts)])
        (options.out / "serve.md").write_text(f"{page}\n", encoding="utf-8")
        report.draw(rows, options.out / "serve.png")


if __name__ == "__main__":
    try:
        plain_errors.run(main)
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
