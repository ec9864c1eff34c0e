"""HQ proves that it holds what a branch holds: whatever differs is found and repaired, and nothing else is touched."""

import itertools
import random
from datetime import timedelta
from operator import itemgetter
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update

from branch_node.customers.models import Customer
from branch_node.identity.models import CustomerIdentity
from branch_node.outbound import proof, together
from branch_node.outbound.client import HqClient
from branch_node.outbound.queries import get_membership
from branch_node.proof import queries
from branch_node.proof.models import RecordProof
from hq_server.proof.alarms import CONTROL_DIFFERS, DIVERGENCE
from hq_server.proof.models import Difference, Proof
from hq_server.proof.operations import ask
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.models import Alarm
from shared.domain.opstats.fields import FIGURES
from shared.ids import new_id
from sync_protocol.catalog import CATALOG
from sync_protocol.changelog.models import Change
from sync_protocol.changelog.sealing import Sender, seal_next
from sync_protocol.contract.messages import CompareAnswer, CompareRequest
from sync_protocol.reconcile import digest_buckets
from tests.contract.wire_rows import as_line, example_row
from tests.support.damage import KINDS, damage
from tests.support.shares import share
from tests.support.world import BranchHere, LossyTransport, World
from tests.system.delivery import Desk

UNMERGED = Customer.id.not_in(select(CustomerIdentity.customer_id))
# A closed day the branch has lost is closed again before anybody compares.
MADE_ANEW = ("branch", "day_close", "drop")


def fill(branch: BranchHere, rows: int = 3) -> None:
    """Rows of every record type, closed days among them."""
    for _number in range(rows):
        manager = branch.add_manager()
        customer = branch.add_customer(manager_id=manager)
        branch.add_contact(customer)
        branch.add_qualification(customer)
        branch.add_unit(customer)
        branch.add_offer_answer(customer)
        branch.add_question_answer(customer)
        branch.add_bill_line(customer)
        branch.add_work_log(manager, customer)
        branch._insert(
            "customer_month",
            {
                "customer_id": customer,
                "month": "2026-10",
                "currency": "CNY",
                "charge_minor": 9_900,
                "payment_minor": 0,
                "adjustment_minor": 0,
                "bill_lines": 1,
                "contacts": 1,
                "visits": 1,
                "last_contact_on": None,
            },
        )
        fill_organisation(branch, manager)
        hold = {
            "customer_id": customer,
            "reason": "诉讼",
            "placed_at": branch.world.clock.now(),
            "placed_by": "ana",
        }
        branch._insert("legal_hold", hold)
        link = {
            # A file of its own: nobody writes into a merged one any more.
            "customer_id": branch.add_customer(),
            "identity_id": new_id(),
            "merged_at": branch.world.clock.now(),
            "merged_by": "ana",
        }
        branch._insert("customer_identity", link)
        now = branch.world.clock.now()
        request = {
            "customer_id": customer,
            "kind": "access",
            "asked_by": "张三",
            "identity": "known",
            "received_on": now.date(),
            "due_on": now.date(),
            "state": "done",
            "made_at": now,
            "made_by": "ana",
            "ended_at": now,
        }
        branch._insert("personal_request", request)
        erasure = {
            "customer_id": new_id(),
            "reason": "request",
            "erased_at": branch.world.clock.now(),
            "erased_by": "ana",
            "waiting": 0,
        }
        branch._insert("erasure", erasure)


def fill_organisation(branch: BranchHere, manager: str) -> None:
    """A department, a person in it, and an account manager's month."""
    number = next(branch._numbers)
    values = {"code": f"D{number}", "name": f"部门{number}", "position": number}
    department = branch._insert("department", {**values, **branch._touched()})
    person = {"username": f"user{number}", "name": f"员工{number}", "kind": "service", "duties": []}
    made = {"state": "disabled", "created_at": branch.world.clock.now()}
    branch._insert("staff", {**person, **made, "department_id": department})
    branch._insert(
        "operation_month", {"manager_id": manager, "month": "2026-10", **dict.fromkeys(FIGURES, number)}
    )


