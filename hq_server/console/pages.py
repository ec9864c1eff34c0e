"""The pages that cut across slices: whether everything is in, and what is wrong."""

from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select
from sqlalchemy.orm import Session

from hq_server.analysis import queries as analysis
from hq_server.analysis.months import month_of, shift
from hq_server.branches.models import Branch
from hq_server.branches.queries import (
    Coverage,
    coverage,
    find_branch,
    find_branch_numbered,
    get_branch,
    list_keys,
)
from hq_server.branches.web import scope
from hq_server.console import queries
from hq_server.console.charges import charges_table
from hq_server.console.intake import at_the_door
from hq_server.ingest.models import InboxBatch
from hq_server.proof import operations as proof
from hq_server.proof.errors import ResendReasonError
from hq_server.proof.log_heads import CUT, REWRITTEN, find_archive, list_broken_archives
from hq_server.proof.queries import list_recent_asks
from hq_server.runtime import HqRuntime
from hq_server.verification.pages import sentence, summary
from hq_server.verification.queries import branch_proofs
from shared.domain.billing.vocabulary import BillKind
from shared.domain.wire_words import RECORD_NAMES, explain
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import in_zone, label, lazy_gettext, translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, writing
from shared.web.forms import notice
from shared.web.paging import Page, PageRequest, paginate
from shared.web.tables import Column
from sync_protocol.catalog import CATALOG

blueprint = Blueprint("console", __name__, template_folder="templates")
fleet = Blueprint("fleet", __name__, template_folder="templates", url_prefix="/branches")
BECAME: Final = {CUT: N_("cut"), REWRITTEN: N_("written anew")}


@blueprint.get("/")
@requires(Resource.NODE, Action.READ)
def overview() -> str:
    """Show whether everything is in and what is wrong; ?part=1 answers only the part that renews itself."""
    with reading(sums=True) as session:
        values = _overview(session)
    template = "console/part.html" if request.args.get("part") else "console/overview.html"
    return render_template(template, **values)


@fleet.get("")
@requires(Resource.NODE, Action.READ)
def index() -> str:
    """List every branch with what we hold of it."""
    with reading() as session:
        covered = coverage(session, stamp().at)
        states = queries.fleet(session, stamp().at, timezone=runtime().settings.timezone)
    order = request.args.get("sort", "trouble")
    if order == "code":
        states.sort(key=lambda state: state.branch.code)
    return render_template(
        "console/branches.html",
        states=states,
        coverage=covered,
        order=order,
        record_names=RECORD_NAMES,
        door=at_the_door(runtime(HqRuntime).intake.look(), [state.branch for state in states]),
    )


@fleet.get("/<code>")
@requires(Resource.NODE, Action.READ)
def one(code: str) -> ResponseReturnValue:
    """Show one branch: its line, its keys, what we hold of it, what came last; a number leads to its code."""
    with reading() as session:
        numbered = find_branch_numbered(session, code) if find_branch(session, code) is None else None
        if numbered is not None:
            return redirect(url_for("fleet.one", code=numbered.code))
        found = get_branch(session, code)
        states = queries.fleet(session, stamp().at, timezone=runtime().settings.timezone)
        state = next(one for one in states if one.branch.number == found.number)
        latest = session.scalars(queries.select_batches(branches=[found.number]).limit(10)).all()
        return render_template(
            "console/branch.html",
            branch=found,
            state=state,
            keys=list_keys(session, found.number),
            batches=latest,
            proven=[sentence(one) for one in branch_proofs(session, code=found.code)],
            asks=list_recent_asks(session, found.number),
            archive=find_archive(session, found),
            archive_broken=list_broken_archives(session, found),
            became=BECAME,
            names_of_records=[(name, _(words)) for name, words in RECORD_NAMES.items()],
            record_names=RECORD_NAMES,
        )


TRANSFER_COLUMNS: Final = (
    Column("received_at", lazy_gettext("Received"), "exact"),
    Column("branch", lazy_gettext("Branch")),
    Column("record_type", lazy_gettext("Record"), "own"),
    Column("batch_no", lazy_gettext("Batch"), "own"),
    Column("rows", lazy_gettext("Rows"), "number"),
    Column("removed", lazy_gettext("Removed"), "number"),
    Column("parked", lazy_gettext("Parked"), "own"),
    Column("wire_bytes", lazy_gettext("Size"), "own"),
    Column("duration_ms", lazy_gettext("Took, ms"), "number", wide=True),
    Column("sealed_at", lazy_gettext("Sealed"), "exact", wide=True),
    Column("digest", lazy_gettext("Digest"), "own", wide=True),
)


