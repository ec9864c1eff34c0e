"""The timed side of personal data: orders of head office, reminders of what is due, blanking what is past its term."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, time, timedelta
from itertools import islice
from typing import Final

from sqlalchemy.orm import Session

from branch_node.customers.operations import index_changed
from branch_node.inbound.queries import find_place, hq_time
from branch_node.outbound import queries as outbound
from branch_node.personal import holds, orders, retention
from branch_node.personal.alarms import CLOCK_IN_DOUBT, REQUEST_DUE
from branch_node.personal.requests import due_by
from branch_node.personal.retention import MOST_A_NIGHT
from branch_node.personal.staff_terms import blank_staff
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.queries import find_open
from shared.db.base import instant_text
from shared.domain.calendar import add_working_days, local_day
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.jobs.vocabulary import RunOutcome
from shared.stamp import Stamp


def carry_out_orders(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Carry out the orders that came from head office; it hears with the next cycle what became of them."""
    with runtime.database.sessions.begin() as session:
        today = local_day(hq_time(session, stamp.at), runtime.settings.timezone)
        counts = orders.carry_out(session, today=today, by=stamp)
        progress.check_lease(session)
    return Outcome(RunOutcome.DONE, counts) if counts else Outcome.nothing()


def remind(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Tell people of requests whose day is near or over, until they are answered."""
    with runtime.database.sessions.begin() as session:
        today = local_day(hq_time(session, stamp.at), runtime.settings.timezone)
        due = due_by(session, add_working_days(today, REMINDED_AHEAD))
        known = find_open(session, REQUEST_DUE, SUBJECT)
        if not due:
            clear_alarm(session, REQUEST_DUE, SUBJECT, at=stamp.at)
            return Outcome.nothing()
        details = {"requests": len(due), "first": due[0].due_on.isoformat()}
        if known is None:
            raise_alarm(session, REQUEST_DUE, SUBJECT, at=stamp.at, details=details)
        else:
            known.details = details
        progress.check_lease(session)
    return Outcome.done(due=len(due))


def keep_terms(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Release holds whose last day is over and blank what is past its term, so many customers a night at most.

    Without a certain time nothing happens, and people are told where something would have to.
    """
    with runtime.database.sessions.begin() as session:
        now = retention.certain_time(session, stamp.at)
        if now is None:
            _tell_doubt(session, stamp)
            return Outcome.nothing()
        clear_alarm(session, CLOCK_IN_DOUBT, SUBJECT, at=stamp.at)
        today = local_day(now, runtime.settings.timezone)
        released = holds.end_over(session, today, by=stamp)
        retention.note_closed(session)
        progress.check_lease(session)
    counts = Counter({"released": released}) if released else Counter()
    left = MOST_A_NIGHT
    while left > 0 and (done := _blank_some(runtime, stamp, progress, today, counts, min(AT_ONCE, left))):
        left -= done
        progress.check_stop()
    with runtime.database.sessions.begin() as session:
        counts.update(blank_staff(session, today, limit=AT_ONCE, by=stamp))
        progress.check_lease(session)
    return Outcome(RunOutcome.DONE, counts) if counts else Outcome.nothing()


def _blank_some(
    runtime: BranchRuntime, stamp: Stamp, progress: Progress, today: date, counts: Counter[str], limit: int
) -> int:
    with runtime.database.sessions.begin() as session:
        kept = retention.terms(session, stamp.at)
        found = retention.find_due(session, kept, today, timezone=runtime.settings.timezone)
        done = [due for due in [*islice(found, limit)] if retention.blank(session, due, by=stamp)]
        index_changed(session)
        progress.check_lease(session)
    counts.update(retention.count_kinds(done))
    if done:
        counts["customers"] += len(done)
    return len(done)


def _tell_doubt(session: Session, stamp: Stamp) -> None:
    if not retention.terms(session, stamp.at):
        return
    place, contact = find_place(session), outbound.link(session, now=stamp.at).last_contact
    details = {
        "contact": instant_text(contact) if contact else "-",
        "ahead": place.ahead_ms // 1000 if place else 0,
    }
    raise_alarm(session, CLOCK_IN_DOUBT, SUBJECT, at=stamp.at, details=details)


SUBJECT: Final = ("store", "personal-data")
# In working days, so that nobody is told on the evening before a holiday.
REMINDED_AHEAD: Final = 3
AT_ONCE: Final = 50
JOBS: Final[Sequence[Job]] = (
    Job(
        "carry-out-orders",
        N_("Carry out orders of head office about personal data"),
        carry_out_orders,
        every=timedelta(minutes=1),
    ),
    Job(
        "remind-of-requests",
        N_("Remind of requests about personal data"),
        remind,
        every=timedelta(hours=1),
    ),
    Job(
        "keep-terms",
        N_("Blank personal data that is past its term"),
        keep_terms,
        at=time(3, 20),
        jitter=timedelta(minutes=20),
    ),
)
