"""From a project as it now is to a candidate: read, train, test, compare, save."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from gossamer.assistant import Assistant
from gossamer.checks import Parts, read_parts
from gossamer.data.errors import InputError
from gossamer.data.installed import TRAINING, require
from gossamer.data.model_files import SUFFIX
from gossamer.data.text.search import Paths
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION
from gossamer.dialogue.last_model import LastModel
from gossamer.teach.candidates.comparison import compare
from gossamer.teach.candidates.progress import EvenProgress, ProgressListener, Stage
from gossamer.teach.candidates.store import (
    CANDIDATES,
    LOCK_FILE,
    Candidate,
    candidate_of,
    new_folder,
)
from gossamer.teach.candidates.testing import Conversations, Questions, ask
from gossamer.teach.candidates.training import (
    FIRST_FRACTION,
    MORE_FRACTION,
    Ready,
    Trained,
    prepare,
    train,
)
from gossamer.teach.corrections import Correction

_READING, _TESTING = "reading", "testing"
_BEFORE: Final = {_READING: 3.0}  # guesses, in seconds; see `EvenProgress`
_AFTER: Final = {_TESTING: 2.0}
_PARTS: Final = {"parts": 8.0}  # before it is known what is to be trained
_TRAINING_LOCK: Final = "training.lock"


def make_candidate(
    project_folder: str | Path,
    *,
    models: str | Path,
    base: str | Path | None,
    taught: Sequence[Correction] = (),
    out: str | Path | None = None,
    on_progress: ProgressListener | None = None,
    config: str | Path = "config.yml",
    domain: Paths = "domain.yml",
    data: Paths = "data",
    tests: str | Path = "tests",
    augmentation: int = DEFAULT_AUGMENTATION,
    epoch_fraction: float | None = FIRST_FRACTION,
) -> Candidate:
    """Train a model from a project as it now is, and compare it with the one that answers.

    Only what has changed is trained, and goes on from the model that answers where that is
    possible; see `gossamer.teach.candidates.training`. Both are asked the project's test data and
    all that was taught. Nothing changes for whoever talks to the assistant; `put_in_service` does
    that.

    Args:
        project_folder: the project; the paths below are in it.
        models: the folder of models.
        base: the model that answers; None: there is none, and all is trained anew.
        taught: all that was ever taught and not undone.
        out: a new folder for the candidate in `models`' folder of candidates; None: one is made.
        on_progress: told how far it is.
        config: pipeline and policies.
        domain: the domain.
        data: examples, stories and rules.
        tests: the folder of test data; it may be missing.
        augmentation: how many stories others are joined to.
        epoch_fraction: of their epochs that parts go on for; None: they do not, and what has
            changed is trained anew.

    Raises:
        MissingPartError: libraries for training are not installed.
        ModelFileError: the model that answers cannot be read, or the candidate not written.
        InputError: the project cannot be used, for all the reasons that are told, or another
            training of this folder of models goes on.
    """
    require("training", *TRAINING)
    folder, models = Path(project_folder), Path(models)
    made = new_folder(models) if out is None else Path(out)
    with _alone(models, made), _removing(made if out is None else None):
        progress = EvenProgress(on_progress, _BEFORE | _PARTS | _AFTER)
        return _Making(models, made, progress, augmentation, epoch_fraction).make(
            None if base is None else Path(base),
            taught,
            config=folder / config,
            domain=_inside(folder, domain),
            data=_inside(folder, data),
            tests=folder / tests,
        )


@contextmanager
def _alone(models: Path, made: Path) -> Iterator[None]:
    """One training at a time, and a lock that says that this one goes on."""
    (models / CANDIDATES).mkdir(parents=True, exist_ok=True)
    made.mkdir(parents=True, exist_ok=True)
    try:
        with (
            FileLock(models / CANDIDATES / _TRAINING_LOCK, timeout=0),
            FileLock(made / LOCK_FILE, timeout=0),
        ):
            yield
    except Timeout:
        raise InputError(
            "one candidate can be trained at a time", hint="when the other training has ended"
        ) from None


@contextmanager
def _removing(folder: Path | None) -> Iterator[None]:
    """Remove a folder if what is done with it fails."""
    try:
        yield
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _inside(folder: Path, paths: Paths) -> list[Path]:
    given = [paths] if isinstance(paths, str | Path) else paths
    return [folder / path for path in given]


class _Making:
    """One candidate on its way."""

    def __init__(
        self,
        models: Path,
        folder: Path,
        progress: EvenProgress,
        augmentation: int,
        epoch_fraction: float | None,
    ) -> None:
        self._models = models
        self._folder = folder
        self._progress = progress
        self._augmentation = augmentation
        self._epoch_fraction = epoch_fraction
        self._seconds: dict[str, float] = {}

    def make(
        self,
        base: Path | None,
        taught: Sequence[Correction],
        *,
        config: Path,
        domain: Sequence[Path],
        data: Sequence[Path],
        tests: Path,
    ) -> Candidate:
        """Make it; for the arguments see `make_candidate`."""
        progress = self._progress
        with self._timed("reading"):
            progress.at(_READING, 0.0, Stage.READING, "reading the project")
            questions = Questions.read(tests, taught)
            parts = read_parts(config, list(data), list(domain), wants_all=True)
            earlier = None if base is None else Assistant.load(base, config=config)
            last = None if base is None else LastModel.read(base, with_what_went_on=True)
            progress.at(_READING, 0.5, Stage.READING, "checking the project")
            ready = prepare(parts, earlier, last, epoch_fraction=self._epoch_fraction)
            domain_now = ready.checked.require_sound().domain
            ways = questions.of_domain(domain_now if parts.wants_dialogue else None)
        name = f"{_prefix(parts)}{self._folder.name}"
        path = self._folder / f"{name}{SUFFIX}"
        with self._timed("training"):
            trained = self._train(ready, last)
            trained.assistant.save(path)
            again = self._once_more(trained, parts, path, questions, ways, base)
            if again is not None:
                trained = again
                trained.assistant.save(path)
        with self._timed("testing"):
            progress.at(_TESTING, 0.0, Stage.TESTING, "testing the model that answers")
            before = ask(earlier, questions, ways, self._tested(0.0))
            progress.at(_TESTING, 0.5, Stage.TESTING, "testing the candidate")
            after = ask(trained.assistant, questions, ways, self._tested(0.5))
        comparison = compare(before, after, seconds=self._seconds, trained=trained.lines)
        candidate = Candidate(
            id=self._folder.name,
            folder=self._folder,
            name=name,
            when=time.time(),
            base=None if base is None else base.name,
            comparison=comparison.to_json(),
        )
        candidate.write()
        progress.done("the candidate is ready")
        return candidate

    def _train(self, ready: Ready, last: LastModel | None) -> Trained:
        self._progress.plan(_BEFORE | ready.guesses() | _AFTER)
        try:
            return train(ready, self._progress, augmentation=self._augmentation)
        except InputError:
            if not ready.goes_on:
                raise
        # It cannot go on from that model, which a component has found out only now.
        anew = prepare(ready.parts, None, last, epoch_fraction=None)
        self._progress.plan(_BEFORE | anew.guesses() | _AFTER)
        return train(anew, self._progress, augmentation=self._augmentation)

    def _once_more(
        self,
        trained: Trained,
        parts: Parts,
        path: Path,
        questions: Questions,
        ways: Conversations,
        base: Path | None,
    ) -> Trained | None:
        """Train once more where that makes more of what was taught right; None: it does not."""
        taught, ways = questions.taught(), ways.of_taught()
        known = () if base is None else self._known_to_stay_wrong(base)
        answers = ask(trained.assistant, taught, ways).taught
        kinds = {
            answer.kind
            for answer in answers
            if not answer.is_right and (answer.kind, answer.text) not in known
        }
        if not kinds:
            return None
        last = LastModel.read(path, with_what_went_on=True)
        last = dataclasses.replace(
            last,
            components=() if "message" in kinds else last.components,
            policies=() if "story" in kinds else last.policies,
        )
        ready = prepare(parts, trained.assistant, last, epoch_fraction=MORE_FRACTION)
        if not ready.epochs:
            return None
        self._progress.plan(_BEFORE | ready.guesses() | _AFTER)
        again = train(ready, self._progress, augmentation=self._augmentation)
        now = ask(again.assistant, taught, ways).taught
        if sum(answer.is_right for answer in now) <= sum(answer.is_right for answer in answers):
            return None
        lines = [
            f"{alias}: once more, as what was taught was still wrong" for alias in ready.epochs
        ]
        return dataclasses.replace(again, lines=(*trained.lines, *lines))

    def _known_to_stay_wrong(self, base: Path) -> set[tuple[str, str]]:
        """What was taught and is wrong in the model that answers, though it has learnt it."""
        made = candidate_of(self._models, base.stem)
        if made is None:
            return set()
        return {(each["kind"], each["text"]) for each in made.comparison.get("still_wrong", ())}

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[what] = round(time.perf_counter() - began, 2)

    def _tested(self, start: float) -> Callable[[float], None]:
        def tell(share: float) -> None:
            self._progress.at(_TESTING, start + share / 2, Stage.TESTING, "testing stories")

        return tell


def _prefix(parts: Parts) -> str:
    """What the name of the model begins with, as `gossamer train` has it."""
    if parts.nlu is None:
        return "core-"
    return "" if parts.wants_dialogue else "nlu-"
