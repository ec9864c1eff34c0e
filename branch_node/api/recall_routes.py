"""Recalls of head office for programs: how far each has come, and which units are still to be called in."""

from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError

from branch_node.api import unit_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.customers.models import Customer
from branch_node.customers.reaching import closed_to
from branch_node.units import queries
from branch_node.units.models import Unit
from branch_node.units.queries import Progress
from shared.domain.form_fields import REQUIRED
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import reading, today
from shared.web.lists import text_argument

blueprint = Blueprint("api_recalls", __name__, url_prefix="/api/v1/recalls")


@blueprint.get("")
@requires(Resource.UNIT, Action.READ)
@describe(
    _l("List the recalls that hold here, each with how far it has come"), answer=schemas.Recall, many=True
)
def index() -> Response:
    """List the recalls that hold today, each with how many of the units that are seen it means and are done."""
    with reading() as session:
        return asking.many([_recall(one) for one in queries.progress(session, today())])


@blueprint.get("/called-in")
@requires(Resource.UNIT, Action.READ)
@describe(
    _l("List the units that a recall still calls in, with how their owners are reached"),
    answer=schemas.CalledIn,
    query=(Query("recall", _l("Number of the recall")), *PAGED),
    many=True,
    also=[(Resource.CUSTOMER, Action.READ)],
)
def called_in() -> Response:
    """List the units that a recall still calls in, a page at a time; without customer:read without their owners."""
    number = text_argument("recall")
    if not number:
        raise ValidationError({"recall": [REQUIRED]})
    with reading() as session:
        recall = queries.get_recall(session, number, today())
        found, next_ = asking.page_by_id(session, queries.select_called_in(recall), Unit.id)
        shown = [_unit(row.Unit, row.Customer) for row in found]
    take_rows(len(shown), "unit")
    return asking.many(shown, next_=next_)


def _recall(progress: Progress) -> dict[str, Any]:
    counted = {"meant": progress.matched, "done": progress.done, "open": progress.open}
    return asking.dumped(schemas.Recall(exclude=tuple(counted)), progress.recall) | counted


def _unit(unit: Unit, owner: Customer | None) -> dict[str, Any]:
    said = {
        "unit_id": unit.id,
        "owned": unit.owner_id is not None,
        "owner": None if owner is None else _owner(owner),
    }
    return asking.dumped(schemas.CalledIn(exclude=tuple(said)), unit) | said


def _owner(owner: Customer) -> dict[str, Any]:
    closed = {"closed": [one.value for one in closed_to(owner, today())]}
    return asking.dumped(schemas.Owner(exclude=tuple(closed)), owner) | closed
