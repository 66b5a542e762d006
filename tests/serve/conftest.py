"""What the server's tests share: PostgreSQL, where it is installed."""

from __future__ import annotations

from postgres import postgres

__all__ = ["postgres"]
