"""Each database call and each message of one whole cycle fails once; the next cycle must make up for it."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request
from branch_node.torture.acts import Company
from branch_node.torture.faults import Failing, FaultPoints, KilledError
from branch_node.torture.ledger import digests
from branch_node.torture.stage import Node, Stage
from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from shared.domain.opstats.fields import FIGURES
from shared.ids import new_id
from shared.stamp import Stamp
from sync_protocol.catalog import CATALOG

KINDS = ("manager", "customer", "customer", "customer", "bill_line", "work_log")


@dataclass
class BrokenCycle:
    """A branch with something of every record type to send, whose one cycle is broken again and again."""

    stage: Stage
    node: Node = field(init=False)

    def __post_init__(self) -> None:
        company = Company(self.stage, Random(5))
        self.node = self.stage.nodes[0]
        work(company, self.node)
        self.node.cycle()
        # A day goes by: its manifest, the month and the barriers of the morning travel too.
        company.pass_time(days=1)
        work(company, self.node)
        self._saved = self.node.save(), self.stage.save_hq()

    def again(self) -> None:
        """Bring both sides back to before the cycle."""
        self.node.load(self._saved[0], beside=True)
        self.stage.load_hq(self._saved[1])

    def points(self, side: str) -> FaultPoints:
        """Return the database calls of one side."""
        return self.node.points if side == "branch" else self.stage.hq_points

    def cycle(self) -> bool:
        """Run a cycle that may be broken off; True when it came to its end."""
        try:
            return self.node.cycle().outcome == "done"
        except (OperationalError, KilledError):
            self.node.runtime.database.dispose()
            return False

    def fail_call(self, side: str, number: int, how: Failing) -> bool:
        """Break the cycle at a database call, and look; False when it has not so many calls."""
        self.again()
        points = self.points(side)
        points.arm(number, how)
        self.cycle()
        if points.disarm():
            return False
        self._look(f"call {number} of {side}")
        return True

    def fail_message(self, number: int, *, delivered: bool) -> bool:
        """Lose a message, or its answer; False when there are not so many."""
        self.again()
        line = CutLine(self.node.line, number, delivered=delivered)
        runtime = self.node.runtime
        self.node.runtime = replace(runtime, transport=line)
        try:
            self.cycle()
        finally:
            self.node.runtime = runtime
        if line.left > 0:
            return False
        self._look(f"message {number}")
        return True

    def _look(self, where: str) -> None:
        assert self._no_half_batch(), where
        assert self.cycle(), where
        with self.node.runtime.database.reads() as session:
            ours = digests(session, self.node.runtime.bindings)
        with self.stage.hq.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == self.node.code)).one()
            assert digests(session, self.stage.hq.bindings, number) == ours, where
        assert all(ours[name].rows for name in CATALOG), "the cycle has something of every record type"

    def _no_half_batch(self) -> bool:
        """Whether every batch at head office has all of its rows or none: rows are counted by the newest batch."""
        with self.stage.hq.database.reads() as session:
            known = set(session.scalars(select(InboxBatch.id)))
            for name, binding in self.stage.hq.bindings.items():
                named = set(session.scalars(select(binding.table.c.batch_id)))
                if not named <= known:
                    return False
                for batch in session.scalars(select(InboxBatch).where(InboxBatch.record_type == name)):
                    rows = session.scalars(
                        select(binding.table.c.id).where(binding.table.c.batch_id == batch.id)
                    ).all()
                    if len(rows) > batch.rows or not batch.receipt:
                        return False
        return True


@dataclass
class CutLine:
    """Loses one message, counted from the first of the cycle, before or after it was delivered."""

    inner: Any
    left: int
    delivered: bool

    def __init__(self, inner: Any, number: int, *, delivered: bool) -> None:
        self.inner, self.left, self.delivered = inner, number, delivered

    def send(self, request: Request) -> Answer:
        """Carry a request, unless it is the one."""
        self.left -= 1
        if self.left:
            answer: Answer = self.inner.send(request)
            return answer
        if self.delivered:
            self.inner.send(request)
        raise NoAnswerError(reason="cut")


def work(company: Company, node: Node) -> None:
    """Enter something of every record type; also change one and remove one."""
    for kind in KINDS:
        company.enter(node, kind)
    company.edit(node)
    company.remove(node)
    company.compute_months(node)
    _enter_organisation(node, company.stage.stamp())
    _enter_hold_and_erasure(node, company.stage.stamp())


def _enter_organisation(node: Node, by: Stamp) -> None:
    """Enter a department, a person of it and an account manager's month; each time others."""
    tables = {name: binding.table for name, binding in node.runtime.bindings.items()}
    department, person, month = (new_id() for _one in range(3))
    made = {"created_at": by.at, "created_by": by.actor}
    figures = dict.fromkeys(FIGURES, 1)
    with node.runtime.database.sessions.begin() as session:
        manager = session.scalar(select(tables["manager"].c.id).limit(1))
        rows: dict[str, dict[str, Any]] = {
            "department": {
                "code": department[-12:],
                "name": "城东营业部",
                "position": 1,
                **made,
                "updated_at": by.at,
                "updated_by": by.actor,
            },
            "staff": {
                "username": person[-12:],
                "name": "王小明",
                "kind": "service",
                "duties": [],
                "department_id": department,
                "state": "active",
                "created_at": by.at,
            },
            "operation_month": {
                "manager_id": manager,
                "month": f"{2000 + int(month[-3:], 16) % 900}-01",
                **figures,
            },
        }
        for name, record_id in (("department", department), ("staff", person), ("operation_month", month)):
            session.execute(insert(tables[name]).values(id=record_id, **rows[name]))


