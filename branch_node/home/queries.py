"""What a branch manager looks at first: who has written a log today and who has not, and what waits for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.imports.models import IN_WORK, Import, ImportState
from branch_node.managers.models import Manager
from branch_node.outbound import recovered
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import stands
from shared.auth.models import User
from shared.domain.calendar import day_bounds
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.rights.vocabulary import DataRange

# Of an import these wait for a person.
_WAITING = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class DayOf:
    """What one account manager wrote down of a day."""

    manager: Manager
    logs: int
    visits: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """How many accounts may sign in, never did, and wait for a range somebody of the business grants."""

    enabled: int
    never: int
    no_range: int


def day_by_manager(session: Session, day: date, *, timezone: str) -> list[DayOf]:
    """Return every account manager at work with what they wrote down of `day`: who has nothing yet comes first."""
    begins, ends = day_bounds(day, timezone)
    visits = func.count().filter(WorkLog.kind == WorkLogKind.VISIT)
    of_day = (WorkLog.started_at >= begins, WorkLog.started_at < ends, stands())
    counted = (
        select(WorkLog.manager_id, func.count(), visits, func.max(WorkLog.started_at))
        .where(*of_day)
        .group_by(WorkLog.manager_id)
    )
    found = {row[0]: (row[1], row[2], row[3]) for row in session.execute(counted)}
    at_work = select(Manager).where(Manager.status == ManagerStatus.ACTIVE).order_by(Manager.manager_no)
    days = [DayOf(one, *found.get(one.id, (0, 0, None))) for one in session.scalars(at_work)]
    return sorted(days, key=lambda each: each.logs)


def imports_waiting(session: Session) -> tuple[int, int]:
    """Return how many imports wait for a person, and how many are at work."""
    rows = session.execute(select(Import.state, func.count()).group_by(Import.state))
    found = {row[0]: int(row[1]) for row in rows}
    return sum(found.get(one, 0) for one in _WAITING), sum(found.get(one, 0) for one in IN_WORK)


def conflicts(session: Session) -> int:
    """Return how many records of a restored node wait for somebody to say which version counts."""
    return recovered.count_states(session).get(recovered.CONFLICT, 0)


def accounts(session: Session) -> AccountCounts:
    """Count the accounts that may sign in."""
    people: Sequence[User] = session.scalars(select(User).where(User.disabled_at.is_(None))).all()
    return AccountCounts(
        enabled=len(people),
        never=sum(one.last_sign_in_at is None for one in people),
        no_range=sum(one.data_range is DataRange.NONE for one in people),
    )
