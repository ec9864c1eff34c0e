"""The part of a customer's page that holds tracked units: those they have, and those they had."""

from flask import Blueprint

from branch_node.desk.pages import customer_page, header_of
from branch_node.units import queries
from branch_node.units.web import STATUS_TONES
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, today

blueprint = Blueprint("unit_tab", __name__, url_prefix="/customers")


@blueprint.get("/<id:customer_id>/units")
@requires(Resource.UNIT, Action.READ)
def index(customer_id: str) -> str:
    """List a customer's units, with from when until when each was theirs, and the recalls open on those they have."""
    with reading() as session:
        header = header_of(session, customer_id)
        rows = queries.list_of_customer(session, header.customer.id)
        theirs = [row.Unit for row in rows if row.UnitOwner.until_on is None]
        return customer_page(
            "desk/customer_units.html",
            header,
            rows=rows,
            recalls=queries.open_recalls(session, theirs, today()),
            today=today(),
            unit_tones=STATUS_TONES,
        )
