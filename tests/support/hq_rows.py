"""Rows as ingest would have put them at head office, made in a line or two for tests of what reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaDepartment,
    ReplicaManager,
    ReplicaStaff,
    ReplicaUnit,
    ReplicaWorkLog,
)
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.organisation.vocabulary import StaffState
from shared.domain.units.vocabulary import UnitStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind

MADE = datetime.fromisoformat("2026-01-05T01:00:00+00:00")


@dataclass
class BranchRows:
    """One branch and what it sent; add rows, then `deliver` them as one batch a record type."""

    number: int
    session: Session
    at: datetime
    waiting: dict[type[Any], list[dict[str, Any]]] = field(default_factory=dict)
    delivered: int = 0

    def manager(self, manager_no: str, name: str = "李明", **more: Any) -> str:
        row = {
            **_made(),
            "manager_no": manager_no,
            "name": name,
            "post": None,
            "level": None,
            "department": None,
            "mobile": None,
            "status": ManagerStatus.ACTIVE,
            **more,
        }
        return self._add(ReplicaManager, row)

    def department(self, code: str, name: str, **more: Any) -> str:
        nothing = {"parent_id": None, "position": 0, "head_id": None, "retired_at": None}
        return self._add(ReplicaDepartment, {**_made(), **nothing, "code": code, "name": name, **more})

    def person(self, username: str, kind: StaffKind, name: str = "李雷", **more: Any) -> str:
        row = {
            "username": username,
            "name": name,
            "kind": kind,
            "duties": [],
            "department_id": None,
            "manager_id": None,
            "state": StaffState.ACTIVE,
            "created_at": MADE,
            **more,
        }
        return self._add(ReplicaStaff, row)

    def customer(self, customer_no: str, name: str = "王芳", **more: Any) -> str:
        row = {
            **_made(),
            **dict.fromkeys(
                (
                    "short_name",
                    "id_type",
                    "id_no",
                    "mobile",
                    "phone",
                    "email",
                    "region_code",
                    "address",
                    "manager_id",
                    "preferred_channel",
                    "remark",
                )
            ),
            "customer_no": customer_no,
            "name": name,
            "kind": CustomerKind.INDIVIDUAL,
            "grade": Grade.B,
            "status": CustomerStatus.ACTIVE,
            "opened_on": date(2025, 3, 1),
            "tags": [],
            "attributes": {},
            **more,
        }
        return self._add(ReplicaCustomer, row)

    def merged(self, customer_id: str, into_id: str) -> str:
        row = {"customer_id": customer_id, "identity_id": into_id, "merged_at": MADE, "merged_by": "test"}
        return self._add(ReplicaCustomerIdentity, row)

    def bill(self, customer_id: str, amount_minor: int, period: str = "2026-10", **more: Any) -> str:
        row = {
            "created_at": MADE,
            "created_by": "test",
            "bill_no": f"BL{self.delivered}-{len(self.waiting.get(ReplicaBillLine, ()))}",
            "customer_id": customer_id,
            "product": "Mobile",
            "period": period,
            "kind": BillKind.CHARGE,
            "amount_minor": amount_minor,
            "currency": "CNY",
            "booked_on": date(int(period[:4]), int(period[5:]), 3),
            "corrects_id": None,
            "remark": None,
            **more,
        }
        return self._add(ReplicaBillLine, row)

    def log(self, manager_id: str, started_at: datetime, customer_id: str | None = None, **more: Any) -> str:
        row = {
            "created_at": MADE,
            "created_by": "test",
            "log_no": f"WL{self.delivered}-{len(self.waiting.get(ReplicaWorkLog, ()))}",
            "manager_id": manager_id,
            "customer_id": customer_id,
            "kind": WorkLogKind.VISIT,
            "started_at": started_at,
            "ended_at": None,
            "place": None,
            "text": "上门走访",
            "entered_at": started_at,
            "corrects_id": None,
            **more,
        }
        return self._add(ReplicaWorkLog, row)

    def unit(self, serial_no: str, owner_id: str | None, **more: Any) -> str:
        row = {
            **_made(),
            "reading_unit": None,
            "serial_no": serial_no,
            "product": None,
            "model": None,
            "made_on": None,
            "sold_on": None,
            "warranty_until": None,
            "remark": None,
            "status": UnitStatus.IN_USE,
            "owner_id": owner_id,
            **more,
        }
        return self._add(ReplicaUnit, row)

    def deliver(self, *, received_at: datetime | None = None, complete: bool = True) -> None:
        """Write the rows down as ingest does: each record type in a batch of its own, not yet taken in."""
        when = received_at or self.at
        for table, rows in self.waiting.items():
            batch_id = add_batch(self.session, self, _TYPES[table], rows=len(rows), at=when)
            stamped = [
                {
                    **row,
                    "branch_number": self.number,
                    "row_lineage": 1,
                    "row_change": at,
                    "batch_id": batch_id,
                }
                for at, row in enumerate(rows, start=1)
            ]
            self.session.execute(insert(table), stamped)
        self.waiting = {}
        if complete:
            branch = self.session.get_one(Branch, self.number)
            branch.last_seen_at = branch.data_as_of = when

    def _add(self, table: type[Any], row: dict[str, Any]) -> str:
        row = {"id": new_id(), **row}
        self.waiting.setdefault(table, []).append(row)
        return str(row["id"])


_TYPES = {
    ReplicaManager: "manager",
    ReplicaDepartment: "department",
    ReplicaStaff: "staff",
    ReplicaCustomer: "customer",
    ReplicaBillLine: "bill_line",
    ReplicaWorkLog: "work_log",
    ReplicaUnit: "unit",
    ReplicaCustomerIdentity: "customer_identity",
}


def add_branch(
    session: Session, code: str, at: datetime, *, name: str = "", joined: bool = True
) -> BranchRows:
    """Add a branch that joined (or has not yet)."""
    branch = Branch(code=code, name=name or f"{code} 分公司", enrolled_at=at, pending=0, push_interval_s=600)
    if joined:
        branch.node_id, branch.joined_at, branch.last_seen_at = new_id(), at, at
    session.add(branch)
    session.flush()
    return BranchRows(branch.number, session, at)


def add_batch(session: Session, branch: BranchRows, record_type: str, *, rows: int, at: datetime) -> int:
    """Write down one received batch of a branch and return its id."""
    branch.delivered += 1
    batch = InboxBatch(
        branch_number=branch.number,
        lineage=1,
        channel=record_type,
        batch_no=branch.delivered,
        record_type=record_type,
        digest="0" * 64,
        rows=rows,
        removed=0,
        parked=0,
        wire_bytes=rows * 87,
        control={},
        sealed_at=at,
        received_at=at,
        duration_ms=12,
        receipt={},
    )
    session.add(batch)
    session.flush()
    return batch.id


def add_parked(
    session: Session, branch: BranchRows, *, line: str, reasons: dict[str, Sequence[str]], at: datetime
) -> int:
    """Write down one refused customer row of a branch and return its id."""
    batch_id = add_batch(session, branch, "customer", rows=1, at=at)
    parked = ParkedRecord(
        branch_number=branch.number,
        batch_id=batch_id,
        record_type="customer",
        record_id=new_id(),
        row_change=1,
        line=line,
        code="row-invalid",
        reasons=dict(reasons),
        state="parked",
        parked_at=at,
    )
    session.add(parked)
    session.flush()
    return parked.id


def _made() -> dict[str, Any]:
    return {"created_at": MADE, "created_by": "test", "updated_at": MADE, "updated_by": "test"}
