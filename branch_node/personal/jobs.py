"""The timed side of personal data: carrying out what head office orders."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from branch_node.inbound.queries import hq_time
from branch_node.personal import orders
from branch_node.runtime import BranchRuntime
from shared.domain.calendar import local_day
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


JOBS: Final[Sequence[Job]] = (
    Job(
        "carry-out-orders",
        N_("Carry out orders of head office about personal data"),
        carry_out_orders,
        every=timedelta(minutes=1),
    ),
)
