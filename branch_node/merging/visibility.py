"""Who saw one of two merged files sees both, and afterwards what they saw before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.following import files_merged_into
from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.merging.values import plain
from shared.db.base import instant_text
from shared.stamp import Stamp


def open_to_both(session: Session, survivor: Customer, loser: Customer, *, by: Stamp) -> dict[str, Any]:
    """Let who holds, shares or is serving one file see the other; returns the shares and servings made for it."""
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
    return {"shares": made, "servings": _serve_both(session, survivor, loser, by=by)}


def _serve_both(session: Session, survivor: Customer, loser: Customer, *, by: Stamp) -> list[list[str]]:
    """Open each file to who is serving the other just now, for as long."""
    both = [survivor.id, loser.id]
    rows = session.scalars(select(Serving).where(Serving.customer_id.in_(both)).order_by(Serving.user_id))
    held = {(one.user_id, one.customer_id): one for one in rows}
    made: list[list[str]] = []
    for (user_id, customer_id), serving in list(held.items()):
        other = loser.id if customer_id == survivor.id else survivor.id
        if serving.ends_at <= by.at or (user_id, other) in held:
            continue
        session.add(
            Serving(user_id=user_id, customer_id=other, began_at=serving.began_at, ends_at=serving.ends_at)
        )
        made.append([user_id, other, instant_text(serving.ends_at)])
    session.flush()
    return made


def close_again(session: Session, made: Sequence[Sequence[str]]) -> None:
    """End the servings that a merge made, those nobody has begun anew or ended since."""
    for user_id, customer_id, ends_at in made:
        serving = session.get(Serving, (user_id, customer_id))
        if serving is not None and instant_text(serving.ends_at) == ends_at:
            session.delete(serving)
    session.flush()


def take_back_shares(session: Session, made: Sequence[Sequence[str]], *, since: datetime) -> None:
    """End the shares that a merge made, those that are still there and that nobody has given anew since."""
    for customer_id, manager_id in made:
        share = session.get(CustomerShare, (customer_id, manager_id))
        if share is not None and share.shared_at <= since:
            session.delete(share)
    session.flush()


def shares_below(session: Session, loser: Customer) -> list[list[str | None]]:
    """Return the shares of a file that is to go, and of what was merged into it, as JSON keeps them."""
    files = [loser.id, *(one.id for one in files_merged_into(session, loser.id))]
    wanted = select(CustomerShare).where(CustomerShare.customer_id.in_(files))
    ordered = wanted.order_by(CustomerShare.customer_id, CustomerShare.manager_id)
    return [
        [one.customer_id, one.manager_id, plain(one.shared_at), one.shared_by, plain(one.ends_at)]
        for one in session.scalars(ordered)
    ]


def give_shares_back(session: Session, stood: Sequence[Sequence[str]], *, since: datetime) -> None:
    """Let shares of files that are two again be what they were, where the customer was shared anew while they were one.

    A share that was ended meanwhile stays ended.
    """
    for customer_id, manager_id, shared_at, shared_by, ends_at in stood:
        share = session.get(CustomerShare, (customer_id, manager_id))
        if share is not None and share.shared_at >= since:
            share.shared_at, share.shared_by = datetime.fromisoformat(shared_at), shared_by
            share.ends_at = datetime.fromisoformat(ends_at) if ends_at else None
    session.flush()


def _shares(session: Session, customer_id: str) -> dict[str, CustomerShare]:
    found = session.scalars(select(CustomerShare).where(CustomerShare.customer_id == customer_id))
    return {share.manager_id: share for share in found}
