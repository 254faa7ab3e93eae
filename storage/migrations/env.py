"""Alembic runs this file for every command; the connection comes from `storage.migrations`."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from storage.tables import Base, Word


def render_item(kind: str, item: object, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write our own text types as plain ones: a revision must not change when the tables' code does."""
    if kind == "type" and isinstance(item, AutoString | Word):
        return "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=render_item,
    render_as_batch=True,  # SQLite cannot alter most of a table; batches rebuild it
    transactional_ddl=True,  # SQLite too: our engine begins transactions itself, so a half-done migration rolls back
)
with context.begin_transaction():
    context.run_migrations()
