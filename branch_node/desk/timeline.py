"""Everything that happened with a customer on one line, the latest first, a page at a time and never read whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import CustomerMove
from branch_node.identity.queries import files_of
from branch_node.managers.models import Manager
from branch_node.units import queries as units
from branch_node.units.models import Unit, UnitEvent
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import stands
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.domain.calendar import day_bounds, local_day
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.ids import is_id

PAGE: Final = 50


class EntryKind(Vocabulary):
    """What kind of thing happened."""

    WORK = ("work", N_("Work logs"), "工作日志")
    MONEY = ("money", N_("Bill lines"), "账单明细")
    UNIT = ("unit", N_("Tracked units"), "设备")
    MOVE = ("move", N_("Moves"), "变动记录")
    CHANGE = ("change", N_("Changes"), "变更")


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the line: the page after it begins with what is older."""

    at: datetime
    kind: str
    id: str

    @property
    def text(self) -> str:
        """The place as an address has it."""
        return f"{self.at.astimezone(UTC).isoformat()}_{self.kind}_{self.id}"

    @classmethod
    def of(cls, text: str) -> "Place | None":
        """Return the place that an address names, or None."""
        at, _bar, rest = text.partition("_")
        kind, _bar, record_id = rest.partition("_")
        try:
            found = cls(datetime.fromisoformat(at).astimezone(UTC), kind, record_id)
        except (ValueError, OverflowError):
            return None
        # The days before and after are asked for too, on any clock.
        there = date.min.year < found.at.year < date.max.year
        return found if there and is_id(record_id) else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `row` is the work log, bill line, move or log entry, `who` its account manager."""

    place: Place
    row: Any
    who: str | None = None


def list_entries(
    session: Session,
    customer_id: str,
    *,
    kinds: Collection[EntryKind],
    before: Place | None,
    timezone: str,
    limit: int = PAGE,
) -> tuple[list[Entry], Place | None]:
    """Return what happened before a place, latest first, of these kinds (none: of all), and where the next page begins.

    What was merged into the customer counts as theirs. Each kind gives at most a page of each file, by its index: what
    a customer has of it in all does not matter.
    """
    found: list[Entry] = []
    for kind, read in _READERS.items():
        if not kinds or kind in kinds:
            for file in files_of(session, customer_id):
                found += read(session, file, before, timezone, limit + 1)
    found.sort(key=lambda entry: (entry.place.at, entry.place.kind, entry.place.id), reverse=True)
    shown = found[:limit]
    return shown, shown[-1].place if len(found) > limit else None


def _work(session: Session, customer_id: str, before: Place | None, _zone: str, limit: int) -> list[Entry]:
    wanted = (
        select(WorkLog, Manager.name)
        .outerjoin(Manager, Manager.id == WorkLog.manager_id)
        .where(WorkLog.customer_id == customer_id, stands())
        .where(*_older(EntryKind.WORK, WorkLog.started_at, WorkLog.id, before))
        .order_by(WorkLog.started_at.desc(), WorkLog.id.desc())
    )
    return [
        Entry(Place(log.started_at, EntryKind.WORK.value, log.id), log, who)
        for log, who in session.execute(wanted.limit(limit))
    ]


def _changes(session: Session, customer_id: str, before: Place | None, _zone: str, limit: int) -> list[Entry]:
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.subject_type == "customer", AuditEntry.subject_id == customer_id)
        # Who looked stands in the operation log; here it would bury what happened.
        .where(AuditEntry.action != LogAction.VIEW)
        .where(*_older(EntryKind.CHANGE, AuditEntry.at, AuditEntry.id, before))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )
    return [
        Entry(Place(entry.at, EntryKind.CHANGE.value, str(entry.id)), entry)
        for entry in session.scalars(wanted.limit(limit))
    ]


def _money(session: Session, customer_id: str, before: Place | None, zone: str, limit: int) -> list[Entry]:
    wanted = (
        select(BillLine)
        .where(BillLine.customer_id == customer_id)
        .where(*_older_day(EntryKind.MONEY, BillLine.booked_on, BillLine.id, before, zone))
        .order_by(BillLine.booked_on.desc(), BillLine.id.desc())
    )
    return [
        Entry(Place(_midnight(line.booked_on, zone), EntryKind.MONEY.value, line.id), line)
        for line in session.scalars(wanted.limit(limit))
    ]


def _moves(session: Session, customer_id: str, before: Place | None, zone: str, limit: int) -> list[Entry]:
    wanted = (
        select(CustomerMove)
        .where(CustomerMove.customer_id == customer_id)
        .where(*_older_day(EntryKind.MOVE, CustomerMove.moved_on, CustomerMove.id, before, zone))
        .order_by(CustomerMove.moved_on.desc(), CustomerMove.id.desc())
    )
    return [
        Entry(Place(_midnight(move.moved_on, zone), EntryKind.MOVE.value, move.id), move)
        for move in session.scalars(wanted.limit(limit))
    ]


def _units(session: Session, customer_id: str, before: Place | None, zone: str, limit: int) -> list[Entry]:
    wanted = (
        select(UnitEvent, Unit.serial_no)
        .join(Unit, Unit.id == UnitEvent.unit_id)
        .where(UnitEvent.customer_id == customer_id, units.stands())
        .where(*_older_day(EntryKind.UNIT, UnitEvent.happened_on, UnitEvent.id, before, zone))
        .order_by(UnitEvent.happened_on.desc(), UnitEvent.id.desc())
    )
    return [
        Entry(Place(_midnight(event.happened_on, zone), EntryKind.UNIT.value, event.id), event, serial_no)
        for event, serial_no in session.execute(wanted.limit(limit))
    ]


_READERS: Final = {
    EntryKind.WORK: _work,
    EntryKind.MONEY: _money,
    EntryKind.MOVE: _moves,
    EntryKind.UNIT: _units,
    EntryKind.CHANGE: _changes,
}


def _older(
    kind: EntryKind,
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[Any],
    before: Place | None,
) -> Sequence[ColumnElement[bool]]:
    """Return what leaves the older entries of a kind: at one instant kinds stand in the order of their codes."""
    if before is None:
        return ()
    if kind.value == before.kind:
        return (tuple_(at, key) < tuple_(literal(before.at, at.type), literal(before.id, key.type)),)
    return (at <= before.at if kind.value < before.kind else at < before.at,)


def _older_day(
    kind: EntryKind,
    on: InstrumentedAttribute[date],
    key: InstrumentedAttribute[Any],
    before: Place | None,
    zone: str,
) -> Sequence[ColumnElement[bool]]:
    """Return the same of a kind that has days: they stand at the midnight they begin with."""
    if before is None:
        return ()
    day = local_day(before.at, zone)
    if before.at > _midnight(day, zone) or kind.value < before.kind:
        return (on <= day,)
    if kind.value > before.kind:
        return (on < day,)
    return (or_(on < day, and_(on == day, key < literal(before.id, key.type))),)


def _midnight(day: date, zone: str) -> datetime:
    return day_bounds(day, zone)[0]
