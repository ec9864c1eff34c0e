"""Bill lines: the list with sums that match it, one line with its corrections, correcting it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.billing import operations, queries
from branch_node.billing.models import BillLine
from branch_node.billing.operations import (
    CorrectionOfCorrectionError,
    LineCorrectedMeanwhileError,
    NothingToCorrectError,
)
from branch_node.billing.queries import BillFilter
from branch_node.billing.schemas import REMARK_LENGTH, CorrectionForm
from branch_node.customers import queries as customers
from branch_node.inbound.queries import codes, policy, words_of
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import local_day
from shared.domain.form_fields import NOT_LISTED, REQUIRED
from shared.domain.published.codes import Code
from shared.domain.published.policies import CORRECTION_RIGHT, MANAGERS_ONLY
from shared.domain.published.vocabulary import CodeTable
from shared.domain.published.words import code_word
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label, translate_error
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import may, person, reading, runtime, stamp, writing
from shared.web.exports.handing import MOST_ROWS
from shared.web.forms import field_errors, notice
from shared.web.lists import (
    OwnNumber,
    choices,
    code_arguments,
    id_argument,
    month_argument,
    send_table,
    streamed,
    text_argument,
    words,
)
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("billing", __name__, template_folder="templates", url_prefix="/billing")

SORTS: Final = {
    "period": BillLine.period,
    "bill_no": BillLine.bill_no,
    "amount_minor": BillLine.amount_minor,
    "booked_on": BillLine.booked_on,
}
COLUMNS: Final = (
    Column("bill_no", _l("Bill number"), sort=True, link="billing.line", link_arg="line_id"),
    Column("customer", _l("Customer"), "own"),
    Column("product", _l("Product"), "own"),
    Column("period", _l("Period"), sort=True),
    Column("kind", _l("Kind"), "label"),
    OwnNumber("amount_minor", _l("Amount"), "own", sort=True),
    Column("booked_on", _l("Booked on"), "date", sort=True, wide=True),
    Column("remark", _l("Remark"), wide=True),
)


@dataclass(frozen=True)
class ListedLine:
    """One row of the list."""

    line: BillLine
    customer_no: str
    customer_name: str

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.line, name, None)


@blueprint.get("")
@requires(Resource.BILL_LINE, Action.READ)
def index() -> str:
    """List the bill lines that the address's filters name, with what all of them add up to."""
    wanted = wanted_lines()
    statement: Any = queries.lines(wanted)
    with reading() as session:
        page = paginate(
            session,
            statement,
            PageRequest.from_query(SORTS, default="-period"),
            sorts=SORTS,
            tie=BillLine.id,
            shape=lambda row: ListedLine(*row),
        )
        return render_template(
            "billing/index.html",
            page=page,
            columns=COLUMNS,
            wanted=wanted,
            sums=queries.sums_of(session, wanted),
            corrected=queries.corrected_among(session, [row.line.id for row in page.items]),
            products=_products(session),
            kinds=choices(BillKind),
            chips=_chips(session, wanted),
        )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.BILL_LINE, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the bill lines of the list as a file."""
    wanted = wanted_lines()
    with reading() as session:
        statement = queries.lines(wanted).order_by(BillLine.period.desc(), BillLine.id).limit(MOST_ROWS + 1)
        return send_table(
            kind,
            name="bill-lines",
            title=_("Bill lines"),
            columns=_sheet_columns(),
            rows=(_sheet_row(*row) for row in streamed(session, statement)),
            filters=[(text, value) for text, value, _names in _chips(session, wanted)],
        )


@blueprint.get("/<uuid:line_id>")
@requires(Resource.BILL_LINE, Action.READ)
def line(line_id: object) -> str:
    """Show one line with its corrections, and the form to correct it."""
    with reading() as session:
        return _line_page(session, str(line_id))


@blueprint.post("/<uuid:line_id>/corrections")
@requires(Resource.BILL_LINE, Action.VOID)
def correct(line_id: object) -> ResponseReturnValue:
    """Enter the line that makes this one stand at the right amount."""
    given = request.form.to_dict()
    with reading() as session:
        if not may_correct(session):
            return redirect(url_for("billing.line", line_id=line_id), code=303)
        reasons = codes(session, CodeTable.CORRECTION_REASON, now=stamp().at)
    try:
        form = CorrectionForm().load(given)
        remark = remark_of(form, reasons)
    except ValidationError as refused:
        with reading() as session:
            return _line_page(session, str(line_id), given, field_errors(refused)), 400
    with writing() as session:
        try:
            correction = operations.correct_line(
                session,
                str(line_id),
                right_minor=form["right"],
                seen_minor=form["seen"],
                remark=remark,
                booked_on=local_day(stamp().at, runtime().settings.timezone),
                by=stamp(),
            )
        except NothingToCorrectError as refused:
            return _line_page(session, str(line_id), given, {"right": translate_error(refused)}), 409
        except (LineCorrectedMeanwhileError, CorrectionOfCorrectionError) as refused:
            return _line_page(session, str(line_id), given, {"": translate_error(refused)}), 409
    notice(_("The correction %(number)s is entered.", number=correction.bill_no))
    return redirect(url_for("billing.line", line_id=line_id), code=303)


def may_correct(session: Session) -> bool:
    """Whether head office's policy leaves corrections to this kind of person; without one all may with the right."""
    managers_only = policy(session, CORRECTION_RIGHT, now=stamp().at) == MANAGERS_ONLY
    return may(Resource.BILL_LINE, Action.VOID) and (
        not managers_only or person().kind is StaffKind.BRANCH_MANAGER
    )


