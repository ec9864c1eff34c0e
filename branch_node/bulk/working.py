"""Bulk acts over more customers than a request takes: tried, done and taken back by the job, a part a transaction.

Each part commits with the rows that say what became of it, so an act that is cut off goes on behind the last whole
part, and nothing is done twice. The rights of who ordered it are asked for again with every part.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Final

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from branch_node.bulk import operations, queries
from branch_node.bulk.changes import Order
from branch_node.bulk.errors import BulkNobodyError, BulkNotYoursError, BulkStateError
from branch_node.bulk.models import IN_WORK, PLANNED, BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.bulk.operations import MOST, Tried, check_order, check_right, note, params_of
from branch_node.customers import queries as customers
from branch_node.customers.queries import CustomerFilter
from shared.errors import BranchlineError
from shared.ids import new_id
from shared.jobs import operations as jobs
from shared.stamp import Stamp

# More is no list any more that somebody has looked at.
MOST_IN_ALL: Final = 100_000
# A part is done in a fraction of a second: whoever saves a customer meanwhile waits no longer than that.
PART: Final = 100
# A sheet of hand-over is signed by two people, so it is not made of small parts.
SHEET: Final = 500
WRITTEN_AT_ONCE: Final = 1_000
# The job that goes on with bulk acts; a page asks for it by this name.
JOB: Final = "bulk-acts"


def plan(session: Session, order: Order, ids: Iterable[str], *, by: Stamp) -> BulkAct:
    """Write down whom a bulk act is to reach, for the job to try; nothing is done before somebody says so.

    Raises BulkForbiddenError, BulkNobodyError, BulkReasonError and BulkWhatError.
    """
    checked = check_order(session, order, 1)
    act = BulkAct(
        id=new_id(),
        kind=checked.kind,
        value=checked.value,
        reason=checked.reason,
        done=0,
        left_out=0,
        made_at=by.at,
        made_by=by.actor[:80],
        made_by_id=by.actor_id,
        state=BulkState.TRYING,
        asked=0,
    )
    session.add(act)
    session.flush()
    for some in _parts(ids):
        act.asked += len(some)
        if act.asked > MOST_IN_ALL:
            raise BulkNobodyError(most=MOST_IN_ALL)
        session.execute(
            insert(BulkRow),
            [{"act_id": act.id, "customer_id": one, "state": RowState.WAITING, "params": {}} for one in some],
        )
    session.flush()
    return act


def plan_found(session: Session, order: Order, wanted: CustomerFilter, *, by: Stamp) -> BulkAct:
    """Write down a bulk act on all customers that a filter finds, tried at once or, above MOST, soon by the job.

    Raises BulkForbiddenError, BulkNobodyError, BulkReasonError and BulkWhatError.
    """
    found = customers.select_ids(session, wanted)
    ids = session.scalars(found.limit(MOST + 1)).all()
    if len(ids) <= MOST:
        return operations.plan(session, order, ids, by=by)
    with session.execute(found.execution_options(yield_per=WRITTEN_AT_ONCE)) as rows:
        act = plan(session, order, (row.id for row in rows), by=by)
    jobs.run_soon(session, JOB, now=by.at)
    return act


def carry_out(session: Session, act_id: str, *, today: date, by: Stamp) -> BulkAct:
    """Do what was tried: at once, or, above MOST, by the job.

    Raises BulkNotFoundError, BulkStateError, BulkNotYoursError and BulkForbiddenError.
    """
    if queries.get_act(session, act_id).asked <= MOST:
        return operations.carry_out_plan(session, act_id, today=today, by=by)
    act = confirm(session, act_id, by=by)
    jobs.run_soon(session, JOB, now=by.at)
    return act


def confirm(session: Session, act_id: str, *, by: Stamp) -> BulkAct:
    """Have the job do what was tried; every customer is looked at anew, for the branch went on working.

    Raises BulkNotFoundError, BulkStateError, BulkNotYoursError and BulkForbiddenError.
    """
    act = _in_state(session, act_id, BulkState.TRIED)
    if act.made_by_id != by.actor_id:
        raise BulkNotYoursError
    check_right(session, order_of(act, by.at.date()))
    session.execute(
        update(BulkRow).where(BulkRow.act_id == act.id).values(state=RowState.WAITING, why=None, params={}),
        execution_options={"synchronize_session": False},
    )
    act.state, act.made_at, act.handled, act.left_out = BulkState.RUNNING, by.at, 0, 0
    session.flush()
    note(session, "bulk.started", act, by, customers=act.asked)
    return act


def discard(session: Session, act_id: str) -> None:
    """Forget a bulk act of which nothing is done; raises BulkNotFoundError and BulkStateError."""
    act = _in_state(session, act_id, *PLANNED)
    session.execute(
        delete(BulkRow).where(BulkRow.act_id == act.id), execution_options={"synchronize_session": False}
    )
    session.delete(act)
    session.flush()


def stop(session: Session, act_id: str, *, by: Stamp) -> BulkAct:
    """Stop a bulk act behind the part at work: what is done stays done, and nothing more is.

    Raises BulkNotFoundError and BulkStateError.
    """
    act = _in_state(session, act_id, BulkState.RUNNING)
    act.state, act.stopped_by, act.ended_at = BulkState.STOPPED, by.actor[:80], by.at
    session.flush()
    note(session, "bulk.stopped", act, by, done=act.done, left=act.left_out, open=act.left_undone)
    return act


def undo(session: Session, act_id: str, *, since: datetime, today: date, by: Stamp) -> bool:
    """Make every customer again what it was; True when it is done, False when the job does it.

    Raises BulkNotFoundError, BulkOverError and BulkStateError.
    """
    act = queries.get_act(session, act_id, lock=True)
    if act.done <= MOST:
        operations.undo(session, act_id, since=since, today=today, by=by)
        return True
    operations.refuse_over(act, since)
    act.state, act.handled = BulkState.UNDOING, 0
    act.undone_by, act.undone_by_id = by.actor[:80], by.actor_id
    session.flush()
    return False


def go_on(session: Session, act_id: str, *, today: date, since: datetime, by: Stamp) -> None:
    """Do the next part of a bulk act as `by`, with whose eyes the session looks; the last one closes it.

    `since` is when the day began on which it was made. An act that was stopped meanwhile is left alone. Raises
    BulkNotFoundError, BulkForbiddenError, and what keeps the act as a whole from being done.
    """
    act = queries.get_act(session, act_id, lock=True)
    order = order_of(act, today)
    if act.state in IN_WORK:
        check_right(session, order)
    if act.state is BulkState.TRYING:
        _try_part(session, act, order, by)
    elif act.state is BulkState.RUNNING:
        _do_part(session, act, order, by)
    elif act.state is BulkState.UNDOING:
        _undo_part(session, act, order, since, by)
    session.flush()


def give_up(session: Session, act_id: str, refused: BranchlineError, *, by: Stamp) -> None:
    """Stop a bulk act that cannot go on, with the sentence that says why; the node itself does this."""
    act = queries.get_act(session, act_id, lock=True)
    if act.state not in IN_WORK:
        return
    if act.state is BulkState.UNDOING:
        act.undone_by = act.undone_by_id = None
    act.state, act.failure, act.ended_at = BulkState.STOPPED, refused.message[:200], by.at
    session.flush()
    note(session, "bulk.stopped", act, by, done=act.done, left=act.left_out, open=act.left_undone)


def forget_plans(session: Session, *, before: datetime) -> int:
    """Forget bulk acts that were tried and never done; returns how many."""
    old = queries.list_plans(session, before=before)
    for act_id in old:
        discard(session, act_id)
    return len(old)


def order_of(act: BulkAct, today: date) -> Order:
    """Return what a bulk act does, on a day."""
    return Order(act.kind, act.value, act.reason, today)


def _try_part(session: Session, act: BulkAct, order: Order, by: Stamp) -> None:
    rows = _next_rows(session, act, RowState.WAITING)
    if not rows:
        act.state = BulkState.TRIED
        return
    tried = operations.try_some(session, order, [*rows], by=by)
    _tell(rows, tried, RowState.FIT, None)
    act.handled += len(rows)
    act.left_out += len(rows) - len(tried.done)


def _do_part(session: Session, act: BulkAct, order: Order, by: Stamp) -> None:
    rows = _next_rows(session, act, RowState.WAITING)
    if not rows:
        act.state, act.ended_at = BulkState.DONE, by.at
        session.flush()
        note(session, "bulk.done", act, by, done=act.done, left=act.left_out)
        return
    tried = operations.do_some(session, act.id, order, [*rows], by=by)
    _tell(rows, tried, RowState.DONE, by.at)
    act.handled += len(rows)
    act.done += len(tried.done)
    act.left_out += len(rows) - len(tried.done)


def _undo_part(session: Session, act: BulkAct, order: Order, since: datetime, by: Stamp) -> None:
    rows = _next_rows(session, act, RowState.DONE)
    if rows:
        operations.undo_some(session, act, order, rows, since=since, by=by)
        act.handled += len(rows)
        return
    act.undone_at = by.at
    act.state = BulkState.STOPPED if act.stopped_by or act.failure else BulkState.DONE
    session.flush()
    note(session, "bulk.undone", act, by, kept=queries.count_states(session, act.id)[RowState.KEPT])


def _next_rows(session: Session, act: BulkAct, state: RowState) -> Mapping[str, BulkRow]:
    """Return the rows of the next part, in a fixed order."""
    found: Sequence[BulkRow]
    if act.kind is not BulkKind.HAND_OVER:
        found = queries.next_rows(session, act.id, state, limit=PART)
    elif state is RowState.DONE:
        found = queries.next_of_one_sheet(session, act.id)
    else:
        found = queries.next_of_one_holder(session, act.id, limit=SHEET)
    return {row.customer_id: row for row in found}


def _tell(rows: Mapping[str, BulkRow], tried: Tried, done: RowState, at: datetime | None) -> None:
    """Say of each row what became of it; who is not seen any more was handed over, or is not shared any more."""
    for customer_id, row in rows.items():
        if customer_id in tried.done:
            row.state, row.done_at = done, at
            # Of what was only tried nothing is there to go back to.
            row.before = tried.done[customer_id] if at is not None else None
            continue
        refused = tried.left[customer_id]
        row.state, row.why, row.params = RowState.LEFT, refused.message[:200], params_of(refused)


def _in_state(session: Session, act_id: str, *states: BulkState) -> BulkAct:
    act = queries.get_act(session, act_id, lock=True)
    if act.state not in states:
        raise BulkStateError
    return act


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    given = iter(ids)
    while some := list(islice(given, WRITTEN_AT_ONCE)):
        yield some
