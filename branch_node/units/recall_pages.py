"""Recalls of head office that hold here: how far each has come, and which units are still to be called in."""

from typing import Any, Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from branch_node.customers.models import Customer
from branch_node.customers.reaching import closed_to
from branch_node.units import queries
from branch_node.units.models import Unit
from shared.domain.units.recalls import Recall
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, today
from shared.web.exports.handing import MOST_ROWS
from shared.web.lists import send_table, streamed, text_argument
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("unit_recalls", __name__, url_prefix="/units/recalls")
SORTS: Final = {"serial_no": Unit.serial_no, "owner": Customer.name, "model": Unit.model}


@blueprint.get("")
@requires(Resource.UNIT, Action.READ)
def index() -> str:
    """List the recalls that hold here, each with how many units it means and how many are done."""
    with reading() as session:
        return render_template("units/recalls.html", rows=queries.progress(session, today()))


@blueprint.get("/called-in")
@requires(Resource.UNIT, Action.READ)
def called_in() -> str:
    """List the units that a recall still calls in, with how their owners are reached and by which way not."""
    with reading() as session:
        recall = queries.get_recall(session, text_argument("recall"), today())
        statement: Any = queries.select_called_in(recall)
        page = paginate(
            session,
            statement,
            PageRequest.from_query(SORTS, default="serial_no"),
            sorts=SORTS,
            tie=Unit.id,
            shape=lambda row: (row[0], row[1], _closed(row[1])),
        )
        return render_template("units/called_in.html", recall=recall, page=page, means=_means(recall))


@blueprint.route("/called-in.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.UNIT, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the units that a recall still calls in as a file, to be worked through by telephone."""
    with reading() as session:
        recall = queries.get_recall(session, text_argument("recall"), today())
        statement = queries.select_called_in(recall).order_by(Unit.serial_no, Unit.id).limit(MOST_ROWS + 1)
        return send_table(
            kind,
            name="recall",
            title=_("Units still to be called in"),
            columns=_sheet_columns(),
            rows=(_sheet_row(unit, owner) for unit, owner in streamed(session, statement)),
            filters=[(_("Recall"), f"{recall.number} {recall.title}")],
        )


def _closed(customer: Customer | None) -> str:
    """Return in words by which ways an owner is not to be reached today."""
    if customer is None:
        return ""
    return _(", ").join(label(channel) for channel in closed_to(customer, today()))


def _means(recall: Recall) -> list[tuple[str, str]]:
    """Return which units a recall means, each thing under its word."""
    made = " – ".join(str(day) if day else "…" for day in (recall.made_from, recall.made_until))
    return [
        (_("Product"), recall.product),
        (_("Model"), recall.model),
        (_("Made on"), made if recall.made_from or recall.made_until else ""),
        (_("Numbers"), _(", ").join(recall.serials[:20]) + ("…" if len(recall.serials) > 20 else "")),  # noqa: PLR2004 - enough to read
    ]


def _sheet_columns() -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("serial_no", _("Serial number")),
        SheetColumn("product", _("Product")),
        SheetColumn("model", _("Model")),
        SheetColumn("customer_no", _("Customer number")),
        SheetColumn("owner", _("Owner"), personal="person"),
        SheetColumn("mobile", _("Mobile"), personal="contact"),
        SheetColumn("phone", _("Phone"), personal="contact"),
        SheetColumn("preferred_channel", _("Preferred channel")),
        SheetColumn("closed", _("Do not contact by")),
    )


def _sheet_row(unit: Unit, owner: Customer | None) -> list[str | None]:
    known = (unit.serial_no, unit.product, unit.model)
    if owner is None:
        return [*known, *[None] * 6]
    channel = label(owner.preferred_channel) if owner.preferred_channel else None
    return [*known, owner.customer_no, owner.name, owner.mobile, owner.phone, channel, _closed(owner)]