def remark_of(form: Mapping[str, Any], reasons: Sequence[Code] | None) -> str:
    """Return why a line is corrected: one of head office's reasons where there are any, and what else is said."""
    if reasons is None:
        if not form["remark"]:
            raise ValidationError({"remark": [REQUIRED]})
        return str(form["remark"])
    if form["reason"] not in {code.code for code in reasons}:
        raise ValidationError({"reason": [NOT_LISTED if form["reason"] else REQUIRED]})
    return " ".join(part for part in (form["reason"], form["remark"]) if part)[:REMARK_LENGTH]


def _line_page(
    session: Session,
    line_id: str,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    shown = queries.get_line(session, line_id)
    reasons = codes(session, CodeTable.CORRECTION_REASON, now=stamp().at)
    standing = queries.amount_now(session, shown)
    return render_template(
        "billing/line.html",
        line=shown,
        customer=customers.get_customer(session, shown.customer_id),
        corrects=queries.get_line(session, shown.corrects_id) if shown.corrects_id else None,
        corrections=queries.corrections_of(session, line_id),
        standing=standing,
        may_correct=may_correct(session),
        reasons=None if reasons is None else [(code.code, code_word(code)) for code in reasons],
        values={"right": str(Decimal(standing).scaleb(-2)), **(values or {}), "seen": standing},
        errors=errors or {},
    )


def _products(session: Session) -> list[tuple[str, str]]:
    """Return the products that lines name, each with head office's word for it."""
    words = {code.code: code_word(code) for code in words_of(session, CodeTable.PRODUCT)}
    return [(product, words.get(product, product)) for product in queries.list_products(session)]


def wanted_lines() -> BillFilter:
    """Return what the address asks for."""
    return BillFilter(
        period_from=month_argument("period_from"),
        period_to=month_argument("period_to"),
        product=text_argument("product"),
        kinds=code_arguments("kind", BillKind),
        customer_id=id_argument("customer"),
    )


def _chips(session: Session, wanted: BillFilter) -> list[tuple[str, str, str]]:
    known = customers.find_by_ids(session, [wanted.customer_id]) if wanted.customer_id else {}
    customer = known.get(wanted.customer_id)
    return [
        (_("Period from"), wanted.period_from, "period_from"),
        (_("Period to"), wanted.period_to, "period_to"),
        (_("Product"), wanted.product, "product"),
        (_("Kind"), words(wanted.kinds), "kind"),
        (_("Customer"), customer.name if customer else wanted.customer_id, "customer"),
    ]


def _sheet_columns() -> Sequence[SheetColumn]:
    return (
        SheetColumn("bill_no", _("Bill number")),
        SheetColumn("customer_no", _("Customer number")),
        SheetColumn("customer_name", _("Customer"), personal="person"),
        SheetColumn("product", _("Product")),
        SheetColumn("period", _("Period")),
        SheetColumn("kind", _("Kind")),
        SheetColumn("amount", _("Amount"), "money"),
        SheetColumn("currency", _("Currency")),
        SheetColumn("booked_on", _("Booked on"), "date"),
        SheetColumn("remark", _("Remark")),
        SheetColumn("corrects", _("Corrects a line")),
    )


def _sheet_row(line: BillLine, customer_no: str, customer_name: str) -> list[object]:
    return [
        line.bill_no,
        customer_no,
        customer_name,
        line.product,
        line.period,
        label(line.kind),
        line.amount_minor,
        line.currency,
        line.booked_on,
        line.remark,
        _("yes") if line.corrects_id else "",
    ]
