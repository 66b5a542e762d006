"""Does a project with a mistake in it ever train silently, hang, or end in a traceback?

The starter project is damaged in many ways (see `project_mutations`), read and checked as
`gossamer train` does before its first epoch, and some of the damaged projects are trained for one
epoch. Every one must end, within its time and memory, in success or in clear errors. Where nothing
at all was said, every text of the files must be in what was read, and what was read must be in the
trained model.

    python benchmarks/fuzz_project.py --count 20000 --train 300
    python benchmarks/fuzz_project.py --only 4711          one of them, with what was done to it
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from support import plain_errors
from support.project_mutations import Files, mutate
from support.watched_process import Died, Hung, WatchedProcess

_STARTER = ("config.yml", "domain.yml", "data/nlu.yml", "data/rules.yml", "data/stories.yml")
_GOOD = ("clean", "told", "refused")
_READ_SECONDS, _TRAIN_SECONDS = 20.0, 90.0
_MEMORY = 3 << 30  # bytes of address space beyond what the imports take


@dataclass(frozen=True)
class Outcome:
    """How one damaged project ended.

    Attributes:
        seed: of its mistakes.
        verdict: "clean" (nothing was said), "told" (read, with findings or warnings) or "refused"
            (clear errors), which are right; "crash", "slow", "killed", "late" (refused only while
            training) or "silent", which are not.
        detail: the first message, or what went wrong.
        seconds: how long it took.
        described: the mistakes.
    """

    seed: int
    verdict: str
    detail: str
    seconds: float
    described: str

    @property
    def is_good(self) -> bool:
        """Whether it ended as it should."""
        return self.verdict in _GOOD


def starter_files() -> Files:
    """The starter project's files by their relative paths; one epoch for every network."""
    from gossamer import starter

    folder = Path(str(starter.__file__)).parent
    files = {name: (folder / name).read_bytes() for name in _STARTER}
    files["config.yml"] = re.sub(rb"epochs: \d+", b"epochs: 1", files["config.yml"])
    return files


def write_files(files: Files, folder: Path) -> None:
    """Lay the files out in an empty folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def inspect(folder: Path, *, trains: bool, out: Path) -> tuple[str, str]:
    """Read, check and perhaps train the project in a folder.

    Returns:
        Verdict and detail, as in `Outcome`.
    """
    from gossamer.assistant import Assistant
    from gossamer.checks import check, read_parts
    from gossamer.data.errors import InputError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = read_parts(
            folder / "config.yml", [folder / "data"], [folder / "domain.yml"], wants_all=True
        )
        checked = check(parts)
        said = [str(finding) for finding in checked.findings]
        said += [str(warning.message) for warning in caught]
        if checked.refusals:
            return "refused", said[0]
        project = checked.require_sound()
        if not said:
            missing = _missing_texts(folder, project)
            if missing:
                return "silent", f"not in what was read: {missing[:5]}"
        if trains:
            try:
                assistant = Assistant.train_checked(checked)
            except InputError as error:
                return "late", f"refused only while training: {error}"
            assistant.save(out)
            lacking = _lacking(assistant, Assistant.load(out), project)
            if lacking is not None:
                return "silent", lacking
    return ("told", said[0]) if said else ("clean", "")


def _missing_texts(folder: Path, project: Any) -> list[str]:
    """Texts of the files that are nowhere in what was read."""
    from gossamer.data.text.text_files import read_text
    from gossamer.data.text.yaml_tree import parse_yaml_tree

    # Categories are compared, and kept, without regard to case.
    read = [text.strip().strip("\ufeff").strip().casefold() for text in _strings(project)]
    whole, together = set(read), "\n".join(read)
    missing = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        tree = parse_yaml_tree(read_text(path), path)
        if tree is None:
            missing.append(f"all of {path.name}")
            continue
        for key, text in _texts(tree.to_python()):
            for line in text.splitlines():
                # Other texts may be read as parts of something, annotated ones in pieces.
                there = whole if key == "examples" and "[" not in line else together
                missing += [part for part in _plain_parts(line) if part.casefold() not in there]
    return missing


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a file with the key that each is under."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name != "version":
                yield from _texts(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, key)
    elif isinstance(value, str):
        yield key, value


def _plain_parts(line: str) -> Iterator[str]:
    """The pieces of a line that annotations do not touch."""
    plain = re.sub(r"^\s*-", "", line).strip().strip("\ufeff").strip()
    plain = re.sub(r"\](\([^)]*\)|\{[^}]*\})", "\n", plain).replace("[", "\n")
    yield from (part.strip() for part in plain.split("\n") if part.strip())


def _strings(value: Any) -> Iterator[str]:
    """All texts within typed objects; places and the raw domain do not count."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("where", "content"):
                yield from _strings(getattr(value, field.name))
    elif isinstance(value, dict) or hasattr(value, "items"):
        for key, part in value.items():
            yield str(key)
            yield from _strings(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _strings(part)
    elif value is not None:
        yield str(value)


def _lacking(assistant: Any, loaded: Any, project: Any) -> str | None:
    """What a trained model lacks from the project that it was trained on."""
    for model in (assistant, loaded):
        if (project.nlu is not None) != model.understands_texts:
            return "the model understands no texts"
        if project.has_dialogue != (model.dialogue is not None):
            return "the model holds no conversation"
        if project.nlu is not None:
            lost = {intent for intent in project.nlu.intents if intent} - set(model.intents)
            if lost and any(part.intents for part in model.pipeline.components):
                return f"intents that the model does not know: {sorted(lost)}"
            names = [part.name for part in model.pipeline.components]
            wanted = [part.name.rpartition(".")[2] for part in project.config.pipeline]
            if [name for name in wanted if name not in names]:
                return f"components {wanted} became {names}"
        if model.dialogue is not None:
            wanted = [part.name.rpartition(".")[2] for part in project.config.policies]
            names = [policy.name for policy in model.dialogue.ensemble.policies]
            if wanted and [name for name in wanted if name not in names]:
                return f"policies {wanted} became {names}"
            if model.dialogue.domain.action_names != project.domain.action_names:
                return "the model has other actions than the domain"
    return None


# -- processes ------------------------------------------------------------------------------------


def _work(pipe: Connection, memory: int) -> None:
    """Take seeds, send outcomes, until the other side is done."""
    import torch

    import gossamer.data.text.yaml_tree as yaml_tree  # noqa: F401  (imports count before the limit)

    torch.set_num_threads(1)
    _keep_parsed_files()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, resource.RLIM_INFINITY))
    files = starter_files()
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    pipe.send("ready")
    try:
        while (task := pipe.recv()) is not None:
            seed, trains = task
            pipe.send(_one(files, seed, trains, root))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _one(files: Files, seed: int, trains: bool, root: Path) -> Outcome:
    damaged = mutate(files, seed)
    folder = root / "project"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_files(damaged.files, folder)
    start = time.perf_counter()
    try:
        verdict, detail = inspect(folder, trains=trains, out=root / "model.gossamer")
    except BaseException as error:  # any exception here is a finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        verdict = "crash"
        detail = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    seconds = time.perf_counter() - start
    return Outcome(seed, verdict, detail.replace(str(root), ""), seconds, damaged.described)


