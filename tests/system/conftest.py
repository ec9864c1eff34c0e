"""HQ and branches of one test, on either database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from branch_node.tables import APP as BRANCH_TABLES
from hq_server.tables import APP as HQ_TABLES
from tests.support.databases import DatabaseFactory
from tests.support.world import World, make_world, migrated


@pytest.fixture
def world(
    tmp_path: Path, make_database_url: Callable[..., str], database_factory: DatabaseFactory, dialect: str
) -> Iterator[World]:
    """HQ on `dialect`, branches on the other kind, so that every test crosses databases both ways."""
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[dialect]
    hq_url = make_database_url(dialect, migrated(database_factory, dialect, HQ_TABLES))
    branch_template = migrated(database_factory, other, BRANCH_TABLES)
    with make_world(tmp_path, hq_url, lambda: make_database_url(other, branch_template)) as made:
        yield made