@pytest.fixture
def proven(world: World) -> BranchHere:
    """A branch with rows of every type, all proven equal."""
    branch = world.make_branch("B001")
    fill(branch)
    branch.push()
    world.advance(days=1)
    assert branch.push().outcome == "done"
    assert {one.record_type for one in proofs(world) if one.equal} == set(CATALOG)
    return branch


def proofs(world: World) -> list[Proof]:
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Proof)))


def differences(world: World) -> list[Difference]:
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Difference).order_by(Difference.id)))


def alarms(world: World, code: str) -> list[Alarm]:
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Alarm).where(Alarm.code == code)))


def verify(world: World) -> None:
    """Somebody at HQ asks for a proof."""
    with world.hq.database.sessions.begin() as session:
        ask(session, 1, "B001", by=world.by())


def versions(world: World) -> dict[tuple[str, str], int]:
    """The version of every row HQ holds."""
    with world.hq.database.reads() as session:
        return {
            (name, str(row.id)): row.row_change
            for name, binding in world.hq.bindings.items()
            for row in session.execute(select(binding.table.c.id, binding.table.c.row_change))
        }


def test_the_first_cycle_of_a_day_proves_every_record_type(world: World) -> None:
    branch = world.make_branch("B001")
    fill(branch)
    assert branch.push().outcome == "done"
    assert proofs(world) == []
    world.advance(days=1)

    branch.push()

    assert {one.record_type: one.equal for one in proofs(world)} == dict.fromkeys(CATALOG, True)
    assert differences(world) == []
    assert branch.push().batches == 0


@pytest.mark.parametrize("side", ["hq", "branch"])
def test_a_row_changed_dropped_or_added_behind_our_back_is_found_and_repaired_within_one_barrier(
    world: World, proven: BranchHere, side: str
) -> None:
    """One row of every record type at once, each kind of damage after the other; each by itself with `--whole`."""
    cases = [(record, kind) for kind in KINDS for record in CATALOG if (side, record, kind) != MADE_ANEW]
    at_once = share(itemgetter(1), itemgetter(0, 1))
    count = 0
    for _cases, chosen in itertools.groupby(cases, key=at_once):
        touched = {(record, damage(world, proven, side, record, kind)) for record, kind in chosen}
        before = versions(world)
        verify(world)

        result = proven.push()

        assert result.outcome == "done", (touched, result)
        world.assert_equal()
        after = versions(world)
        changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
        assert changed <= touched, changed - touched
        assert all(result.counts[name] <= 1 for name in CATALOG), (touched, result.counts)
        found = differences(world)[count:]
        assert sorted((one.record_type, row["id"]) for one in found for row in one.rows) == sorted(touched)
        assert {one.repaired_at for one in found} == {world.clock.now()}
        assert {one.record_type: one.rows for one in proofs(world)} == {
            name: digest.rows for name, digest in proven.digests().items()
        }, "the repaired rows were compared too"
        count += len(found)
    assert count == len(cases)
    assert alarms(world, DIVERGENCE.code) == []
    assert all(one.equal for one in proofs(world))


def test_the_record_of_a_difference_keeps_what_hq_held(world: World, proven: BranchHere) -> None:
    touched = damage(world, proven, "hq", "customer", "flip")
    with world.hq.database.reads() as session:
        held = session.scalars(select(ReplicaCustomer.name).where(ReplicaCustomer.id == touched)).one()
    verify(world)

    proven.push()

    [found] = differences(world)
    [row] = found.rows
    assert (row["kind"], held in row["held"]) == ("changed", True)


