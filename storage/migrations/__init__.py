"""Bringing a database to the tables of this code, by Alembic, when the service starts."""

import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from engine.errors import DatabaseBroken

SCRIPTS = Path(__file__).parent
_TURNS = threading.Lock()  # `alembic.op` and `alembic.context` are globals of the process


def migrate(engine: Engine, where: str, back_up: Callable[[str], None], scripts: Path = SCRIPTS) -> None:
    """Bring the database to the newest revision, in one transaction.

    `where` names the database in errors. Before a database that has tables is changed, `back_up` is called with the
    revision that it is about to get. Raises DatabaseBroken for a database that is newer than this code, or somebody
    else's.
    """
    config = configuration(scripts)
    directory = ScriptDirectory.from_config(config)
    head = str(directory.as_revision_number("head"))
    with engine.connect() as connection, connection.begin():
        current = MigrationContext.configure(connection).get_current_revision()
        tables = inspect(connection).get_table_names()
    if current == head:
        return
    if current is None and tables:
        raise DatabaseBroken(
            f"{where} has tables that are not Atelier's; name another database in database.url",
            path=where,
            reason="not an Atelier database",
        )
    if current is not None and current not in {script.revision for script in directory.walk_revisions()}:
        raise DatabaseBroken(
            f"{where} was written by a newer Atelier (revision {current}); update Atelier, or restore a backup",
            path=where,
            reason=f"unknown revision {current}",
        )
    if tables:
        back_up(head)
    with engine.connect() as connection, connection.begin():
        run(connection, config)


def configuration(scripts: Path = SCRIPTS) -> Config:
    """Give Alembic's configuration; there is no file of it."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def run(connection: Connection, config: Config) -> None:
    """Upgrade to the newest revision within the connection's transaction."""
    config.attributes["connection"] = connection
    with _TURNS:
        command.upgrade(config, "head")
