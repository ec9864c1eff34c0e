"""Parked records as a work list: what is wrong in plain words, and what people can decide about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from hq_server.analysis.sources import REPLICAS
from hq_server.branches.web import Scope, scope
from hq_server.ingest import decisions
from hq_server.ingest.models import InboxBatch
from hq_server.parking import queries
from hq_server.parking.errors import WaiverReasonError
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.runtime import HqRuntime
from shared.audit.queries import list_history
from shared.db.personal import HIDDEN, class_of, mask
from shared.domain.wire_words import RECORD_NAMES, column_name, explain
from shared.errors import N_
from shared.i18n import format_number
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, sees_whole, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.paging import PageRequest, paginate
from shared.web.twoperson.pages import eligible
from sync_protocol.catalog import CATALOG

blueprint = Blueprint("parked", __name__, template_folder="templates", url_prefix="/parked")
SORTS: Final = {"id": ParkedRecord.id}
# Checked in the request itself; a longer list takes another press of the button.
AT_ONCE: Final = 2_000
SHOWN: Final = 20
VIEW_NAMES: Final = {
    "parked": N_("To be mended"),
    "waits": N_("Waiting for another record"),
    "asked": N_("Waiver asked for"),
    "settled": N_("Settled"),
    "all": N_("All"),
}
# What a record is called, where its row tells.
NAMING: Final = ("customer_no", "manager_no", "bill_no", "log_no", "name", "month", "day")
# Record types that are not called as the resource of the policy table they belong to.
RESOURCES: Final = {
    "customer_month": "statistics",
    "operation_month": "operation_statistics",
    "department": "organisation",
    "staff": "organisation",
}
# What tells which record it is and nothing of the business: shown to who keeps the transfers going.
PLAIN: Final = frozenset(
    "id customer_no manager_no bill_no log_no customer_id manager_id corrects_id kind status period month currency "
    "booked_on started_at ended_at entered_at created_at updated_at".split()
)
EVENTS: Final = {
    "parked.checked-again": N_("checked again"),
    "parked.waiver-asked": N_("asked to waive it"),
    "parked.waiver-withdrawn": N_("withdrew the request"),
    "parked.waived": N_("waived it"),
}


@blueprint.get("")
@requires(Resource.PARKED, Action.READ)
def index() -> str:
    """List parked records with the reason in plain words, as a work list."""
    wanted = PageRequest.from_query(SORTS, default="-id")
    view, record_type = _asked(request.args)
    with reading() as session:
        around = scope(session)
        statement = queries.select_parked(view=view, branches=around.chosen, record_type=record_type)
        page = paginate(session, statement, wanted, sorts=SORTS, tie=ParkedRecord.id)
        rows = _rows(session, page.items, around)
        counts = queries.count_views(session, branches=around.chosen)
    return render_template(
        "console/parked.html",
        page=page,
        rows=rows,
        scope=around,
        view=view,
        views=VIEW_NAMES,
        counts=counts,
        record_type=record_type,
        record_names=RECORD_NAMES,
        column_name=column_name,
        at_once=AT_ONCE,
    )


@blueprint.get("/<int:parked_id>")
@requires(Resource.PARKED, Action.READ)
def one(parked_id: int) -> str:
    """Show one parked record: why, what stands behind it, what waits for it, and what was decided."""
    with reading() as session:
        return render_template("console/parked_one.html", **_one(session, parked_id))


@blueprint.post("/<int:parked_id>/check")
@requires(Resource.PARKED, Action.MANAGE)
def check_again(parked_id: int) -> ResponseReturnValue:
    """Check a record again with today's rules."""
    hq = runtime(HqRuntime)
    with _deciding(parked_id) as session:
        tried = decisions.check_again(session, parked_id, bindings=hq.bindings, by=stamp())
    if tried.taken:
        notice(_("Rows taken in: %(count)s.", count=format_number(tried.taken)))
    else:
        notice(_("It is still refused, for the reasons below."), kind="warning")
    return redirect(url_for("parked.one", parked_id=parked_id), code=303)


@blueprint.post("/check")
@requires(Resource.PARKED, Action.MANAGE)
def check_all() -> ResponseReturnValue:
    """Check every record that a list shows again, the oldest first."""
    hq = runtime(HqRuntime)
    _view, record_type = _asked(request.form)
    wanted = set(request.form.getlist("branch"))
    with writing(as_node=True) as session:
        numbers = [branch.number for branch in scope(session).branches.values() if branch.code in wanted]
        statement = queries.select_parked(view="parked", branches=numbers, record_type=record_type)
        tried = decisions.check_all_again(session, statement, limit=AT_ONCE, bindings=hq.bindings, by=stamp())
    notice(_("Rows taken in: %(count)s.", count=format_number(tried.taken)))
    return redirect(url_for("parked.index", branch=sorted(wanted), record=record_type), code=303)


@blueprint.get("/<int:parked_id>/waiver")
@requires(Resource.PARKED, Action.MANAGE)
def waiver(parked_id: int) -> str:
    """Ask why a record need not go in, and show what that touches."""
    with reading() as session:
        return render_template("console/waiver.html", **_one(session, parked_id))


@blueprint.post("/<int:parked_id>/waiver")
@requires(Resource.PARKED, Action.MANAGE)
def waive(parked_id: int) -> ResponseReturnValue:
    """Give a record up, or ask another administrator to."""
    hq = runtime(HqRuntime)
    try:
        with _deciding(parked_id) as session:
            reason = request.form.get("reason", "")
            done = decisions.waive(session, parked_id, reason=reason, bindings=hq.bindings, by=stamp())
    except WaiverReasonError as error:
        refused = {"reason": field_errors(error)[""]}
        with reading() as session:
            values = {**_one(session, parked_id), "values": request.form, "errors": refused}
        return render_template("console/waiver.html", **values), STATUS[error.kind]
    notice(_("The record is waived.") if done else _("A head office manager has to approve this."))
    return redirect(url_for("parked.one", parked_id=parked_id), code=303)