def test_what_is_written_while_the_table_is_read_raises_no_alarm(
    world: World, proven: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = digest_buckets

    def with_a_storm(session: Any, selection: Any) -> Any:
        # After the snapshot began: a new row, a changed one and a removed one, of every record type that can.
        session.execute(select(func.count()).select_from(Customer)).one()
        fill(proven, rows=1)
        with proven.runtime.database.sessions.begin() as writing:
            known = writing.scalars(select(Customer.id).where(UNMERGED).order_by(Customer.id)).all()
            writing.execute(update(Customer).where(Customer.id == known[0]).values(name=new_id()))
        return take(session, selection)

    for module in (proof, together):
        monkeypatch.setattr(module, "digest_buckets", with_a_storm)
    verify(world)

    assert proven.push().outcome == "done"

    assert differences(world) == []
    assert all(one.equal for one in proofs(world))
    monkeypatch.undo()
    proven.push()
    world.assert_equal()


def test_what_changed_before_the_snapshot_and_is_not_sealed_is_left_out_on_both_sides(
    world: World, proven: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = queries.list_due

    def with_a_write(session: Any, records: Any, occasion: Any) -> Any:
        if "customer" in due(session, records, occasion):
            with proven.runtime.database.sessions.begin() as writing:
                writing.execute(update(Customer).where(UNMERGED).values(name=new_id()))
            session.rollback()
        return due(session, records, occasion)

    monkeypatch.setattr(queries, "list_due", with_a_write)
    verify(world)

    assert proven.push().outcome == "done"

    assert differences(world) == []
    assert all(one.equal for one in proofs(world))


def test_a_parked_record_is_no_difference(world: World, proven: BranchHere) -> None:
    bad = proven.add_customer(attributes={"nested": {"not": "allowed"}})
    assert proven.push().parked == 1
    verify(world)

    proven.push()
    assert differences(world) == []
    assert all(one.equal for one in proofs(world))

    with proven.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == bad).values(attributes={}))
    proven.push()
    verify(world)
    proven.push()
    assert differences(world) == []
    world.assert_equal()


def test_a_refused_version_of_a_record_hq_holds_is_no_difference_and_damage_beside_it_is_found(
    world: World, proven: BranchHere
) -> None:
    with proven.runtime.database.sessions.begin() as session:
        known = session.scalars(select(Customer.id).order_by(Customer.id.desc())).all()
        session.execute(
            update(Customer).where(Customer.id == known[0]).values(attributes={"nested": {"no": 1}})
        )
    proven.push()
    verify(world)
    proven.push()
    assert differences(world) == []

    touched = damage(world, proven, "hq", "customer", "flip")
    verify(world)
    proven.push()

    assert touched != known[0]
    [found] = differences(world)
    assert [row["id"] for row in found.rows] == [touched]
    assert found.repaired_at is not None


def test_three_repairs_that_do_not_help_raise_an_alarm_which_the_next_proof_clears(
    world: World, proven: BranchHere
) -> None:
    touched = damage(world, proven, "hq", "customer", "flip")
    with world.hq.database.sessions.begin() as session:
        # A version so high that no repair is newer.
        session.execute(update(ReplicaCustomer).where(ReplicaCustomer.id == touched).values(row_change=2**62))
    verify(world)

    result = proven.push()

    assert (result.outcome, result.counts["customer"]) == ("done", 3)
    [alarm] = alarms(world, DIVERGENCE.code)
    assert (alarm.subject_id, alarm.details["rows"], alarm.is_open) == ("B001/customer", 1, True)
    assert proven.push().batches == 0, "it does not go on trying for ever"

    with world.hq.database.sessions.begin() as session:
        session.execute(update(ReplicaCustomer).where(ReplicaCustomer.id == touched).values(row_change=1))
    verify(world)
    proven.push()
    assert not alarms(world, DIVERGENCE.code)[0].is_open
    world.assert_equal()


def test_a_loss_of_many_rows_at_the_branch_does_not_empty_hq(world: World) -> None:
    branch = world.make_branch("B001")
    for _number in range(150):
        branch.add_customer()
    branch.push()
    with branch.runtime.database.engine.begin() as connection:
        names = ("capture_customers_delete",)
        for name in names:
            table = " ON customers" if branch.runtime.database.dialect == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER {name}{table}"))
        connection.execute(text("DELETE FROM customers"))
    verify(world)

    branch.push()

    with world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(ReplicaCustomer)) == 150
    assert alarms(world, DIVERGENCE.code)[0].is_open


def test_a_barrier_lost_and_repeated_on_a_bad_line_is_compared_once_at_its_place(
    world: World, proven: BranchHere
) -> None:
    """Two bad days each time, six with `--whole`."""
    for seed in range(share(2, 6)):
        line = LossyTransport(world.transport(), random.Random(seed), rate=0.5)
        fill(proven, rows=1)
        verify(world)
        for _attempt in range(60):
            if proven.push(transport=line).outcome == "done":
                break
        line.deliver_late()
        assert proven.push().outcome == "done"
        world.assert_equal()
    assert differences(world) == []
    assert all(one.equal for one in proofs(world))


