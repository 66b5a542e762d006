"""What the server's tests share: PostgreSQL where it is installed, and servers; see `servers`."""

from __future__ import annotations

from postgres import postgres
from servers import (
    in_memory,
    models,
    shared_server,
    start_process,
    start_server,
    tiny_model,
    tiny_project,
)

__all__ = [
    "in_memory",
    "models",
    "postgres",
    "shared_server",
    "start_process",
    "start_server",
    "tiny_model",
    "tiny_project",
]
