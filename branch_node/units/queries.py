"""Tracked units, whose they were and are, what happened with them, and the recalls that mean them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, exists, false, func, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.identity.queries import of_person
from branch_node.inbound.models import InboundItem
from branch_node.units.errors import UnitEventNotFoundError, UnitNotFoundError, UnitRecallNotFoundError
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from shared.domain.corrections import uncorrected
from shared.domain.published.vocabulary import ItemKind
from shared.domain.units.recalls import Recall, problem_of, read_recall
from shared.domain.units.rules import normal_serial
from shared.domain.units.vocabulary import UnitEventKind, UnitStatus

SORTS: Final = {
    "serial_no": Unit.serial_no,
    "product": Unit.product,
    "model": Unit.model,
    "warranty_until": Unit.warranty_until,
    "sold_on": Unit.sold_on,
    "owner": Customer.name,
    "updated_at": Unit.updated_at,
}
LEAST_PART: Final = 2

# A unit and, where it is somebody's whom the viewer sees, the owner's number and name.
UnitRow = Row[Unit, str | None, str | None]


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which units are wanted; everything empty means all. `warranty_on` keeps those under warranty that day."""

    text: str = ""
    product: str = ""
    model: str = ""
    statuses: tuple[UnitStatus, ...] = ()
    owner_id: str = ""
    warranty_on: date | None = None
    recall: Recall | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recall has come among the units in use that are seen: how many it means, and how many are done."""

    recall: Recall
    matched: int
    done: int

    @property
    def open(self) -> int:
        """How many are still to be called in."""
        return self.matched - self.done


def stands() -> ColumnElement[bool]:
    """Return the condition that an event counts: no other corrects it, and it takes nothing back itself."""
    return and_(UnitEvent.kind != UnitEventKind.VOID, uncorrected(UnitEvent))


def get_unit(session: Session, unit_id: str) -> Unit:
    """Return one unit; raises UnitNotFoundError."""
    found = session.get(Unit, unit_id)
    if found is None:
        raise UnitNotFoundError
    return found


def get_event(session: Session, event_id: str) -> UnitEvent:
    """Return one event; raises UnitEventNotFoundError."""
    found = session.get(UnitEvent, event_id)
    if found is None:
        raise UnitEventNotFoundError
    return found


def find_living(session: Session, serial_no: str) -> Unit | None:
    """Return the unit in use that bears a number, if there is one."""
    return session.scalar(select(Unit).where(Unit.serial_no == serial_no, Unit.status == UnitStatus.IN_USE))


def select_units(wanted: UnitFilter) -> Select[Unit, str, str]:
    """Return the statement of the units wanted with their owners' numbers and names."""
    return (
        select(Unit, Customer.customer_no.label("owner_no"), Customer.name.label("owner_name"))
        .outerjoin(Customer, Customer.id == Unit.owner_id)
        .where(*_conditions(wanted))
    )


def list_events(session: Session, unit_id: str) -> Sequence[UnitEvent]:
    """Return every event of a unit that is seen, corrected ones and takings back too, in the order of their days."""
    wanted = select(UnitEvent).where(UnitEvent.unit_id == unit_id)
    return session.scalars(wanted.order_by(UnitEvent.happened_on, UnitEvent.id)).all()


def list_owners(session: Session, unit_id: str) -> Sequence[Row[UnitOwner, Customer | None]]:
    """Return whose a unit was when, the latest first; owners whose file is not seen are left out."""
    wanted = (
        select(UnitOwner, Customer)
        .outerjoin(Customer, Customer.id == UnitOwner.customer_id)
        .where(UnitOwner.unit_id == unit_id)
    )
    return session.execute(wanted.order_by(UnitOwner.from_on.desc())).all()


def list_of_customer(session: Session, customer_id: str) -> Sequence[Row[Unit, UnitOwner]]:
    """Return the units a customer has, then those they had, each with from when until when."""
    wanted = (
        select(Unit, UnitOwner)
        .join(UnitOwner, UnitOwner.unit_id == Unit.id)
        .where(of_person(UnitOwner.customer_id, customer_id))
    )
    ordered = wanted.order_by(UnitOwner.until_on.is_not(None), UnitOwner.from_on.desc(), Unit.serial_no)
    return session.execute(ordered).all()


def count_by_status(session: Session) -> dict[UnitStatus, int]:
    """Return how many units there are of each status."""
    counted = select(Unit.status, func.count()).group_by(Unit.status)
    return {status: count for status, count in session.execute(counted)}  # noqa: C416 - a Row is no pair to mypy


def list_words(session: Session, column: Any) -> list[str]:  # noqa: ANN401 - a column of Unit
    """Return the products or models that units name."""
    return list(session.scalars(select(column).where(column.is_not(None)).distinct().order_by(column)))


