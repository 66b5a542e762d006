"""`gossamer semantic-map`: a map of the words of a corpus, for SemanticMapFeaturizer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a semantic map of words, or look at one.", no_args_is_help=True)


@app.command("train")
def train(
    corpus: Annotated[
        list[Path],
        typer.Argument(help="Text files in UTF-8, a sentence or short paragraph a line."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The map's file.")] = Path("semantic-map.map"),
    side: Annotated[
        int, typer.Option("--side", help="Cells along a side of the map: 8, 16, 32 or 64.")
    ] = 32,
    max_words: Annotated[
        int, typer.Option("--max-words", help="How many of the most frequent words are on it.")
    ] = 10_000,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Words in fewer lines are left out.")
    ] = 2,
    active: Annotated[
        float, typer.Option("--active", help="Largest share of the cells that a word activates.")
    ] = 0.02,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the corpus.")] = 20,
    random_seed: Annotated[int, typer.Option("--random-seed", help="Of the first map.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but the path.")] = False,
) -> None:
    """Train a map on plain text, and write it to a file.

    Words that occur in the same texts come to lie near each other. The component
    SemanticMapFeaturizer makes features of it.
    """
    from rich.console import Console

    from gossamer.cli.progress import epoch_bars
    from gossamer.data.errors import ModelFileError
    from gossamer.data.installed import require
    from gossamer.data.text.files import check_writable

    require("training a semantic map", "scipy")
    check_writable([out], error=ModelFileError)
    from gossamer.nlu.featurizers.semantic_map.training import read_corpus, train_semantic_map

    with epoch_bars(Console(), is_shown=not quiet) as on_epoch:
        trained = train_semantic_map(
            read_corpus(corpus),
            side=side,
            max_words=max_words,
            min_count=min_count,
            active=active,
            epochs=epochs,
            random_seed=random_seed,
            on_epoch=on_epoch,
        )
    saved = trained.save(out)
    typer.echo(saved if quiet else f"{len(trained.words):,} words. The map is {saved}")


@app.command("show")
def show(
    path: Annotated[Path, typer.Argument(metavar="MAP", help="The map's file.")],
    words: Annotated[list[str], typer.Argument(help="Words to look up.")],
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw where they lie, as a PNG file.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="How many neighbours are listed.")] = 8,
) -> None:
    """List the words that are most like some words, and draw where they lie."""
    from gossamer.data.errors import InputError
    from gossamer.data.text.suggestions import nearest
    from gossamer.nlu.featurizers.semantic_map.semantic_map import SemanticMap

    found = SemanticMap.load(path)
    for word in words:
        if word.lower() not in found.rows:
            near = nearest(word.lower(), found.words)
            raise InputError("a word must be on the map", got=word, hint=near and f"'{near}'")
    if figure is not None:
        from gossamer.data.text.files import write_file
        from gossamer.nlu.featurizers.semantic_map.figure import draw_words

        write_file(figure, draw_words(found, words), error=InputError)
    for word in words:
        like = ", ".join(f"{name} {cosine:.2f}" for name, cosine in found.nearest(word, n))
        typer.echo(f"{word}: {like}")
    if figure is not None:
        typer.echo(f"The figure is {figure}")
