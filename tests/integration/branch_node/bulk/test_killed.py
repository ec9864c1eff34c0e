"""kill -9 of the process that works on a large bulk act, over and over: it goes on, and nothing is done twice."""

import random
import time

import pytest
from sqlalchemy import func, select

from branch_node.bulk import working
from branch_node.bulk.models import BulkAct, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer
from shared.audit.models import AuditEntry
from shared.audit.verification import verify_log
from tests.support.processes import start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CUSTOMERS = 5 * working.PART
KILLS = 2


def act_of(database):
    with database.reads() as session:
        return session.scalars(select(BulkAct)).one()


def kill_in_the_middle(database, folder, rng):
    """Kill the job somewhere in the parts behind the first that it did; True when it was still at work."""
    before = act_of(database)
    run = start("branch-node", "run", working.JOB, "--home", str(folder / "home"), folder=folder)
    began = time.monotonic()
    while (now := act_of(database)).handled == before.handled and now.state is before.state:
        assert run.process.is_alive(), run.words()
        assert time.monotonic() < began + 60, run.words()
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.2))
    at_work = run.process.is_alive()
    run.kill()
    return at_work


def test_an_act_killed_in_the_middle_is_taken_up_again_and_nothing_is_done_twice(
    boss, app, many, plan, database, tmp_path, dialect
):
    rng = random.Random(dialect)
    act_id = plan("boss", many(CUSTOMERS))
    killed = kill_in_the_middle(database, tmp_path, rng)
    start("branch-node", "run", working.JOB, "--home", str(tmp_path / "home"), folder=tmp_path).succeed()
    assert act_of(database).state is BulkState.TRIED
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")

    for _kill in range(KILLS):
        killed += kill_in_the_middle(database, tmp_path, rng)
        act = act_of(database)
        with database.reads() as session:
            tagged = [one for one in session.scalars(select(Customer.tags)) if one]
            told = select(func.count()).where(AuditEntry.event == "customer.changed")
            rows = select(func.count()).where(BulkRow.state == RowState.DONE)
            assert len(tagged) == act.done == session.scalar(told) == session.scalar(rows)
    start("branch-node", "run", working.JOB, "--home", str(tmp_path / "home"), folder=tmp_path).succeed()

    act = act_of(database)
    assert killed > 1, "no kill came while it was at work"
    assert (act.state, act.done, act.left_out) == (BulkState.DONE, CUSTOMERS, 0)
    with database.reads() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.changed")).all()
        assert len({one.subject_id for one in entries}) == len(entries) == CUSTOMERS
        assert {tuple(one) for one in session.scalars(select(Customer.tags))} == {("VIP",)}
        assert verify_log(session).bad is None
