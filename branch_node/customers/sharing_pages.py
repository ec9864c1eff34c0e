"""Sharing a customer from the customer's page."""

from datetime import date, datetime

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers import sharing
from branch_node.customers.sharing import CannotShareError
from branch_node.managers.queries import ManagerNotFoundError
from shared.domain.calendar import day_bounds
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import runtime, stamp, writing
from shared.web.forms import notice

blueprint = Blueprint("sharing", __name__, url_prefix="/customers")


@blueprint.post("/<id:customer_id>/shares")
@requires(Resource.CUSTOMER_SHARE, Action.CREATE)
def share(customer_id: str) -> ResponseReturnValue:
    """Share a customer with another account manager until the end of a day, or for good."""
    try:
        with writing() as session:
            sharing.share_customer(session, customer_id, _manager(), ends_at=_until(), by=stamp())
    except (CannotShareError, ManagerNotFoundError) as refused:
        notice(translate_error(refused), kind="problem")
        # What was chosen stands in the form again.
        chosen, until = request.form.get("manager_id"), request.form.get("until")
        back = url_for("desk.customer_profile", customer_id=customer_id, share_to=chosen, share_until=until)
        return redirect(back, code=303)
    notice(_("Shared."))
    return redirect(url_for("desk.customer_profile", customer_id=customer_id), code=303)


@blueprint.post("/<id:customer_id>/shares/<id:manager_id>/end")
@requires(Resource.CUSTOMER_SHARE, Action.RETIRE)
def end(customer_id: str, manager_id: str) -> ResponseReturnValue:
    """Take a customer back from whom it was shared with."""
    with writing() as session:
        ended = sharing.end_share(session, customer_id, manager_id, by=stamp())
    notice(_("No longer shared.") if ended else _("It was not shared any more."))
    return redirect(url_for("desk.customer_profile", customer_id=customer_id), code=303)


def _manager() -> str:
    given = request.form.get("manager_id", "")
    if not is_id(given):
        raise ManagerNotFoundError
    return given


def _until() -> datetime | None:
    given = request.form.get("until", "").strip()
    if not given:
        return None
    try:
        return day_bounds(date.fromisoformat(given), runtime().settings.timezone)[1]
    except (ValueError, OverflowError):
        raise CannotShareError from None
