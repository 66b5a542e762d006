"""`gossamer visualize`: stories and rules as a graph in one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import DATA, DOMAIN, StoryPaths


def visualize(
    stories: StoryPaths = [DATA],  # noqa: B006  (typer copies it)
    domain: Annotated[
        list[Path] | None,
        typer.Option(
            "--domain",
            "-d",
            help="The domain, whose responses are shown; else domain.yml, if it exists.",
        ),
    ] = None,
    nlu: Annotated[
        list[Path] | None,
        typer.Option("--nlu", "-u", help="Examples to show with their intents."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Not needed; Rasa has the option.", hidden=True),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The HTML page to write.")] = Path(
        "graph.html"
    ),
    max_history: Annotated[
        int,
        typer.Option(
            "--max-history",
            min=1,
            help="How many events must be alike for two places of stories to be one node.",
        ),
    ] = 2,
) -> None:
    """Draw stories and rules as a graph, in one HTML page that needs nothing from elsewhere."""
    from gossamer.cli.streams import say
    from gossamer.data import DataError, read_domain, read_stories, read_training_data
    from gossamer.data.text.files import check_writable
    from gossamer.data.text.text_files import write_text
    from gossamer.visualize import stories_page

    if config is not None:
        say("Warning: --config changes nothing here: a graph shows stories, not policies")
    check_writable([out], error=DataError)
    data = read_stories(stories)
    known = domain or ([DOMAIN] if DOMAIN.exists() else None)
    page = stories_page(
        data,
        domain=None if known is None else read_domain(known),
        nlu=None if nlu is None else read_training_data(nlu),
        max_history=max_history,
        title=Path.cwd().name or "Stories",
    )
    write_text(out, page)
    typer.echo(out)
