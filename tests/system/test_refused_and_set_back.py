"""What head office has refused is the branch's last word all the same: a branch set back gets it back too."""

from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.outbound.models import RecoveredRow
from branch_node.outbound.recovered import keep_ours, take_hq
from branch_node.outbound.transport import MOST_ANSWER_BYTES
from branch_node.resend import operations as resend
from branch_node.resend.operations import Wish
from hq_server.ingest import lineages
from hq_server.ingest.models import InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.proof.models import Difference
from hq_server.replica.models import ReplicaBillLine
from sync_protocol.catalog import BACKLOG
from tests.support import setbacks
from tests.support.world import BranchHere, World

# A value within a value: a branch keeps it, head office refuses it.
POISON: dict[str, Any] = {"nested": {}}
HEALTHY = {"level": "gold"}


def change(branch: BranchHere, customer: str, **values) -> None:
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(**values))


def customers(branch: BranchHere) -> dict[str, tuple[str, dict]]:
    with branch.runtime.database.reads() as session:
        rows = session.execute(select(Customer.id, Customer.name, Customer.attributes))
        return {row.id: (row.name, row.attributes) for row in rows}


def states(branch: BranchHere) -> dict[str, str]:
    with branch.runtime.database.reads() as session:
        return {row.record_id: row.state for row in session.scalars(select(RecoveredRow))}


def differences(world: World) -> int:
    with world.hq.database.reads() as session:
        return session.scalar(select(func.count()).select_from(Difference)) or 0


def parked(world: World) -> int:
    with world.hq.database.reads() as session:
        open_ones = select(func.count()).where(ParkedRecord.state == ParkedState.PARKED)
        return session.scalar(open_ones) or 0


def mend_all(world: World, branch: BranchHere) -> None:
    for customer, (_name, attributes) in customers(branch).items():
        if attributes == POISON:
            change(branch, customer, attributes=HEALTHY)
    world.advance(days=1)
    assert branch.push().outcome == "done"


@pytest.fixture
def branch(world: World) -> BranchHere:
    branch = world.make_branch("B001")
    branch.push()
    return branch


def test_a_refused_change_comes_back_and_no_barrier_finds_a_difference(world: World, branch: BranchHere):
    customer = branch.add_customer(name="备份前")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    change(branch, customer, name="备份后", attributes=POISON)
    branch.push()
    assert parked(world) == 1

    setbacks.restore(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == {customer: ("备份后", POISON)}
    assert differences(world) == 0
    mend_all(world, branch)
    assert (differences(world), parked(world)) == (0, 0)
    world.assert_equal()


def test_a_refused_new_customer_comes_back_with_the_money_that_waits_for_it(world: World, branch: BranchHere):
    archive = setbacks.back_up_branch(branch)
    customer = branch.add_customer(name="备份后", attributes=POISON)
    line = branch.add_bill_line(customer)
    branch.push()
    assert parked(world) == 2

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == {customer: ("备份后", POISON)}
    with branch.runtime.database.reads() as session:
        assert session.scalars(select(BillLine.id)).all() == [line]
    assert states(branch) == {customer: "restored", line: "restored"}
    assert differences(world) == 0
    mend_all(world, branch)
    assert (differences(world), parked(world)) == (0, 0)
    with world.hq.database.reads() as session:
        assert session.scalars(select(ReplicaBillLine.id)).all() == [line]
    world.assert_equal()


def test_of_a_row_taken_in_and_a_later_one_refused_the_later_comes_back(world: World, branch: BranchHere):
    archive = setbacks.back_up_branch(branch)
    customer = branch.add_customer(name="第一版")
    branch.push()
    change(branch, customer, name="第二版", attributes=POISON)
    branch.push()

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == {customer: ("第二版", POISON)}
    assert differences(world) == 0


def test_of_a_refused_row_and_one_taken_in_since_the_mended_one_comes_back(world: World, branch: BranchHere):
    archive = setbacks.back_up_branch(branch)
    customer = branch.add_customer(name="第一版", attributes=POISON)
    branch.push()
    change(branch, customer, name="第二版", attributes=HEALTHY)
    branch.push()

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == {customer: ("第二版", HEALTHY)}
    assert differences(world) == 0
    world.assert_equal()


@pytest.mark.parametrize("choice", ["ours", "hq"])
def test_a_refused_row_changed_here_meanwhile_waits_for_a_person(
    world: World, branch: BranchHere, choice: str
):
    customer = branch.add_customer(name="备份前")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    change(branch, customer, name="总公司拒收", attributes=POISON)
    branch.push()
    setbacks.set_back(branch, archive)
    change(branch, customer, name="恢复后")
    branch.push()

    assert states(branch) == {customer: "conflict"}
    assert customers(branch)[customer][0] == "恢复后"
    with branch.runtime.database.sessions.begin() as session:
        found = session.scalars(select(RecoveredRow)).one()
        if choice == "hq":
            take_hq(session, branch.runtime.bindings, found, by=world.by())
        else:
            keep_ours(session, found, by=world.by())
    branch.push()

    assert customers(branch)[customer][0] == {"hq": "总公司拒收", "ours": "恢复后"}[choice]
    assert parked(world) == (choice == "hq")
    mend_all(world, branch)
    assert (differences(world), parked(world)) == (0, 0)
    world.assert_equal()


def test_many_refused_rows_come_back_page_by_page_none_left_out(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lineages, "RECOVERY_PAGE", 3)
    monkeypatch.setattr(lineages, "REFUSED_BYTES", 700)
    archive = setbacks.back_up_branch(branch)
    made = {branch.add_customer(attributes=POISON if at % 3 else HEALTHY) for at in range(16)}
    branch.push()
    assert parked(world) == 10

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch).keys() == made
    assert set(states(branch).values()) == {"restored"}
    assert differences(world) == 0


