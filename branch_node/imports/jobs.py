"""The job that takes uploaded files in, and forgets uploads that were never gone on with."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from branch_node.imports import queries, wizard
from branch_node.imports.operations import TakenOverError
from shared.errors import N_, BranchlineError
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

log = logging.getLogger(__name__)


def take_in(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Work on every upload that is being checked or taken in, one after the other."""
    with runtime.database.reads() as session:
        waiting = [record.id for record in queries.list_in_work(session)]
    finished = failed = 0
    for import_id in waiting:
        try:
            finished += _work_on(runtime, import_id, stamp, progress)
        except TakenOverError:
            continue  # somebody's page is at it just now
        except (BranchlineError, OSError):
            failed += 1  # the import's own row says what is wrong, and its page says what to do
            log.exception("import broken off", extra={"import_id": import_id})
        progress.check_stop()
    forgotten = _forget_abandoned(runtime, stamp)
    if failed:
        return Outcome.failed("see the imports page", finished=finished, failed=failed)
    if finished or forgotten:
        return Outcome.done(finished=finished, forgotten=forgotten)
    return Outcome.nothing()


def _work_on(runtime: NodeRuntime, import_id: str, stamp: Stamp, progress: Progress) -> bool:
    begin = runtime.database.sessions.begin
    return wizard.work_on(runtime, import_id, stamp, begin=begin, budget=lambda: not progress.stopping)


def _forget_abandoned(runtime: NodeRuntime, stamp: Stamp) -> int:
    with runtime.database.sessions.begin() as session:
        abandoned = [record.id for record in queries.list_abandoned(session, before=stamp.at - wizard.KEPT)]
        for import_id in abandoned:
            wizard.discard(session, import_id)
    for import_id in abandoned:
        wizard.stored_file(runtime, import_id).unlink(missing_ok=True)
    return len(abandoned)


JOBS: Final[Sequence[Job]] = (
    Job(
        wizard.JOB,
        N_("Take in uploaded files"),
        take_in,
        every=timedelta(seconds=20),
        timeout=timedelta(hours=2),
    ),
)
