"""What happened with a tracked unit, for programs: reading it, writing it down, correcting it, taking it back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import unit_schemas as schemas
from branch_node.customers.queries import find_by_ids
from branch_node.units import operations, queries
from branch_node.units.errors import UnitFieldError
from branch_node.units.event_pages import correctable, read_event
from branch_node.units.models import UnitEvent
from branch_node.units.web import customer_meant, sentence
from shared.domain.form_fields import REQUIRED, text
from shared.domain.units.fields import TEXT_LENGTH
from shared.domain.units.rules import standing
from shared.domain.units.vocabulary import OWNING, UnitEventKind
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, today, writing

blueprint = Blueprint("api_unit_events", __name__, url_prefix="/api/v1")


@contextmanager
def at_its_field() -> Iterator[None]:
    """Say what is refused about a unit at the field it is about, as the form does."""
    try:
        yield
    except UnitFieldError as refused:
        told = {"cost" if name == "cost_minor" else name: [said] for name, said in sentence(refused).items()}
        raise ValidationError(told) from None


@blueprint.get("/units/<id:unit_id>/events")
@requires(Resource.UNIT, Action.READ)
@describe(
    _l("List what happened with a unit"),
    answer=schemas.UnitEvent,
    many=True,
    needs=[(Resource.CUSTOMER, Action.READ)],
)
def index(unit_id: str) -> Response:
    """List what happened with a unit in the order of its days, corrected versions too."""
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        shown = _shown(session, queries.list_events(session, unit.id))
    take_rows(len(shown), "unit")
    return asking.many(shown)


@blueprint.post("/units/<id:unit_id>/events")
@requires(Resource.UNIT, Action.CREATE)
@describe(
    _l("Write down a repair, a complaint, an inspection, or a recall that was carried out"),
    answer=schemas.UnitEvent,
    body=schemas.NewEvent,
    status=201,
    once=True,
)
def write(unit_id: str) -> Response:
    """Write down what happened with a unit."""
    return _write(unit_id, owning=False)


@blueprint.post("/units/<id:unit_id>/owner")
@requires(Resource.UNIT, Action.TRANSFER)
@describe(
    _l("Say whose a unit becomes, or that it is taken back"),
    answer=schemas.UnitEvent,
    body=schemas.NewEvent,
    status=201,
    once=True,
)
def transfer(unit_id: str) -> Response:
    """Write down whose a unit becomes."""
    return _write(unit_id, owning=True)


@blueprint.post("/unit-events/<id:event_id>/corrections")
@requires(Resource.UNIT, Action.UPDATE)
@describe(
    _l("Write the right version of an entry about a unit"),
    answer=schemas.UnitEvent,
    body=schemas.CorrectedEvent,
    status=201,
    once=True,
    also=[(Resource.UNIT, Action.TRANSFER)],
)
def correct(event_id: str) -> Response:
    """Write the right version of an entry; both stay readable."""
    with at_its_field(), writing() as session:
        event = correctable(session, event_id)
        given = asking.body(schemas.CorrectedEvent()) | {"kind": event.kind.value}
        values = _read(session, given, owning=event.kind in OWNING)
        return once(
            session,
            lambda: operations.correct_event(session, event.id, values, today=today(), by=stamp()).id,
            lambda at: _event(session, at),
        )


@blueprint.post("/unit-events/<id:event_id>/taking-back")
@requires(Resource.UNIT, Action.UPDATE)
@describe(
    _l("Say that an entry about a unit never happened"),
    answer=schemas.UnitEvent,
    body=schemas.Why,
    status=201,
    once=True,
    also=[(Resource.UNIT, Action.TRANSFER)],
)
def take_back(event_id: str) -> Response:
    """Take an entry back; it stays readable."""
    with at_its_field(), writing() as session:
        event = correctable(session, event_id)
        given = asking.body(schemas.Why())["text"]
        try:
            why = text(TEXT_LENGTH)(given)
        except ValidationError as refused:
            raise ValidationError({"text": refused.messages}) from None
        return once(
            session,
            lambda: operations.take_back(session, event.id, why, by=stamp()).id,
            lambda at: _event(session, at),
        )


def _write(unit_id: str, *, owning: bool) -> Response:
    with at_its_field(), writing() as session:
        queries.get_unit(session, unit_id)
        values = _read(session, asking.body(schemas.NewEvent()), owning=owning)
        return once(
            session,
            lambda: operations.record_event(session, unit_id, values, today=today(), by=stamp()).id,
            lambda at: _event(session, at),
        )


def _read(session: Session, sent: Mapping[str, Any], *, owning: bool) -> dict[str, Any]:
    given = asking.as_form(sent)
    given["cost_minor"] = given.pop("cost", "")
    try:
        values = read_event(given, owning=owning)
    except ValidationError as refused:
        told = refused.normalized_messages()  # type: ignore[no-untyped-call]
        raise ValidationError(
            {"cost" if name == "cost_minor" else name: said for name, said in told.items()}
        ) from None
    if values["kind"] is UnitEventKind.OWNER:
        values["customer_id"] = customer_meant(session, values["customer"])
        if values["customer_id"] is None:
            raise ValidationError({"customer": [REQUIRED]})
    return values


def _event(session: Session, event_id: str) -> Response:
    event = queries.get_event(session, event_id)
    events = queries.list_events(session, event.unit_id)
    shown = next(one for one in _shown(session, events) if one["id"] == event.id)
    return asking.one(shown, status=201)


def _shown(session: Session, events: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a sequence of UnitEvent
    counting = {one.id for one in standing(events)}
    known = find_by_ids(session, [one.customer_id for one in events if one.customer_id])
    return [_one(event, counts=event.id in counting, seen=event.customer_id in known) for event in events]


def _one(event: UnitEvent, *, counts: bool, seen: bool) -> dict[str, Any]:
    shown = asking.dumped(schemas.UnitEvent(exclude=("counts",)), event)
    return shown | {"counts": counts} | ({} if seen else {"customer_id": None})
