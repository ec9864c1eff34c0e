"""Writing over what a database leaves behind of values that were changed or removed.

Neither database does so by itself: SQLite keeps them in free pages, in its log and in the segments of a full-text
index, PostgreSQL in dead rows. The write-ahead log of a PostgreSQL server is recycled by the server in its own time.
"""

from collections.abc import Sequence

from sqlalchemy import inspect

from shared.db.engine import Database
from shared.errors import N_

_WORDS = "_words"
# The job of either app that does so.
TITLE = N_("Write over what erasures left on the disk")


def write_over(database: Database, tables: Sequence[str], indexes: Sequence[str] = ()) -> bool:
    """Make anew the tables named, on SQLite the whole file, so that only what stands in them remains.

    False when somebody who was reading kept SQLite's log from being emptied: then it is to be run again.
    `indexes` are search indexes (shared.db.search). Nobody can write meanwhile, so it belongs to the night. It has no
    transaction of its own and can be broken off and run again. Raises SQLAlchemy's errors when others hold the tables.
    """
    if database.dialect == "sqlite":
        return _sqlite(database, indexes)
    _postgresql(database, [*tables, *indexes])
    return True


def _sqlite(database: Database, indexes: Sequence[str]) -> bool:
    with database.engine.connect() as connection:
        for name in indexes:
            words = f"{name}{_WORDS}"
            connection.exec_driver_sql(f"INSERT INTO {words} ({words}) VALUES ('optimize')")  # noqa: S608 - names are ours
        connection.commit()
    raw = database.engine.raw_connection()
    try:
        assert raw.driver_connection is not None
        # The log first: pages in it would otherwise be written back behind the new file.
        raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        raw.driver_connection.execute("VACUUM")
        busy = raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        return not busy
    finally:
        raw.close()


def _postgresql(database: Database, tables: Sequence[str]) -> None:
    with database.engine.connect() as found:
        present = set(inspect(found).get_table_names())
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in tables:
            if name in present:
                connection.exec_driver_sql(f"VACUUM FULL {name}")
