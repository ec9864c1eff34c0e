"""Merges and what each would touch."""

from collections.abc import Sequence

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session, aliased

from branch_node.customers.models import Customer
from branch_node.identity.models import CustomerMerge, MergeState
from branch_node.merging.errors import MergeNotFoundError

Survivor, Loser = aliased(Customer, name="survivor"), aliased(Customer, name="loser")
MergeRow = Row[CustomerMerge, Customer, Customer]


def get_merge(session: Session, merge_id: str, *, lock: bool = False) -> CustomerMerge:
    """Return one merge; raises MergeNotFoundError."""
    found = session.get(CustomerMerge, merge_id, with_for_update=lock, populate_existing=lock)
    if found is None:
        raise MergeNotFoundError
    return found


def list_merges(session: Session, state: MergeState, *, limit: int, offset: int) -> Sequence[MergeRow]:
    """Return one page of the merges in a state with both customers, the last first."""
    return session.execute(
        select(CustomerMerge, Survivor, Loser)
        .join(Survivor, Survivor.id == CustomerMerge.survivor_id)
        .join(Loser, Loser.id == CustomerMerge.loser_id)
        .where(CustomerMerge.state == state)
        .order_by(CustomerMerge.proposed_at.desc(), CustomerMerge.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_merges(session: Session, state: MergeState) -> int:
    """Return how many merges are in a state."""
    counted = (
        select(func.count())
        .select_from(CustomerMerge)
        .join(Survivor, Survivor.id == CustomerMerge.survivor_id)
        .join(Loser, Loser.id == CustomerMerge.loser_id)
        .where(CustomerMerge.state == state)
    )
    return session.scalar(counted) or 0


def waits_for(session: Session, customer_ids: Sequence[str]) -> bool:
    """Tell whether a merge of one of these files waits for its decision."""
    either = or_(CustomerMerge.survivor_id.in_(customer_ids), CustomerMerge.loser_id.in_(customer_ids))
    waiting = select(CustomerMerge.id).where(either, CustomerMerge.state == MergeState.PROPOSED)
    return session.scalar(waiting.limit(1)) is not None


def built_on(session: Session, merge: CustomerMerge) -> bool:
    """Tell whether the survivor of a merge was merged again since, as either file."""
    since = select(CustomerMerge.id).where(
        or_(
            CustomerMerge.survivor_id == merge.survivor_id,
            CustomerMerge.loser_id == merge.survivor_id,
        ),
        CustomerMerge.state == MergeState.MERGED,
        CustomerMerge.id != merge.id,
        or_(
            CustomerMerge.decided_at > merge.decided_at,
            (CustomerMerge.decided_at == merge.decided_at) & (CustomerMerge.id > merge.id),
        ),
    )
    return session.scalar(since.limit(1)) is not None