def test_a_refused_row_that_no_table_takes_stops_nothing(world: World, branch: BranchHere):
    archive = setbacks.back_up_branch(branch)
    lost = [branch.add_customer(attributes=POISON) for _ in range(5)]
    kept = branch.add_customer(attributes=POISON)
    branch.push()
    broken = ["no row", "[1]", f'[7,"{lost[2]}"]', f'["x","{lost[3]}",null]', "[" * 20_000]
    with world.hq.database.sessions.begin() as session:
        for customer, line in zip(lost, broken, strict=True):
            here = ParkedRecord.record_id == customer
            session.execute(update(ParkedRecord).where(here).values(line=line))

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert kept in customers(branch)


def test_a_refused_line_longer_than_an_answer_is_left_with_head_office(world: World, branch: BranchHere):
    archive = setbacks.back_up_branch(branch)
    branch.add_customer(attributes={"text": "长" * MOST_ANSWER_BYTES})
    kept = branch.add_customer(attributes=POISON)
    branch.push()
    assert parked(world) == 2

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert list(customers(branch)) == [kept]


def test_what_was_refused_before_the_backup_is_nothing_new(world: World, branch: BranchHere):
    customer = branch.add_customer(name="备份前", attributes=POISON)
    branch.push()
    archive = setbacks.back_up_branch(branch)
    branch.add_customer()
    branch.push()

    setbacks.set_back(branch, archive)
    change(branch, customer, name="恢复后")
    branch.push()

    assert customer not in states(branch)
    assert differences(world) == 0


def test_a_record_removed_and_made_again_as_a_refused_one_comes_back(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lineages, "RECOVERY_PAGE", 1)
    archive = setbacks.back_up_branch(branch)
    # Two, so that what was removed and what was refused are told on pages of their own.
    made = [branch.add_customer(), branch.add_customer()]
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        rows = [
            row._asdict() for row in session.execute(select(Customer.__table__).where(Customer.id.in_(made)))
        ]
        session.execute(delete(Customer).where(Customer.id.in_(made)))
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        again = [{**row, "name": "又来了", "attributes": POISON} for row in rows]
        session.execute(insert(Customer), again)
    branch.push()

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == dict.fromkeys(made, ("又来了", POISON))
    assert differences(world) == 0


def test_refused_in_the_backlog_and_taken_in_before_the_refused_one_comes_back(
    world: World, branch: BranchHere
):
    archive = setbacks.back_up_branch(branch)
    customer = branch.add_customer(name="第一版")
    branch.push()
    change(branch, customer, name="第二版", attributes=POISON)
    with branch.runtime.database.sessions.begin() as session:
        wish = Wish(reason="once more", record_type="customer")
        resend.ask(session, branch.runtime.bindings, wish, by=world.by())
    for _ in range(2):
        branch.push()
    with world.hq.database.reads() as session:
        newest = select(InboxBatch.channel).join(ParkedRecord, ParkedRecord.batch_id == InboxBatch.id)
        assert session.scalars(newest.order_by(ParkedRecord.row_change.desc())).first() == BACKLOG

    setbacks.set_back(branch, archive)
    assert branch.push().outcome == "done"

    assert customers(branch) == {customer: ("第二版", POISON)}
    assert differences(world) == 0
