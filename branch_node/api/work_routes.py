"""Work logs and bill lines for programs, as the pages show them: what was corrected stands beside what counts."""

from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import record_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.billing import operations as billing
from branch_node.billing import queries as lines
from branch_node.billing.models import BillLine
from branch_node.billing.pages import may_correct, remark_of, wanted_lines
from branch_node.billing.schemas import CorrectionForm
from branch_node.inbound.queries import codes
from branch_node.worklogs import operations, queries
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.pages import CustomerNotSureError, asked_days, read_entry, wanted_logs
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import local_day
from shared.domain.published.vocabulary import CodeTable
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import reading, runtime, stamp, writing
from shared.web.gate import ForbiddenError

blueprint = Blueprint("api_work", __name__, url_prefix="/api/v1")
# Whose work and of whom: rows are listed with the people their owner may see.
NAMES = ((Resource.CUSTOMER, Action.READ), (Resource.MANAGER, Action.READ))
LOG_FILTERS = (
    Query("from", _l("First day; the last seven without one")),
    Query("to", _l("Last day; today without one")),
    Query("manager", _l("The account manager's id")),
    Query("customer", _l("The customer's id")),
    Query("kind", _l("Kind"), [one.value for one in WorkLogKind], several=True),
    Query("corrected", _l("1: versions that were corrected too")),
)
LINE_FILTERS = (
    Query("period_from", _l("First period, as 2026-03")),
    Query("period_to", _l("Last period, as 2026-03")),
    Query("product", _l("Product")),
    Query("kind", _l("Kind"), [one.value for one in BillKind], several=True),
    Query("customer", _l("The customer's id")),
)


@blueprint.get("/work-logs")
@requires(Resource.WORK_LOG, Action.READ)
@describe(_l("List work logs"), answer=schemas.WorkLog, query=(*LOG_FILTERS, *PAGED), many=True, needs=NAMES)
def list_logs() -> Response:
    """List the entries that the filters name, a page at a time."""
    wanted = wanted_logs(*asked_days())
    with reading() as session:
        found, next_ = asking.page_by_id(session, queries.logs(wanted), WorkLog.id)
        shown = [asking.dumped(schemas.WorkLog(), row[0]) for row in found]
    take_rows(len(shown), "work_log")
    return asking.many(shown, next_=next_)


@blueprint.get("/work-logs/<id:log_id>/versions")
@requires(Resource.WORK_LOG, Action.READ)
@describe(_l("List the versions of a work log, the one that counts last"), answer=schemas.WorkLog, many=True)
def versions(log_id: str) -> Response:
    """Show an entry with every version of it."""
    with reading() as session:
        found = queries.versions(session, queries.get_log(session, log_id))
        shown = [asking.dumped(schemas.WorkLog(), log) for log in found]
    take_rows(len(shown), "work_log")
    return asking.many(shown)


@blueprint.post("/work-logs")
@requires(Resource.WORK_LOG, Action.CREATE)
@describe(_l("Enter a work log"), answer=schemas.WorkLog, body=schemas.SentWorkLog, status=201, once=True)
def write_log() -> Response:
    """Enter one piece of work."""
    with writing() as session:
        values = _entry(session)
        return once(
            session,
            lambda: operations.write_log(session, values, by=stamp()).id,
            lambda at: _log(session, at),
        )


@blueprint.post("/work-logs/<id:log_id>/corrections")
@requires(Resource.WORK_LOG, Action.UPDATE)
@describe(
    _l("Enter the right version of a work log"),
    answer=schemas.WorkLog,
    body=schemas.SentWorkLog,
    status=201,
    once=True,
)
def correct_log(log_id: str) -> Response:
    """Enter the right version of an entry; both stay readable."""
    with writing() as session:
        queries.get_log(session, log_id)
        values = _entry(session)
        return once(
            session,
            lambda: operations.correct_log(session, log_id, values, by=stamp()).id,
            lambda at: _log(session, at),
        )


@blueprint.get("/bill-lines")
@requires(Resource.BILL_LINE, Action.READ)
@describe(
    _l("List bill lines"), answer=schemas.BillLine, query=(*LINE_FILTERS, *PAGED), many=True, needs=NAMES
)
def list_lines() -> Response:
    """List the lines that the filters name, a page at a time."""
    with reading() as session:
        found, next_ = asking.page_by_id(session, lines.lines(wanted_lines()), BillLine.id)
        corrected = lines.corrected_among(session, [row[0].id for row in found])
        shown = [_plain(row[0], corrected=row[0].id in corrected) for row in found]
    take_rows(len(shown), "bill_line")
    return asking.many(shown, next_=next_)


@blueprint.get("/bill-lines/<id:line_id>")
@requires(Resource.BILL_LINE, Action.READ)
@describe(_l("Read a bill line, and what it stands at"), answer=schemas.StandingLine)
def one_line(line_id: str) -> Response:
    """Show one line with its corrections."""
    with reading() as session:
        answer = _line(session, line_id)
    take_rows(1, "bill_line")
    return answer


@blueprint.post("/bill-lines/<id:line_id>/corrections")
@requires(Resource.BILL_LINE, Action.VOID)
@describe(
    _l("Enter the line that makes a bill line stand at the right amount"),
    answer=schemas.StandingLine,
    body=schemas.LineCorrection,
    status=201,
    once=True,
)
def correct_line(line_id: str) -> Response:
    """Correct a line; the answer is the line as it stands now."""
    with writing() as session:
        lines.get_line(session, line_id)
        if not may_correct(session):
            raise ForbiddenError
        given = asking.as_form(asking.body(schemas.LineCorrection()))
        form = _correction(given)
        remark = remark_of(form, codes(session, CodeTable.CORRECTION_REASON, now=stamp().at))
        return once(
            session, lambda: _correct(session, line_id, form, remark), lambda at: _line(session, at, 201)
        )


def _correct(session: Session, line_id: str, form: dict[str, Any], remark: str) -> str:
    billing.correct_line(
        session,
        line_id,
        right_minor=form["right"],
        seen_minor=form["seen"],
        remark=remark,
        booked_on=local_day(stamp().at, runtime().settings.timezone),
        by=stamp(),
    )
    return line_id


def _correction(given: dict[str, str]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = CorrectionForm().load(given | {"seen": given.pop("seen_minor")})
    except ValidationError as refused:
        told = refused.normalized_messages()  # type: ignore[no-untyped-call]
        named = {"seen_minor" if name == "seen" else name: said for name, said in told.items()}
        raise ValidationError(named) from None
    return found


def _entry(session: Session) -> dict[str, Any]:
    given = asking.as_form(asking.body(schemas.SentWorkLog()))
    try:
        return read_entry(session, given)
    except CustomerNotSureError as refused:
        raise ValidationError({"customer": [refused.sentence]}) from None


def _log(session: Session, log_id: str) -> Response:
    return asking.one(asking.dumped(schemas.WorkLog(), queries.get_log(session, log_id)), status=201)


def _plain(line: BillLine, *, corrected: bool) -> dict[str, Any]:
    return asking.dumped(schemas.BillLine(exclude=("corrected",)), line) | {"corrected": corrected}


def _line(session: Session, line_id: str, status: int = 200) -> Response:
    line = lines.get_line(session, line_id)
    corrections = lines.corrections_of(session, line_id)
    shown = _plain(line, corrected=bool(corrections)) | {
        "standing_minor": lines.amount_now(session, line),
        "corrections": [one.id for one in corrections],
    }
    return asking.one(shown, status=status)
