"""What becomes of shares when customers change hands, and how they come back."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer, CustomerShare
from branch_node.handover.models import Handover
from branch_node.handover.queries import chunks
from branch_node.managers.models import Manager
from shared.db.base import instant_text
from shared.stamp import Stamp


def give_shares(
    session: Session, leaver: Manager, taker: Manager, ids: Collection[str], *, all_of_leaver: bool, by: Stamp
) -> dict[str, Any]:
    """End the taker's shares of customers they now hold and, if wanted, give them the leaver's shares to others'.

    What was ended and made is returned, for taking it back. A share the taker has already stays as it is.
    """
    ended = _end_of_taker(session, taker, ids)
    made: list[str] = []
    if all_of_leaver:
        has = set(
            session.scalars(select(CustomerShare.customer_id).where(CustomerShare.manager_id == taker.id))
        )
        for share, holder in _of_leaver(session, leaver):
            ended.append(_kept(share))
            over = share.ends_at is not None and share.ends_at <= by.at
            if not over and holder != taker.id and share.customer_id not in has:
                session.add(_like(share, taker, by=by))
                made.append(share.customer_id)
            session.delete(share)
    session.flush()
    return {"ended": ended, "made": made}


def take_back_shares(session: Session, handover: Handover, besides: Collection[str]) -> None:
    """End the shares a hand-over made and bring back those it ended, but for the customers who stay with the taker."""
    for customer_id in handover.moved["made"]:
        share = session.get(CustomerShare, (customer_id, handover.to_id))
        if share is not None and share.shared_at == handover.made_at:
            session.delete(share)
    session.flush()
    for kept in handover.moved["ended"]:
        customer = session.get(Customer, kept["customer_id"])
        key = (kept["customer_id"], kept["manager_id"])
        if customer is None or customer.id in besides or customer.manager_id == kept["manager_id"]:
            continue
        if session.get(CustomerShare, key) is None:
            session.add(
                CustomerShare(
                    customer_id=key[0],
                    manager_id=key[1],
                    shared_at=datetime.fromisoformat(kept["shared_at"]),
                    shared_by=kept["shared_by"],
                    ends_at=datetime.fromisoformat(kept["ends_at"]) if kept["ends_at"] else None,
                )
            )
    session.flush()


def _end_of_taker(session: Session, taker: Manager, ids: Collection[str]) -> list[dict[str, Any]]:
    ended = []
    for some in chunks(ids):
        wanted = select(CustomerShare).where(
            CustomerShare.manager_id == taker.id, CustomerShare.customer_id.in_(some)
        )
        for share in session.scalars(wanted).all():
            ended.append(_kept(share))
            session.delete(share)
    session.flush()
    return ended


def _of_leaver(session: Session, leaver: Manager) -> list[tuple[CustomerShare, str | None]]:
    wanted = (
        select(CustomerShare, Customer.manager_id)
        .join(Customer, Customer.id == CustomerShare.customer_id)
        .where(CustomerShare.manager_id == leaver.id)
        .order_by(CustomerShare.customer_id)
    )
    return [(row[0], row[1]) for row in session.execute(wanted)]


def _like(share: CustomerShare, taker: Manager, *, by: Stamp) -> CustomerShare:
    return CustomerShare(
        customer_id=share.customer_id,
        manager_id=taker.id,
        shared_at=by.at,
        shared_by=by.actor[:80],
        ends_at=share.ends_at,
    )


def _kept(share: CustomerShare) -> dict[str, Any]:
    return {
        "customer_id": share.customer_id,
        "manager_id": share.manager_id,
        "shared_at": instant_text(share.shared_at),
        "shared_by": share.shared_by,
        "ends_at": instant_text(share.ends_at) if share.ends_at else None,
    }
