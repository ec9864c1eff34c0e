"""Account managers of all branches: what each holds and does, and whom nobody has been in touch with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from hq_server.branches.models import Branch
from hq_server.customers.identities import is_counted
from hq_server.oversight.periods import Calendar
from hq_server.replica.models import (
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaManager,
    ReplicaWorkLog,
)
from shared.domain.corrections import versions_before
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_, BranchlineError, Kind

UNTOUCHED_DAYS: Final = (30, 60, 90)


class ManagerNotFoundError(BranchlineError):
    """We hold no such account manager of that branch."""

    code = "manager-not-found"
    kind = Kind.NOT_FOUND
    message = N_("Head office holds no such account manager of branch %(branch)s.")


@dataclass(frozen=True, slots=True)
class Activity:
    """The figures of one account manager, or of several together."""

    customers: int = 0
    logs_week: int = 0
    visits_week: int = 0
    logs_month: int = 0
    visits_month: int = 0
    untouched_30: int = 0
    untouched_60: int = 0
    untouched_90: int = 0
    last_at: datetime | None = None

    def __add__(self, other: "Activity") -> "Activity":
        """Return both together; the last activity is the later one."""
        counted: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in COUNTED}
        latest = max((at for at in (self.last_at, other.last_at) if at), default=None)
        return Activity(**counted, last_at=latest)


COUNTED: Final = (
    "customers",
    "logs_week",
    "visits_week",
    "logs_month",
    "visits_month",
    "untouched_30",
    "untouched_60",
    "untouched_90",
)


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One account manager on the board."""

    branch_number: int
    branch_code: str
    branch_name: str
    manager_id: str
    manager_no: str
    name: str
    post: str | None
    department: str | None
    status: ManagerStatus
    activity: Activity


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A work log that counts, with the customer it names and the versions it corrected, newest first."""

    log: ReplicaWorkLog
    customer: ReplicaCustomer | None
    corrected: Sequence[ReplicaWorkLog]


def board(
    session: Session,
    calendar: Calendar,
    *,
    branches: Collection[int] = (),
    words: str = "",
    with_left: bool = False,
    manager_id: str | None = None,
) -> list[BoardRow]:
    """Return every account manager with their figures, by branch and number, in one statement.

    Customers held: assigned to the manager and not closed, each once however many files were merged. Untouched for n
    days: of these the active ones that no work log of anybody names since, under any of their files. A corrected log
    counts once, as its correction says.
    """
    if session.get_bind().dialect.name == "postgresql":
        # A million customers in two thousand groups fit here; the usual 4 MB would sort them on disk.
        session.execute(text("SET LOCAL work_mem = '64MB'"))
    manager = ReplicaManager
    held, done = _held(calendar, branches), _done(calendar, branches)
    last = _last_activity()
    statement = (
        select(
            manager.branch_number,
            Branch.code,
            Branch.name,
            manager.id,
            manager.manager_no,
            manager.name,
            manager.post,
            manager.department,
            manager.status,
            *(func.coalesce(_of(held, done, name), 0) for name in COUNTED),
            last,
        )
        .join(Branch, Branch.number == manager.branch_number)
        .outerjoin(held, and_(held.c.branch_number == manager.branch_number, held.c.manager_id == manager.id))
        .outerjoin(done, and_(done.c.branch_number == manager.branch_number, done.c.manager_id == manager.id))
        .where(*_wanted(branches, words, with_left=with_left, manager_id=manager_id))
        .order_by(Branch.code, manager.manager_no, manager.id)
    )
    return [_board_row(tuple(row)) for row in session.execute(statement)]


def get_manager(session: Session, branch: Branch, manager_id: str) -> ReplicaManager:
    """Return one account manager of a branch; raises ManagerNotFoundError."""
    manager = session.get(ReplicaManager, (branch.number, manager_id))
    if manager is None:
        raise ManagerNotFoundError(branch=branch.code)
    return manager


def select_untouched(manager: ReplicaManager, calendar: Calendar, days: int) -> Select[ReplicaCustomer]:
    """Select the manager's active customers whom no counting work log names in the last `days` days."""
    customer, log = ReplicaCustomer, ReplicaWorkLog
    whose = func.coalesce(ReplicaCustomerIdentity.identity_id, log.customer_id)
    touched = (
        select(whose)
        .select_from(log)
        .outerjoin(ReplicaCustomerIdentity, _links(log))
        .where(
            log.branch_number == manager.branch_number,
            log.customer_id.is_not(None),
            log.started_at >= calendar.days_ago(days),
            _counts(),
        )
    )
    return select(customer).where(
        customer.branch_number == manager.branch_number,
        customer.manager_id == manager.id,
        customer.status == CustomerStatus.ACTIVE,
        customer.id.not_in(touched),
        is_counted(),
    )


