"""Purging what head office holds and has backed up: nightly by age, and earlier when the store is over its cap."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final

from branch_node.erasure.queries import waiting_through
from branch_node.inbound.queries import policy
from branch_node.outbound.receivers import views
from branch_node.retention import operations
from branch_node.runtime import BranchRuntime
from shared.domain.published.policies import OUTBOX_DAYS
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.jobs.vocabulary import RunOutcome
from shared.stamp import Stamp
from sync_protocol.changelog import purge
from sync_protocol.changelog.sealing import count_pending

log = logging.getLogger(__name__)
CAP_PERCENT: Final = 100
# A purge for want of room goes on down to this share of the cap, so that it is not due again at once.
ROOM_PERCENT: Final = 80
AGE, ROOM = "age", "cap"


def purge_outbox(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Purge what is older than the retention (head office's policy, else our own), applied at HQ and in its backups.

    What may hold something that was erased goes whatever its age.
    """
    with runtime.database.reads() as session:
        fixed = policy(session, OUTBOX_DAYS, now=stamp.at)
    days = runtime.settings.outbox_retention_days if fixed is None else fixed
    before = stamp.at - timedelta(days=days)
    return _purge_all(runtime, stamp, progress, before=before, enough=None)


def watch_outbox(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Tell how full the store is; over the cap, purge what HQ's backups hold whatever its age, oldest first."""
    cap = runtime.settings.outbox_cap_mb
    outcome = Outcome.nothing()
    with runtime.database.reads() as session:
        kept = purge.measure(session)
    if operations.percent(kept, cap) >= CAP_PERCENT:
        enough = kept.total - cap * operations.MB * ROOM_PERCENT // 100
        outcome = _purge_all(runtime, stamp, progress, before=None, enough=enough)
    with runtime.database.reads() as session:
        waiting = count_pending(session)
    for view in views(runtime):
        with view.database.reads() as session:
            waiting += count_pending(session)
    with runtime.database.sessions.begin() as session:
        kept = purge.measure(session)
        operations.tell_filling(session, kept, cap_mb=cap, waiting=waiting, at=stamp.at)
        progress.check_lease(session)
    return outcome


def _purge_all(
    runtime: BranchRuntime, stamp: Stamp, progress: Progress, *, before: datetime | None, enough: int | None
) -> Outcome:
    """Purge for each receiver what that one has applied and backed up; what another still lacks is another's."""
    counts: Counter[str] = Counter()
    for view in (runtime, *views(runtime)):
        left = None if enough is None else enough - counts["bytes"]
        counts.update(_purge(view, stamp, progress, before=before, enough=left))
    return Outcome(RunOutcome.DONE, counts) if counts.total() else Outcome.nothing()


def _purge(
    runtime: BranchRuntime, stamp: Stamp, progress: Progress, *, before: datetime | None, enough: int | None
) -> Mapping[str, int]:
    batches: Counter[str] = Counter()
    size = 0
    with runtime.database.reads() as session:
        channels = operations.channels(session)
        erased = waiting_through(session)
    for channel in channels:
        while enough is None or size < enough:
            with runtime.database.sessions.begin() as session:
                through = operations.backed_up(session, channel)
                spent = purge.list_spent(session, channel, through, before=before, whatever_age=erased)
                purge.drop_bytes(session, [one for one, _size in spent])
                progress.check_lease(session)
            if not spent:
                break
            batches[channel] += len(spent)
            size += sum(one for _id, one in spent)
            progress.check_stop()
    changes = _drop_changes(runtime, progress)
    if not batches and not changes:
        return {}
    why = ROOM if before is None else AGE
    with runtime.database.sessions.begin() as session:
        operations.note_purged(session, batches, size=size, changes=changes, why=why, by=stamp)
    return {"batches": batches.total(), "bytes": size, "changes": changes}


def _drop_changes(runtime: BranchRuntime, progress: Progress) -> int:
    """Remove the changes of purged batches, window by window, so that nobody waits for the whole."""
    above, dropped = 0, 0
    while True:
        with runtime.database.sessions.begin() as session:
            first = purge.first_change(session, above)
            if first is None:
                return dropped
            dropped += purge.drop_changes(session, first)
            progress.check_lease(session)
        above = first + purge.WINDOW - 1
        progress.check_stop()


JOBS: Final[Sequence[Job]] = (
    Job(
        "purge-outbox",
        N_("Purge what head office has backed up"),
        purge_outbox,
        at=time(2, 50),
        jitter=timedelta(minutes=20),
        when_full=True,
    ),
    Job(
        "watch-outbox",
        N_("Watch the store of what was sent"),
        watch_outbox,
        every=timedelta(hours=1),
        when_full=True,
    ),
)
