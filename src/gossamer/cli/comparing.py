"""What `gossamer test nlu --compare` and `gossamer test core --compare` do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from gossamer.cli.parts import figures_wanted

if TYPE_CHECKING:
    from gossamer.data import StoryData, TrainingData
    from gossamer.evaluate import ComparedModel, Comparison

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How to compare, whatever is compared."""

    percentages: Sequence[int]
    runs: int
    random_seed: int | None
    out: Path
    num_threads: int | None
    plots: bool

    def prepare(self) -> bool:
        """Look at what can be known to go wrong, before anything slow; whether to draw."""
        from gossamer.cli.threads import use_threads
        from gossamer.data import InputError
        from gossamer.data.text.files import check_writable

        check_writable([self.out / "results.json"], error=InputError)
        is_drawn = figures_wanted(self.plots)
        use_threads(self.num_threads)
        return is_drawn

    @contextmanager
    def settings(self) -> Iterator[Mapping[str, Any]]:
        """What a comparison is called with; a bar shows how many models are done."""
        import secrets

        from rich.console import Console

        from gossamer.cli.progress import counting_bar

        with counting_bar(Console(), "models") as on_count:

            def told(_: ComparedModel, n_done: int, n_all: int) -> None:
                if on_count is not None:
                    on_count(n_done, n_all)

            drawn = secrets.randbelow(2**31) if self.random_seed is None else self.random_seed
            yield {
                "random_seed": drawn,
                "exclude_percentages": self.percentages,
                "runs": self.runs,
                "on_model": told,
            }

    def finish(self, comparison: Comparison, *, is_drawn: bool) -> None:
        """Print and write what came out."""
        from rich.console import Console

        from gossamer.evaluate.comparison_reports import comparison_summary, write_comparison

        Console().print(comparison_summary(comparison))
        written = write_comparison(comparison, self.out, plots=is_drawn)
        names = ", ".join(path.name for path in written)
        typer.echo(f"{len(written)} files in {self.out}: {names}")
        if comparison.failures:
            raise typer.Exit(1)


def compare_core(
    configs: Sequence[Path],
    domain: list[Path],
    train: list[Path],
    tests: StoryData,
    way: Way,
    *,
    augmentation: int,
) -> None:
    """Compare policies on test stories."""
    import dataclasses

    from gossamer.data import Project, read_project
    from gossamer.data.installed import TRAINING, require

    require("comparing models", *TRAINING)
    _check_once(configs)
    projects = {str(path): read_project(path, train, domain, nlu=False) for path in configs}
    is_drawn = way.prepare()

    from gossamer.assistant import Assistant
    from gossamer.dialogue.policies.ensemble import Ensemble
    from gossamer.dialogue.policies.registry import policies_from_config
    from gossamer.evaluate import compare_dialogue
    from gossamer.nlu.own.importing import OwnParts

    _check_all(
        lambda project: policies_from_config(project.config.policies, OwnParts.of(project.config)),
        projects.values(),
    )

    def trained(project: Project, part: StoryData, seed: int) -> Ensemble:
        assistant = Assistant.train_project(
            dataclasses.replace(project, stories=part),
            augmentation_factor=augmentation,
            random_seed=seed,
        )
        return assistant.require_dialogue().ensemble

    first = next(iter(projects.values()))
    with way.settings() as settings:
        comparison = compare_dialogue(
            projects,
            first.stories.stories,
            first.stories.rules,
            first.require_domain(),
            tests,
            train=trained,
            **settings,
        )
    way.finish(comparison, is_drawn=is_drawn)


def compare_nlu(configs: Sequence[Path], nlu: list[Path], way: Way, *, rasa_defaults: bool) -> None:
    """Compare pipelines on annotated examples."""
    from gossamer.data import ProjectConfig, read_config, read_training_data
    from gossamer.data.installed import TRAINING, require

    require("comparing models", *TRAINING)
    _check_once(configs)
    data = read_training_data(nlu)
    read = {str(path): read_config(path) for path in configs}
    if rasa_defaults:
        read = {name: config.with_rasa_defaults() for name, config in read.items()}
    is_drawn = way.prepare()

    from gossamer.assistant import Assistant
    from gossamer.evaluate import compare_nlu as compare
    from gossamer.nlu.pipeline.pipeline import Pipeline

    _check_all(Pipeline.from_config, read.values())

    def trained(config: ProjectConfig, part: TrainingData, seed: int) -> Assistant:
        return Assistant.train(config, part, random_seed=seed)

    with way.settings() as settings:
        comparison = compare(read, data, train=trained, **settings)
    way.finish(comparison, is_drawn=is_drawn)


def _check_once(configs: Sequence[Path]) -> None:
    """Refuse to compare a file with itself."""
    if len(set(configs)) < len(configs):
        raise typer.BadParameter("each file may be given once", param_hint="--config")


def _check_all(build: Callable[[T], object], configs: Iterable[T]) -> None:
    """Build what each configuration describes, before any of them is trained.

    Raises:
        InputError: some cannot be built; all faults are reported.
    """
    from gossamer.data.errors import InputError, all_of

    faults: list[InputError] = []
    for config in configs:
        try:
            build(config)
        except InputError as fault:
            faults.append(fault)
    if faults:
        raise all_of(faults)
