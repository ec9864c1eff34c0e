"""Erasures at head office: what is done before it is used, and the job that writes over what they left."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from hq_server.customers.queries import SEARCH_INDEX
from hq_server.erasure.operations import carry_out_ahead, for_register
from hq_server.erasure.queries import list_done, list_on_disk
from hq_server.runtime import HqRuntime
from shared.db import erased
from shared.db.erased import keep_register, read_register
from shared.db.rewriting import TITLE, write_over
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


JOBS: Final[Sequence[Job]] = (
    Job("keep-erasures", erased.TITLE, keep, every=timedelta(minutes=5)),
    Job(
        "finish-erasures",
        TITLE,
        finish,
        at=time(3, 40),
        timeout=timedelta(hours=2),
    ),
)
