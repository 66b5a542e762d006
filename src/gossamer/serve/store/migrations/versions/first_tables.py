"""Rasa's table of events, where it is not there already, and our own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gossamer.data.errors import ConfigError

revision = "1_first_tables"
down_revision = None

_NAME = sa.String(255)
_EVENT_COLUMNS = (
    *("id", "sender_id", "type_name", "timestamp"),
    *("intent_name", "action_name", "data"),
)


def upgrade() -> None:
    """Make the tables."""
    _make_events()
    op.create_table(
        "gossamer_conversations",
        sa.Column("sender_id", _NAME, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.Column("holder", _NAME),
        sa.Column("lease_until", sa.Float),
        sa.Column("next_holder", _NAME),
        sa.Column("next_until", sa.Float),
    )
    op.create_table(
        "gossamer_reminders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sender_id", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("intent", sa.Text, nullable=False),
        sa.Column("entities", sa.Text, nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("kill_on_user_msg", sa.Boolean, nullable=False),
        sa.Column("claimed_until", sa.Float),
        sa.UniqueConstraint("sender_id", "name", name="gossamer_reminders_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("gossamer_reminders_due", "gossamer_reminders", ["due"])


def _make_events() -> None:
    known = sa.inspect(op.get_bind())
    if not known.has_table("events"):
        op.create_table(
            "events",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sender_id", _NAME, nullable=False),
            sa.Column("type_name", _NAME, nullable=False),
            sa.Column("timestamp", sa.Float),
            sa.Column("intent_name", _NAME),
            sa.Column("action_name", _NAME),
            sa.Column("data", sa.Text),
        )
        op.create_index("ix_events_sender_id", "events", ["sender_id"])
        return
    missing = set(_EVENT_COLUMNS) - {column["name"] for column in known.get_columns("events")}
    if missing:
        raise ConfigError(
            'a table "events" that is there already must have the columns of Rasa 3.6',
            got=f"no column {', '.join(sorted(missing))}",
            hint="another database, or another schema in it",
        )
    indexed = {tuple(index["column_names"]) for index in known.get_indexes("events")}
    if ("sender_id",) not in indexed:
        op.create_index("ix_events_sender_id", "events", ["sender_id"])
