"""What happened with a unit: writing it down, whose it becomes, correcting an entry, taking one back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.identity.queries import CustomerMergedError
from branch_node.units import operations, queries
from branch_node.units.errors import (
    UnitEventCorrectedError,
    UnitEventNotFoundError,
    UnitFieldError,
    UnitNotYoursError,
)
from branch_node.units.models import Unit, UnitEvent
from branch_node.units.schemas import EventForm
from branch_node.units.web import customer_meant, sentence
from shared.domain.form_fields import NOT_LISTED, REQUIRED, text
from shared.domain.units.fields import TEXT_LENGTH
from shared.domain.units.vocabulary import OWNING, SERVICE, UnitEventKind
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.gate import ForbiddenError
from shared.web.lists import choices, code_arguments, text_argument

blueprint = Blueprint("unit_events", __name__)
REFUSED = (
    UnitFieldError,
    UnitNotYoursError,
    UnitEventCorrectedError,
    CustomerErasedError,
    CustomerMergedError,
)


@blueprint.get("/units/<id:unit_id>/events/new")
@requires(Resource.UNIT, Action.CREATE)
def new(unit_id: str) -> str:
    """Show the form of a repair, or of what else the address asks for."""
    kinds = [kind for kind in code_arguments("kind", UnitEventKind) if kind in SERVICE]
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        values = {
            "kind": (kinds or [UnitEventKind.REPAIR])[0].value,
            "happened_on": today().isoformat(),
            "recall_no": text_argument("recall"),
        }
        return _form(session, unit, None, values)


@blueprint.post("/units/<id:unit_id>/events")
@requires(Resource.UNIT, Action.CREATE)
def write(unit_id: str) -> ResponseReturnValue:
    """Write down a repair, a complaint, an inspection, or a recall that was carried out."""
    return _save(unit_id, None, owning=False)


@blueprint.get("/units/<id:unit_id>/owner")
@requires(Resource.UNIT, Action.TRANSFER)
def owner(unit_id: str) -> str:
    """Show the form that says whose the unit becomes, or that it is taken back."""
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        values = {"kind": UnitEventKind.OWNER.value, "happened_on": today().isoformat()}
        return _form(session, unit, None, values, owning=True)


@blueprint.post("/units/<id:unit_id>/owner")
@requires(Resource.UNIT, Action.TRANSFER)
def transfer(unit_id: str) -> ResponseReturnValue:
    """Write down whose the unit becomes."""
    return _save(unit_id, None, owning=True)


@blueprint.get("/unit-events/<id:event_id>/correct")
@requires(Resource.UNIT, Action.UPDATE)
def correct(event_id: str) -> str:
    """Show the form filled with an entry."""
    with reading() as session:
        event = correctable(session, event_id)
        unit = queries.get_unit(session, event.unit_id)
        return _form(session, unit, event, _values(session, event), owning=event.kind in OWNING)


@blueprint.post("/unit-events/<id:event_id>/corrections")
@requires(Resource.UNIT, Action.UPDATE)
def save_correction(event_id: str) -> ResponseReturnValue:
    """Write the right version of an entry."""
    with reading() as session:
        event = correctable(session, event_id)
    return _save(event.unit_id, event, owning=event.kind in OWNING)


@blueprint.post("/unit-events/<id:event_id>/taking-back")
@requires(Resource.UNIT, Action.UPDATE)
def take_back(event_id: str) -> ResponseReturnValue:
    """Say that an entry never happened."""
    with reading() as session:
        event = correctable(session, event_id)
    try:
        why = text(TEXT_LENGTH)(request.form.get("why", ""))
        with writing() as session:
            operations.take_back(session, event_id, why, by=stamp())
    except (ValidationError, *REFUSED) as refused:
        # Its own field of the page, not the one of the entry.
        told = _errors(refused)
        errors = {"why" if name in {"text", ""} else name: cure for name, cure in told.items()}
        with reading() as session:
            unit = queries.get_unit(session, event.unit_id)
            values, owning = _values(session, event), event.kind in OWNING
            return _form(session, unit, event, values, errors, owning=owning), _status(refused)
    notice(_("The entry is taken back; it stays readable."))
    return redirect(url_for("units.one", unit_id=event.unit_id), code=303)


def _save(unit_id: str, corrects: UnitEvent | None, *, owning: bool) -> ResponseReturnValue:
    given = request.form.to_dict()
    if corrects is not None:
        given["kind"] = corrects.kind.value
    try:
        values = read_event(given, owning=owning)
        with writing() as session:
            if values["kind"] is UnitEventKind.OWNER:
                values["customer_id"] = customer_meant(session, values["customer"])
                if values["customer_id"] is None:
                    raise UnitFieldError(field="customer", cure=REQUIRED)
            if corrects is None:
                operations.record_event(session, unit_id, values, today=today(), by=stamp())
            else:
                operations.correct_event(session, corrects.id, values, today=today(), by=stamp())
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            unit = queries.get_unit(session, unit_id)
            page = _form(session, unit, corrects, given, _errors(refused), owning=owning)
        return page, _status(refused)
    notice(_("The correction is entered.") if corrects else _("It is written down."))
    return redirect(url_for("units.one", unit_id=unit_id), code=303)


def read_event(given: Mapping[str, Any], *, owning: bool) -> dict[str, Any]:
    """Return what a form says; which kinds it may name depends on the right the view is for."""
    values: dict[str, Any] = EventForm().load(dict(given))
    if values["kind"] not in (OWNING if owning else SERVICE):
        raise ValidationError(NOT_LISTED, "kind")
    if values["kind"] is not UnitEventKind.RECALL_DONE:
        values["recall_no"] = None
    if values["cost_minor"] is not None:
        values["currency"] = runtime().settings.currency
    return values


def correctable(session: Session, event_id: str) -> UnitEvent:
    """Return an entry that this person may correct: whose a unit is is said by who may hand over."""
    event = queries.get_event(session, event_id)
    if event.kind is UnitEventKind.VOID:
        raise UnitEventNotFoundError
    if event.kind in OWNING and not may(Resource.UNIT, Action.TRANSFER):
        raise ForbiddenError
    return event


def _form(
    session: Session,
    unit: Unit,
    event: UnitEvent | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    *,
    owning: bool = False,
) -> str:
    recalls = queries.list_recalls(session, today())
    return render_template(
        "units/event.html",
        unit=unit,
        event=event,
        values=values,
        errors=errors or {},
        owning=owning,
        kinds=choices(OWNING if owning else SERVICE),
        recalls=[(one.number, f"{one.number} {one.title}") for one in recalls if one.means(unit)],
        currency=runtime().settings.currency,
    )


def _values(session: Session, event: UnitEvent) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(event, name) for name in operations.WRITTEN}
    customer = session.get(Customer, event.customer_id) if event.customer_id else None
    cost = event.cost_minor
    return {
        **shown,
        "kind": event.kind.value,
        "happened_on": event.happened_on.isoformat(),
        "customer": f"{customer.customer_no} {customer.name}" if customer else "",
        "cost_minor": str(Decimal(cost).scaleb(-2)) if cost is not None else "",
    }


def _errors(refused: ValidationError | BranchlineError) -> dict[str, str]:
    return field_errors(refused) if isinstance(refused, ValidationError) else sentence(refused)


def _status(refused: ValidationError | BranchlineError) -> int:
    return 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
