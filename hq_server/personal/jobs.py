"""Erasures at head office: what is done before it is used, and the job that writes over what they left."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from hq_server.customers.queries import SEARCH_INDEX
from hq_server.erasure.operations import carry_out_ahead, for_register
from hq_server.erasure.queries import list_done, list_on_disk
from hq_server.feed.queries import policies_for_all
from hq_server.personal.holds import is_any_held
from hq_server.runtime import HqRuntime
from shared.auth.forgetting import forget_closed_accounts
from shared.db import erased
from shared.db.erased import keep_register, read_register
from shared.db.rewriting import TITLE, write_over
from shared.domain.calendar import local_day
from shared.domain.personal.keeping import KEEP_ACCOUNTS, months_before
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp, Via

# Where something of a customer stood, on a database that rewrites its tables one by one.
TABLES: Final = (
    "replica_customers",
    "replica_bill_lines",
    "replica_work_logs",
    "parked_records",
    "carried_values",
    "proof_differences",
    "audit_keys",
    "replica_legal_holds",
    "feed_versions",
    "two_person_acts",
)


def before_use(runtime: HqRuntime) -> None:
    """Erase again whom an older backup of head office has brought back; nobody is served before."""
    home = runtime.settings.home
    entries = read_register(home)
    by = Stamp(runtime.clock.now(), "register", Via.COMMAND, "")
    with runtime.database.sessions.begin() as session:
        if entries:
            carry_out_ahead(session, entries, runtime.bindings, by=by)
        known = [for_register(one) for one in list_done(session)]
    keep_register(home, known)


def keep(runtime: HqRuntime, _stamp: Stamp, _progress: Progress) -> Outcome:
    """Put into the register what was carried out here."""
    with runtime.database.reads() as session:
        known = [for_register(one) for one in list_done(session)]
    new = keep_register(runtime.settings.home, known)
    return Outcome.done(new=new) if new else Outcome.nothing()


def finish(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Keep the register, and write over what erasures since the last run left in the database's files."""
    keep(runtime, stamp, progress)
    with runtime.database.reads() as session:
        waiting = {(one.branch_number, one.erasure_id) for one in list_on_disk(session)}
    if not waiting:
        return Outcome.nothing()
    if not write_over(runtime.database, TABLES, [SEARCH_INDEX]):
        return Outcome.retry("others were reading; the log of the database could not be emptied")
    with runtime.database.sessions.begin() as session:
        for one in list_on_disk(session):
            if (one.branch_number, one.erasure_id) in waiting:
                one.written_over_at = stamp.at
        progress.check_lease(session)
    return Outcome.done(written_over=len(waiting))


def keep_terms(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget the people of accounts of head office closed long ago, unless a legal hold is in force anywhere."""
    with runtime.database.sessions.begin() as session:
        months = policies_for_all(session, [KEEP_ACCOUNTS], now=stamp.at).get(KEEP_ACCOUNTS)
        if not months or is_any_held(session):
            return Outcome.nothing()
        day = months_before(local_day(stamp.at, runtime.settings.timezone), months)
        before = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
        accounts = forget_closed_accounts(session, before, limit=AT_ONCE, by=stamp)
        progress.check_lease(session)
    return Outcome.done(accounts=accounts) if accounts else Outcome.nothing()


AT_ONCE: Final = 50
JOBS: Final[Sequence[Job]] = (
    Job(
        "keep-terms",
        N_("Blank personal data that is past its term"),
        keep_terms,
        at=time(3, 20),
        jitter=timedelta(minutes=20),
    ),
    Job("keep-erasures", erased.TITLE, keep, every=timedelta(minutes=5)),
    Job(
        "finish-erasures",
        TITLE,
        finish,
        at=time(3, 40),
        timeout=timedelta(hours=2),
    ),
)
