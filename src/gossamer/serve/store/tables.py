"""The tables: Rasa's `events`, and our own, whose names begin with "gossamer_"."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

ID_LENGTH: Final = 255
"""How long a conversation's id, or a name, may be: the width of Rasa's columns."""

metadata = MetaData()

# As the SQL tracker store of Rasa 3.6 has it: its databases go on as they are.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sender_id", String(ID_LENGTH), nullable=False, index=True),
    Column("type_name", String(ID_LENGTH), nullable=False),
    Column("timestamp", Float),
    Column("intent_name", String(ID_LENGTH)),
    Column("action_name", String(ID_LENGTH)),
    Column("data", Text),
)

# Who holds a conversation. `fence` counts the holders, `written` the writes; the next holder
# is one that waits, for which the conversation is kept a moment once it is free.
conversations = Table(
    "gossamer_conversations",
    metadata,
    Column("sender_id", String(ID_LENGTH), primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("holder", String(ID_LENGTH)),
    Column("lease_until", Float),
    Column("next_holder", String(ID_LENGTH)),
    Column("next_until", Float),
)

# An id is never used twice: a claim of a reminder that was replaced must not fit the new one.
reminders = Table(
    "gossamer_reminders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sender_id", String(ID_LENGTH), nullable=False),
    Column("name", String(ID_LENGTH), nullable=False),
    Column("intent", Text, nullable=False),
    Column("entities", Text, nullable=False),
    Column("due", Float, nullable=False),
    Column("kill_on_user_msg", Boolean, nullable=False),
    Column("claimed_until", Float),
    UniqueConstraint("sender_id", "name", name="gossamer_reminders_name"),
    Index("gossamer_reminders_due", "due"),
    sqlite_autoincrement=True,
)
