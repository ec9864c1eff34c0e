"""HQ and branches of one test, on either database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.world import World, make_world


@pytest.fixture
def world(tmp_path: Path, make_database_url: Callable[..., str], dialect: str) -> Iterator[World]:
    """HQ on `dialect`, branches on the other kind, so that every test crosses databases both ways."""
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[dialect]
    with make_world(tmp_path, make_database_url(dialect), lambda: make_database_url(other)) as made:
        yield made
