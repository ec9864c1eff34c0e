"""Carrying out what head office orders about personal data, each order once; head office is told what became of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.erased.queries import is_erased
from branch_node.inbound.models import InboundItem
from branch_node.inbound.operations import note_carried_out
from branch_node.personal import holds
from branch_node.personal.models import LegalHold
from branch_node.personal.reasons import ARE_ORDERS, forget_reasons
from branch_node.personal.requests import receive_order
from shared.domain.published.orders import Order, OrderKind, read_order
from shared.errors import BranchlineError
from shared.stamp import Stamp
from sync_protocol.contract.feed import APPLIED, RECEIVED, REFUSED

AT_ONCE = 100


def carry_out(session: Session, *, today: date, by: Stamp) -> Mapping[str, int]:
    """Carry out the orders that came and wait, in the order they were given; one that cannot be is refused for good.

    Returns how many were applied and how many refused.
    """
    waiting = session.scalars(
        select(InboundItem)
        .where(ARE_ORDERS, InboundItem.outcome == RECEIVED)
        .order_by(InboundItem.published_at, InboundItem.id)
        .limit(AT_ONCE)
        .with_for_update()
    ).all()
    counts: Counter[str] = Counter()
    for item in waiting:
        reason = _carry_out(session, item, today=today, by=by)
        note_carried_out(session, item, refused=reason, by=by)
        counts[REFUSED if reason else APPLIED] += 1
    return counts


def _carry_out(session: Session, item: InboundItem, *, today: date, by: Stamp) -> str | None:
    """Do what one order says; return why not, as a msgid, or None."""
    order = read_order(item.body or {})
    try:
        _do(session, item.id, order, today=today, by=by)
    except BranchlineError as refused:
        # Whatever is refused is refused before anything is written.
        if is_erased(session, order.customer_id):
            forget_reasons(session, order.customer_id)
        return str(refused)
    return None


def _do(session: Session, order_id: str, order: Order, *, today: date, by: Stamp) -> None:
    if order.kind is OrderKind.ERASE:
        receive_order(
            session, order_id, order.customer_id, reason=order.reason, who=order.by, today=today, by=by
        )
        return
    if order.kind is OrderKind.HOLD:
        # The same order comes again when either side was set back.
        if session.scalar(select(LegalHold.id).where(LegalHold.order_id == order_id)) is None:
            ends_on = order.ends_on if order.ends_on is None or order.ends_on >= today else today
            holds.place(
                session,
                order.customer_id,
                reason=order.reason,
                ends_on=ends_on,
                today=today,
                by=by,
                order=(order_id, order.by),
            )
        return
    hold = holds.get_hold(session, order.hold_id or "")
    if hold.released_at is None:
        holds.release(session, hold.id, reason=order.reason, who=order.by, by=by)
