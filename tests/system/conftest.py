"""HQ and branches of one test, on either database.

In a run of all tests each of them is tried one way, HQ on one kind of database and the branches on the other, half of
them this way and half that; both ways when tests are named, and with `--whole` (decision 0148).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from branch_node.tables import APP as BRANCH_TABLES
from hq_server.tables import APP as HQ_TABLES
from tests.support.databases import DatabaseFactory
from tests.support.shares import goes_on, share
from tests.support.world import World, make_world, migrated

TESTS: Final = Path(__file__).parents[1]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    everything = all(Path(name).resolve() == TESTS for name in config.args)
    if not share(everything, False):
        return
    left_out = {item for item in items if "world" in item.fixturenames and not _goes(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _goes(item: Any) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return "dialect" not in params or goes_on(item.originalname, params["dialect"])


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
