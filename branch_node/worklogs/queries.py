"""Work log entries. An entry that another one corrects no longer counts; it stays readable beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Subquery, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from branch_node.customers.models import Customer
from branch_node.customers.reaching import is_closed
from branch_node.identity.models import CustomerIdentity
from branch_node.identity.queries import is_person, of_person
from branch_node.managers.models import Manager
from branch_node.worklogs.models import WORK_LOG_SEARCH, WorkLog
from shared.db.search_terms import text_terms
from shared.domain.contacts.rules import CHANNELS
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.worklogs.vocabulary import CONTACT_KINDS, WorkLogKind
from shared.errors import N_, BranchlineError, Kind

CONTACTS: Final = CONTACT_KINDS
SORTS: Final = {"started_at": WorkLog.started_at, "entered_at": WorkLog.entered_at}


class WorkLogNotFoundError(BranchlineError):
    """There is no such work log entry at this branch."""

    code = "work-log-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such log entry here. It may have gone with the import that brought it in.")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries are wanted; everything empty means all that count. Instants: from included, to not."""

    started_from: datetime | None = None
    started_to: datetime | None = None
    manager_id: str = ""
    kinds: tuple[WorkLogKind, ...] = ()
    customer_id: str = ""
    corrected_too: bool = False


@dataclass(frozen=True, slots=True)
class Untouched:
    """A customer nobody has spoken to for long; `last` is None when nobody ever has."""

    id: str
    customer_no: str
    name: str
    last: datetime | None


# An entry, its manager's name, its customer's number and name.
LogRow = Row[WorkLog, str, str | None, str | None]

_Later = aliased(WorkLog)


def stands() -> ColumnElement[bool]:
    """Return the condition that an entry counts: no other corrects it."""
    # Few correct another, and an index knows which; else PostgreSQL compares each with all behind row security.
    return ~exists().where(_Later.corrects_id.is_not(None), _Later.corrects_id == WorkLog.id)


def get_log(session: Session, log_id: str) -> WorkLog:
    """Return one entry; raises WorkLogNotFoundError."""
    log = session.get(WorkLog, log_id)
    if log is None:
        raise WorkLogNotFoundError
    return log


def logs(wanted: LogFilter) -> Select[WorkLog, str, str, str]:
    """Return the statement of the entries wanted with manager's name, customer's number and name."""
    return (
        select(
            WorkLog,
            Manager.name.label("manager_name"),
            Customer.customer_no,
            Customer.name.label("customer_name"),
        )
        .join(Manager, Manager.id == WorkLog.manager_id)
        .outerjoin(Customer, Customer.id == WorkLog.customer_id)
        .where(*_conditions(wanted))
    )


def logs_found(session: Session, query: str) -> Select[WorkLog, str, str, str]:
    """Return the statement of the entries that count whose text, place or number meets every word, the latest first."""
    meant = WORK_LOG_SEARCH.met_by(session, query.strip(), WorkLog.id)
    return logs(LogFilter()).where(meant).order_by(WorkLog.started_at.desc(), WorkLog.id)


def words_of(log: Any) -> list[str]:  # noqa: ANN401 - a WorkLog or a row of its table
    """Return the words under which an entry is found."""
    return text_terms(log.log_no, log.place, log.text)


def count_by_kind(session: Session, wanted: LogFilter) -> dict[WorkLogKind, int]:
    """Return how many of the entries wanted there are of each kind."""
    grouped = select(WorkLog.kind, func.count()).where(*_conditions(wanted)).group_by(WorkLog.kind)
    return {kind: count for kind, count in session.execute(grouped)}  # noqa: C416 - a Row is no pair to mypy


def versions(session: Session, log: WorkLog) -> list[WorkLog]:
    """Return every version of an entry, the first one first, whichever of them is given."""
    first = log
    while first.corrects_id is not None:
        first = get_log(session, first.corrects_id)
    found = [first]
    while later := session.scalar(
        select(WorkLog).where(WorkLog.corrects_id == found[-1].id).order_by(WorkLog.id)
    ):
        found.append(later)
    return found


