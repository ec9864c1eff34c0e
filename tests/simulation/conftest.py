"""One company a worker process, brought back to its first morning for each run."""

import logging
from collections.abc import Iterator

import pytest

from branch_node.torture.campaign import opened_stage
from branch_node.torture.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with opened_stage() as made:
        yield made


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave out the thousands of lines in which nodes report the faults they are given."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
