"""Monthly statistics: what each month adds up to, and the customers behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.managers import queries as managers
from branch_node.statistics import queries
from branch_node.statistics.models import CustomerMonth
from branch_node.statistics.queries import MonthFilter
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.jobs import queries as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading
from shared.web.exports.handing import MOST_ROWS
from shared.web.lists import OwnNumber, id_argument, month_argument, send_table, streamed
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("statistics", __name__, template_folder="templates", url_prefix="/statistics")

MONTHS: Final = (
    Column("month", _l("Month"), link="statistics.month", link_arg="month", link_key="month"),
    Column("customers", _l("Customers"), "number"),
    OwnNumber("charge_minor", _l("Charges"), "own"),
    OwnNumber("payment_minor", _l("Payments"), "own"),
    OwnNumber("adjustment_minor", _l("Adjustments"), "own"),
    Column("bill_lines", _l("Bill lines"), "number"),
    Column("contacts", _l("Contacts"), "number"),
    Column("visits", _l("Visits"), "number"),
)
SORTS: Final = {
    "charge_minor": CustomerMonth.charge_minor,
    "payment_minor": CustomerMonth.payment_minor,
    "adjustment_minor": CustomerMonth.adjustment_minor,
    "contacts": CustomerMonth.contacts,
    "visits": CustomerMonth.visits,
    "last_contact_on": CustomerMonth.last_contact_on,
}
CUSTOMERS: Final = (
    Column(
        "customer",
        _l("Customer"),
        "own",
        link="desk.customer",
        link_arg="customer_id",
        link_key="customer_id",
    ),
    OwnNumber("charge_minor", _l("Charges"), "own", sort=True),
    OwnNumber("payment_minor", _l("Payments"), "own", sort=True),
    OwnNumber("adjustment_minor", _l("Adjustments"), "own", sort=True),
    Column("bill_lines", _l("Bill lines"), "number"),
    Column("contacts", _l("Contacts"), "number", sort=True),
    Column("visits", _l("Visits"), "number", sort=True),
    Column("last_contact_on", _l("Last contact"), "date", sort=True),
)


@dataclass(frozen=True)
class ListedMonth:
    """One customer's month in the list."""

    month: CustomerMonth
    customer_no: str
    customer_name: str

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.month, name, None)


@blueprint.get("")
@requires(Resource.STATISTICS, Action.READ)
def index() -> str:
    """Show what each month adds up to, over all customers or those of one account manager."""
    wanted = MonthFilter(manager_id=id_argument("manager"))
    with reading() as session:
        months = queries.list_months(session, wanted)
        charted = _charted(months)
        return render_template(
            "statistics/index.html",
            months=months,
            columns=MONTHS,
            chart=_chart(charted),
            charted=charted[::-1],
            wanted=wanted,
            **_frame(session, wanted),
        )


@blueprint.get("/<month>")
@requires(Resource.STATISTICS, Action.READ)
def month(month: str) -> str:
    """List the customers behind one month's sums."""
    wanted = MonthFilter(month=month, manager_id=id_argument("manager"))
    statement: Any = queries.customer_months(wanted)
    with reading() as session:
        page = paginate(
            session,
            statement,
            PageRequest.from_query(SORTS, default="-charge_minor"),
            sorts=SORTS,
            tie=CustomerMonth.id,
            shape=lambda row: ListedMonth(*row),
        )
        return render_template(
            "statistics/month.html",
            page=page,
            columns=CUSTOMERS,
            month=month,
            sums=queries.list_months(session, wanted),
            wanted=wanted,
            **_frame(session, wanted),
        )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.STATISTICS, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the customer months as a file: of one month, or of all of them."""
    wanted = MonthFilter(month=month_argument("month"), manager_id=id_argument("manager"))
    with reading() as session:
        statement = queries.customer_months(wanted).order_by(CustomerMonth.month.desc(), CustomerMonth.id)
        return send_table(
            kind,
            name="customer-months",
            title=_("Monthly statistics"),
            columns=_sheet_columns(),
            rows=(_sheet_row(*row) for row in streamed(session, statement.limit(MOST_ROWS + 1))),
            filters=[
                (_("Month"), wanted.month),
                *((text, value) for text, value, _n in _chips(session, wanted)),
            ],
        )


def _frame(session: Session, wanted: MonthFilter) -> dict[str, Any]:
    """Return what both pages show around their figures."""
    run = jobs.last_runs(session).get(queries.JOB)
    return {
        "managers": [(manager.id, manager.name) for manager in managers.list_managers(session)],
        "chips": _chips(session, wanted),
        "computed_at": run.started_at if run else None,
    }


def _chips(session: Session, wanted: MonthFilter) -> list[tuple[str, str, str]]:
    names = {manager.id: manager.name for manager in managers.list_managers(session)}
    return [(_("Account manager"), names.get(wanted.manager_id, wanted.manager_id), "manager")]


def _charted(months: Sequence[queries.MonthRow]) -> Sequence[queries.MonthRow]:
    """Return the last twelve months of the currency that most months are in, the first one first."""
    currencies = [row.currency for row in months]
    main = max(currencies, key=currencies.count, default="")
    return [row for row in months if row.currency == main][:12][::-1]


def _chart(shown: Sequence[queries.MonthRow]) -> dict[str, Any]:
    """Return the months as the chart takes them, in major units."""
    return {
        "kind": "bar",
        "labels": [row.month for row in shown],
        "series": [
            {"name": _("Charges"), "data": [row.charge_minor / 100 for row in shown]},
            {"name": _("Payments"), "data": [row.payment_minor / 100 for row in shown]},
        ],
        "unit": shown[0].currency if shown else "",
        "decimals": 2,
    }


def _sheet_columns() -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("month", _("Month")),
        SheetColumn("customer_no", _("Customer number")),
        SheetColumn("customer", _("Customer"), personal="person"),
        SheetColumn("currency", _("Currency")),
        SheetColumn("charge", _("Charges"), "money"),
        SheetColumn("payment", _("Payments"), "money"),
        SheetColumn("adjustment", _("Adjustments"), "money"),
        SheetColumn("bill_lines", _("Bill lines"), "number"),
        SheetColumn("contacts", _("Contacts"), "number"),
        SheetColumn("visits", _("Visits"), "number"),
        SheetColumn("last_contact_on", _("Last contact"), "date"),
    )


def _sheet_row(month: CustomerMonth, customer_no: str, customer_name: str) -> list[object]:
    return [
        month.month,
        customer_no,
        customer_name,
        month.currency,
        month.charge_minor,
        month.payment_minor,
        month.adjustment_minor,
        month.bill_lines,
        month.contacts,
        month.visits,
        month.last_contact_on,
    ]