def select_found(text: str) -> Select[Unit, str, str] | None:
    """Return the statement of units whose number holds what was typed; None when that is too little to look for."""
    serial = normal_serial(text)
    return select_units(UnitFilter(text=text)) if len(serial) >= LEAST_PART else None


def found(session: Session, text: str, limit: int, offset: int = 0) -> Sequence[UnitRow]:
    """Return units whose number holds what was typed: the whole number first, then those that begin or end so."""
    wanted, serial = select_found(text), normal_serial(text)
    if wanted is None:
        return []
    near = (
        (Unit.serial_no == serial).desc(),
        Unit.serial_no.startswith(serial, autoescape=True).desc(),
        Unit.serial_no.endswith(serial, autoescape=True).desc(),
    )
    return session.execute(wanted.order_by(*near, Unit.serial_no, Unit.id).limit(limit).offset(offset)).all()


def any_named(text: str) -> ColumnElement[bool]:
    """Return the question whether there is any unit with such a number, whoever may see it: most words are of none.

    Which units somebody sees takes ten times as long to find out at a branch of 200,000 customers. Of what is found
    here nothing is told but by a statement that asks for that.
    """
    number, serial = Unit.__table__.c.serial_no, normal_serial(text)
    if len(serial) < LEAST_PART:
        return false()
    return exists(select(number).where(number.contains(serial, autoescape=True)))


def list_recalls(session: Session, today: date) -> list[Recall]:
    """Return the recalls that hold today, the latest published first."""
    wanted = (
        select(InboundItem)
        .where(InboundItem.kind == ItemKind.RECALL.value, InboundItem.body.is_not(None))
        .order_by(InboundItem.published_at.desc(), InboundItem.id)
    )
    known = [
        read_recall(item.name, item.body or {})
        for item in session.scalars(wanted)
        if problem_of(item.name, item.body or {}) is None
    ]
    return [one for one in known if one.holds_on(today)]


def get_recall(session: Session, number: str, today: date) -> Recall:
    """Return one recall that holds today; raises UnitRecallNotFoundError."""
    found_one = next((one for one in list_recalls(session, today) if one.number == number), None)
    if found_one is None:
        raise UnitRecallNotFoundError
    return found_one


def open_recalls(session: Session, units: Collection[Unit], today: date) -> dict[str, list[Recall]]:
    """Return by unit the recalls that mean it and are not carried out yet; nothing is open on a retired one."""
    recalls = list_recalls(session, today)
    living = [unit for unit in units if unit.status is UnitStatus.IN_USE]
    if not recalls or not living:
        return {}
    wanted = select(UnitEvent.unit_id, UnitEvent.recall_no).where(
        UnitEvent.unit_id.in_([unit.id for unit in living]),
        UnitEvent.kind == UnitEventKind.RECALL_DONE,
        stands(),
    )
    done = {(unit_id, number) for unit_id, number in session.execute(wanted)}
    return {
        unit.id: [one for one in recalls if one.means(unit) and (unit.id, one.number) not in done]
        for unit in living
    }


def progress(session: Session, today: date) -> list[Progress]:
    """Return how far each recall that holds has come, among the units that are seen."""
    return [_progress(session, recall) for recall in list_recalls(session, today)]


def select_called_in(recall: Recall) -> Select[Unit, Customer]:
    """Return the statement of units in use that a recall still calls in, with their owners."""
    return (
        select(Unit, Customer)
        .outerjoin(Customer, Customer.id == Unit.owner_id)
        .where(*_meant(recall), ~_is_done(recall))
    )


def _progress(session: Session, recall: Recall) -> Progress:
    counted = select(func.count(), func.count().filter(_is_done(recall))).where(*_meant(recall))
    matched, done = session.execute(counted.select_from(Unit)).one()
    return Progress(recall, matched, done)


def _meant(recall: Recall) -> tuple[ColumnElement[bool], ...]:
    return Unit.status == UnitStatus.IN_USE, recall.meant(Unit)


def _is_done(recall: Recall) -> ColumnElement[bool]:
    done = select(UnitEvent.unit_id).where(
        UnitEvent.kind == UnitEventKind.RECALL_DONE, UnitEvent.recall_no == recall.number, stands()
    )
    return Unit.id.in_(done)


def _conditions(wanted: UnitFilter) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool] | None] = [
        Unit.serial_no.contains(normal_serial(wanted.text), autoescape=True) if wanted.text else None,
        Unit.product == wanted.product if wanted.product else None,
        Unit.model == wanted.model if wanted.model else None,
        Unit.status.in_(wanted.statuses) if wanted.statuses else None,
        of_person(Unit.owner_id, wanted.owner_id) if wanted.owner_id else None,
        Unit.warranty_until >= wanted.warranty_on if wanted.warranty_on else None,
        and_(*_meant(wanted.recall), ~_is_done(wanted.recall)) if wanted.recall else None,
    ]
    return [one for one in asked if one is not None]