def _keep_parsed_files() -> None:
    """Files without a mistake are parsed once: most of the time goes into YAML."""
    import gossamer.checks  # noqa: F401  (with all readers)
    import gossamer.data.text.yaml_tree as yaml_tree

    original = yaml_tree.parse_yaml_tree
    kept = _kept(original)
    for module in list(sys.modules.values()):
        if getattr(module, "parse_yaml_tree", None) is original:
            setattr(module, "parse_yaml_tree", kept)  # noqa: B010


def _kept(parse: Any) -> Any:
    trees: dict[Any, Any] = {}

    def kept(text: str, path: Path, **options: Any) -> Any:
        key = (text, path, *sorted(options.items()))
        if key not in trees:
            if len(trees) > 100:
                for old in list(trees)[20:]:  # the first ones are the undamaged files
                    del trees[old]
            trees[key] = parse(text, path, **options)
        return trees[key]

    return kept


def run(
    seeds: Sequence[int], *, n_trained: int = 0, memory: int = _MEMORY, shows_progress: bool = False
) -> Iterator[Outcome]:
    """Damage the starter once for every seed, in a process of its own.

    Args:
        seeds: of the mistakes.
        n_trained: this many of them, evenly spread, are trained if nothing refuses them.
        memory: bytes that reading and training may take.
        shows_progress: print a line now and then.
    """
    every = max(1, len(seeds) // n_trained) if n_trained else 0
    with WatchedProcess(_work, memory) as process:
        for number, seed in enumerate(seeds):
            trains = every > 0 and number % every == 0
            start = time.perf_counter()
            try:
                outcome: Outcome = process.ask(
                    (seed, trains), _TRAIN_SECONDS if trains else _READ_SECONDS
                )
            except (Hung, Died) as end:
                verdict, detail = "slow", "no answer in time"
                if isinstance(end, Died):
                    verdict, detail = "killed", f"the process ended with code {end.args[0]}"
                seconds = time.perf_counter() - start
                described = mutate(starter_files(), seed).described
                outcome = Outcome(seed, verdict, detail, seconds, described)
            yield outcome
            if shows_progress and number % 500 == 499:
                print(f"{number + 1} of {len(seeds)}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the fuzz, print and write what it found. Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000, help="how many damaged projects")
    parser.add_argument("--train", type=int, default=0, help="how many of them are trained")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the others follow")
    parser.add_argument("--only", type=int, help="run one seed, and keep its files in ./fuzzed")
    parser.add_argument("--out", type=Path, help="a file for outcomes, a line of JSON for each")
    chosen = parser.parse_args(arguments)
    seeds = list(range(chosen.seed, chosen.seed + chosen.count))
    if chosen.only is not None:
        seeds = [chosen.only]
        shutil.rmtree("fuzzed", ignore_errors=True)
        write_files(mutate(starter_files(), chosen.only).files, Path("fuzzed"))
    n_trained = len(seeds) if chosen.only is not None and chosen.train else chosen.train
    counts: Counter[str] = Counter()
    slowest = 0.0
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(chosen.out.open("w")) if chosen.out is not None else None
        for outcome in run(seeds, n_trained=n_trained, shows_progress=sys.stderr.isatty()):
            counts[outcome.verdict] += 1
            slowest = max(slowest, outcome.seconds)
            if out is not None:
                out.write(json.dumps(asdict(outcome)) + "\n")
                out.flush()
            if not outcome.is_good or chosen.only is not None:
                print(f"{outcome.seed} {outcome.verdict}: {outcome.detail}\n  {outcome.described}")
    summary = ", ".join(f"{counts[name]} {name}" for name in sorted(counts))
    print(f"{summary}; slowest {slowest:.1f} s")
    if any(name not in _GOOD for name in counts):
        raise SystemExit(1)


if __name__ == "__main__":
    plain_errors.run(main)
