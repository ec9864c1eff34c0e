"""Where a customer stands: its place in a group, and its moves between stages and tiers."""

from datetime import date
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers import groups, moves
from branch_node.customers.groups import (
    CannotPlaceError,
    GroupCircleError,
    GroupTooDeepError,
    NotYoursToPlaceError,
)
from branch_node.customers.moves import MoveDayError, MoveReasonError, NoMoveError
from branch_node.customers.queries import get_customer
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import LifecycleStage, ParentKind, ValueTier
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import notice

blueprint = Blueprint("care", __name__, url_prefix="/customers")
_GOALS: Final[dict[str, LifecycleStage | ValueTier]] = {
    f"{name}:{one.value}": one for name, of in (("stage", LifecycleStage), ("tier", ValueTier)) for one in of
}


class MoveUnknownError(BranchlineError):
    """The form names no stage or tier, or no day."""

    code = "move-unknown"
    kind = Kind.INVALID
    message = N_("Choose where the customer moves, and give the day as 2026-03-09.")


@blueprint.post("/<id:customer_id>/group")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def place(customer_id: str) -> ResponseReturnValue:
    """Put a customer below a group customer of this branch, or below none."""
    number = request.form.get("parent_no", "").strip()
    kind = ParentKind.meant_by(request.form.get("parent_kind", ""))
    try:
        with writing() as session:
            groups.place(session, customer_id, number, kind, by=stamp())
    except (CannotPlaceError, GroupCircleError, GroupTooDeepError, NotYoursToPlaceError) as refused:
        notice(translate_error(refused), kind="problem")
    else:
        notice(_("Saved."))
    return redirect(url_for("file.care", customer_id=customer_id), code=303)


@blueprint.post("/<id:customer_id>/moves")
@requires(Resource.CUSTOMER, Action.UPDATE)
def move(customer_id: str) -> ResponseReturnValue:
    """Move a customer to another stage or tier."""
    today = local_day(stamp().at, runtime().settings.timezone)
    reason = request.form.get("reason", "")
    with reading() as session:
        # Whoever may not see the customer hears of no mistake in the form, only that there is none.
        get_customer(session, customer_id)
    try:
        to, on = _goal()
        with writing() as session:
            moves.move(session, customer_id, to, on=on, today=today, reason=reason, by=stamp())
    except (MoveUnknownError, MoveReasonError, MoveDayError, NoMoveError) as refused:
        notice(translate_error(refused), kind="problem")
    else:
        notice(_("The move is written down."))
    return redirect(url_for("file.care", customer_id=customer_id), code=303)


def _goal() -> tuple[LifecycleStage | ValueTier, date]:
    try:
        return _GOALS[request.form.get("to", "")], date.fromisoformat(request.form.get("on", "").strip())
    except (KeyError, ValueError):
        raise MoveUnknownError from None
