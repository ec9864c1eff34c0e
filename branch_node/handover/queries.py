"""What a hand-over would move and leave out, and which hand-overs there were."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from branch_node.customers.belonging import Belonging, Handing, count_belongings
from branch_node.customers.models import Customer, CustomerShare
from branch_node.erased.queries import erased_among
from branch_node.handover.errors import HandoverNotFoundError
from branch_node.handover.models import Handover, HandoverCustomer
from branch_node.identity.models import CustomerMerge, MergeState
from branch_node.identity.queries import merged_among
from branch_node.managers.models import Manager
from branch_node.personal.holds import held_among
from branch_node.qualification.models import Qualification
from shared.domain.qualification.vocabulary import QualificationState
from shared.ids import is_id

# In one transaction; who holds more hands over in parts, each whole in itself.
MOST: Final = 20_000
CHUNK: Final = 500
From, To = aliased(Manager, name="leaver"), aliased(Manager, name="taker")
HandoverRow = Row[Handover, str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What handing some customers over would do: whom it moves, what hangs on them, who is left out and why."""

    customers: Sequence[Customer]
    erased: Sequence[Customer]
    merged: Sequence[Customer]
    shares: int
    judgements: int
    merges: int
    held: int
    along: Sequence[tuple[Belonging, int]]


def plan(session: Session, from_id: str, customer_ids: Collection[str]) -> Plan:
    """Return what handing these customers of one account manager over would do; others' customers are passed over."""
    found = {each.id: each for some in chunks(customer_ids) for each in _customers(session, some)}
    theirs = sorted(
        (one for one in found.values() if one.manager_id == from_id), key=lambda one: one.customer_no
    )
    ids = [one.id for one in theirs]
    erased = {one for some in chunks(ids) for one in erased_among(session, some)}
    merged = {one for some in chunks(ids) for one in merged_among(session, some)} - erased
    kept = [one for one in theirs if one.id not in erased | merged]
    kept_ids = [one.id for one in kept]
    return Plan(
        customers=kept,
        erased=[one for one in theirs if one.id in erased],
        merged=[one for one in theirs if one.id in merged],
        shares=session.scalar(
            select(func.count()).select_from(CustomerShare).where(CustomerShare.manager_id == from_id)
        )
        or 0,
        judgements=_count(
            session,
            Qualification.customer_id,
            kept_ids,
            Qualification.state == QualificationState.PROPOSED,
        ),
        merges=_count(
            session, CustomerMerge.survivor_id, kept_ids, CustomerMerge.state == MergeState.PROPOSED
        ),
        held=sum(len(held_among(session, some)) for some in chunks(kept_ids)),
        along=count_belongings(session, kept_ids, handing=(Handing.ALONG,)),
    )


def get_handover(session: Session, handover_id: str, *, lock: bool = False) -> Handover:
    """Return one hand-over; raises HandoverNotFoundError."""
    wanted = select(Handover).where(Handover.id == handover_id)
    found = session.scalar(wanted.with_for_update() if lock else wanted) if is_id(handover_id) else None
    if found is None:
        raise HandoverNotFoundError
    return found


def select_handovers() -> Select[Handover, str, str]:
    """Select hand-overs with the names of both."""
    return (
        select(Handover, From.name.label("leaver"), To.name.label("taker"))
        .join(From, From.id == Handover.from_id)
        .join(To, To.id == Handover.to_id)
    )


def list_handovers(session: Session, *, limit: int, offset: int = 0) -> Sequence[HandoverRow]:
    """Return hand-overs with the names of both, the last first."""
    ordered = select_handovers().order_by(Handover.made_at.desc(), Handover.id.desc())
    return session.execute(ordered.limit(limit).offset(offset)).all()


def count_handovers(session: Session) -> int:
    """Return how many hand-overs there are."""
    return session.scalar(select(func.count()).select_from(Handover)) or 0


def count_unsigned(session: Session, manager_id: str) -> int:
    """Return how many hand-overs wait for this account manager's signature."""
    waiting = or_(
        (Handover.from_id == manager_id) & Handover.signed_from_at.is_(None),
        (Handover.to_id == manager_id) & Handover.signed_to_at.is_(None),
    )
    wanted = select(func.count()).select_from(Handover).where(waiting, Handover.undone_at.is_(None))
    return session.scalar(wanted) or 0


def customer_ids_of(session: Session, handover_id: str) -> Sequence[str]:
    """Return the ids of the customers who were handed over."""
    wanted = select(HandoverCustomer.customer_id).where(HandoverCustomer.handover_id == handover_id)
    return session.scalars(wanted.order_by(HandoverCustomer.customer_id)).all()


def numbers_of(session: Session, handover_id: str) -> dict[str, str]:
    """Return the number of each customer of a hand-over by id, in their order."""
    wanted = (
        select(Customer.id, Customer.customer_no)
        .join(HandoverCustomer, HandoverCustomer.customer_id == Customer.id)
        .where(HandoverCustomer.handover_id == handover_id)
        .order_by(Customer.customer_no)
    )
    return {row.id: row.customer_no for row in session.execute(wanted)}


def chunks(ids: Collection[str]) -> Iterator[list[str]]:
    """Yield ids in a fixed order, so many as a statement takes; a fixed order keeps two at once from waiting."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _customers(session: Session, ids: Sequence[str]) -> Sequence[Customer]:
    return session.scalars(select(Customer).where(Customer.id.in_(ids))).all()


def _count(
    session: Session,
    column: InstrumentedAttribute[str],
    ids: Sequence[str],
    condition: ColumnElement[bool],
) -> int:
    entity = column.class_
    return sum(
        session.scalar(select(func.count()).select_from(entity).where(column.in_(some), condition)) or 0
        for some in chunks(ids)
    )
