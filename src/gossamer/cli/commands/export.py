"""`gossamer export`: a model for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import MODELS, ModelPath, PartsConfig


class Format(StrEnum):
    """Formats that can be written."""

    onnx = "onnx"


def export(
    model: ModelPath = MODELS,
    config: PartsConfig = None,
    output_format: Annotated[
        Format, typer.Option("--format", "-f", help="What to write.")
    ] = Format.onnx,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write; next to the model if not given."),
    ] = None,
    component: Annotated[
        str | None,
        typer.Option("--component", help="Alias of the DIETClassifier, where there are several."),
    ] = None,
) -> None:
    """Write a model's DIET as a file that other programs can run.

    ONNX takes features and gives scores of intents and tags of tokens; it needs the extra
    gossamer[onnx].
    """
    from gossamer.cli.models import parts_config
    from gossamer.data.errors import InputError
    from gossamer.data.installed import require
    from gossamer.data.model_files import latest_model
    from gossamer.data.text.files import check_writable

    require("export to ONNX", "onnx")
    path, named = latest_model(model), parts_config(config)
    target = path.with_suffix(f".{output_format.value}") if out is None else out
    if target.resolve() == path.resolve():
        raise InputError(
            "an exported model must not replace the model it is made from",
            got=str(target),
            hint="another --out",
        )
    check_writable([target], error=InputError)
    from gossamer.assistant import Assistant
    from gossamer.export import export_model

    assistant = Assistant.load(path, config=named)
    written = export_model(assistant, target, format=output_format.value, component=component)
    typer.echo(f"The {output_format.value.upper()} model is {written}")
