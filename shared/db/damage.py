"""A damaged database: found before anything is served from it or sent from it.

An SQLite file is read through at each start, since a damaged page may lie where nobody looks for months. The server of
PostgreSQL checks its own pages as it reads them. What others then hold of this node stays as it is: nothing leaves a
damaged one.
"""

from typing import Final

from sqlalchemy.exc import DBAPIError

from shared.db.engine import READ_ONLY, Database
from shared.errors import N_, BranchlineError, Kind

# "The database disk image is malformed", "file is not a database"; the higher bits say where it was noticed.
SQLITE_DAMAGED: Final = frozenset({11, 26})
PRIMARY_CODE: Final = 0xFF
# A damaged page or a damaged index of PostgreSQL.
POSTGRES_DAMAGED: Final = frozenset({"XX001", "XX002"})


class NodeDamagedError(BranchlineError):
    """The database of this node is damaged: nothing is served or sent from it."""

    code = "node-damaged"
    kind = Kind.UNAVAILABLE
    message = N_(
        "The database of this node is damaged (%(detail)s). Nothing is shown, saved or sent until an administrator "
        "has restored the last backup; the damaged files are kept beside it."
    )


def check_whole(database: Database) -> None:
    """Raise NodeDamagedError when the file of an SQLite database is damaged; takes seconds for each gigabyte."""
    if database.dialect != "sqlite":
        return
    try:
        with database.engine.execution_options(**{READ_ONLY: True}).connect() as connection:
            said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    except DBAPIError as error:
        if not is_damaged(error):
            raise
        raise NodeDamagedError(detail=str(error.orig)) from error
    if said != "ok":
        raise NodeDamagedError(detail=said)


def is_damaged(error: BaseException) -> bool:
    """Tell whether an error of the database means that it is damaged."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & PRIMARY_CODE in SQLITE_DAMAGED
    return getattr(error.orig, "sqlstate", None) in POSTGRES_DAMAGED
