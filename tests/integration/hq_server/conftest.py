"""A head office database of its own for each test, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import pytest
from sqlalchemy import text

import shared.audit.models
import shared.auth.models  # noqa: F401 - each import declares its tables
from hq_server.customers.queries import SEARCH_INDEX
from shared.db.base import Base
from shared.db.engine import Database
from shared.db.search import search_table_ddl
from tests.support.databases import DatabaseFactory

NOON: Final = datetime.fromisoformat("2026-11-18T04:00:00+00:00")  # a Wednesday, 12:00 in Shanghai


def _build(url: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        tables = [
            mapper.local_table
            for mapper in Base.registry.mappers
            if mapper.class_.__module__.startswith(("hq_server.", "shared."))
        ]
        Base.metadata.create_all(connection, tables=tables)
        for statement in search_table_ddl(SEARCH_INDEX, database.dialect):
            connection.execute(text(statement))
    database.dispose()


@pytest.fixture
def database(
    dialect: str, database_factory: DatabaseFactory, make_database_url: Callable[..., str]
) -> Iterator[Database]:
    """An empty head office database."""
    template = database_factory.template(dialect, "hq_pages", _build)
    database = Database(make_database_url(dialect, template))
    yield database
    database.dispose()
