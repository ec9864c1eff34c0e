"""Erasures until nothing is left: what is done before the node is used, and the job that sees them through."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from sqlalchemy.orm import Session

from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH
from branch_node.documents.models import DOCUMENT_FILE_SEARCH, DOCUMENT_SEARCH
from branch_node.erasure.operations import Known
from branch_node.erasure.queries import count_kept, list_erasures, list_open
from branch_node.personal.erasing import erase, erase_again
from branch_node.runtime import BranchRuntime
from branch_node.worklogs.models import WORK_LOG_SEARCH
from shared.db import erased
from shared.db.erased import keep_register, read_register
from shared.db.rewriting import TITLE, write_over
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp, Via

# Where something of a customer stood, on a database that rewrites its tables one by one.
INDEXES: Final = [
    one.name
    for one in (CUSTOMER_SEARCH, CONTACT_SEARCH, WORK_LOG_SEARCH, DOCUMENT_SEARCH, DOCUMENT_FILE_SEARCH)
]
TABLES: Final = (
    "customers",
    "bill_lines",
    "work_logs",
    "personal_requests",
    "legal_holds",
    "inbound_items",
    "two_person_acts",
    "audit_keys",
    "sync_outbox",
    "documents",
    "document_versions",
    "document_chunks",
    "import_rows",
    "import_refusals",
    "recovered_rows",
    "refused_records",
)


def before_use(runtime: BranchRuntime) -> None:
    """Erase again whom an older backup has brought back; nobody is served and nothing is sent before."""
    home = runtime.settings.home
    entries = read_register(home)
    by = Stamp(runtime.clock.now(), "register", Via.COMMAND, "")
    with runtime.database.sessions.begin() as session:
        if entries:
            erase_again(session, entries, by=by)
        known = [Known.of(one).for_register() for one in list_erasures(session)]
    keep_register(home, known)


def keep(runtime: BranchRuntime, _stamp: Stamp, _progress: Progress) -> Outcome:
    """Put into the register what the database knows of."""
    with runtime.database.reads() as session:
        known = [Known.of(one).for_register() for one in list_erasures(session)]
    new = keep_register(runtime.settings.home, known)
    return Outcome.done(new=new) if new else Outcome.nothing()


def finish(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """See erasures through: what came back goes again, and with no batch from before left the disk is written over."""
    keep(runtime, stamp, progress)
    with runtime.database.sessions.begin() as session:
        waiting = _look_again(session, by=stamp)
        progress.check_lease(session)
    through = [erasure_id for erasure_id, batches in waiting.items() if not batches]
    if not through:
        return Outcome.nothing(waiting=len(waiting))
    if not write_over(runtime.database, TABLES, INDEXES):
        return Outcome.retry("others were reading; the log of the database could not be emptied")
    with runtime.database.sessions.begin() as session:
        for erasure in list_open(session):
            if erasure.id in through:
                erasure.complete_at = stamp.at
        progress.check_lease(session)
    return Outcome.done(complete=len(through), waiting=len(waiting) - len(through))


def _look_again(session: Session, *, by: Stamp) -> dict[str, int]:
    """Erase again what came back of those not complete; return how many batches each still waits for."""
    waiting = {}
    for erasure in list_open(session):
        known = Known.of(erasure)
        erase(session, known, by=by, again=True)
    for erasure in list_open(session):
        erasure.waiting = waiting[erasure.id] = count_kept(session, erasure.through_batch)
    return waiting


JOBS: Final[Sequence[Job]] = (
    Job("keep-erasures", erased.TITLE, keep, every=timedelta(minutes=5)),
    Job(
        "finish-erasures",
        TITLE,
        finish,
        at=time(3, 40),
        jitter=timedelta(minutes=10),
        timeout=timedelta(hours=2),
    ),
)