@blueprint.get("/transfers")
@requires(Resource.TRANSFER, Action.READ)
def transfers() -> str:
    """List the batches received, newest first."""
    record_type = request.args.get("record") if request.args.get("record") in CATALOG else None
    with reading() as session:
        around = scope(session)
        statement = queries.select_batches(branches=around.chosen, record_type=record_type)
        page = _newest_first(session, statement)
        sums = queries.sum_batches(session, branches=around.chosen, record_type=record_type)
    return render_template(
        "console/transfers.html",
        page=page,
        sums=sums,
        rows=[_batch_row(batch, around.name(batch.branch_number)) for batch in page.items],
        columns=TRANSFER_COLUMNS,
        scope=around,
        record_type=record_type,
        record_names=RECORD_NAMES,
    )


@blueprint.get("/transfers/<int:batch_id>")
@requires(Resource.TRANSFER, Action.READ)
def transfer(batch_id: int) -> str:
    """Show one batch: counts, bytes, times, control totals, digest, the receipt given, and what was refused of it."""
    with reading() as session:
        batch = queries.get_batch(session, batch_id)
        branch = session.get(Branch, batch.branch_number)
        if branch is None:
            raise queries.BatchNotFoundError
        refused = queries.list_refused(session, batch)
        before = queries.find_batch_before(session, batch)
        return render_template(
            "console/transfer.html",
            batch=batch,
            branch=branch,
            before=before,
            refused=[(one, explain(one.code, one.reasons)) for one in refused],
            refusals=refused,
            totals=queries.totals_of(batch.control),
            receipt=queries.receipt_of(batch),
            kinds={kind.value: label(kind) for kind in BillKind},
            record_names=RECORD_NAMES,
        )


@fleet.post("/<code>/resend")
@requires(Resource.TRANSFER, Action.TRANSFER)
def ask_to_resend(code: str) -> ResponseReturnValue:
    """Have a branch send a record type, or everything, once more."""
    record_type = request.form.get("record", "")
    try:
        with writing() as session:
            branch = get_branch(session, code)
            proof.ask_to_resend(
                session,
                branch.number,
                branch.code,
                record_type=record_type or None,
                reason=request.form.get("reason", ""),
                by=stamp(),
            )
    except ResendReasonError as refused:
        notice(translate_error(refused), kind="problem")
        return redirect(url_for("fleet.one", code=code) + "#resend", code=303)
    notice(_("Asked. The branch begins at its next contact, behind what people there enter today."))
    return redirect(url_for("fleet.one", code=code) + "#resend", code=303)


def _overview(session: Session) -> dict[str, Any]:
    now, zone = stamp().at, runtime().settings.timezone
    covered: Coverage = coverage(session, now)
    states = queries.fleet(session, now, timezone=zone)
    month = month_of(in_zone(now, zone).date())
    return {
        "states": states,
        "strip": queries.strip(states, covered, timezone=zone),
        "coverage": covered,
        "customers": queries.customers_together(session, states)
        if may(Resource.CUSTOMER, Action.READ)
        else None,
        "month": month,
        "charges": charges_table(
            [state.branch for state in states],
            analysis.months_by_branch(session, month, shift(month, -1)),
            covered,
            month=month,
            timezone=zone,
        )
        if may(Resource.ANALYSIS, Action.READ)
        else None,
        "proof": summary(session, now),
        "door": at_the_door(runtime(HqRuntime).intake.look(), [state.branch for state in states]),
        "now": now,
        "record_names": RECORD_NAMES,
    }


def _newest_first(session: Session, statement: Select[InboxBatch]) -> Page[InboxBatch]:
    return paginate(
        session,
        statement,
        PageRequest.from_query(("id",), default="-id"),
        sorts={"id": InboxBatch.id},
        tie=InboxBatch.id,
    )


def _batch_row(batch: InboxBatch, branch: str) -> dict[str, Any]:
    names = [column.name for column in TRANSFER_COLUMNS if column.name != "branch"]
    more = {"branch": branch, "id": batch.id, "channel": batch.channel}
    return {name: getattr(batch, name) for name in names} | more
