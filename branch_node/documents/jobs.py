"""The timed side of documents: the search in them is kept up, and their bytes are read each night and compared."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from branch_node.documents.alarms import DOCUMENTS_DAMAGED
from branch_node.documents.models import DOCUMENT_FILE_SEARCH, DOCUMENT_SEARCH
from branch_node.documents.queries import each_stored, is_whole, words_of_document, words_of_file
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.db.search_followed import index_changed
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

SUBJECT: Final = ("store", "documents")
AT_ONCE: Final = 2_000
INDEXES: Final = ((DOCUMENT_SEARCH, words_of_document), (DOCUMENT_FILE_SEARCH, words_of_file))


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


def index_documents(runtime: NodeRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Index what waits, a part a transaction, so that nobody waits long for the write lock."""
    total = 0
    for followed, words in INDEXES:
        done = AT_ONCE
        while done >= AT_ONCE:
            with runtime.database.sessions.begin() as session:
                done = index_changed(session, followed, words, limit=AT_ONCE)
                progress.check_lease(session)
            total += done
    return Outcome.done(indexed=total) if total else Outcome.nothing()


JOBS: Final[Sequence[Job]] = (
    Job(
        "index-documents",
        N_("Bring the search in documents up to date"),
        index_documents,
        every=timedelta(minutes=1),
        jitter=timedelta(seconds=5),
    ),
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
