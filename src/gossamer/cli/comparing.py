"""What `gossamer test nlu --compare` and `gossamer test core --compare` do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gossamer.cli.parts import figures_wanted

if TYPE_CHECKING:
    from gossamer.data import StoryData, TrainingData
    from gossamer.evaluate import ComparedModel, Comparison


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
    projects = {str(path): read_project(path, train, domain, nlu=False) for path in configs}
    is_drawn = way.prepare()

    from gossamer.assistant import Assistant
    from gossamer.dialogue.policies.ensemble import Ensemble
    from gossamer.evaluate import compare_dialogue

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
    data = read_training_data(nlu)
    read = {str(path): read_config(path) for path in configs}
    if rasa_defaults:
        read = {name: config.with_rasa_defaults() for name, config in read.items()}
    is_drawn = way.prepare()

    from gossamer.assistant import Assistant
    from gossamer.evaluate import compare_nlu as compare

    def trained(config: ProjectConfig, part: TrainingData, seed: int) -> Assistant:
        return Assistant.train(config, part, random_seed=seed)

    with way.settings() as settings:
        comparison = compare(read, data, train=trained, **settings)
    way.finish(comparison, is_drawn=is_drawn)
