"""Tracked units for programs: finding, entering and changing one, and whose it was when."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from branch_node.api import unit_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.unit_event_routes import at_its_field
from branch_node.customers.queries import find_by_ids, get_customer
from branch_node.units import operations, queries
from branch_node.units.models import Unit
from branch_node.units.pages import check_product, wanted_units
from branch_node.units.schemas import OwnerForm, UnitForm
from branch_node.units.web import customer_meant
from shared.domain.units.recalls import Recall
from shared.domain.units.vocabulary import UnitStatus
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, today, writing

blueprint = Blueprint("api_units", __name__, url_prefix="/api/v1")
OWNERS = ((Resource.CUSTOMER, Action.READ),)
FILTERS = (
    Query("q", _l("Part of the serial number")),
    Query("product", _l("Product")),
    Query("model", _l("Model")),
    Query("status", _l("Status"), [one.value for one in UnitStatus], several=True),
    Query("customer", _l("Id of the customer whose it is")),
    Query("warranty", _l("1: under warranty today")),
    Query("recall", _l("Number of a recall still open on it")),
)


@blueprint.get("/units")
@requires(Resource.UNIT, Action.READ)
@describe(_l("List tracked units"), answer=schemas.Unit, query=(*FILTERS, *PAGED), many=True, needs=OWNERS)
def index() -> Response:
    """List the units that the filters name, a page at a time."""
    with reading() as session:
        found, next_ = asking.page_by_id(session, queries.select_units(wanted_units(session)), Unit.id)
        units = [row[0] for row in found]
        recalls = queries.open_recalls(session, units, today())
        known = _owners(session, units)
        shown = [_shown(unit, recalls, known) for unit in units]
    take_rows(len(shown), "unit")
    return asking.many(shown, next_=next_)


@blueprint.get("/units/<id:unit_id>")
@requires(Resource.UNIT, Action.READ)
@describe(_l("Read a tracked unit; the ETag is for changing it"), answer=schemas.Unit, needs=OWNERS)
def one(unit_id: str) -> Response:
    """Show one unit."""
    with reading() as session:
        answer = _unit(session, unit_id)
    take_rows(1, "unit")
    return answer


@blueprint.post("/units")
@requires(Resource.UNIT, Action.CREATE)
@describe(_l("Enter a tracked unit"), answer=schemas.Unit, body=schemas.NewUnit, status=201, once=True)
def add() -> Response:
    """Enter a unit and whose it is."""
    given = asking.as_form(asking.body(schemas.NewUnit()))
    values, owner = UnitForm().load(given), OwnerForm().load(given)

    def enter(session: Session) -> str:
        check_product(session, values, None)
        return operations.add_unit(
            session,
            values,
            owner_id=customer_meant(session, owner["customer"]),
            since=owner["since"] or values["sold_on"] or today(),
            today=today(),
            by=stamp(),
        ).id

    with at_its_field(), writing() as session:
        return once(session, lambda: enter(session), lambda at: _unit(session, at, status=201))


@blueprint.put("/units/<id:unit_id>")
@requires(Resource.UNIT, Action.UPDATE)
@describe(_l("Save a tracked unit whole"), answer=schemas.Unit, body=schemas.SentUnit, versioned=True)
def change(unit_id: str) -> Response:
    """Save a unit, unless somebody else did since it was read."""
    with at_its_field(), writing() as session:
        unit = queries.get_unit(session, unit_id)
        values = UnitForm().load(asking.as_form(asking.body(schemas.SentUnit())))
        asking.version(unit.updated_at)
        check_product(session, values, unit.product)
        operations.change_unit(session, unit_id, values, seen_at=unit.updated_at, by=stamp())
        return _unit(session, unit_id)


@blueprint.get("/units/<id:unit_id>/owners")
@requires(Resource.UNIT, Action.READ)
@describe(
    _l("List whose a unit was when, the latest first"), answer=schemas.UnitOwner, many=True, needs=OWNERS
)
def owners(unit_id: str) -> Response:
    """List whose a unit was, with nobody named whose file is not seen."""
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        found = queries.list_owners(session, unit.id)
        shown = [
            asking.dumped(schemas.UnitOwner(exclude=("customer_id",)), row.UnitOwner)
            | {"customer_id": row.Customer.id if row.Customer else None}
            for row in found
        ]
    take_rows(len(shown), "unit")
    return asking.many(shown)


@blueprint.get("/customers/<id:customer_id>/units")
@requires(Resource.UNIT, Action.READ)
@describe(
    _l("List the units a customer has, then those they had"),
    answer=schemas.OwnedUnit,
    many=True,
    needs=OWNERS,
)
def of_customer(customer_id: str) -> Response:
    """List a customer's units, with from when until when each was theirs."""
    with reading() as session:
        rows = queries.list_of_customer(session, get_customer(session, customer_id).id)
        units = [row.Unit for row in rows]
        recalls, known = queries.open_recalls(session, units, today()), _owners(session, units)
        shown = [
            _shown(row.Unit, recalls, known)
            | {
                "from_on": row.UnitOwner.from_on.isoformat(),
                "until_on": row.UnitOwner.until_on.isoformat() if row.UnitOwner.until_on else None,
            }
            for row in rows
        ]
    take_rows(len(shown), "unit")
    return asking.many(shown)


def _unit(session: Session, unit_id: str, *, status: int = 200) -> Response:
    unit = queries.get_unit(session, unit_id)
    recalls = queries.open_recalls(session, [unit], today())
    shown = _shown(unit, recalls, _owners(session, [unit]))
    return asking.one(shown, status=status, at=unit.updated_at)


def _owners(session: Session, units: Sequence[Unit]) -> Collection[str]:
    """Return the ids of the owners of units whose files are seen."""
    return find_by_ids(session, [unit.owner_id for unit in units if unit.owner_id]).keys()


def _shown(unit: Unit, recalls: Mapping[str, list[Recall]], known: Collection[str]) -> dict[str, Any]:
    """Return a unit as it is answered; its remark is about its owner, whom not everybody sees."""
    shown = asking.dumped(schemas.Unit(exclude=("recalls",)), unit)
    if unit.owner_id not in known:
        shown |= {"remark": None, "owner_id": None}
    return shown | {"recalls": [one.number for one in recalls.get(unit.id, ())]}
