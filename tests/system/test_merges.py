"""Merged customers at head office: nothing lost, nothing doubled, totals to the cent, and the way back."""

from collections import Counter

from sqlalchemy import func, select

from branch_node.merging import operations
from hq_server.customers.identities import count_merged, merged_into, merged_with
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer, ReplicaCustomerIdentity
from tests.support.world import World


def money(world: World) -> Counter[str]:
    with world.hq.database.reads() as session:
        return Counter(
            {
                str(customer): int(amount)
                for customer, amount in session.execute(
                    select(ReplicaBillLine.customer_id, func.sum(ReplicaBillLine.amount_minor)).group_by(
                        ReplicaBillLine.customer_id
                    )
                )
            }
        )


def standing(world: World) -> tuple[int, int, int]:
    """How many files, links and people head office knows of."""
    with world.hq.database.reads() as session:
        counts = [
            session.scalar(select(func.count()).select_from(one)) or 0
            for one in (ReplicaCustomer, ReplicaCustomerIdentity)
        ]
        return counts[0], counts[1], counts[0] - count_merged(session)


def test_a_merge_and_its_undoing_reach_head_office_and_no_cent_moves(world):
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    one = branch.add_customer(manager_id=manager, mobile="13800138000")
    other = branch.add_customer(manager_id=manager, mobile="13911112222")
    branch.add_contact(other)
    branch.add_bill_line(one, amount_minor=9_901)
    branch.add_bill_line(other, amount_minor=205)
    branch.add_work_log(manager, other)
    branch.push()
    before, digests = money(world), world.hq_digests("B001")
    assert standing(world) == (2, 0, 2)

    with branch.runtime.database.sessions.begin() as session:
        merge = operations.propose(session, one, other, ["mobile"], by=world.by())
        operations.carry_out(session, merge.id, by=world.by("boris"))
    branch.push()
    world.assert_equal()
    assert money(world) == before
    assert standing(world) == (2, 1, 1)
    with world.hq.database.reads() as session:
        kept, gone = (
            session.scalars(select(ReplicaCustomer).where(ReplicaCustomer.id == at)).one()
            for at in (one, other)
        )
        into = merged_into(session, gone)
        assert into is not None
        assert into.id == kept.id
        assert list(merged_with(session, kept)) == [gone]

    world.advance(minutes=10)
    with branch.runtime.database.sessions.begin() as session:
        assert operations.take_back(session, merge.id, by=world.by("boris")) == []
    branch.push()
    world.assert_equal()
    assert money(world) == before
    assert standing(world) == (2, 0, 2)
    assert world.hq_digests("B001") == digests