def last_contacts(
    session: Session, customers: Collection[ReplicaCustomer]
) -> dict[tuple[int, str], datetime]:
    """Return when a work log last named each of these customers or a file merged into theirs, in one query."""
    log = ReplicaWorkLog
    if not customers:
        return {}
    numbers, ids = sorted({one.branch_number for one in customers}), sorted(one.id for one in customers)
    link = ReplicaCustomerIdentity
    whose = func.coalesce(link.identity_id, log.customer_id)
    merged = select(link.customer_id).where(link.branch_number.in_(numbers), link.identity_id.in_(ids))
    statement = (
        select(log.branch_number, whose, func.max(log.started_at))
        .select_from(log)
        .outerjoin(link, _links(log))
        .where(
            log.branch_number.in_(numbers),
            or_(log.customer_id.in_(ids), log.customer_id.in_(merged)),
            _counts(),
        )
        .group_by(log.branch_number, whose)
    )
    return {(row[0], str(row[1])): row[2] for row in session.execute(statement)}


def select_logs(
    manager: ReplicaManager,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Collection[str] = (),
) -> Select[ReplicaWorkLog]:
    """Select a manager's work logs that count (a corrected one is left to its correction)."""
    log = ReplicaWorkLog
    statement = select(log).where(
        log.branch_number == manager.branch_number, log.manager_id == manager.id, _counts()
    )
    if since:
        statement = statement.where(log.started_at >= since)
    if until:
        statement = statement.where(log.started_at < until)
    return statement.where(log.kind.in_(sorted(kinds))) if kinds else statement


def explain_logs(session: Session, logs: Sequence[ReplicaWorkLog]) -> list[LogEntry]:
    """Join work logs with the customers they name and with what they corrected, a few queries for all."""
    numbers = sorted({one.branch_number for one in logs})
    names = sorted({one.customer_id for one in logs if one.customer_id})
    customers = {
        (one.branch_number, one.id): one
        for one in session.scalars(
            select(ReplicaCustomer).where(
                ReplicaCustomer.branch_number.in_(numbers), ReplicaCustomer.id.in_(names)
            )
        )
    }
    older = _older_versions(session, logs)
    return [
        LogEntry(log, customers.get((log.branch_number, log.customer_id or "")), versions_before(log, older))
        for log in logs
    ]


def log_starts(
    session: Session, manager: ReplicaManager, since: datetime
) -> list[tuple[datetime, WorkLogKind]]:
    """Return when each counting work log since `since` began and its kind; for the calendar of activity."""
    counting = select_logs(manager, since=since).subquery()
    log = aliased(ReplicaWorkLog, counting)
    return [(row[0], row[1]) for row in session.execute(select(log.started_at, log.kind))]


def _older_versions(session: Session, logs: Sequence[ReplicaWorkLog]) -> dict[str, ReplicaWorkLog]:
    found: dict[str, ReplicaWorkLog] = {}
    wanted = {log.corrects_id for log in logs if log.corrects_id}
    while wanted:  # a correction of a correction is rare: one or two rounds
        step = session.scalars(select(ReplicaWorkLog).where(ReplicaWorkLog.id.in_(sorted(wanted)))).all()
        found.update({one.id: one for one in step})
        wanted = {one.corrects_id for one in step if one.corrects_id} - set(found)
    return found


def _counts() -> ColumnElement[bool]:
    correction = aliased(ReplicaWorkLog)
    corrected = select(correction.corrects_id).where(correction.corrects_id.is_not(None))
    return ReplicaWorkLog.id.not_in(corrected)


