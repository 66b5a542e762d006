"""Options of the commands that teach."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Train: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--train/--no-train",
        help="Train with what was taught, at the end; if not given, it is asked on a terminal.",
    ),
]
Teacher: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--teacher", help="Who teaches, as the project notes it; the name of your login else."
    ),
]
