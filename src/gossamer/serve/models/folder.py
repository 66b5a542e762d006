"""The models folder: the only place from which models are loaded over HTTP."""

from __future__ import annotations

from pathlib import Path

from gossamer.data.model_files import SUFFIX, latest_model
from gossamer.serve.errors import bad_request


def models_folder(model: Path) -> Path:
    """The folder of the models of a server that was started with this model, or folder."""
    model = model.resolve()
    return model if model.is_dir() else model.parent


def model_in_folder(model: Path, name: str) -> Path:
    """The model file that a client means.

    Args:
        model: what the server was started with.
        name: a path in the models folder, or one of the working folder that leads into it, as
            Rasa's clients send; the folder itself means its latest model.

    Raises:
        ServeError: 400, there is no such model in the folder, links followed. What is elsewhere is
            not told from what is not there.
    """
    folder = models_folder(model)
    for candidate in (folder / name, Path(name)):
        try:
            path = candidate.resolve(strict=True)
            if path == folder:
                path = latest_model(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            continue
        if path.is_relative_to(folder) and path.is_file() and path.suffix == SUFFIX:
            return path
    raise bad_request(
        f"model_file must be a *{SUFFIX} file in the models folder",
        parameter="model_file",
        **{"in": "body"},
    )
