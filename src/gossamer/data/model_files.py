"""Which model file is meant."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from gossamer.data.errors import ModelFileError

SUFFIX: Final = ".gossamer"
"""What names of model files end in."""


def latest_model(path: Path, *, without: Collection[str] = ()) -> Path:
    """The model file that a path means.

    Args:
        path: a model file, or a folder: the file in it that was changed last is taken, the last by
            name among equally old ones.
        without: prefixes of names that are taken only when there is no other.

    Raises:
        ModelFileError: nothing is there, or the folder holds no model.
    """
    hint = "`gossamer train`, or another --model"
    if path.is_dir():
        models = [file for file in path.glob(f"*{SUFFIX}") if file.is_file()]
        if not models:
            raise ModelFileError(
                f"a model folder must hold a *{SUFFIX} file", got=str(path), hint=hint
            )
        others = [file for file in models if not file.name.startswith(tuple(without))]
        return max(others or models, key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not path.exists():
        raise ModelFileError("the model must exist", got=str(path), hint=hint)
    return path
