"""Who saw one of two merged files sees both, and afterwards what they saw before."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer, CustomerShare
from shared.stamp import Stamp


def open_to_both(session: Session, survivor: Customer, loser: Customer, *, by: Stamp) -> dict[str, Any]:
    """Share each file with who holds or shares the other; returns the shares that were made for it."""
    before = {one.id: _shares(session, one.id) for one in (survivor, loser)}
    made: list[list[str]] = []
    for one, other in ((survivor, loser), (loser, survivor)):
        wanted = {manager: share.ends_at for manager, share in before[other.id].items()}
        if other.manager_id is not None:
            wanted[other.manager_id] = None
        for manager_id, ends_at in wanted.items():
            if manager_id == one.manager_id or manager_id in before[one.id]:
                continue
            session.add(
                CustomerShare(
                    customer_id=one.id,
                    manager_id=manager_id,
                    shared_at=by.at,
                    shared_by=by.actor[:80],
                    ends_at=ends_at,
                )
            )
            made.append([one.id, manager_id])
    session.flush()
    return {"shares": made}


def take_back_shares(session: Session, made: Sequence[Sequence[str]]) -> None:
    """End the shares that a merge made, those that are still there."""
    for customer_id, manager_id in made:
        share = session.get(CustomerShare, (customer_id, manager_id))
        if share is not None:
            session.delete(share)
    session.flush()


def _shares(session: Session, customer_id: str) -> dict[str, CustomerShare]:
    found = session.scalars(select(CustomerShare).where(CustomerShare.customer_id == customer_id))
    return {share.manager_id: share for share in found}
