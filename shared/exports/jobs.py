"""The job that removes the files of exports whose time is over."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from shared.errors import N_
from shared.exports import operations
from shared.exports.models import Export
from shared.exports.store import ExportStore
from shared.exports.vocabulary import ExportState
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

# A file is written before its export is entered: a younger one may be of a request that is just being answered.
SETTLED: Final = timedelta(hours=1)


def remove_files(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """End exports whose time is over, and remove every file that nobody may fetch any more."""
    store = ExportStore(runtime.settings.home)
    with runtime.database.sessions.begin() as session:
        ended = operations.end_late(session, by=stamp)
        progress.check_lease(session)
    for export_id in ended:
        store.remove(export_id)
    with runtime.database.reads() as session:
        ready = set(session.scalars(select(Export.id).where(Export.state == ExportState.READY)))
    left = [name for name in store.present(before=stamp.at - SETTLED) if name not in ready]
    for name in left:
        store.remove(name)
    return Outcome.done(ended=len(ended), removed=len(left)) if ended or left else Outcome.nothing()


JOBS: Final = (
    Job(
        "remove-exports",
        N_("Remove exports whose time is over"),
        remove_files,
        every=timedelta(minutes=15),
        when_full=True,
    ),
)
