"""The timed side of documents: their bytes are read each night and compared with what was stored."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from branch_node.documents.alarms import DOCUMENTS_DAMAGED
from branch_node.documents.queries import each_stored, is_whole
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

SUBJECT: Final = ("store", "documents")


def check(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Read every stored file and tell as an alarm when one is not as it was stored."""
    read, damaged = 0, []
    with runtime.database.reads() as session:
        for version in each_stored(session):
            progress.check_stop()
            read += 1
            if not is_whole(session, version):
                damaged.append(version.document_id)
    with runtime.database.sessions.begin() as session:
        if damaged:
            about = {"count": len(damaged), "document": damaged[0]}
            raise_alarm(session, DOCUMENTS_DAMAGED, SUBJECT, at=stamp.at, details=about)
        else:
            clear_alarm(session, DOCUMENTS_DAMAGED, SUBJECT, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(read=read, damaged=len(damaged)) if read else Outcome.nothing()


JOBS: Final[Sequence[Job]] = (
    Job(
        "check-documents",
        N_("Check stored documents"),
        check,
        at=time(3, 10),
        jitter=timedelta(minutes=10),
        timeout=timedelta(hours=1),
        when_full=True,
    ),
)
