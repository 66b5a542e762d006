"""Teaching without a browser: teach a wrong sentence, train, compare, put in service, ask again.

What a server with `--teach` does, stage by stage, with the seconds of each. A candidate is made in
a process of its own. The table also has how many test messages are right before and after, and the
greatest step of the progress. With --ways the same sentences are also taught to models that go on
for other shares of the epochs, or are trained anew, one after the other in this process.

    python benchmarks/teaching_loop.py --kept teaching-models
    python benchmarks/teaching_loop.py --data starter --ways 0.1,0.25,anew --kept teaching-models
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from support import plain_errors

from gossamer.assistant import Assistant
from gossamer.cli.commands.init import copy_starter
from gossamer.data.config import ComponentConfig, ProjectConfig
from gossamer.data.model_files import latest_model
from gossamer.data.project import read_project
from gossamer.teach import TaughtProject, correction_of
from gossamer.teach.candidates import (
    CandidateTask,
    Trainings,
    find_candidate,
    make_candidate,
    put_in_service,
)

LIMITS: Final = {"starter": 45.0, "sara": 100.0}
"""Seconds for reading, training and testing together, on two quiet cores."""

SENTENCES: Final = {
    "starter": (
        ("get lost", "out_of_scope"),
        ("shift my journey by a day", "change_booking"),
        ("when do you shut the counter", "ask_station"),
        ("which train gets me to Thornwick by noon", "ask_timetable"),
        ("the man in the ticket office was rude to me", "complaint"),
    ),
    "sara": (
        ("I am fed up with you", "react_negative"),
        ("could a colleague of yours ring me", "contact_sales"),
        ("my grandmother asks what you eat", "out_of_scope/other"),
        ("let us begin from scratch", "restart"),
        ("put me through to somebody with a pulse", "human_handoff"),
    ),
}
"""Sentences that models do not understand, and their intents; one is new."""

CITIES: Final = ("Thornwick",)


@dataclass
class Loop:
    """What one sentence took.

    Attributes:
        sentence: it.
        was: the intent before.
        now: the intent after.
        is_right: whether it is right now, with its entities.
        seconds: of each stage.
        processor: seconds of the processors, of the process that made the candidate.
        tests: right test messages before and after, and how many there are.
        jump: the greatest step of the progress.
        trained: what was trained.
    """

    sentence: str
    was: str = ""
    now: str = ""
    is_right: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    processor: float = 0.0
    tests: str = ""
    jump: float = 0.0
    trained: tuple[str, ...] = ()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began


def shortened(config: ProjectConfig, share: float) -> ProjectConfig:
    """A configuration with a share of the epochs that it names."""

    def short(part: ComponentConfig) -> ComponentConfig:
        epochs = part.options.get("epochs")
        if not isinstance(epochs, int):
            return part
        return replace(part, options={**part.options, "epochs": max(1, round(epochs * share))})

    return replace(
        config,
        pipeline=tuple(map(short, config.pipeline)),
        policies=tuple(map(short, config.policies)),
    )


def prepared(name: str, sara: Path, kept: Path, folder: Path, share: float) -> Path:
    """A copy of a project with a model that answers, which is trained unless it was kept."""
    project = folder / name
    if name == "starter":
        copy_starter(project)
    else:
        shutil.copytree(sara, project, ignore=shutil.ignore_patterns("split"))
        (project / "tests").mkdir(exist_ok=True)
        shutil.copy(sara / "split/test.yml", project / "tests/nlu_test.yml")
    first = kept / f"{name}.gossamer"
    if not first.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        read = read_project(project / "config.yml", project / "data", project / "domain.yml")
        read = replace(read, config=shortened(read.config, share))
        Assistant.train_project(read).save(first)
        print(f"{name}: first model trained in {time.perf_counter() - began:.0f} s", flush=True)
    (project / "models").mkdir()
    shutil.copy(first, project / "models")
    return project


def correction(text: str, intent: str) -> dict[str, Any]:
    """JSON of what is taught."""
    places = [(text.find(city), city) for city in CITIES if city in text]
    entities = [
        {"start": start, "end": start + len(city), "entity": "city", "role": "destination"}
        for start, city in places
    ]
    return {"kind": "message", "text": text, "intent": intent, "entities": entities}


def task_of(project: Path, base: Path) -> CandidateTask:
    """What the process is asked."""
    return CandidateTask(
        project=str(project),
        models=str(project / "models"),
        base=str(base),
        config=str(project / "config.yml"),
        domain=(str(project / "domain.yml"),),
        data=(str(project / "data"),),
        tests=str(project / "tests"),
    )


def taught_once(project: Path, text: str, intent: str) -> Loop:
    """The whole loop for one sentence."""
    models = project / "models"
    loop, base = Loop(text), latest_model(models)
    loop.was = str(Assistant.load(base).parse(text).intent.name)
    with loop.timed("teach"):
        TaughtProject(project).teach(correction_of(correction(text, intent)), who="benchmark")
    trainings = Trainings(models)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    fractions = [0.0]
    with loop.timed("candidate"):
        id = trainings.begin(task_of(project, base))
        while (found := trainings.look(id)).state == "running":
            if found.progress is not None and found.progress.fraction != fractions[-1]:
                fractions.append(found.progress.fraction)
            time.sleep(0.05)
    trainings.close()  # waited for, so that its seconds are known
    if found.comparison is None:
        raise SystemExit(f"{text}: {found.error}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    loop.processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    loop.seconds |= {f"of it {name}": each for name, each in found.comparison["seconds"].items()}
    loop.jump = max(b - a for a, b in zip(fractions, [*fractions[1:], 1.0], strict=True))
    tests = found.comparison["summary"]["test_messages"]
    loop.tests = f"{tests['before']} → {tests['after']} of {tests['n']}"
    loop.trained = tuple(found.comparison["trained"])
    with loop.timed("in service"):
        path = put_in_service(find_candidate(models, id), models)
        assistant = Assistant.load(path)
    with loop.timed("ask again"):
        loop.now = str(assistant.parse(text).intent.name)
    wrong = [each["text"] for each in found.comparison["still_wrong"]]
    loop.is_right = text not in wrong
    return loop


def table(name: str, loops: Sequence[Loop]) -> str:
    """The loops of one project."""
    stages = list(loops[0].seconds)
    head = ["sentence", "before → after", "right", *stages, "processor", "test messages", "jump"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for loop in loops:
        cells = [loop.sentence, f"{loop.was} → {loop.now}", "yes" if loop.is_right else "NO"]
        cells += [f"{loop.seconds[stage]:.2f}" for stage in stages]
        cells += [f"{loop.processor:.1f}", loop.tests, f"{loop.jump:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    most = max(loop.seconds["candidate"] for loop in loops)
    limit = LIMITS[name]
    met = "met" if most <= limit else "missed"
    lines += ["", f"{name}: at most {most:.1f} s for a candidate; target {limit:g} s, {met}."]
    lines += [f"{loops[-1].sentence}: {line}" for line in loops[-1].trained]
    return "\n".join(lines)


def compared_ways(name: str, project: Path, ways: Sequence[str]) -> str:
    """Each sentence taught alone, by going on for shares of the epochs, and anew."""
    models = project / "models"
    base = latest_model(models)
    lines = ["| sentence | way | right | confidence | test messages | seconds of the processor |"]
    lines.append("|---|---|---|---|---|---|")
    for text, intent in SENTENCES[name]:
        given = correction_of(correction(text, intent))
        id = TaughtProject(project).teach(given, who="benchmark").id
        for way in ways:
            began = time.process_time()
            made = make_candidate(
                project,
                models=models,
                base=base,
                taught=[given],
                epoch_fraction=None if way == "anew" else float(way),
            )
            seconds = time.process_time() - began
            found = made.comparison["summary"]
            parse = Assistant.load(made.path).parse(text)
            lines.append(
                f"| {text} | {way} | {'yes' if found['taught']['after'] else 'NO'} "
                f"| {parse.intent.confidence:.2f} | {found['test_messages']['before']} → "
                f"{found['test_messages']['after']} of {found['test_messages']['n']} "
                f"| {seconds:.1f} |"
            )
            shutil.rmtree(made.folder)
        TaughtProject(project).undo(id, who="benchmark")
    return "\n".join(lines)


def make_parser(description: str) -> argparse.ArgumentParser:
    """The command line of a loop: which projects, and the models that answer first."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default="starter,sara")
    parser.add_argument("--sara", type=Path, default=Path("../shared/data/sara"), metavar="DIR")
    parser.add_argument("--kept", type=Path, default=Path("teaching-models"), metavar="DIR",
        help="first models, trained where they are not there")  # fmt: skip
    parser.add_argument("--first", type=float, default=1.0, metavar="SHARE",
        help="of their epochs, for which first models are trained")  # fmt: skip
    parser.add_argument("--sentences", type=int, default=3, help="how many of each project")
    return parser


def main() -> None:
    """Measure, and print tables."""
    parser = make_parser((__doc__ or "").partition("\n")[0])
    parser.add_argument("--ways", default="", help="shares of the epochs, or anew: compare these")
    args = parser.parse_args()
    for name in args.data.split(","):
        with tempfile.TemporaryDirectory() as folder:
            project = prepared(name, args.sara, args.kept, Path(folder), args.first)
            if args.ways:
                print(compared_ways(name, project, args.ways.split(",")), flush=True)
                continue
            chosen = SENTENCES[name][: args.sentences]
            loops = [taught_once(project, text, intent) for text, intent in chosen]
            print(f"{table(name, loops)}\n", flush=True)


if __name__ == "__main__":
    plain_errors.run(main)