def test_sums_that_do_not_fit_the_rows_of_a_batch_are_an_alarm(world: World) -> None:
    desk = Desk(world.make_branch("B001"))
    lines = [
        as_line(example_row("bill_line", id=new_id(), change=number + 1, currency="CNY", amount_minor=50))
        for number in range(2)
    ]
    fits = {"CNY": {"2026-10": {"charge": 100}}}

    assert desk.deliver_next("bill_line", *lines, control=fits).status == 200
    assert alarms(world, CONTROL_DIFFERS.code) == []
    fits["CNY"]["2026-10"]["charge"] = 101
    assert desk.deliver_next("bill_line", *lines, control=fits).status == 200

    [alarm] = alarms(world, CONTROL_DIFFERS.code)
    assert (alarm.details["told"], alarm.details["found"]) == (
        "CNY 2026-10 charge 101",
        "CNY 2026-10 charge 100",
    )


def test_the_branch_remembers_when_it_was_last_proven_equal(world: World, proven: BranchHere) -> None:
    with proven.runtime.database.reads() as session:
        known = {one.record_type: one for one in session.scalars(select(RecordProof))}
    assert set(known) == set(CATALOG)
    assert {one.equal_at for one in known.values()} == {world.clock.now()}
    assert known["customer"].equal_rows == 6


def test_a_new_day_by_a_clock_set_back_is_a_day_too(world: World, proven: BranchHere) -> None:
    assert proven.push().batches == 0
    world.clock.advance(timedelta(days=-400))

    assert proven.push().batches == 1
    assert {one.compared_at for one in proofs(world)} == {world.clock.now()}


def test_a_repeat_of_many_rows_removed_properly_is_no_difference(world: World, proven: BranchHere) -> None:
    customer = proven.add_customer()
    proven.push()
    with proven.runtime.database.sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.id == customer))
    proven.push()
    verify(world)
    proven.push()
    assert differences(world) == []
    world.assert_equal()


def test_a_barrier_behind_which_something_was_sealed_meanwhile_is_not_made(
    world: World, proven: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = digest_buckets
    member = proven.runtime.bindings["customer"]

    def with_another_sealer(session: Any, selection: Any) -> Any:
        found = take(session, selection)
        if selection.binding is member:
            with proven.runtime.database.snapshot() as other, other.begin():
                sender = Sender("B001", proven.runtime.settings.node_id, 1, _lineage_id(proven))
                other.execute(update(Customer).where(UNMERGED).values(remark="sealed meanwhile"))
                seal_next(other, member, sender, at=world.clock.now())
        return found

    for module in (proof, together):
        monkeypatch.setattr(module, "digest_buckets", with_another_sealer)
    verify(world)
    proven.push()
    monkeypatch.undo()
    assert {one.record_type for one in proofs(world) if one.asked_at is not None} == {"customer"}

    proven.push()

    assert differences(world) == []
    assert all(one.equal and one.asked_at is None for one in proofs(world))
    world.assert_equal()


def _lineage_id(branch: BranchHere) -> str:
    with branch.runtime.database.reads() as session:
        return get_membership(session).lineage_id


def test_an_answer_that_names_what_is_not_so_here_is_not_followed(
    world: World, proven: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(world, proven, "hq", "customer", "flip")
    with proven.runtime.database.reads() as session:
        mine = list(session.scalars(select(Customer.id)))

    def wrong(_self: Any, asked: CompareRequest, _vitals: Any) -> CompareAnswer:
        return CompareAnswer(record=asked.record, send=[new_id()], remove=mine)

    monkeypatch.setattr(HqClient, "compare", wrong)
    verify(world)

    proven.push()

    with world.hq.database.reads() as session:
        assert sorted(session.scalars(select(ReplicaCustomer.id))) == sorted(mine)
    with proven.runtime.database.reads() as session:
        assert session.scalars(select(Change.id).where(Change.op == "D")).all() == []
