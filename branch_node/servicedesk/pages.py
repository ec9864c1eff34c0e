"""The service desk's pages: find by a whole number, serve, end serving."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers import serving
from branch_node.inbound import pages as inbound
from branch_node.servicedesk import operations
from branch_node.servicedesk.operations import Hint, TooManyLookupsError
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import notice

blueprint = Blueprint("servicedesk", __name__, template_folder="templates", url_prefix="/service-desk")
CHANNELS = ("phone", "counter", "online", "visit")
REASON_LENGTH = 200


@blueprint.get("")
@requires(Resource.SERVICE_DESK, Action.READ)
def index() -> str:
    """Show the search by a whole number, and whom I am serving now."""
    return _page()


@blueprint.post("/look-up")
@requires(Resource.SERVICE_DESK, Action.READ)
def look_up() -> ResponseReturnValue:
    """Say whether there is a customer with exactly this number, and who their account manager is: nothing else."""
    asked = request.form.get("number", "").strip()
    if not asked:
        return redirect(url_for("servicedesk.index"), code=303)
    try:
        # The one place where the desk looks beyond the rows of who sits at it; only the hints leave it.
        with writing(as_node=True) as session:
            hints = operations.look_up(session, asked, by=stamp())
    except TooManyLookupsError as refused:
        return _page(asked=asked, refused=translate_error(refused)), 429
    return _page(asked=asked, hints=hints)


@blueprint.post("/<id:customer_id>/serve")
@requires(Resource.SERVICE_DESK, Action.CREATE)
def serve(customer_id: str) -> ResponseReturnValue:
    """Open the file of a customer who was found by a number, for some hours; the operation log has it."""
    channel = request.form.get("channel", "")
    with writing(as_node=True) as session:
        customer = operations.find_meant(session, customer_id, request.form.get("number", ""))
        if customer is not None:
            serving.begin_serving(
                session,
                customer,
                by=stamp(),
                channel=channel if channel in CHANNELS else "",
                reason=request.form.get("reason", "").strip()[:REASON_LENGTH],
            )
    if customer is None:
        notice(_("Look the customer up again, by the whole number."), kind="warning")
        return redirect(url_for("servicedesk.index"), code=303)
    return redirect(url_for("desk.customer", customer_id=customer_id), code=303)


@blueprint.post("/<id:customer_id>/end")
@requires(Resource.SERVICE_DESK, Action.UPDATE)
def end(customer_id: str) -> ResponseReturnValue:
    """Close the file of a customer I was serving."""
    with writing() as session:
        ended = serving.end_serving(session, customer_id, by=stamp())
    notice(_("The file is closed.") if ended else _("You were not serving this customer any more."))
    return redirect(url_for("servicedesk.index"), code=303)


def _page(*, asked: str = "", hints: Sequence[Hint] | None = None, refused: str = "") -> str:
    with reading() as session:
        return render_template(
            "servicedesk/index.html",
            asked=asked,
            hints=hints,
            refused=refused,
            served=serving.list_served(session, by=stamp()),
            notices=inbound.notices(session),
            hours=serving.HOURS,
            channels=[
                ("phone", _("telephone")),
                ("counter", _("at the counter")),
                ("online", _("online")),
                ("visit", _("on site")),
            ],
        )