@blueprint.post("/<int:parked_id>/waiver/approval")
@requires(Resource.PARKED, Action.APPROVE)
def approve(parked_id: int) -> ResponseReturnValue:
    """Give up a record that another administrator has asked to waive."""
    hq = runtime(HqRuntime)
    with _deciding(parked_id) as session:
        decisions.approve_waiver(session, parked_id, bindings=hq.bindings, by=stamp(), eligible=eligible)
    notice(_("The record is waived."))
    return redirect(url_for("parked.one", parked_id=parked_id), code=303)


@blueprint.post("/<int:parked_id>/waiver/withdrawal")
@requires(Resource.PARKED, Action.MANAGE)
def withdraw(parked_id: int) -> ResponseReturnValue:
    """Leave a record parked after all."""
    hq = runtime(HqRuntime)
    with _deciding(parked_id) as session:
        decisions.withdraw_waiver(
            session, parked_id, bindings=hq.bindings, by=stamp(), eligible=lambda _kind: True
        )
    notice(_("The request is withdrawn; the record stays parked."))
    return redirect(url_for("parked.one", parked_id=parked_id), code=303)


@contextmanager
def _deciding(parked_id: int) -> Iterator[Session]:
    """Let the node carry out what is decided: taking in touches rows of every kind, also those the person may not see.

    Raises ParkedNotFoundError where the record itself is not among what they see.
    """
    with reading() as session:
        queries.get_parked(session, parked_id)
    with writing(as_node=True) as session:
        yield session


def waiting_count(session: Session) -> int:
    """Return how many parked records wait, for the menu."""
    waiting = ParkedRecord.state == ParkedState.PARKED
    return session.scalar(select(func.count()).select_from(ParkedRecord).where(waiting)) or 0


def _asked(query: Any) -> tuple[str, str | None]:  # noqa: ANN401 - of the address or of a form
    view, record_type = query.get("view", "parked"), query.get("record")
    return view if view in VIEW_NAMES else "parked", record_type if record_type in CATALOG else None


def _one(session: Session, parked_id: int) -> dict[str, Any]:
    record = queries.get_parked(session, parked_id)
    around = scope(session)
    waiting = queries.waits_for(record)
    count = session.scalar(select(func.count()).select_from(waiting.order_by(None).subquery())) or 0
    others = [line for line in queries.list_queue(session, record) if line.id != record.id]
    return {
        "row": _rows(session, [record], around)[0],
        "others": _rows(session, others[:SHOWN], around),
        "others_count": len(others),
        "waiting": _rows(session, session.scalars(waiting.limit(SHOWN)).all(), around),
        "waiting_count": count,
        "history": [
            {
                "at": entry.at,
                "by": entry.actor,
                "title": _(EVENTS.get(entry.event, entry.event)),
                "text": entry.details.get("reason"),
            }
            for entry in list_history(session, ("parked", str(record.id)))
        ],
        "two_people": record.record_type in decisions.TWO_PEOPLE,
        "column_name": column_name,
    }


def _rows(session: Session, records: Any, around: Scope) -> list[dict[str, Any]]:  # noqa: ANN401
    batches = _batches_of(session, records)
    return [_row(record, batches.get(record.batch_id), around) for record in records]


def _batches_of(session: Session, records: Any) -> dict[int, InboxBatch]:  # noqa: ANN401
    ids = sorted({record.batch_id for record in records})
    return {one.id: one for one in session.scalars(select(InboxBatch).where(InboxBatch.id.in_(ids)))}


def _row(record: ParkedRecord, batch: InboxBatch | None, around: Scope) -> dict[str, Any]:
    values = _values(record)
    known = dict(values)
    return {
        "record": record,
        "batch": batch,
        "branch": around.name(record.branch_number),
        "branch_code": around.code(record.branch_number),
        "type": _(RECORD_NAMES[record.record_type])
        if record.record_type in RECORD_NAMES
        else record.record_type,
        "name": " ".join(known[name] for name in NAMING if known.get(name) not in {None, "", HIDDEN}),
        "reasons": explain(record.code, record.reasons),
        "values": values,
        "awaited": _(RECORD_NAMES.get(record.waits_type or "", "")),
    }


def _values(record: ParkedRecord) -> list[tuple[str, str]]:
    """Return the refused row's values by column, or its text as it came when it cannot be read."""
    known = CATALOG.get(record.record_type)
    try:
        parts = json.loads(record.line)
    except ValueError:
        return [("", _line(record))]
    if known is None or not isinstance(parts, list) or len(parts) != len(known.columns) + 1:
        return [("", _line(record))]
    read = [(name, _text(value)) for name, value in zip(known.columns, parts[1:], strict=True)]
    return [(name, _shown(record.record_type, name, value)) for name, value in read]


def _shown(record_type: str, name: str, value: str) -> str:
    """Return a value of a refused row as who is signed in sees it in the record itself: whole, masked, or hidden."""
    resource = Resource.with_code(RESOURCES.get(record_type, record_type))
    if not value or resource is None or sees_whole(resource):
        return value
    if not may(resource, Action.READ):
        return value if name in PLAIN else HIDDEN
    kind = class_of(inspect(REPLICAS[record_type]).columns[name])
    return mask(kind, value) if kind else value


def _line(record: ParkedRecord) -> str:
    resource = Resource.with_code(RESOURCES.get(record.record_type, record.record_type))
    return record.line if resource is not None and sees_whole(resource) else HIDDEN


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
