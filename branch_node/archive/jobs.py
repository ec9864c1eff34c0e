"""The timed side of the retained archive: closed customers are put away, unlocked entries locked, the chain checked."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from sqlalchemy.orm import Session

from branch_node.archive import operations, queries
from branch_node.archive.alarms import ARCHIVE_BROKEN
from branch_node.archive.errors import NothingNewError
from branch_node.archive.outgrown import list_outgrown
from branch_node.archive.telling import CHECK
from branch_node.archive.verification import verify
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.erased.queries import CustomerErasedError
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

SUBJECT: Final = ("store", "archive")
CLOSED: Final = N_("closed for so long that the file was put away")
OUTGROWN: Final = N_("something came after the file was put away")
MOST_A_NIGHT: Final = 1_000
AT_ONCE: Final = 50


def put_away(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Put the files of customers who have been closed for some time into the retained archive, some a transaction.

    A file that lies there is put in once more when something has come since.
    """
    total = _put_away_closed(runtime, stamp, progress) + _put_away_outgrown(runtime, stamp, progress)
    return Outcome.done(files=total) if total else Outcome.nothing()


def _put_away_closed(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> int:
    total = 0
    while total < MOST_A_NIGHT:
        with runtime.database.sessions.begin() as session:
            days = queries.closed_days(session, stamp.at)
            due = queries.list_due(session, stamp.at, days, limit=AT_ONCE) if days else ()
            for customer_id in due:
                operations.put_in(session, customer_id, reason=CLOSED, by=stamp, by_rule=True)
            progress.check_lease(session)
        total += len(due)
        if len(due) < AT_ONCE:
            break
        progress.check_stop()
    return total


def _put_away_outgrown(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> int:
    with runtime.database.reads() as session:
        days = queries.closed_days(session, stamp.at)
        found = list_outgrown(session, stamp.at, days, limit=MOST_A_NIGHT) if days else ()
    total = 0
    for first in range(0, len(found), AT_ONCE):
        with runtime.database.sessions.begin() as session:
            total += sum(_put_again(session, one, stamp) for one in found[first : first + AT_ONCE])
            progress.check_lease(session)
        progress.check_stop()
    return total


def _put_again(session: Session, customer_id: str, stamp: Stamp) -> bool:
    """Put a file in once more; False when it is the same after all, or its customer was erased meanwhile."""
    try:
        operations.put_in(session, customer_id, reason=OUTGROWN, by=stamp, by_rule=True)
    except (NothingNewError, CustomerErasedError, CustomerNotFoundError):
        return False
    return True


def relock(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Write down that the time of unlocked entries is over; they were locked from that moment on."""
    with runtime.database.sessions.begin() as session:
        over = queries.list_over(session, stamp.at)
        for unlock in over:
            operations.close(session, unlock, by=stamp)
        progress.check_lease(session)
    return Outcome.done(locked=len(over)) if over else Outcome.nothing()


def check(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Read the whole retained archive and tell as an alarm when an entry is not as it was written."""
    with runtime.database.reads() as session:
        verdict = verify(session)
    with runtime.database.sessions.begin() as session:
        if verdict.bad is not None:
            about = {"seq": verdict.bad.seq, "why": verdict.bad.why.value}
            raise_alarm(session, ARCHIVE_BROKEN, SUBJECT, at=stamp.at, details=about)
        else:
            clear_alarm(session, ARCHIVE_BROKEN, SUBJECT, at=stamp.at)
        progress.check_lease(session)
    if verdict.bad is None:
        return Outcome.done(entries=verdict.entries, bad=0)
    return Outcome.done(entries=verdict.entries, bad=1, first_bad=verdict.bad.seq)


JOBS: Final[Sequence[Job]] = (
    Job(
        "put-away-closed",
        N_("Put the files of closed customers into the retained archive"),
        put_away,
        at=time(2, 20),
        jitter=timedelta(minutes=10),
    ),
    Job(
        "relock-archive", N_("Lock entries of the retained archive again"), relock, every=timedelta(minutes=5)
    ),
    Job(
        CHECK,
        N_("Check the retained archive"),
        check,
        at=time(2, 40),
        jitter=timedelta(minutes=10),
        timeout=timedelta(hours=1),
        when_full=True,
    ),
)