def _held(calendar: Calendar, branches: Collection[int]) -> Subquery:
    customer = ReplicaCustomer
    touched = _touched(calendar, branches)
    active = customer.status == CustomerStatus.ACTIVE

    def untouched(days: int) -> ColumnElement[int]:
        since = calendar.days_ago(days)
        alone = and_(active, or_(touched.c.last_at.is_(None), touched.c.last_at < since))
        return func.sum(case((alone, 1), else_=0)).label(f"untouched_{days}")

    statement = (
        select(
            customer.branch_number,
            customer.manager_id,
            func.count().label("customers"),
            *(untouched(days) for days in UNTOUCHED_DAYS),
        )
        .outerjoin(
            touched,
            and_(touched.c.branch_number == customer.branch_number, touched.c.customer_id == customer.id),
        )
        .where(customer.manager_id.is_not(None), customer.status != CustomerStatus.CLOSED, is_counted())
        .group_by(customer.branch_number, customer.manager_id)
    )
    if branches:
        statement = statement.where(customer.branch_number.in_(sorted(branches)))
    return statement.subquery("held")


def _touched(calendar: Calendar, branches: Collection[int]) -> Subquery:
    log, link = ReplicaWorkLog, ReplicaCustomerIdentity
    whose = func.coalesce(link.identity_id, log.customer_id).label("customer_id")
    statement = (
        select(log.branch_number, whose, func.max(log.started_at).label("last_at"))
        .outerjoin(link, _links(log))
        .where(
            log.customer_id.is_not(None),
            log.started_at >= calendar.days_ago(max(UNTOUCHED_DAYS)),
            _counts(),
        )
        .group_by(log.branch_number, whose)
    )
    if branches:
        statement = statement.where(log.branch_number.in_(sorted(branches)))
    return statement.subquery("touched")


def _links(log: type[ReplicaWorkLog]) -> ColumnElement[bool]:
    """Join what a log names to the customer it was merged into: to be in touch with either is one."""
    link = ReplicaCustomerIdentity
    return and_(link.branch_number == log.branch_number, link.customer_id == log.customer_id)


def _done(calendar: Calendar, branches: Collection[int]) -> Subquery:
    log = ReplicaWorkLog

    def counted(name: str, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((and_(*conditions), 1), else_=0)).label(name)

    visit = log.kind == WorkLogKind.VISIT
    in_week, in_month = log.started_at >= calendar.week, log.started_at >= calendar.month
    statement = (
        select(
            log.branch_number,
            log.manager_id,
            counted("logs_week", in_week),
            counted("visits_week", in_week, visit),
            counted("logs_month", in_month),
            counted("visits_month", in_month, visit),
        )
        .where(
            log.started_at >= min(calendar.week, calendar.month), log.started_at <= calendar.now, _counts()
        )
        .group_by(log.branch_number, log.manager_id)
    )
    if branches:
        statement = statement.where(log.branch_number.in_(sorted(branches)))
    return statement.subquery("done")


def _last_activity() -> ColumnElement[Any]:
    log = ReplicaWorkLog
    return (
        select(func.max(log.started_at))
        .where(log.branch_number == ReplicaManager.branch_number, log.manager_id == ReplicaManager.id)
        .correlate(ReplicaManager)
        .scalar_subquery()
    )


def _of(held: Subquery, done: Subquery, name: str) -> ColumnElement[int]:
    return held.c[name] if name in held.c else done.c[name]


def _wanted(
    branches: Collection[int], words: str, *, with_left: bool, manager_id: str | None
) -> list[ColumnElement[bool]]:
    manager = ReplicaManager
    found: list[ColumnElement[bool]] = []
    if branches:
        found.append(manager.branch_number.in_(sorted(branches)))
    if words.strip():
        looked_at = (manager.name, manager.manager_no, manager.department)
        word = words.strip().casefold()
        found.append(or_(*(func.lower(column).contains(word, autoescape=True) for column in looked_at)))
    if not with_left:
        found.append(manager.status != ManagerStatus.LEFT)
    if manager_id:
        found.append(manager.id == manager_id)
    return found


def _board_row(row: tuple[Any, ...]) -> BoardRow:
    who = dict(zip(_WHO, row, strict=False))
    counted: dict[str, Any] = {name: int(row[len(_WHO) + at]) for at, name in enumerate(COUNTED)}
    return BoardRow(**who, activity=Activity(**counted, last_at=row[-1]))


_WHO: Final = (
    "branch_number",
    "branch_code",
    "branch_name",
    "manager_id",
    "manager_no",
    "name",
    "post",
    "department",
    "status",
)
