"""Writing tracked units and what happened with them.

Events are facts: a correction is a new one that names what it corrects. Whose a unit is follows from the events
(`projection`); here `owner_id` is kept to it, under the unit's lock.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import get_customer
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged, survivor_of
from branch_node.units import errors, queries
from branch_node.units.errors import (
    SerialTakenError,
    UnitChangedMeanwhileError,
    UnitEventCorrectedError,
    UnitFieldError,
    UnitNotFoundError,
    UnitNotYoursError,
)
from branch_node.units.models import Unit, UnitEvent
from shared.audit import operations as audit
from shared.db.taken import refusing_taken
from shared.domain.units.rules import goes_back, owner_on, ownership, standing
from shared.domain.units.vocabulary import OWNING, UnitEventKind
from shared.ids import new_id
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import DataRange, Resource
from shared.stamp import Stamp

# What a person may set of a unit; whose it is stands in the events.
EDITABLE: Final = (
    "serial_no",
    "product",
    "model",
    "reading_unit",
    "made_on",
    "sold_on",
    "warranty_until",
    "status",
    "remark",
)
# What a person may write of an event.
WRITTEN: Final = ("text", "reading", "reading_reason", "cost_minor", "currency", "done_by", "recall_no")
_WHOLE: Final = frozenset({DataRange.BRANCH, DataRange.GROUP})


def add_unit(
    session: Session, values: Mapping[str, Any], *, owner_id: str | None, since: date, today: date, by: Stamp
) -> Unit:
    """Enter a unit, and whose it is since when; without an owner it is nobody's, as one in stock.

    Raises SerialTakenError, CustomerNotFoundError, CustomerErasedError, CustomerMergedError, UnitFieldError and, for
    who sees a part of the customers and names no owner, UnitNotYoursError.
    """
    if owner_id is None:
        _refuse_nobodys(session)
    else:
        _check_owner(session, owner_id)
    unit = Unit(id=new_id(), owner_id=owner_id, created_at=by.at, created_by=by.actor)
    _put(session, unit, {name: values.get(name) for name in EDITABLE}, by=by)
    audit.record(
        session, "unit.added", subject=("unit", unit.id), by=by, details={"serial_no": unit.serial_no}
    )
    if owner_id is not None:
        came = {"kind": UnitEventKind.OWNER, "customer_id": owner_id, "happened_on": since}
        record_event(session, unit.id, came, today=today, by=by)
    return unit


def change_unit(
    session: Session, unit_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Unit:
    """Set the EDITABLE `values` of a unit; values that are the same already write nothing.

    `seen_at` is the `updated_at` the person saw. Raises UnitNotFoundError, UnitNotYoursError, CustomerErasedError,
    UnitChangedMeanwhileError and SerialTakenError.
    """
    unit = _locked(session, unit_id)
    if unit.updated_at != seen_at:
        raise UnitChangedMeanwhileError(who=unit.updated_by)
    changed = [name for name in EDITABLE if name in values and getattr(unit, name) != values[name]]
    if not changed:
        return unit
    if unit.owner_id is not None and "remark" in changed:
        refuse_if_erased(session, unit.owner_id)
    _put(session, unit, {name: values[name] for name in changed}, by=by)
    audit.record(
        session, "unit.changed", subject=("unit", unit.id), by=by, details={"serial_no": unit.serial_no}
    )
    return unit


def record_event(
    session: Session, unit_id: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> UnitEvent:
    """Write down what happened with a unit; it can be corrected later, never changed.

    For `owner` `customer_id` says whose it becomes; for anything else it is worked out from the day. Raises
    UnitNotFoundError, UnitNotYoursError, UnitFieldError, CustomerNotFoundError, CustomerErasedError and
    CustomerMergedError.
    """
    unit = _locked(session, unit_id)
    event = _enter(session, unit, values, corrects=None, today=today, by=by)
    _record(session, "unit_event.written", event, by=by)
    return event


def correct_event(
    session: Session, event_id: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> UnitEvent:
    """Write the right version of an event; from now on this one counts and the old one stays beside it.

    The kind stays what it was. Raises UnitEventNotFoundError, UnitEventCorrectedError and what `record_event` raises.
    """
    old = queries.get_event(session, event_id)
    unit = _locked(session, old.unit_id)
    _refuse_corrected(session, old)
    event = _enter(session, unit, {**values, "kind": old.kind}, corrects=old, today=today, by=by)
    _record(session, "unit_event.corrected", event, by=by)
    return event


def take_back(session: Session, event_id: str, why: str | None, *, by: Stamp) -> UnitEvent:
    """Say that an event never happened; it stays readable, and whose the unit was follows from the others.

    Raises UnitEventNotFoundError, UnitEventCorrectedError, UnitNotYoursError, CustomerErasedError and UnitFieldError.
    """
    old = queries.get_event(session, event_id)
    unit = _locked(session, old.unit_id)
    _refuse_corrected(session, old)
    if not why:
        raise UnitFieldError(field="text", cure=errors.WHY_VOID)
    if old.customer_id is not None:
        refuse_if_erased(session, old.customer_id)
    void = {"kind": UnitEventKind.VOID, "happened_on": old.happened_on, "text": why}
    event = _write(session, unit, void, old.customer_id, corrects=old, by=by)
    _record(session, "unit_event.taken-back", event, by=by)
    return event


def _enter(
    session: Session,
    unit: Unit,
    values: Mapping[str, Any],
    *,
    corrects: UnitEvent | None,
    today: date,
    by: Stamp,
) -> UnitEvent:
    if values["happened_on"] > today:
        raise UnitFieldError(field="happened_on", cure=errors.IN_FUTURE)
    others = [
        one for one in queries.list_events(session, unit.id) if corrects is None or one.id != corrects.id
    ]
    # What the corrected one itself corrected does not come back.
    counted = [one for one in standing(others) if corrects is None or one.id != corrects.corrects_id]
    whose = _whose(session, counted, values)
    reading = values.get("reading")
    if (
        reading is not None
        and goes_back(counted, values["happened_on"], reading)
        and not values.get("reading_reason")
    ):
        raise UnitFieldError(field="reading_reason", cure=errors.WHY_LESS)
    if values["kind"] is UnitEventKind.RECALL_DONE and not values.get("recall_no"):
        raise UnitFieldError(field="recall_no", cure=errors.WHICH_RECALL)
    return _write(session, unit, values, whose, corrects=corrects, by=by)


def _whose(session: Session, counted: Sequence[UnitEvent], values: Mapping[str, Any]) -> str | None:
    """Return whom an event is about, having checked that it fits what is known."""
    history, on = ownership(counted), values["happened_on"]
    before = owner_on(history, on)
    if values["kind"] in OWNING:
        if any(one.from_on == on for one in history):
            raise UnitFieldError(field="happened_on", cure=errors.SAME_DAY)
        if history and not values.get("text"):
            raise UnitFieldError(field="text", cure=errors.WHY_TRANSFER)
    if values["kind"] is UnitEventKind.OWNER:
        _check_owner(session, values["customer_id"])
        if before == values["customer_id"]:
            raise UnitFieldError(field="customer", cure=errors.ALREADY_THEIRS)
        return str(values["customer_id"])
    if values["kind"] is UnitEventKind.RETURNED and before is None:
        raise UnitFieldError(field="happened_on", cure=errors.NOBODYS)
    if before is None:
        return None
    whose = survivor_of(session, before) or before
    refuse_if_erased(session, whose)
    return whose


def _write(
    session: Session,
    unit: Unit,
    values: Mapping[str, Any],
    whose: str | None,
    *,
    corrects: UnitEvent | None,
    by: Stamp,
) -> UnitEvent:
    event = UnitEvent(
        id=new_id(),
        unit_id=unit.id,
        kind=values["kind"],
        customer_id=whose,
        happened_on=values["happened_on"],
        corrects_id=corrects.id if corrects else None,
        created_at=by.at,
        created_by=by.actor,
        **{name: values.get(name) for name in WRITTEN},
    )
    events = [*queries.list_events(session, unit.id), event]
    session.add(event)
    session.flush()
    history = ownership(events)
    owner = history[-1].customer_id if history else None
    if owner != unit.owner_id:
        # A remark is about the owner: the next one's account manager has no business reading it.
        unit.owner_id, unit.remark = owner, None
        unit.touch(by)
        session.flush()
    return event


def _locked(session: Session, unit_id: str) -> Unit:
    """Return a unit, locked, for who may write about it: two who write about one unit take turns."""
    locked = select(Unit).where(Unit.id == unit_id).with_for_update()
    unit = session.scalar(locked.execution_options(populate_existing=True))
    if unit is None:
        raise UnitNotFoundError
    if unit.owner_id is None:
        _refuse_nobodys(session)
    elif session.scalar(select(Customer.id).where(Customer.id == unit.owner_id)) is None:
        raise UnitNotYoursError
    return unit


def _refuse_nobodys(session: Session) -> None:
    """Leave what is nobody's to who sees all customers of the branch."""
    sight = sight_of(session)
    if sight is not None and sight.range_of(Resource.UNIT) not in _WHOLE:
        raise UnitNotYoursError


def _check_owner(session: Session, customer_id: str) -> None:
    customer = get_customer(session, customer_id)
    refuse_if_erased(session, customer.id)
    refuse_if_merged(session, customer.id)


def _refuse_corrected(session: Session, old: UnitEvent) -> None:
    later = session.scalar(select(UnitEvent.id).where(UnitEvent.corrects_id == old.id))
    if later is not None or old.kind is UnitEventKind.VOID:
        raise UnitEventCorrectedError


def _put(session: Session, unit: Unit, values: Mapping[str, Any], *, by: Stamp) -> None:
    """Write a unit; another of its number may be one that this person does not see, so the database is asked."""
    with refusing_taken(session, "serial_no", SerialTakenError(serial_no=values.get("serial_no", ""))):
        for name, value in values.items():
            setattr(unit, name, value)
        unit.touch(by)
        session.add(unit)
        session.flush()


def _record(session: Session, event: str, made: UnitEvent, *, by: Stamp) -> None:
    details = {"unit": made.unit_id, "kind": made.kind.value, "day": made.happened_on.isoformat()}
    if made.corrects_id:
        details["corrects"] = made.corrects_id
    audit.record(session, event, subject=("unit_event", made.id), by=by, details=details)
