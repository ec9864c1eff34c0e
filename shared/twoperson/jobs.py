"""The job that ends what nobody has decided in time."""

from collections.abc import Sequence
from datetime import timedelta

from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp
from shared.twoperson import operations
from shared.twoperson.vocabulary import ActKind


def expiry_job(kinds: Sequence[ActKind]) -> Job:
    """Return the job that ends acts of these kinds when their time is over."""

    def expire(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
        """End what nobody has decided in time."""
        with runtime.database.sessions.begin() as session:
            ended = operations.expire(session, kinds, by=stamp)
            progress.check_lease(session)
        return Outcome.done(ended=ended) if ended else Outcome.nothing()

    return Job("expire-requests", N_("End requests nobody decided in time"), expire, every=timedelta(hours=1))
