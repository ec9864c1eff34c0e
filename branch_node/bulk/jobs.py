"""The job that goes on with large bulk acts, a part of each in turn, with the rights of who ordered it."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy.exc import OperationalError

from branch_node.bulk import queries, working
from branch_node.bulk.changes import UPDATE
from branch_node.bulk.errors import BulkBrokenError, BulkForbiddenError, BulkNotFoundError, BulkOrphanError
from branch_node.bulk.models import BulkAct, BulkState
from branch_node.runtime import BranchRuntime
from shared.audit.acting import acting
from shared.auth.models import User
from shared.domain.calendar import day_bounds, local_day
from shared.errors import N_, BranchlineError
from shared.jobs.job import Job, Outcome, Progress
from shared.rights.ranges import SIGHT, Ranged, Seer, sight_for
from shared.stamp import Stamp, Via

log = logging.getLogger(__name__)

TIER: Final = "branch"
# A plan that nobody said anything about for so long is forgotten.
KEPT: Final = timedelta(days=7)
# Whoever waits to write gets a turn between two parts.
TURN: Final = timedelta(milliseconds=10)


def go_on_with_acts(
    runtime: BranchRuntime, stamp: Stamp, progress: Progress, *, ranged: Sequence[Ranged]
) -> Outcome:
    """Go on with every bulk act at work, a part of each in turn, until none is left."""
    with runtime.database.sessions.begin() as session:
        forgotten = working.forget_plans(session, before=stamp.at - KEPT)
        progress.check_lease(session)
    parts = given_up = 0
    while at_work := _at_work(runtime):
        for act in at_work:
            progress.check_stop()
            progress.report(act.handled, act.asked)
            given_up += not _go_on(runtime, act, progress, ranged)
            parts += 1
            progress.pause(TURN)
    if given_up:
        return Outcome.failed("see the page of bulk acts", parts=parts, given_up=given_up)
    return Outcome.done(parts=parts, forgotten=forgotten) if parts or forgotten else Outcome.nothing()


def _at_work(runtime: BranchRuntime) -> Sequence[BulkAct]:
    with runtime.database.reads() as session:
        return queries.list_in_work(session)


def _go_on(runtime: BranchRuntime, act: BulkAct, progress: Progress, ranged: Sequence[Ranged]) -> bool:
    """Do one part of an act; False when it was given up."""
    try:
        _do_part(runtime, act, progress, ranged)
    except OperationalError:
        raise  # busy or full: the next run goes on
    except BulkNotFoundError:
        # Discarded meanwhile, or its maker sees no acts any more.
        return _give_up(runtime, act.id, BulkForbiddenError(), progress)
    except BranchlineError as refused:
        if refused.retryable:
            raise
        return _give_up(runtime, act.id, refused, progress)
    except Exception:
        log.exception("bulk act broke", extra={"act": act.id})
        return _give_up(runtime, act.id, BulkBrokenError(), progress)
    return True


def _do_part(runtime: BranchRuntime, act: BulkAct, progress: Progress, ranged: Sequence[Ranged]) -> None:
    now, zone = runtime.clock.now(), runtime.settings.timezone
    person = _who(runtime, act)
    by = Stamp(now, person.username, Via.JOB, actor_id=person.id, manager_id=person.manager_id)
    sight = sight_for(person.rights_at(TIER), Seer(person.id, person.manager_id, now), ranged, doing=UPDATE)
    since = day_bounds(local_day(act.made_at, zone), zone)[0]
    with acting(by), runtime.database.sessions(info={SIGHT: sight}) as session, session.begin():
        working.go_on(session, act.id, today=local_day(now, zone), since=since, by=by)
        progress.check_lease(session)


def _who(runtime: BranchRuntime, act: BulkAct) -> User:
    """Return whose rights the act is done with; raises BulkOrphanError."""
    worker = act.undone_by_id if act.state is BulkState.UNDOING else act.made_by_id
    with runtime.database.reads() as session:
        found: User | None = session.get(User, worker) if worker else None
    if found is None or not found.enabled:
        raise BulkOrphanError
    return found


def _give_up(runtime: BranchRuntime, act_id: str, refused: BranchlineError, progress: Progress) -> bool:
    by = Stamp(runtime.clock.now(), f"job:{working.JOB}", Via.JOB)
    with runtime.database.sessions.begin() as session:
        try:
            working.give_up(session, act_id, refused, by=by)
        except BulkNotFoundError:
            return True
        progress.check_lease(session)
    return False


def bulk_jobs(ranged: Sequence[Ranged]) -> tuple[Job, ...]:
    """Return the job of bulk acts; `ranged` says whose rows are whose at this node."""
    return (
        Job(
            working.JOB,
            N_("Go on with bulk acts on customers"),
            partial(go_on_with_acts, ranged=ranged),
            every=timedelta(seconds=20),
            timeout=timedelta(hours=2),
        ),
    )
