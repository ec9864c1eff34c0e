"""A customer's file as it goes into the retained archive: everything that makes it a file, as plain JSON."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Table, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from branch_node.archive.versions import COLUMNS, versions_of
from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, Customer, CustomerMove
from branch_node.documents import queries as documents
from branch_node.identity.queries import files_of, of_person
from branch_node.offers.models import OfferAnswer
from branch_node.qualification.models import Qualification
from branch_node.questions.models import QuestionAnswer
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from branch_node.worklogs.models import WorkLog
from shared.audit.models import json_text
from shared.db.base import Base, instant_text
from shared.db.personal import class_of, mask

FORMAT: Final = "branchline-archive-1"
HIDDEN: Final = "…"
OF_UNIT: Final = ("id", "serial_no", "product", "model", "made_on", "sold_on", "warranty_until", "status")


def take(session: Session, customer: Customer, at: datetime) -> dict[str, Any]:
    """Return the file of a customer as it stands: profile, contacts, every version, money and work in sums.

    Moves, judgements, answers to offers and questions and units with what happened with them are there row by row. Of
    documents it holds what is said of them, until when they were valid, whether they were retired and why, and the
    digest of each file: so a file can be proved later. Entries are read by who knows less and more than they hold: a
    part or a column that came later is not there in what was put away before, and nothing is written into that.
    """
    return {
        "format": FORMAT,
        "taken_at": instant_text(at),
        "customer": {name: _plain(getattr(customer, name)) for name in ("id", *COLUMNS)},
        "entered": {"at": instant_text(customer.created_at), "by": customer.created_by},
        "contacts": _contacts(session, customer.id),
        "versions": _versions(session, customer),
        "money": _money(session, customer.id),
        "work_logs": _work(session, customer.id),
        "documents": documents.of_customer(session, customer.id),
        "moves": _rows(session, CustomerMove, CustomerMove.moved_on, [customer.id]),
        "judgements": _rows(session, Qualification, Qualification.judged_at, [customer.id]),
        "offers": _rows(session, OfferAnswer, OfferAnswer.happened_on, files_of(session, customer.id)),
        "answers": _rows(session, QuestionAnswer, QuestionAnswer.answered_on, files_of(session, customer.id)),
        "units": _units(session, customer.id),
    }


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two contents hold the same file, whenever and why they were taken."""
    # A part that an earlier version of the program did not keep is one without rows.
    return all(
        (one.get(part) or None) == (other.get(part) or None)
        for part in {*one, *other} - {"taken_at", "reason"}
    )


def masked(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content with contact data masked, for whoever sees customers so."""
    shown = dict(content)
    tables = {"customer": Customer.__tablename__, "contacts": Contact.__tablename__}
    for part, name in tables.items():
        table = Base.metadata.tables[name]
        rows = shown.get(part)
        if isinstance(rows, list):
            shown[part] = [_masked_row(table, row) for row in rows]
        elif isinstance(rows, dict):
            shown[part] = _masked_row(table, rows)
    customers = Base.metadata.tables[Customer.__tablename__]
    shown["versions"] = [
        {
            **version,
            "changes": {
                field: [_masked(customers, field, value) for value in pair]
                for field, pair in version.get("changes", {}).items()
            },
        }
        for version in shown.get("versions", ())
    ]
    return shown


def _masked_row(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _masked(table, name, value) for name, value in row.items()}


def _masked(table: Table, name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    kind = class_of(table.c[name]) if name in table.c else None
    return mask(kind, value) if kind is not None and isinstance(value, str) else value


def _contacts(session: Session, customer_id: str) -> list[dict[str, Any]]:
    rows = session.scalars(select(Contact).where(Contact.customer_id == customer_id).order_by(Contact.id))
    names = [column.name for column in Base.metadata.tables[Contact.__tablename__].columns]
    return [{name: _plain(getattr(row, name)) for name in names} for row in rows]


def _versions(session: Session, customer: Customer) -> list[dict[str, Any]]:
    return [
        {
            "no": version.no,
            "at": instant_text(version.at),
            "by": version.by,
            "event": version.event,
            "changes": {
                change.field: [change.before, change.after] if change.known else [HIDDEN, HIDDEN]
                for change in version.changes
            },
        }
        for version in versions_of(session, customer)
    ]


def _money(session: Session, customer_id: str) -> list[dict[str, Any]]:
    grouped = (
        select(
            BillLine.currency,
            BillLine.kind,
            func.count(),
            func.sum(BillLine.amount_minor),
            func.min(BillLine.booked_on),
            func.max(BillLine.booked_on),
        )
        .where(of_person(BillLine.customer_id, customer_id))
        .group_by(BillLine.currency, BillLine.kind)
        .order_by(BillLine.currency, BillLine.kind)
    )
    names = ("currency", "kind", "lines", "amount_minor", "first", "last")
    # A sum is a Decimal on PostgreSQL.
    return [
        {**{name: _plain(value) for name, value in zip(names, row, strict=True)}, "amount_minor": int(row[3])}
        for row in session.execute(grouped)
    ]


def _work(session: Session, customer_id: str) -> dict[str, Any]:
    rows = session.execute(
        select(WorkLog.log_no, WorkLog.kind, WorkLog.started_at, WorkLog.text)
        .where(of_person(WorkLog.customer_id, customer_id))
        .order_by(WorkLog.started_at, WorkLog.id)
    ).all()
    told = [[_plain(value) for value in row] for row in rows]
    return {
        "count": len(told),
        "first": told[0][2] if told else None,
        "last": told[-1][2] if told else None,
        "digest": hashlib.sha256(json_text({"logs": told}).encode()).hexdigest(),
    }


def _rows(
    session: Session, model: type[Base], order: InstrumentedAttribute[Any], files: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the rows that name one of these files, each with all its columns."""
    table = Base.metadata.tables[model.__tablename__]
    wanted = select(table).where(table.c.customer_id.in_(files))
    found = session.execute(wanted.order_by(order, table.c.id)).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _units(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Return the units that are or were the customer's: from when until when, and what was written of them then."""
    files = files_of(session, customer_id)
    events: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(session, UnitEvent, UnitEvent.happened_on, files):
        events.setdefault(row["unit_id"], []).append(row)
    owned: dict[str, list[dict[str, str | None]]] = {}
    for unit_id, begins, ends in session.execute(
        select(UnitOwner.unit_id, UnitOwner.from_on, UnitOwner.until_on)
        .where(of_person(UnitOwner.customer_id, customer_id))
        .order_by(UnitOwner.unit_id, UnitOwner.from_on)
    ):
        owned.setdefault(unit_id, []).append({"from": _plain(begins), "until": _plain(ends)})
    found = session.scalars(select(Unit).where(Unit.id.in_(sorted({*events, *owned}))).order_by(Unit.id))
    return [
        {name: _plain(getattr(unit, name)) for name in OF_UNIT}
        # The remark is about who has it now.
        | {"remark": unit.remark if unit.owner_id in files else None}
        | {"owned": owned.get(unit.id, []), "events": events.get(unit.id, [])}
        for unit in found
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
