"""Housekeeping of the door."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from hq_server.gate.nonces import forget_nonces
from hq_server.runtime import HqRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp


def trim_nonces(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget nonces of messages that are refused for their age."""
    with runtime.database.sessions.begin() as session:
        forgotten = forget_nonces(session, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(nonces=forgotten) if forgotten else Outcome.nothing()


JOBS: Final[Sequence[Job]] = (
    Job(
        "trim-nonces",
        N_("Forget old nonces"),
        trim_nonces,
        every=timedelta(minutes=10),
        jitter=timedelta(minutes=1),
        when_full=True,
    ),
)