def list_untouched(
    session: Session, *, since: datetime, manager_id: str | None, today: date, limit: int
) -> list[Untouched]:
    """Return active customers nobody has spoken to since then, the longest ago first.

    Those who are not to be contacted by any channel are left out: nobody should call them.
    """
    found = _with_last_contact(manager_id, today)
    ordered = (
        select(found)
        .where(_quiet(found, since))
        .order_by(found.c.last.asc().nulls_first(), found.c.customer_no)
    )
    return [Untouched(*row) for row in session.execute(ordered.limit(limit))]


def count_untouched(
    session: Session, since: Sequence[datetime], *, manager_id: str | None, today: date
) -> list[int]:
    """Return how many customers `list_untouched` would give for each of the instants; one pass for all."""
    found = _with_last_contact(manager_id, today)
    counts = [func.count().filter(_quiet(found, each)) for each in since]
    return list(session.execute(select(*counts).select_from(found)).one())


def not_spoken_to(since: datetime, today: date) -> ColumnElement[bool]:
    """Return the condition that nobody has spoken to a customer since then, as far as who looks may know."""
    spoken = (
        select(WorkLog.id)
        .where(
            WorkLog.customer_id == Customer.id,
            WorkLog.started_at >= since,
            WorkLog.kind.in_(CONTACTS),
            stands(),
        )
        .exists()
    )
    of_merged = (
        select(WorkLog.id)
        .join(CustomerIdentity, CustomerIdentity.customer_id == WorkLog.customer_id)
        .where(
            CustomerIdentity.identity_id == Customer.id,
            WorkLog.started_at >= since,
            WorkLog.kind.in_(CONTACTS),
            stands(),
        )
        .exists()
    )
    return and_(~spoken, ~of_merged, is_person(Customer.id), ~is_closed(CHANNELS, today))


def last_of_merged(kinds: Collection[WorkLogKind]) -> Subquery:
    """Return when the last work of these kinds was of files merged into others, by whom they were merged into."""
    wanted = (
        select(CustomerIdentity.identity_id, func.max(WorkLog.started_at).label("last"))
        .join(WorkLog, WorkLog.customer_id == CustomerIdentity.customer_id)
        .where(WorkLog.kind.in_(kinds), stands())
        .group_by(CustomerIdentity.identity_id)
    )
    return wanted.subquery("of_merged")


def later_of(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the later of two instants, either of which may be absent."""
    return case((one.is_(None), other), (other > one, other), else_=one)


def _with_last_contact(manager_id: str | None, today: date) -> Subquery:
    last = (
        select(WorkLog.customer_id, func.max(WorkLog.started_at).label("last"))
        .where(WorkLog.customer_id.is_not(None), WorkLog.kind.in_(CONTACTS), stands())
        .group_by(WorkLog.customer_id)
    )
    wanted = [Customer.status == CustomerStatus.ACTIVE, ~is_closed(CHANNELS, today)]
    if manager_id:
        held = select(Customer.id).where(Customer.manager_id == manager_id)
        last = last.where(WorkLog.customer_id.in_(held))
        wanted.append(Customer.manager_id == manager_id)
    contacts, merged = last.subquery(), last_of_merged(CONTACTS)
    latest = later_of(contacts.c.last, merged.c.last).label("last")
    return (
        select(Customer.id, Customer.customer_no, Customer.name, latest)
        .outerjoin(contacts, contacts.c.customer_id == Customer.id)
        .outerjoin(merged, merged.c.identity_id == Customer.id)
        .where(*wanted, is_person(Customer.id))
        .subquery()
    )


def _quiet(found: Subquery, since: datetime) -> ColumnElement[bool]:
    return or_(found.c.last.is_(None), found.c.last < since)


def last_contact(session: Session, customer_id: str) -> datetime | None:
    """Return when somebody last spoke to the customer."""
    wanted = and_(of_person(WorkLog.customer_id, customer_id), WorkLog.kind.in_(CONTACTS), stands())
    return session.scalar(select(func.max(WorkLog.started_at)).where(wanted))


def _conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [] if wanted.corrected_too else [stands()]
    if wanted.started_from:
        conditions.append(WorkLog.started_at >= wanted.started_from)
    if wanted.started_to:
        conditions.append(WorkLog.started_at < wanted.started_to)
    if wanted.manager_id:
        conditions.append(WorkLog.manager_id == wanted.manager_id)
    if wanted.kinds:
        conditions.append(WorkLog.kind.in_(wanted.kinds))
    if wanted.customer_id:
        conditions.append(of_person(WorkLog.customer_id, wanted.customer_id))
    return conditions
