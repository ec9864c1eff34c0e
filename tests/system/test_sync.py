"""A branch's day reaches HQ: once, whole, and provably equal."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.outbound import queries
from branch_node.runtime import Answer, Request, Transport
from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import ReplicaCustomer, Tombstone
from shared.clock import FakeClock
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE
from tests.support.world import World


def test_everything_a_branch_holds_stands_at_hq_after_one_push(world: World) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager, remark='line\nbreak "quote" \\ tab\t 汉字 😀')
    branch.add_bill_line(customer, amount_minor=-1)
    branch.add_work_log(manager, customer)

    result = branch.push()

    assert (result.outcome, result.rows, result.parked) == ("done", 4, 0)
    world.assert_equal()


def test_the_status_tells_what_a_branch_holds_and_how_the_last_push_went(world: World) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager)
    branch.add_bill_line(customer, kind="charge", amount_minor=700, currency="CNY", period="2026-09")
    branch.add_bill_line(customer, kind="charge", amount_minor=-50, currency="CNY", period="2026-09")
    branch.add_bill_line(customer, kind="payment", amount_minor=-300, currency="CNY", period="2026-10")
    result = branch.push()
    branch.add_customer()

    with branch.runtime.database.reads() as session:
        document = queries.status_document(session, branch.runtime.bindings, now=world.clock.now())

    assert json.loads(json.dumps(document)) == document
    assert document["branch"]["code"] == "B001"
    assert (document["link"], document["pending"]) == ("up", 1)
    assert {name: count for name, count in document["records"].items() if count} == {
        "manager": 1,
        "customer": 2,
        "bill_line": 3,
    }
    assert document["totals"] == {"CNY": {"2026-09": {"charge": 650}, "2026-10": {"payment": -300}}}
    last = document["last_cycle"]
    assert (last["outcome"], last["batches"], last["rows"], last["parked"], last["problem"]) == (
        "done",
        result.batches,
        5,
        0,
        None,
    )
    assert last["wire_bytes"] > 0
    assert last["started_at"] <= last["ended_at"] <= document["as_of"]


def test_a_second_push_with_nothing_new_sends_no_batch(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()

    assert branch.push().batches == 0


def test_many_edits_of_one_customer_travel_once_and_the_last_one_counts(world: World) -> None:
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    for number in range(40):
        with branch.runtime.database.sessions.begin() as session:
            session.execute(update(Customer).where(Customer.id == customer).values(name=f"名{number}"))

    assert branch.push().rows == 1
    with world.hq.database.reads() as session:
        assert session.scalars(select(ReplicaCustomer.name)).all() == ["名39"]


def test_a_removed_customer_disappears_at_hq_and_leaves_a_tombstone(world: World) -> None:
    branch = world.make_branch("B001")
    kept, gone = branch.add_customer(), branch.add_customer()
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.id == gone))

    branch.push()

    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(ReplicaCustomer.id)).all() == [kept]
        assert session.scalars(select(Tombstone.id)).all() == [gone]


def test_raw_sql_is_captured_like_everything_else(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        session.execute(text("UPDATE customers SET address = 'raw'"))

    branch.push()

    world.assert_equal()


def test_a_fact_can_be_neither_changed_nor_removed(world: World) -> None:
    branch = world.make_branch("B001")
    line = branch.add_bill_line(branch.add_customer())

    for statement in (
        update(BillLine).where(BillLine.id == line).values(amount_minor=1),
        delete(BillLine).where(BillLine.id == line),
    ):
        with (
            pytest.raises(DBAPIError, match="is a fact"),
            branch.runtime.database.sessions.begin() as session,
        ):
            session.execute(statement)


def test_a_row_hq_must_refuse_is_parked_with_its_reason_and_the_rest_is_applied(world: World) -> None:
    branch = world.make_branch("B001")
    for _number in range(20):
        branch.add_customer()
    bad = branch.add_customer(attributes={"nested": {"not": "allowed"}})

    result = branch.push()

    assert (result.outcome, result.rows, result.parked) == ("done", 21, 1)
    with world.hq.database.reads() as session:
        parked = session.scalars(select(ParkedRecord)).one()
        assert len(session.scalars(select(ReplicaCustomer.id)).all()) == 20
    assert (parked.record_id, parked.state) == (bad, "parked")
    assert "attributes" in parked.reasons


def test_a_parked_row_is_settled_when_its_mended_version_arrives(world: World) -> None:
    branch = world.make_branch("B001")
    bad = branch.add_customer(attributes={"nested": {}})
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == bad).values(attributes={}))

    branch.push()

    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(ParkedRecord.state)).all() == ["superseded"]


def test_hq_keeps_two_branches_apart_even_with_the_same_numbers(world: World) -> None:
    first, second = world.make_branch("B001"), world.make_branch("B002")
    first.add_customer(customer_no="C1", name="甲")
    second.add_customer(customer_no="C1", name="乙")

    first.push()
    second.push()

    world.assert_equal()


def test_hq_says_as_of_when_it_held_everything(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    caught_up = world.clock.now()
    world.advance(minutes=10)

    with world.hq.database.reads() as session:
        found = session.scalars(select(Branch)).one()
        assert (found.data_as_of, found.last_seen_at) == (caught_up, caught_up)


def test_batches_form_a_chain_and_both_sides_hold_the_same_digests(world: World) -> None:
    branch = world.make_branch("B001")
    for _round in range(3):
        branch.add_customer()
        branch.push()

    with branch.runtime.database.reads() as session:
        sent = session.execute(
            select(OutboxBatch.batch_no, OutboxBatch.digest).order_by(OutboxBatch.batch_no)
        ).all()
    with world.hq.database.reads() as session:
        held = session.execute(
            select(InboxBatch.batch_no, InboxBatch.digest).order_by(InboxBatch.batch_no)
        ).all()
    assert len(sent) == 3
    assert sent == held


def test_hq_that_lost_its_last_batches_gets_them_again_without_anybodys_help(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    branch.add_customer()
    branch.push()
    with world.hq.database.sessions.begin() as session:  # as a restored backup would leave it
        first, second = session.scalars(select(InboxBatch).order_by(InboxBatch.id)).all()
        session.execute(delete(ReplicaCustomer).where(ReplicaCustomer.batch_id == second.id))
        session.delete(second)
        session.execute(
            text("UPDATE chain_positions SET batch_no = 1, digest = :digest"), {"digest": first.digest}
        )

    result = branch.push()

    assert result.counts["offered_again"] == 1
    world.assert_equal()


@pytest.mark.parametrize("days", [-3650, -1, 1, 3650])
def test_a_branch_whose_clock_is_wrong_still_delivers(world: World, days: int) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.runtime = replace(branch.runtime, clock=FakeClock(world.clock.now() + timedelta(days=days)))

    assert branch.push().outcome == "done"
    world.assert_equal()


@pytest.mark.parametrize("wait", ["", "-1", "soon", "9" * 5_000, "９"])
def test_a_wait_that_is_no_number_is_passed_over_and_the_push_tried_again_later(
    world: World, wait: str
) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()

    class Away:
        def send(self, request: Request) -> Answer:
            return Answer(503, b"", {"retry-after": wait})

    result = branch.push(transport=Away())

    assert (result.outcome, result.problem) == ("retry", "http-503")
    assert result.wait is not None
    assert timedelta(0) < result.wait <= timedelta(minutes=15)


def test_hqs_own_receipt_for_another_batch_is_no_receipt_for_this_one(world: World) -> None:
    branch, inner = world.make_branch("B001"), world.transport()
    receipts: list[Answer] = []

    class Remembering:
        def send(self, request: Request) -> Answer:
            if request.method == "POST":
                receipts.append(receipts[0] if receipts else inner.send(request))
                return receipts[-1]
            return inner.send(request)

    branch.add_customer()
    assert branch.push(transport=Remembering()).outcome == "done"
    branch.add_customer()

    result = branch.push(transport=Remembering())

    assert (result.outcome, result.problem) == ("retry", "no-answer")
    assert branch.push().batches == 1
    world.assert_equal()


def test_a_channel_that_hq_refuses_does_not_hold_up_the_others(world: World) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    customer = branch.add_customer()
    branch.add_bill_line(customer)
    branch.add_work_log(manager, customer)

    refused = branch.push(transport=RefusesBilling(world.transport()))

    assert (refused.outcome, refused.problem) == ("failed", "schema-unsupported")
    assert world.hq_digests("B001")["bill_line"].rows == 0
    assert world.hq_digests("B001")["work_log"] == branch.digests()["work_log"]
    assert branch.push().outcome == "done"
    world.assert_equal()


class RefusesBilling:
    """A line to an HQ that does not know the bill lines of this version."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        if "/billing/" not in request.headers.get("idempotency-key", ""):
            return self._inner.send(request)
        problem = {"type": PROBLEM_TYPE + "schema-unsupported", "title": "", "status": 422, "retry": False}
        return Answer(422, json.dumps(problem).encode(), {"content-type": PROBLEM_CONTENT_TYPE})
