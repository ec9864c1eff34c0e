"""What tests of the finder share: a way to let it look, and what it found."""

from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import select

from branch_node.duplicates.jobs import find_duplicates
from branch_node.duplicates.models import DuplicatePair
from branch_node.runtime import BranchRuntime
from shared.jobs.job import Progress
from tests.support.branch import ANA, database, rows, sessions
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = [
    "administrator",
    "app",
    "browser",
    "clock",
    "database",
    "make_user",
    "rows",
    "sessions",
    "sign_in",
]


@pytest.fixture
def look(database):
    def run(by=ANA):
        return find_duplicates(cast("BranchRuntime", SimpleNamespace(database=database)), by, Progress())

    return run


@pytest.fixture
def pairs(sessions):
    def read():
        with sessions() as session:
            return session.scalars(select(DuplicatePair).order_by(DuplicatePair.id)).all()

    return read
