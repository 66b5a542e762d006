"""Training a candidate: only what has changed, and on from the model that answers.

A part that would learn from the same is taken as it is. One that has changed goes on from the model
that answers, for a tenth of its epochs: a sentence that was taught is right after that as it is
after training anew, in a fraction of the time (`benchmarks/teaching_loop.py --ways 0.1,0.25,anew`
compares them). What cannot go on is trained anew. Where a sentence that was taught is still wrong,
training goes on once more.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gossamer.assistant import Assistant
from gossamer.checks import Checked, Parts, check
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION
from gossamer.dialogue.last_model import LastModel
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.reuse import Change
from gossamer.teach.candidates.progress import EvenProgress, Stage

FIRST_FRACTION: Final = 0.1
"""Share of the epochs that parts go on for."""

MORE_FRACTION: Final = 0.2
"""Share of the epochs that they go on for once more."""

MOST_EXAMPLES: Final = 400_000
"""Of more epochs times examples the share is of these, so that large projects are as quick."""

LOADING, FEATURES = "loading", "features"
"""Pieces of the progress before the first epoch: libraries are loaded, features learnt."""

_SECONDS_AN_EXAMPLE: Final = 5e-4  # of an epoch; guesses only, which what is measured corrects
_SECONDS_A_STORY: Final = 4e-3
_LIBRARIES: Final = ("torch", "scipy.stats", "sklearn.svm")  # what networks are trained with


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model, and what was trained.

    Attributes:
        assistant: it.
        lines: what was trained and why, a line for each part.
    """

    assistant: Assistant
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A project that was checked, to be trained once.

    Attributes:
        checked: it.
        parts: what it was read from.
        epochs: of each part that may be trained, by alias; parts that stay are not there.
        goes_on: aliases of the parts that go on from an earlier model.
    """

    checked: Checked
    parts: Parts
    epochs: dict[str, int]
    goes_on: frozenset[str]

    def guesses(self) -> dict[str, float]:
        """Seconds of `LOADING`, `FEATURES`, and each part, by its alias; see `EvenProgress`."""
        nlu, stories = self.parts.nlu, self.parts.stories
        n_examples = 0 if nlu is None else len(nlu.examples)
        n_stories = 0 if stories is None else len(stories.stories) + len(stories.rules)
        policies = {policy.alias for policy in _policies(self.checked)}
        of_policies, of_others = n_stories * _SECONDS_A_STORY, n_examples * _SECONDS_AN_EXAMPLE
        return {LOADING: 5.0 if self.epochs else 0.0, FEATURES: 2.0} | {
            alias: n_epochs * (of_policies if alias in policies else of_others)
            for alias, n_epochs in self.epochs.items()
        }


def prepare(
    parts: Parts,
    earlier: Assistant | None,
    last: LastModel | None,
    *,
    epoch_fraction: float | None = FIRST_FRACTION,
) -> Ready:
    """Check a project, and let it go on from an earlier model where that is possible.

    Args:
        parts: of the project.
        earlier: the model to go on from; None: all is trained anew.
        last: its parts, of which those are taken that have not changed.
        epoch_fraction: of their epochs that parts go on for; None: they do not.

    Raises:
        InputError: the project cannot be trained; all reasons are reported.
    """
    checked: Checked | None = None
    if earlier is not None and epoch_fraction is not None:
        checked = check(parts, last=last, finetuning=earlier.finetuning(epoch_fraction))
    if checked is None or checked.refusals:  # other components, say, than the model has
        checked = check(parts, last=last)
    project = checked.require_sound()
    pipeline, dialogue = checked.pipeline, checked.dialogue
    learning: list[Any] = []
    if pipeline is not None and project.nlu is not None:
        foreseen = pipeline.foresee(project.nlu, () if last is None else last.components)
        changed = {change.part for change in foreseen.changes if change.is_trained}
        learning += [part for part in pipeline.components if part.alias in changed]
    if dialogue is not None:
        learning += dialogue.untaken
    n_examples = 0 if project.nlu is None else len(project.nlu.unique_examples())
    return Ready(
        checked=checked,
        parts=parts,
        epochs={
            part.alias: _epochs_to_go(part, n_examples)
            for part in learning
            if hasattr(part.options, "epochs")
        },
        goes_on=frozenset(part.alias for part in learning if part.start is not None),
    )


def train(
    ready: Ready, progress: EvenProgress, *, augmentation: int = DEFAULT_AUGMENTATION
) -> Trained:
    """Train what `prepare` has checked.

    Args:
        ready: it can be trained once.
        progress: is told after each epoch; its pieces are those of `Ready.guesses`.
        augmentation: how many stories others are joined to.

    Raises:
        InputError: a component or policy cannot use the data.
    """
    changes: list[Change] = []
    for number, library in enumerate(_LIBRARIES if ready.epochs else ()):
        progress.at(LOADING, number / len(_LIBRARIES), Stage.TRAINING, "loading libraries")
        importlib.import_module(library)
    progress.at(FEATURES, 0.0, Stage.TRAINING, "learning words")

    def note(change: Change) -> None:
        changes.append(change)
        if change.part in ready.epochs and not change.is_trained:
            progress.drop(change.part)

    def tell(report: EpochReport) -> None:
        share = report.epoch / report.n_epochs
        text = f"{report.component}: epoch {report.epoch} of {report.n_epochs}"
        if report.component in ready.epochs:
            progress.at(report.component, share, Stage.TRAINING, text, part=report.component)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of data are in `gossamer data validate`
        assistant = Assistant.train_checked(
            ready.checked, augmentation_factor=augmentation, on_epoch=tell, on_change=note
        )
    return Trained(
        assistant=assistant,
        lines=tuple(
            f"{change.part}: {', '.join(change.reasons)}" for change in changes if change.is_trained
        ),
    )


def _policies(checked: Checked) -> Sequence[Any]:
    return () if checked.dialogue is None else checked.dialogue.ensemble.policies


def _epochs_to_go(part: Any, n_examples: int) -> int:
    """How many epochs a part is trained for; one that goes on is kept to `MOST_EXAMPLES`."""
    n_epochs = part.options.epochs
    if hasattr(part.options, "fitting"):
        n_epochs = part.options.fitting(n_examples).epochs
    if not isinstance(n_epochs, int):
        return 1
    if part.start is None:
        return n_epochs
    share = min(1.0, MOST_EXAMPLES / max(1, n_epochs * n_examples))
    fraction: float = part.start.epoch_fraction * share
    part.start = part.start._replace(epoch_fraction=fraction)
    return max(1, round(n_epochs * fraction))
