"""Parts that are installed as they are needed: is one there, and which line installs it.

`pip install gossamer` brings what a trained model needs to answer. Training, figures, ONNX and Ray
come with extras. Whatever needs one of them asks `require` first, which imports nothing.
"""

from __future__ import annotations

import importlib.util
import sys
from types import MappingProxyType
from typing import Final

from gossamer.data.errors import InputError, Location
from gossamer.data.text.wording import joined_by_and

# Module: what people call it, and the extra of pyproject.toml that brings it.
OPTIONAL: Final = MappingProxyType(
    {
        "torch": ("PyTorch", "train"),
        "scipy": ("SciPy", "train"),
        "sklearn": ("scikit-learn", "train"),
        "pycrfsuite": ("python-crfsuite", "train"),
        "joblib": ("joblib", "train"),
        "cloudpickle": ("cloudpickle", "train"),
        "threadpoolctl": ("threadpoolctl", "train"),
        "matplotlib": ("matplotlib", "plots"),
        "onnx": ("onnx", "onnx"),
        "ray": ("Ray", "ray"),
        "spacy": ("spaCy", "spacy"),
        "jieba": ("jieba", "jieba"),
        "transformers": ("transformers", "transformers"),
        "fastapi": ("FastAPI", "serve"),
        "uvicorn": ("uvicorn", "serve"),
        "uvloop": ("uvloop", "serve"),
        "httptools": ("httptools", "serve"),
        "websockets": ("websockets", "serve"),
        "sqlalchemy": ("SQLAlchemy", "serve"),
        "alembic": ("Alembic", "serve"),
        "psycopg": ("psycopg", "serve"),
        "socketio": ("python-socketio", "serve"),
        "jwt": ("PyJWT", "serve"),
        "prometheus_client": ("prometheus-client", "serve"),
        "pika": ("pika", "rabbitmq"),
    }
)

TRAINING: Final = ("torch", "scipy", "sklearn")
"""What training imports."""
STUDYING: Final = (*TRAINING, "joblib", "cloudpickle", "threadpoolctl", "matplotlib")
"""What studies import; their reports have figures."""
SERVING: Final = (
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "socketio",
    "jwt",
    "prometheus_client",
)
"""What the server imports."""
FIGURES: Final = ("matplotlib",)
"""What figures are drawn with."""


class MissingPartError(InputError, ImportError):
    """A library that is asked for is not installed; the message has the line that installs it."""


def is_there(module: str) -> bool:
    """Whether a library can be imported; it is looked for, not imported."""
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def missing_part(
    what: str, *modules: str, where: Location | None = None
) -> MissingPartError | None:
    """The error that says what is missing for something, or None where all of it is there.

    Args:
        what: what needs them, as the subject of a sentence ("training").
        modules: keys of `OPTIONAL`.
        where: the place in a file that asks for it.
    """
    missing = [module for module in modules if not is_there(module)]
    if not missing:
        return None
    names = joined_by_and([OPTIONAL[module][0] for module in missing])
    extras = ",".join(dict.fromkeys(OPTIONAL[module][1] for module in missing))
    return MissingPartError(
        f"{what} needs {names}",
        got=f"no module named {missing[0]}",
        where=where,
        hint=f'pip install "gossamer[{extras}]"',
    )


def require(what: str, *modules: str) -> None:
    """Refuse to go on where something is missing; arguments as for `missing_part`.

    Raises:
        MissingPartError: at least one of the modules is not installed.
    """
    error = missing_part(what, *modules)
    if error is not None:
        raise error


def as_missing_part(what: str, error: ImportError) -> MissingPartError | None:
    """A failed import as the error that has the install line; None if no extra brings the module.

    Args:
        what: what needs it.
        error: of the import; one of a module inside a library that is there stays what it is.
    """
    name = error.name or ""
    return missing_part(what, name) if name in OPTIONAL else None
