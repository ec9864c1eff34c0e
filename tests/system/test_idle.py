"""A cycle with nothing to send asks once what there is to do, and no more than that."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from shared.db.engine import Database
from tests.support.world import BranchHere, World

# Membership, pending, the cycle's own row, HQ's word, where the log and the archive ended, the history, days, and what
# is due; a dozen a record type before.
MOST_AT_BRANCH = 35
MOST_AT_HQ = 18


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect the statements of a database while the block runs."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@pytest.fixture
def branch(world: World) -> BranchHere:
    made = world.make_branch("B001")
    made.add_customer()
    for _round in range(2):
        assert made.push().outcome == "done"
    return made


def test_an_idle_cycle_asks_a_few_things_once_and_nothing_for_each_record_type(
    world: World, branch: BranchHere
) -> None:
    with statements(branch.runtime.database) as at_branch, statements(world.hq.database) as at_hq:
        result = branch.push()

    assert (result.outcome, result.batches) == ("done", 0)
    assert len(at_branch) <= MOST_AT_BRANCH, at_branch
    assert len(at_hq) <= MOST_AT_HQ, at_hq


def test_what_is_written_after_an_idle_cycle_goes_with_the_next(world: World, branch: BranchHere) -> None:
    branch.push()
    branch.add_customer()

    assert branch.push().batches == 1
