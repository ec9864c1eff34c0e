"""What is sent once more: how far it has come, asking for it, and ending it."""

from datetime import date
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.outbound import receiver_web
from branch_node.resend import operations, queries
from branch_node.resend.errors import BatchGoneError, ResendChoiceError, ResendRangeError
from branch_node.resend.operations import MOST_REASON, Wish
from branch_node.resend.queries import BatchName
from branch_node.resend.vocabulary import ResendState
from branch_node.runtime import BranchRuntime
from shared.db.parts import Part
from shared.domain.wire_words import RECORD_NAMES
from shared.errors import BranchlineError, FieldError
from shared.i18n import gettext as _
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, runtime, stamp
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from sync_protocol.changelog.models import OutboxBatch

blueprint = Blueprint("resend", __name__, template_folder="templates", url_prefix="/sync/resend")
SHOWN: Final = 50
EVERYTHING: Final = "all"
TONES: Final = {
    ResendState.WAITING: "info",
    ResendState.RUNNING: "info",
    ResendState.DONE: "ok",
    ResendState.STOPPED: "warn",
}


@blueprint.get("")
@requires(Resource.TRANSFER, Action.READ)
def index() -> str:
    """List what is being sent once more and what was; administrators may ask for more."""
    return _page({"record": request.args.get("record", ""), "numbers": request.args.get("numbers", "")}, {})


@blueprint.post("")
@requires(Resource.TRANSFER, Action.MANAGE)
def ask() -> ResponseReturnValue:
    """Have a record type, a part of it or everything sent once more."""
    try:
        return _ask(_wish())
    except FieldError as refused:
        return _page(request.form, field_errors(refused)), STATUS[refused.kind]


@blueprint.post("/batches/<int:batch_id>")
@requires(Resource.TRANSFER, Action.MANAGE)
def ask_batch(batch_id: int) -> ResponseReturnValue:
    """Have the records in one batch sent once more, as they are now."""
    with receiver_web.reading() as session:
        batch = session.get(OutboxBatch, batch_id)
        if batch is None:
            raise BatchGoneError(batch=batch_id)
        name = BatchName(batch.channel, batch.batch_no, batch.lineage)
    return _ask_from(Wish(reason=request.form.get("reason", ""), batch=name))


@blueprint.post("/records/<record_type>/<record_id>")
@requires(Resource.TRANSFER, Action.MANAGE)
def ask_record(record_type: str, record_id: str) -> ResponseReturnValue:
    """Have one record sent once more."""
    if not is_id(record_id):
        raise ResendChoiceError(field="record")
    reason = request.form.get("reason", "")
    return _ask_from(Wish(reason=reason, record_type=record_type, ids=[record_id]))


@blueprint.post("/<int:resend_id>/stop")
@requires(Resource.TRANSFER, Action.MANAGE)
def stop(resend_id: int) -> ResponseReturnValue:
    """Send no more of it."""
    with receiver_web.writing() as session:
        operations.stop(session, resend_id, by=stamp())
    notice(_("No more of it is sent. What has gone stays, and is compared with head office."))
    return _back()


def _ask(wish: Wish) -> ResponseReturnValue:
    # Which records have these numbers is a technical question: who asks may not see what they say.
    with receiver_web.writing(as_node=True) as session:
        operations.ask(session, runtime(BranchRuntime).bindings, wish, by=stamp())
    notice(_("Noted. It goes with the next pushes, behind today's records; this page shows how far it is."))
    return _back()


def _ask_from(wish: Wish) -> ResponseReturnValue:
    """Ask from another page: what is wrong with it is said on this one."""
    try:
        return _ask(wish)
    except BranchlineError as refused:
        errors = {"": field_errors(refused).popitem()[1]}
        return _page(request.form, errors), STATUS[refused.kind]


def _back() -> ResponseReturnValue:
    return redirect(url_for("resend.index", receiver=receiver_web.named()), code=303)


def _wish() -> Wish:
    form = request.form
    record = form.get("record", "")
    return Wish(
        reason=form.get("reason", ""),
        record_type=record if record not in {"", EVERYTHING} else None,
        everything=record == EVERYTHING,
        numbers=form.get("numbers", "").replace(",", " ").replace("，", " ").split(),
        entered=(_day("entered_from"), _day("entered_to")),
    )


def _day(name: str) -> date | None:
    given = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise ResendRangeError(field=name) from error


def _page(values: Any, errors: dict[str, str]) -> str:  # noqa: ANN401 - a form's values
    with receiver_web.reading() as session:
        rows = _rows(session)
    return render_template(
        "outbound/resend.html",
        rows=rows,
        receiver=receiver_web.named(),
        busy=any(row["one"].is_open for row in rows),
        values=values,
        errors=errors,
        record_names=RECORD_NAMES,
        tones=TONES,
        options=[
            *((name, _(words)) for name, words in RECORD_NAMES.items()),
            (EVERYTHING, _("All records of every type")),
        ],
        most=MOST_REASON,
        may_ask=may(Resource.TRANSFER, Action.MANAGE),
    )


def _rows(session: Session) -> Part[dict[str, Any]]:
    found = queries.list_resends(session, limit=SHOWN)
    return Part([{"one": one, "percent": _percent(one)} for one in found], found.total)


def _percent(one: Any) -> int | None:  # noqa: ANN401 - a Resend
    planned = one.rows_planned
    if one.state is ResendState.DONE:
        return 100
    return min(99, one.rows_sent * 100 // planned) if planned else None
