"""Where is my record: from its change at the branch to the figures at head office, by its number."""

from random import Random

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer
from branch_node.outbound import tracing
from branch_node.outbound.transport import NoAnswerError
from hq_server.branches.models import Branch
from hq_server.tracing.queries import find_records, find_refused
from sync_protocol.changelog.models import OutboxBatch
from tests.support.world import BranchHere, LossyTransport, World


def stages(branch: BranchHere, record: str, number: str) -> list[str]:
    with branch.runtime.database.reads() as session:
        return [step.stage for step in tracing.trace(session, branch.runtime.bindings, record, number).steps]


def test_a_change_is_followed_from_capture_over_sealing_to_head_offices_receipt(world: World) -> None:
    branch = world.make_branch("B001")
    customer = branch.add_customer(customer_no="C1")
    first = stages(branch, "customer", "C1")
    dead = LossyTransport(world.transport(), Random(1), rate=1.0, kinds=("lose",))
    branch.push(transport=dead)
    unheard = stages(branch, "customer", "C1")
    mute = AnswersLostFrom(world.transport(), "/sync/v1/batches")
    branch.push(transport=mute)
    sealed = stages(branch, "customer", "C1")
    branch.push()
    delivered = stages(branch, "customer", "C1")
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(name="改"))

    assert (first, unheard, sealed, delivered) == (["waiting"], ["waiting"], ["sealed"], ["delivered"])
    assert stages(branch, "customer", "C1") == ["waiting", "delivered"]


def test_what_is_told_of_a_delivered_change_is_what_its_batch_and_receipt_say(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_bill_line(branch.add_customer(customer_no="C0"))
    branch.push()
    branch.add_customer(customer_no="C1")
    made = world.clock.now()
    assert branch.push().outcome == "done"

    with branch.runtime.database.reads() as session:
        found = tracing.trace(session, branch.runtime.bindings, "customer", "C1")
        batch = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id.desc())).first()
    assert batch is not None
    assert (batch.record_type, batch.batch_no, batch.id != batch.batch_no) == ("customer", 2, True)
    step = tracing.Step(
        change=found.steps[0].change,
        op="I",
        stage=tracing.DELIVERED,
        batch_id=batch.id,
        channel=batch.channel,
        lineage=1,
        batch_no=batch.batch_no,
        digest=batch.digest,
        sealed_at=made,
        acknowledged_at=made,
        received_at=made,
        reasons=None,
    )
    assert found.steps == [step]
    assert found.document()["changes"] == [
        {
            "change": step.change,
            "op": "I",
            "stage": "delivered",
            "channel": batch.channel,
            "batch_no": batch.batch_no,
            "sealed_at": made.isoformat(),
            "received_at": made.isoformat(),
            "reasons": None,
        }
    ]


def test_a_refused_record_is_told_with_its_reasons_on_both_sides(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(customer_no="C1", attributes={"nested": {}})
    branch.push()

    with branch.runtime.database.reads() as session:
        step = tracing.trace(session, branch.runtime.bindings, "customer", "C1").steps[0]
    with world.hq.database.reads() as session:
        refused = find_refused(session, "customer", "C1")
        assert not find_records(session, world.hq.bindings, "customer", "C1")
    assert (step.stage, set(step.reasons or {})) == ("parked", {"attributes"})
    assert [(one.branch.code, set(one.entry.reasons)) for one in refused] == [("B001", {"attributes"})]


def test_head_office_tells_every_branch_that_has_the_number_with_the_batch_that_brought_it(
    world: World,
) -> None:
    branches = [world.make_branch(code) for code in ("B001", "B002")]
    for branch in branches:
        branch.add_customer(customer_no="C1")
        branch.push()

    with world.hq.database.reads() as session:
        found = find_records(session, world.hq.bindings, "customer", "C1")
        one = find_records(
            session, world.hq.bindings, "customer", "C1",
            branches=[session.scalars(select(Branch.number).where(Branch.code == "B002")).one()],
        )  # fmt: skip

    assert [(item.branch.code, item.batch and item.batch.batch_no, item.change) for item in found] == [
        ("B001", 1, 1),
        ("B002", 1, 1),
    ]
    assert [item.branch.code for item in one] == ["B002"]


def test_a_number_nobody_has_is_said_to_be_unknown(world: World) -> None:
    branch = world.make_branch("B001")

    with branch.runtime.database.reads() as session, pytest.raises(tracing.NoSuchNumberError):
        tracing.trace(session, branch.runtime.bindings, "customer", "C404")


class AnswersLostFrom:
    """A line that carries every request, and loses the answers of one address."""

    def __init__(self, inner, address: str) -> None:
        self._inner, self._address = inner, address

    def send(self, request):
        answer = self._inner.send(request)
        if request.url.endswith(self._address):
            raise NoAnswerError(reason="lost")
        return answer
