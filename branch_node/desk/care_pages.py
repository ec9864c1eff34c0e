"""Where a customer stands: its place in a group, and its moves between stages and tiers."""

from collections.abc import Mapping

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from branch_node.customers import groups, moves
from branch_node.customers.groups import (
    CannotPlaceError,
    GroupCircleError,
    GroupTooDeepError,
    NotYoursToPlaceError,
)
from branch_node.customers.moves import MoveDayError, MoveReasonError, NoMoveError
from branch_node.customers.queries import get_customer
from branch_node.customers.schemas import MoveForm
from branch_node.desk.file_pages import care_page
from branch_node.erased.queries import CustomerErasedError
from branch_node.identity.queries import CustomerMergedError
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import ParentKind
from shared.errors import BranchlineError, Kind
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice

blueprint = Blueprint("care", __name__, url_prefix="/customers")


@blueprint.post("/<id:customer_id>/group")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def place(customer_id: str) -> ResponseReturnValue:
    """Put a customer below a group customer of this branch, or below none."""
    given = request.form.to_dict()
    number = given.get("parent_no", "").strip()
    kind = ParentKind.meant_by(given.get("parent_kind", ""))
    try:
        with writing() as session:
            groups.place(session, customer_id, number, kind, by=stamp())
    except (
        CannotPlaceError,
        CustomerErasedError,
        CustomerMergedError,
        GroupCircleError,
        GroupTooDeepError,
        NotYoursToPlaceError,
    ) as refused:
        return _refused(customer_id, refused, placing=given)
    notice(_("Saved."))
    return redirect(url_for("file.care", customer_id=customer_id), code=303)


@blueprint.post("/<id:customer_id>/moves")
@requires(Resource.CUSTOMER, Action.UPDATE)
def move(customer_id: str) -> ResponseReturnValue:
    """Move a customer to another stage or tier."""
    given = request.form.to_dict()
    today = local_day(stamp().at, runtime().settings.timezone)
    with reading() as session:
        # Whoever may not see the customer hears of no mistake in the form, only that there is none.
        get_customer(session, customer_id)
    try:
        values = MoveForm().load(given)
        with writing() as session:
            moves.move(session, customer_id, **values, today=today, by=stamp())
    except (ValidationError, MoveReasonError, MoveDayError, NoMoveError) as refused:
        return _refused(customer_id, refused, moving=given)
    notice(_("The move is written down."))
    return redirect(url_for("file.care", customer_id=customer_id), code=303)


def _refused(
    customer_id: str,
    refused: BranchlineError | ValidationError,
    *,
    placing: Mapping[str, str] | None = None,
    moving: Mapping[str, str] | None = None,
) -> ResponseReturnValue:
    """Show the page again with what was written, and beside each field why it was refused."""
    kind = refused.kind if isinstance(refused, BranchlineError) else Kind.INVALID
    return care_page(customer_id, placing=placing, moving=moving, errors=field_errors(refused)), STATUS[kind]
