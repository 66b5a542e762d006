"""Alembic's environment: migrations run in the transaction of the connection they are given.

`gossamer.serve.store.schema` runs them when a store is opened.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()