def _enter_hold_and_erasure(node: Node, by: Stamp) -> None:
    """Hold a customer that nobody else knows of, and tell of the erasure of one that is not here any more."""
    tables = {name: binding.table for name, binding in node.runtime.bindings.items()}
    customer = new_id()
    stamps = {"created_at": by.at, "created_by": by.actor, "updated_at": by.at, "updated_by": by.actor}
    rows: dict[str, dict[str, Any]] = {
        "customer": {
            "id": customer,
            "customer_no": customer[-12:],
            "kind": "individual",
            "name": "诉讼客户",
            "status": "closed",
            "remark": "0",  # where the company counts its writes
            "tags": [],
            "attributes": {},
            **stamps,
        },
        "contact": {
            "id": new_id(),
            "contact_no": customer[-12:],
            "customer_id": customer,
            "name": "联系人",
            "standing": "key",
            "do_not_contact": [],
            "status": "active",
            **stamps,
        },
        "qualification": {
            "id": new_id(),
            "customer_id": customer,
            "occasion": "application",
            "outcome": "passed",
            "state": "proposed",
            "kind": "individual",
            "grade": "C",
            "score": 40,
            "lines": [],
            "rules_version": 0,
            "next_review_on": by.at.date(),
            "judged_at": by.at,
            "judged_by": by.actor,
        },
        "unit": {
            "id": customer,
            "serial_no": customer[-12:],
            "status": "in_use",
            "owner_id": customer,
            **stamps,
        },
        "unit_event": {
            "id": new_id(),
            "unit_id": customer,
            "kind": "owner",
            "customer_id": customer,
            "happened_on": by.at.date(),
            "created_at": by.at,
            "created_by": by.actor,
        },
        "offer_answer": {
            "id": new_id(),
            "customer_id": customer,
            "offer_code": "FIBRE",
            "step": "made",
            "happened_on": by.at.date(),
            "created_at": by.at,
            "created_by": by.actor,
        },
        "question_answer": {
            "id": new_id(),
            "customer_id": customer,
            "question_code": "NPS",
            "question_version": 1,
            "indicator": "satisfaction",
            "score": 4,
            "way": "phone",
            "answered_on": by.at.date(),
            "created_at": by.at,
            "created_by": by.actor,
        },
        "legal_hold": {
            "id": new_id(),
            "customer_id": customer,
            "reason": "诉讼",
            "placed_at": by.at,
            "placed_by": by.actor,
        },
        "customer_identity": {
            "id": new_id(),
            "customer_id": customer,
            "identity_id": new_id(),
            "merged_at": by.at,
            "merged_by": by.actor,
        },
        "personal_request": {
            "id": new_id(),
            "customer_id": customer,
            "kind": "access",
            "asked_by": "张三",
            "identity": "known",
            "received_on": by.at.date(),
            "due_on": by.at.date(),
            "state": "open",
            "made_at": by.at,
            "made_by": by.actor,
        },
        "erasure": {
            "id": new_id(),
            "customer_id": new_id(),
            "reason": "request",
            "erased_at": by.at,
            "erased_by": by.actor,
            "waiting": 0,
        },
    }
    with node.runtime.database.sessions.begin() as session:
        for name, values in rows.items():
            session.execute(insert(tables[name]).values(**values))
