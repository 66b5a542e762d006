"""All routes of teaching."""

from __future__ import annotations

from fastapi import APIRouter

from gossamer.serve.teaching.corrections import correction_routes
from gossamer.serve.teaching.inbox import inbox_routes
from gossamer.serve.teaching.teaching import Teaching
from gossamer.serve.teaching.trained import training_routes


def teaching_routes(teaching: Teaching) -> list[APIRouter]:
    """The routes under /teach."""
    return [each(teaching) for each in (correction_routes, inbox_routes, training_routes)]
