"""Small tables are proven in one barrier, and each by itself where that cannot be."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.outbound import together
from branch_node.proof.models import RecordProof
from hq_server.ingest import proving
from hq_server.ingest.models import InboxBatch
from hq_server.proof.models import Difference, Proof
from hq_server.verification.queries import branch_proofs
from sync_protocol.catalog import CATALOG
from tests.support.damage import damage
from tests.support.world import BranchHere, World
from tests.system.test_resend import Refusing


@pytest.fixture
def branch(world: World) -> BranchHere:
    """A branch with a few rows, all delivered; the day after."""
    made = world.make_branch("B001")
    made.add_bill_line(made.add_customer(manager_id=made.add_manager()))
    assert made.push().outcome == "done"
    world.advance(days=1)
    return made


def proven(world: World) -> Collection[str]:
    """Return the record types that were compared just now and are equal."""
    with world.hq.database.reads() as session:
        just_now = Proof.compared_at == world.clock.now()
        return set(session.scalars(select(Proof.record_type).where(Proof.equal, just_now)))


def differences(world: World) -> Sequence[str]:
    with world.hq.database.reads() as session:
        return session.scalars(select(Difference.record_type).order_by(Difference.record_type)).all()


def empty_batches(world: World) -> int:
    with world.hq.database.reads() as session:
        return len(session.scalars(select(InboxBatch.id).where(InboxBatch.rows == 0)).all())


def test_one_batch_proves_every_small_table_and_the_branch_keeps_the_result(
    world: World, branch: BranchHere
) -> None:
    assert branch.push().outcome == "done"

    assert (proven(world), empty_batches(world)) == (set(CATALOG), 1)
    with branch.runtime.database.reads() as session:
        known = {one.record_type: one for one in session.scalars(select(RecordProof))}
    assert {one.equal_at for one in known.values()} == {world.clock.now()}
    assert (known["bill_line"].equal_rows, known["bill_line"].equal_through) == (1, 1), "of its own channel"


def test_damage_in_several_tables_at_once_is_found_by_the_one_barrier_and_repaired(
    world: World, branch: BranchHere
) -> None:
    branch.push()
    damage(world, branch, "hq", "customer", "flip")
    damage(world, branch, "hq", "bill_line", "drop")
    world.advance(days=1)

    assert branch.push().outcome == "done"

    assert differences(world) == ["bill_line", "customer"]
    assert proven(world) == set(CATALOG)
    world.assert_equal()


def test_large_tables_go_by_themselves(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST_ROWS", 1)
    branch.add_customer()

    branch.push()

    assert proven(world) == set(CATALOG)
    assert empty_batches(world) > 1


def test_a_head_office_that_compares_one_type_a_barrier_is_asked_for_each(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = proving.compare

    def one_alone(*arguments: Any, **named: Any) -> proving.Found:
        return proving.Found(compare(*arguments, **named).differs)

    monkeypatch.setattr(proving, "compare", one_alone)

    assert branch.push().outcome == "done"

    assert proven(world) == set(CATALOG)
    assert empty_batches(world) == len(CATALOG)


def test_a_type_whose_channel_went_on_before_the_barrier_came_is_not_compared_with_it_but_proven_anew(
    world: World, branch: BranchHere
) -> None:
    held_up = Refusing(world.transport(), "profile")
    branch.push(transport=held_up)
    add_bill_line(branch)
    branch.push(transport=held_up)

    assert branch.push().outcome == "done"

    assert differences(world) == []
    assert proven(world) == set(CATALOG)
    assert empty_batches(world) == 2


def test_what_came_since_is_told_whichever_channel_carried_the_barrier(
    world: World, branch: BranchHere
) -> None:
    def through() -> tuple[int | None, int | None]:
        with world.hq.database.reads() as session:
            [standing] = branch_proofs(session)
        tables = {one.record_type: one.through for one in standing.tables}
        return tables["bill_line"], tables["work_log"]

    branch.push()
    assert through() == (1, 0)
    add_bill_line(branch)
    branch.push()
    assert through() == (1, 0)
    world.advance(days=1)
    branch.push()
    assert through() == (2, 0)


def add_bill_line(branch: BranchHere) -> None:
    with branch.runtime.database.reads() as session:
        customer = session.scalars(select(Customer.id)).first()
    assert customer
    branch.add_bill_line(customer)
