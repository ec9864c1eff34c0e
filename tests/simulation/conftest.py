"""One company a worker process and kind of database, brought back to its first morning for each run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from branch_node.torture.campaign import opened_stage
from branch_node.torture.stage import Stage
from tests.support.databases import DatabaseFactory


@pytest.fixture(scope="session")
def open_stage(database_factory: DatabaseFactory) -> Iterator[Callable[..., Stage]]:
    """Open the company whose data is in one kind of database: `open_stage(dialect, receivers=1)`."""
    made: dict[tuple[str, int], Stage] = {}
    with ExitStack() as stack:

        def opened(dialect: str, receivers: int = 1) -> Stage:
            key = dialect, receivers
            if key not in made:
                server = None if dialect == "sqlite" else database_factory.server_url()
                made[key] = stack.enter_context(opened_stage(server, receivers=receivers))
            return made[key]

        yield opened


@pytest.fixture
def stage(open_stage: Callable[[str], Stage]) -> Stage:
    """The company on SQLite."""
    return open_stage("sqlite")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave out the thousands of lines in which nodes report the faults they are given."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
