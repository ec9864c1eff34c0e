"""What branches tell of published items: kept version by version, each branch's last word counts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.feed.alarms import FEED_REFUSED, ORDER_REFUSED
from hq_server.feed.models import FeedItem, FeedStanding, FeedTelling
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.domain.published.vocabulary import ItemKind
from sync_protocol.contract.feed import REFUSED, FeedReceipt, FeedReceipts


def keep_receipts(session: Session, branch: Branch, told: FeedReceipts, *, at: datetime) -> None:
    """Keep what a branch tells; the same again changes nothing.

    Items we do not know were lost with a restore: they are passed over, and the branch finds out in the feed.
    """
    known = _known(session, told.receipts)
    for receipt in told.receipts:
        if receipt.id in known and _keep(session, branch.number, receipt, at=at):
            _tell_of_refused_order(session, branch, known[receipt.id], receipt, at=at)
    standing = session.get(FeedStanding, branch.number)
    if standing is None:
        standing = FeedStanding(branch_number=branch.number)
        session.add(standing)
    standing.number, standing.told_at = told.number, at
    standing.seq, standing.digest = told.through.seq, told.through.digest
    session.flush()
    _tell_of_refusals(session, branch, at=at)


def _keep(session: Session, number: int, receipt: FeedReceipt, *, at: datetime) -> bool:
    """Keep one word of a branch; returns whether its outcome is news."""
    key = {"branch_number": number, "item_id": receipt.id, "version": receipt.version}
    telling = session.get(FeedTelling, key)
    if telling is None:
        telling = FeedTelling(**key)
        session.add(telling)
    news = telling.outcome != receipt.outcome
    telling.outcome, telling.reasons, telling.told_at = receipt.outcome, list(receipt.reasons), at
    telling.received_at = datetime.fromisoformat(receipt.received_at)
    telling.applied_at = datetime.fromisoformat(receipt.applied_at) if receipt.applied_at else None
    telling.reads, telling.readers = receipt.reads, receipt.readers
    return news


def _tell_of_refused_order(
    session: Session, branch: Branch, kind: ItemKind, receipt: FeedReceipt, *, at: datetime
) -> None:
    """Open the alarm of a refused order, which is over for good: people close it once they have seen to it."""
    if kind is ItemKind.PERSONAL_ORDER and receipt.outcome == REFUSED:
        details = {"reason": next(iter(receipt.reasons), "-")}
        raise_alarm(session, ORDER_REFUSED, ("branch", branch.code), at=at, details=details)


def _known(session: Session, receipts: Sequence[FeedReceipt]) -> dict[str, ItemKind]:
    ids = sorted({receipt.id for receipt in receipts})
    found = session.execute(select(FeedItem.id, FeedItem.kind).where(FeedItem.id.in_(ids)))
    return {item_id: kind for item_id, kind in found}  # noqa: C416 - a Row is not a pair to the type checker


def _tell_of_refusals(session: Session, branch: Branch, *, at: datetime) -> None:
    """Open or close the alarm: the newest word of the branch about some item is that it cannot obey it."""
    rows = session.execute(
        select(FeedTelling.item_id, FeedTelling.outcome, FeedTelling.reasons)
        .join(FeedItem, FeedItem.id == FeedTelling.item_id)
        # A refused order has an alarm of its own; nothing published later takes its place.
        .where(FeedTelling.branch_number == branch.number, FeedItem.kind != ItemKind.PERSONAL_ORDER)
        .order_by(FeedTelling.item_id, FeedTelling.version)
    )
    refused = {
        item: reasons
        for item, outcome, reasons in {row.item_id: row for row in rows}.values()
        if outcome == REFUSED
    }
    about = ("branch", branch.code)
    if refused:
        reason = next((text for reasons in refused.values() for text in reasons), "-")
        raise_alarm(session, FEED_REFUSED, about, at=at, details={"items": len(refused), "reason": reason})
    else:
        clear_alarm(session, FEED_REFUSED, about, at=at)
