"""Handing customers over in one transaction, signing for it, and taking it back within the day.

Facts stay: work logs and bill lines keep who did them. What hangs on a customer (contact people, open proposals, legal
holds) goes along by itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.following import files_elsewhere, follow_holder, give_files
from branch_node.customers.models import Customer
from branch_node.erased.queries import erased_among
from branch_node.handover.errors import (
    HandoverDayError,
    HandoverLeftError,
    HandoverMeanwhileError,
    HandoverNobodyError,
    HandoverOverError,
    HandoverPaperError,
    HandoverSignedError,
    HandoverWhoError,
    NotYoursToSignError,
)
from branch_node.handover.models import Handover, HandoverCustomer, HandoverReason
from branch_node.handover.queries import MOST, chunks, customer_ids_of, get_handover
from branch_node.handover.shares import give_shares, take_back_shares
from branch_node.identity.queries import merged_among
from branch_node.managers.models import Manager
from branch_node.managers.operations import change_manager
from shared.audit.operations import record
from shared.domain.managers.vocabulary import ManagerStatus
from shared.ids import is_id, new_id
from shared.stamp import Stamp

LEAST_REMARK: Final = 2
REMARK_LENGTH: Final = 100
# A last day further from today is a slip of the pen.
FURTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Order:
    """What the branch manager decided: who to whom, which customers, why, and what else goes along."""

    from_id: str
    to_id: str
    customer_ids: Collection[str]
    reason: HandoverReason
    last_day: date
    today: date
    with_shares: bool = False
    mark_left: bool = False


def parties(session: Session, from_id: str, to_id: str, *, lock: bool = False) -> tuple[Manager, Manager]:
    """Return leaver and taker; raises HandoverWhoError unless the taker is another one, at work."""
    if not (is_id(from_id) and is_id(to_id)):
        raise HandoverWhoError
    wanted = select(Manager).where(Manager.id.in_([from_id, to_id])).order_by(Manager.id)
    found = {one.id: one for one in session.scalars(wanted.with_for_update() if lock else wanted)}
    if len(found) != len({from_id, to_id}) or from_id == to_id:
        raise HandoverWhoError
    leaver, taker = found[from_id], found[to_id]
    if taker.status is not ManagerStatus.ACTIVE:
        raise HandoverWhoError
    return leaver, taker


def check_last_day(last_day: date, today: date) -> None:
    """Raise HandoverDayError for a day that lies so far away that its year must be wrong."""
    if abs(last_day - today) > FURTHEST:
        raise HandoverDayError(field="last_day")


def hand_over(session: Session, order: Order, *, by: Stamp) -> Handover:
    """Give all customers of `order` to the taker, or none.

    Raises HandoverWhoError, HandoverNobodyError, and HandoverMeanwhileError for the first customer who is no longer the
    leaver's or is not written about any more.
    """
    leaver, taker = parties(session, order.from_id, order.to_id, lock=True)
    ids = set(order.customer_ids)
    if not 1 <= len(ids) <= MOST:
        raise HandoverNobodyError(most=MOST)
    _give(session, _still_held(session, ids, leaver), taker, by=by)
    files = follow_holder(session, sorted(ids), leaver.id, taker.id, by=by)
    moved = give_shares(session, leaver, taker, ids, all_of_leaver=order.with_shares, by=by)
    elsewhere = files_elsewhere(session, leaver.id) if order.with_shares else []
    give_files(session, elsewhere, leaver.id, taker.id, by=by)
    moved |= {"files": files, "elsewhere": elsewhere}
    handover_id = new_id()
    made = Handover(
        id=handover_id,
        number=f"{order.today:%Y%m%d}-{handover_id[-6:].upper()}",
        from_id=leaver.id,
        to_id=taker.id,
        reason=order.reason,
        last_day=order.last_day,
        customers=len(ids),
        shares=len(moved["made"]),
        moved=moved,
        status_before=_mark_left(session, leaver, by=by) if order.mark_left else None,
        made_at=by.at,
        made_by=by.actor[:80],
    )
    session.add(made)
    session.flush()
    session.add_all(HandoverCustomer(handover_id=made.id, customer_id=one) for one in sorted(ids))
    session.flush()
    _note(session, "handover.written", made, by=by, leaver=leaver.manager_no, taker=taker.manager_no)
    return made


def sign(session: Session, handover_id: str, *, by: Stamp) -> Handover:
    """Sign as whichever of the two the caller is.

    Raises HandoverNotFoundError, HandoverOverError, NotYoursToSignError and HandoverSignedError.
    """
    handover = _open(session, handover_id)
    if by.manager_id is None or by.manager_id not in {handover.from_id, handover.to_id}:
        raise NotYoursToSignError
    if by.manager_id == handover.from_id:
        _refuse_signed(handover.signed_from_at)
        handover.signed_from_at, handover.signed_from_by = by.at, by.actor[:80]
    else:
        _refuse_signed(handover.signed_to_at)
        handover.signed_to_at, handover.signed_to_by = by.at, by.actor[:80]
    _note(session, "handover.signed", handover, by=by)
    return handover


def note_paper(session: Session, handover_id: str, where: str, *, by: Stamp) -> Handover:
    """Note that the leaver signed on paper, and where it lies; who takes over signs on screen.

    Raises HandoverNotFoundError, HandoverOverError, HandoverSignedError and HandoverPaperError.
    """
    handover = _open(session, handover_id)
    _refuse_signed(handover.signed_from_at)
    said = " ".join(where.split())
    if not LEAST_REMARK <= len(said) <= REMARK_LENGTH:
        raise HandoverPaperError(field="where", least=LEAST_REMARK, most=REMARK_LENGTH)
    handover.signed_from_at, handover.signed_from_by = by.at, by.actor[:80]
    handover.signed_from_paper = said
    _note(session, "handover.signed", handover, by=by)
    return handover


def mark_left(session: Session, handover_id: str, *, by: Stamp) -> Handover:
    """Mark the leaver as left, as a step of the hand-over: taking it back within its day takes that back too.

    Raises HandoverNotFoundError, HandoverOverError and HandoverLeftError.
    """
    handover = _open(session, handover_id)
    leaver = session.get_one(Manager, handover.from_id, with_for_update=True, populate_existing=True)
    if leaver.status is ManagerStatus.LEFT:
        raise HandoverLeftError
    handover.status_before = _mark_left(session, leaver, by=by)
    _note(session, "handover.left", handover, by=by, leaver=leaver.manager_no)
    return handover


def take_back(session: Session, handover_id: str, *, since: datetime, by: Stamp) -> list[str]:
    """Give back every customer nobody has changed since; returns the numbers of those who stay.

    `since` is when today began. Raises HandoverNotFoundError and HandoverOverError.
    """
    handover = _open(session, handover_id)
    if handover.made_at < since:
        raise HandoverOverError
    leaver = session.get_one(Manager, handover.from_id, with_for_update=True)
    customers = _locked(session, customer_ids_of(session, handover.id))
    closed = _closed(session, {one.id for one in customers})
    untouched = [
        one
        for one in customers
        if (one.manager_id, one.updated_at) == (handover.to_id, handover.made_at) and one.id not in closed
    ]
    _give(session, untouched, leaver, by=by)
    given = {one.id for one in untouched}
    moved = handover.moved
    follow_holder(session, sorted(given), handover.to_id, leaver.id, by=by, only=moved.get("files", ()))
    give_files(session, moved.get("elsewhere", ()), handover.to_id, leaver.id, by=by)
    stay = [one for one in customers if one.id not in given]
    kept = sorted(one.customer_no for one in stay)
    take_back_shares(session, handover, {one.id for one in stay})
    # Who asks again later finds them in the sheet.
    handover.moved = {**moved, "stay": sorted(one.id for one in stay)}
    if handover.status_before and leaver.status is ManagerStatus.LEFT:
        change_manager(
            session, leaver.id, {"status": handover.status_before}, seen_at=leaver.updated_at, by=by
        )
    handover.undone_at, handover.undone_by = by.at, by.actor[:80]
    session.flush()
    _note(session, "handover.undone", handover, by=by, stay=len(kept))
    return kept


def _give(session: Session, customers: Collection[Customer], to: Manager, *, by: Stamp) -> None:
    for customer in customers:
        customer.manager_id = to.id
        customer.touch(by)
    session.flush()
    for customer in customers:
        record(
            session,
            "customer.changed",
            subject=("customer", customer.id),
            by=by,
            details={"manager": to.manager_no},
        )


def _still_held(session: Session, ids: Collection[str], leaver: Manager) -> list[Customer]:
    customers = _locked(session, ids)
    closed = _closed(session, ids)
    for one in customers:
        if one.manager_id != leaver.id or one.id in closed:
            raise HandoverMeanwhileError(customer=f"{one.customer_no} {one.name}", manager=leaver.name)
    if len(customers) != len(ids):
        raise HandoverMeanwhileError(customer="–", manager=leaver.name)
    return customers


def _locked(session: Session, ids: Collection[str]) -> list[Customer]:
    found: list[Customer] = []
    for some in chunks(ids):
        wanted = select(Customer).where(Customer.id.in_(some)).order_by(Customer.id).with_for_update()
        found += session.scalars(wanted, execution_options={"populate_existing": True})
    return found


def _closed(session: Session, ids: Collection[str]) -> set[str]:
    return {one for some in chunks(ids) for one in erased_among(session, some) | merged_among(session, some)}


def _mark_left(session: Session, leaver: Manager, *, by: Stamp) -> ManagerStatus:
    before = leaver.status
    change_manager(session, leaver.id, {"status": ManagerStatus.LEFT}, seen_at=leaver.updated_at, by=by)
    return before


def _open(session: Session, handover_id: str) -> Handover:
    handover = get_handover(session, handover_id, lock=True)
    if handover.undone_at is not None:
        raise HandoverOverError
    return handover


def _refuse_signed(at: datetime | None) -> None:
    if at is not None:
        raise HandoverSignedError


def _note(session: Session, event: str, handover: Handover, *, by: Stamp, **details: str | int) -> None:
    session.flush()
    told = {"number": handover.number, "customers": handover.customers, **details}
    record(session, event, subject=("handover", handover.id), by=by, details=told)
