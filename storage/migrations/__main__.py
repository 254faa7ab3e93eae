"""Write a new revision: `python -m storage.migrations "what changes"` compares the tables with the newest revision."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from storage.database_sqlite import writing_engine
from storage.migrations import configuration, run


def main(message: str) -> None:
    """Write `versions/NUMBER_MESSAGE.py`, to be read and mended by hand."""
    config = configuration()
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    number = f"{len(list((Path(__file__).parent / 'versions').glob('*.py'))) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        engine = writing_engine(Path(folder) / "empty.db")
        try:
            with engine.connect() as connection, connection.begin():
                run(connection, config)
                command.revision(config, message, rev_id=number, autogenerate=True)
        finally:
            engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
