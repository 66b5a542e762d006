"""Options that several commands share, so that each is worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

NluPaths: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--nlu",
        "-u",
        help="File or folder with annotated examples; may be given several times.",
    ),
]
DataPaths: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--data", help="File or folder with examples, stories, rules; may be given several times."
    ),
]
StoryPaths: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--stories", "-s", help="File or folder with stories and rules; may be given several times."
    ),
]
DomainPaths: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--domain", "-d", help="The domain, a file or a folder; may be given several times."
    ),
]
ConfigPath: TypeAlias = Annotated[
    Path, typer.Option("--config", "-c", help="Pipeline and policies: Rasa's config.yml.")
]
ModelPath: TypeAlias = Annotated[
    Path,
    typer.Option("--model", "-m", help="Model file, or a folder: the latest model in it is taken."),
]
PartsConfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Names the model's own components and policies; config.yml if it exists.",
    ),
]
TalkEndpoints: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--endpoints",
        help="endpoints.yml: where custom actions run, and the NLG server; used if it exists.",
    ),
]
Echo: TypeAlias = Annotated[
    bool, typer.Option("--echo", help="Print each line that is read, for scripted talks.")
]
RandomSeed: TypeAlias = Annotated[
    int | None,
    typer.Option("--random-seed", help="Same seed, same result; a new one is drawn if not given."),
]
NumThreads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--num-threads", min=1, help="Processor threads to use; PyTorch decides if not given."
    ),
]
RasaDefaults: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--rasa-defaults", help="Options that the configuration leaves open are as in Rasa 3.6."
    ),
]

DATA = Path("data")
DOMAIN = Path("domain.yml")
CONFIG = Path("config.yml")
MODELS = Path("models")
