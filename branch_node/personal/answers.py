"""Everything both tiers hold about a customer, in a form that people read and programs take over."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from branch_node.archive.models import ArchiveEntry
from branch_node.archive.queries import read_content
from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, CustomerMove, CustomerShare
from branch_node.customers.queries import get_customer
from branch_node.documents.models import Document, DocumentVersion
from branch_node.offers.models import OfferAnswer
from branch_node.personal.exported import may_hold
from branch_node.personal.models import LegalHold, PersonalRequest
from branch_node.qualification.models import Qualification
from branch_node.questions.models import QuestionAnswer
from branch_node.statistics.models import CustomerMonth
from branch_node.units.models import UnitEvent
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_all_sealed
from shared.db.base import Base, instant_text

FORMAT: Final = "branchline-personal-data-1"
ABOUT: Final = {
    "contacts": Contact,
    "moves": CustomerMove,
    "shared_with": CustomerShare,
    "qualifications": Qualification,
    "documents": Document,
    "document_versions": DocumentVersion,
    "bill_lines": BillLine,
    "unit_events": UnitEvent,
    "offer_answers": OfferAnswer,
    "question_answers": QuestionAnswer,
    "work_logs": WorkLog,
    "months": CustomerMonth,
    "legal_holds": LegalHold,
    "requests": PersonalRequest,
}


def gather(session: Session, customer_id: str, *, at: datetime) -> dict[str, Any]:
    """Return everything held about a customer; raises CustomerNotFoundError.

    Head office holds copies of the profile, contact people, bill lines, work logs, months and holds, and
    nothing of its own.
    """
    profile = get_customer(session, customer_id)
    document: dict[str, Any] = {
        "format": FORMAT,
        "made_at": instant_text(at),
        "profile": _row(Base.metadata.tables["customers"], profile),
    }
    for name, model in ABOUT.items():
        table = Base.metadata.tables[model.__tablename__]
        key = list(table.primary_key)
        rows = session.execute(select(table).where(table.c.customer_id == customer_id).order_by(*key))
        document[name] = [_plain_row(dict(row)) for row in rows.mappings()]
    units = Base.metadata.tables["units"]
    theirs = session.execute(select(units).where(units.c.owner_id == customer_id).order_by(units.c.id))
    document["units"] = [_plain_row(dict(row)) for row in theirs.mappings()]
    document["exports"] = may_hold(session, profile)
    document["retained_archive"] = _archived(session, customer_id)
    document["operation_log"] = _told(session, customer_id)
    return document


def _archived(session: Session, customer_id: str) -> list[dict[str, Any]]:
    entries = session.scalars(
        select(ArchiveEntry).where(ArchiveEntry.customer_id == customer_id).order_by(ArchiveEntry.seq)
    )
    return [
        {"number": entry.seq, "kind": entry.kind.value, "at": instant_text(entry.made_at)}
        | {"content": read_content(session, entry)}
        for entry in entries
    ]


def _told(session: Session, customer_id: str) -> list[dict[str, Any]]:
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_type == "customer", AuditEntry.subject_id == customer_id)
        .order_by(AuditEntry.seq)
    ).all()
    opened = read_all_sealed(session, entries)
    return [
        {
            "at": instant_text(entry.at),
            "who": entry.actor,
            "event": entry.event,
            "changes": {**(entry.changes or {}), **(values or {})},
        }
        for entry, values in zip(entries, opened, strict=True)
    ]


def _row(table: Table, row: object) -> dict[str, Any]:
    return _plain_row({column.name: getattr(row, column.name) for column in table.columns})


def _plain_row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
