"""Opening a node's database so that commits are durable and readers cannot write."""

import importlib
import json
import platform
from collections.abc import Mapping
from copy import copy
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

from shared.db.scope import OPTION, ScopedSession

BUSY_TIMEOUT_MS: Final = 15_000
# Checkpointing every 16,000 pages instead of 1,000 nearly halves the cost of large upserts.
WAL_AUTOCHECKPOINT_PAGES: Final = 16_000
READ_ONLY: Final = "branchline_read_only"
# A request holds two at most, and a node works on twelve at once. Whoever finds none free is told so after a while.
CONNECTIONS: Final = 10
MORE_CONNECTIONS: Final = 20
POOL_WAIT_S: Final = 10


class Database:
    """One node's database: `sessions` for writing, `reads` for reading a consistent snapshot.

    On SQLite a writing session takes the write lock at its start, so it can never fail
    half way because somebody else wrote first; a reading session never waits for a writer.
    """

    def __init__(self, url: str, *, carried: Mapping[str, Any] | None = None) -> None:
        """Open the database at an SQLAlchemy `url`; connections are made lazily.

        `carried` stands in the `info` of every session, for what listens to sessions and needs collaborators.
        """
        self.url = url
        self._carried = dict(carried or {})
        self.engine = _create_engine(url)
        # What was to be written about a person is no text of an error, and so of no log.
        self.engine.hide_parameters = True
        self.dialect = self.engine.dialect.name
        self._make_sessions()

    def of(self, receiver: str) -> Self:
        """Return the same database, on the same connections, as the rows of one receiver (shared.db.scope)."""
        view = copy(self)
        view.engine = self.engine.execution_options(**{OPTION: receiver})
        view._make_sessions()
        return view

    def _make_sessions(self) -> None:
        readers = self.engine.execution_options(**{READ_ONLY: True})
        if self.dialect == "postgresql":
            readers = readers.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        info = self._carried
        self.sessions = sessionmaker(self.engine, class_=ScopedSession, expire_on_commit=False, info=info)
        self.reads = sessionmaker(
            readers, class_=ScopedSession, expire_on_commit=False, autoflush=False, info=info
        )

    def snapshot(self) -> Session:
        """Return a writing session that sees one unchanging snapshot (sealing needs it)."""
        if self.dialect == "postgresql":
            return ScopedSession(
                self.engine.execution_options(isolation_level="REPEATABLE READ"),
                expire_on_commit=False,
                info=self._carried,
            )
        return self.sessions()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _create_engine(url: str) -> Engine:
    parsed = make_url(url)
    pool = {"pool_size": CONNECTIONS, "max_overflow": MORE_CONNECTIONS, "pool_timeout": POOL_WAIT_S}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            module=_sqlite_module(),
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
            json_serializer=_dump_json,
            **pool,
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            **pool,
            json_serializer=_dump_json,
            connect_args={
                "application_name": "branchline",
                # Without JIT: it spends a second compiling what runs for a tenth of one.
                "options": "-c timezone=UTC -c jit=off -c lock_timeout=30s"
                " -c idle_in_transaction_session_timeout=300s",
            },
        )
    msg = f"only sqlite and postgresql are supported, not {parsed.get_backend_name()}"
    raise ValueError(msg)


def _sqlite_module() -> Any:  # noqa: ANN401 - a DB-API module has no static type
    # Debian 12's own SQLite 3.40 lies in the range of a documented WAL corruption race and its trigram
    # search misses short Chinese words; pysqlite3 brings a current one. Other systems ship a newer SQLite.
    name = "pysqlite3.dbapi2" if platform.system() == "Linux" else "sqlite3"
    return importlib.import_module(name)


def _configure_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    connection.isolation_level = None  # we send BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL loses acknowledged rows at a power cut
        "foreign_keys=ON",
        "recursive_triggers=ON",  # so that INSERT OR REPLACE is captured as delete and insert
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        f"wal_autocheckpoint={WAL_AUTOCHECKPOINT_PAGES}",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _dump_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
