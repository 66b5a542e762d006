"""`gossamer train --finetune`: which model training goes on from, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from gossamer.checks import Checked
    from gossamer.checks.finetuning import Finetuning
    from gossamer.data.config import ProjectConfig

NEWEST = ""
"""Stands for the newest model, where --finetune comes without a value."""

Finetune: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--finetune",
        metavar="[MODEL]",
        help="Go on from a trained model, a file or the latest in a folder; without a value, the "
        "latest in the folder for the model.",
    ),
]
EpochFraction: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--epoch-fraction",
        help="With --finetune: share of the epochs to train for. All, if not given.",
    ),
]


def read_finetuning(
    finetune: str | None,
    epoch_fraction: float | None,
    folder: Path,
    prefix: str,
    config: ProjectConfig | None,
) -> tuple[Finetuning | None, Path | None]:
    """What training goes on from, and the file that is in; None and None where it starts anew.

    Args:
        finetune: a model file or a folder; `NEWEST` for `folder`.
        epoch_fraction: None for 1.
        folder: where models are.
        prefix: of names of models of what is trained; see `new_model_path`.
        config: the project's, which names components and policies of the user's own.

    Raises:
        InputError: there is a fraction of epochs alone.
        ModelFileError: there is no such model, or it cannot be read.
    """
    from gossamer.data.errors import InputError

    if finetune is None:
        if epoch_fraction is not None:
            raise InputError(
                "--epoch-fraction must come with --finetune",
                got=epoch_fraction,
                hint="--finetune, or fewer epochs in the configuration",
            )
        return None, None
    from gossamer.assistant import Assistant
    from gossamer.data.model_files import latest_model

    unfit = [part for part in ("nlu-", "core-") if part != prefix]
    path = latest_model(folder if finetune == NEWEST else Path(finetune), without=unfit)
    fraction = 1.0 if epoch_fraction is None else epoch_fraction
    return Assistant.load(path, config=config).finetuning(fraction), path


def goes_on_text(checked: Checked, finetuning: Finetuning, path: Path) -> str:
    """What goes on from a model and what is trained anew, in sentences."""
    from gossamer.checks.finetuning import goes_on

    policies = () if checked.dialogue is None else checked.dialogue.ensemble.policies
    going, anew = goes_on(checked.pipeline, policies)
    share = f"{finetuning.epoch_fraction:g}"
    epochs = "" if share == "1" else f", for {share} of the epochs"
    told = f"Going on from {path}{epochs}: {', '.join(going) if going else 'nothing'}."
    return f"{told} Trained anew: {', '.join(anew)}." if anew else told
