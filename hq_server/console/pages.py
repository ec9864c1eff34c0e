"""The pages that cut across slices: whether everything is in, and what is wrong."""

from typing import Any, Final

from flask import Blueprint, render_template, request
from sqlalchemy import Select
from sqlalchemy.orm import Session

from hq_server.analysis import queries as analysis
from hq_server.analysis.months import month_of, shift
from hq_server.branches.queries import Coverage, coverage, get_branch, list_keys
from hq_server.branches.web import scope
from hq_server.console import queries
from hq_server.console.charges import charges_table
from hq_server.console.intake import at_the_door
from hq_server.ingest.models import InboxBatch
from hq_server.runtime import HqRuntime
from hq_server.verification.pages import sentence, summary
from hq_server.verification.queries import branch_proofs
from shared.auth.vocabulary import Right
from shared.domain.wire_words import RECORD_NAMES
from shared.i18n import in_zone, lazy_gettext
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.paging import Page, PageRequest, paginate
from shared.web.tables import Column
from sync_protocol.catalog import CATALOG

blueprint = Blueprint("console", __name__, template_folder="templates")
fleet = Blueprint("fleet", __name__, template_folder="templates", url_prefix="/branches")


@blueprint.get("/")
@requires(Right.STAFF)
def overview() -> str:
    """Show whether everything is in and what is wrong; ?part=1 answers only the part that renews itself."""
    with reading() as session:
        values = _overview(session)
    template = "console/part.html" if request.args.get("part") else "console/overview.html"
    return render_template(template, **values)


@fleet.get("")
@requires(Right.STAFF)
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
@requires(Right.STAFF)
def one(code: str) -> str:
    """Show one branch: its line, its keys, what we hold of it, what came last."""
    with reading() as session:
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
            record_names=RECORD_NAMES,
        )


TRANSFER_COLUMNS: Final = (
    Column("received_at", lazy_gettext("Received"), "exact"),
    Column("branch", lazy_gettext("Branch")),
    Column("record_type", lazy_gettext("Record"), "own"),
    Column("batch_no", lazy_gettext("Batch"), "number"),
    Column("rows", lazy_gettext("Rows"), "number"),
    Column("removed", lazy_gettext("Removed"), "number"),
    Column("parked", lazy_gettext("Parked"), "own"),
    Column("wire_bytes", lazy_gettext("Size"), "own"),
    Column("duration_ms", lazy_gettext("Took, ms"), "number", wide=True),
    Column("sealed_at", lazy_gettext("Sealed"), "exact", wide=True),
    Column("digest", lazy_gettext("Digest"), "own", wide=True),
)


@blueprint.get("/transfers")
@requires(Right.STAFF)
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


def _overview(session: Session) -> dict[str, Any]:
    now, zone = stamp().at, runtime().settings.timezone
    covered: Coverage = coverage(session, now)
    states = queries.fleet(session, now, timezone=zone)
    month = month_of(in_zone(now, zone).date())
    return {
        "states": states,
        "strip": queries.strip(states, covered, timezone=zone),
        "coverage": covered,
        "month": month,
        "charges": charges_table(
            [state.branch for state in states],
            analysis.months_by_branch(session, month, shift(month, -1)),
            covered,
            month=month,
            timezone=zone,
        ),
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
    return {name: getattr(batch, name) for name in names} | {"branch": branch, "id": batch.id}
