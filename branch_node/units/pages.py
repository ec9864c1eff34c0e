"""Tracked units: the list, one unit with all that happened, entering and editing one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy import Row
from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.customers.models import Customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.identity.queries import CustomerMergedError
from branch_node.inbound.queries import words_of
from branch_node.units import operations, queries
from branch_node.units.errors import (
    SerialTakenError,
    UnitChangedMeanwhileError,
    UnitFieldError,
    UnitNotYoursError,
    UnitRecallNotFoundError,
)
from branch_node.units.models import Unit
from branch_node.units.queries import UnitFilter
from branch_node.units.schemas import OwnerForm, UnitForm
from branch_node.units.story import told
from branch_node.units.web import (
    KIND_TONES,
    STATUS_TONES,
    customer_meant,
    product_choices,
    products,
    sentence,
)
from shared.db.base import instant_text
from shared.domain.form_fields import NOT_LISTED
from shared.domain.published.vocabulary import CodeTable
from shared.domain.published.words import code_word
from shared.domain.units.rules import doubtful_vin
from shared.domain.units.vocabulary import ReadingUnit, UnitStatus
from shared.errors import BranchlineError
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.exports.handing import MOST_ROWS
from shared.web.forms import field_errors, notice, stored_otherwise
from shared.web.lists import choices, code_arguments, id_argument, send_table, streamed, text_argument, words
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("units", __name__, template_folder="templates", url_prefix="/units")
COLUMNS: Final = (
    Column(
        "serial_no", _l("Serial number"), sort=True, link="units.one", link_arg="unit_id", edit="units.edit"
    ),
    Column("product", _l("Product"), "own", sort=True),
    Column("model", _l("Model"), sort=True),
    Column("owner", _l("Owner"), "own", sort=True),
    Column("warranty_until", _l("Warranty until"), "own", sort=True),
    Column("sold_on", _l("Sold on"), "date", sort=True, wide=True),
    Column("status", _l("Status"), "own"),
    Column("recalls", _l("Recalls"), "own"),
)
REFUSED: Final = (
    SerialTakenError,
    UnitChangedMeanwhileError,
    UnitFieldError,
    UnitNotYoursError,
    CustomerErasedError,
    CustomerMergedError,
)


@dataclass(frozen=True)
class Listed:
    """One row of the list."""

    unit: Unit
    owner_no: str | None
    owner: str | None

    @property
    def id(self) -> str:
        """The unit's."""
        return self.unit.id

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.unit, name, None)


@blueprint.get("")
@requires(Resource.UNIT, Action.READ)
def index() -> str:
    """List the units that the address's filters name, with the recalls still open on them."""
    with reading() as session:
        wanted = wanted_units(session)
        statement: Any = queries.select_units(wanted)
        page = paginate(
            session,
            statement,
            PageRequest.from_query(queries.SORTS, default="serial_no"),
            sorts=queries.SORTS,
            tie=Unit.id,
            shape=lambda row: Listed(*row),
        )
        return render_template(
            "units/index.html",
            page=page,
            columns=COLUMNS,
            wanted=wanted,
            today=today(),
            recalls=queries.open_recalls(session, [row.unit for row in page.items], today()),
            progress=queries.progress(session, today()),
            products=_products(session),
            models=[(one, one) for one in queries.list_words(session, Unit.model)],
            statuses=choices(UnitStatus),
            tones=STATUS_TONES,
            chips=_chips(session, wanted),
        )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.UNIT, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the units of the list as a file."""
    with reading() as session:
        wanted = wanted_units(session)
        statement = queries.select_units(wanted).order_by(Unit.serial_no, Unit.id).limit(MOST_ROWS + 1)
        return send_table(
            kind,
            name="units",
            title=_("Tracked units"),
            columns=_sheet_columns(),
            rows=(_sheet_row(row) for row in streamed(session, statement)),
            filters=[(text, value) for text, value, _names in _chips(session, wanted)],
        )


@blueprint.get("/new")
@requires(Resource.UNIT, Action.CREATE)
def new() -> str:
    """Show the empty form, with the customer the address names."""
    with reading() as session:
        known = customers.find_by_ids(session, [asked]) if (asked := id_argument("customer")) else {}
        customer = known.get(asked)
        values = {
            "status": UnitStatus.IN_USE.value,
            "serial_no": text_argument("serial_no"),
            "customer": f"{customer.customer_no} {customer.name}" if customer else "",
            "since": today().isoformat(),
        }
        return _form(session, None, values)


@blueprint.post("")
@requires(Resource.UNIT, Action.CREATE)
def add() -> ResponseReturnValue:
    """Enter a unit and whose it is."""
    given = request.form.to_dict()
    try:
        values, owner = UnitForm().load(given), OwnerForm().load(given)
        with writing() as session:
            check_product(session, values, None)
            unit = operations.add_unit(
                session,
                values,
                owner_id=customer_meant(session, owner["customer"]),
                since=owner["since"] or values["sold_on"] or today(),
                today=today(),
                by=stamp(),
            )
            unit_id, serial_no = unit.id, unit.serial_no
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            return _form(session, None, given, _errors(refused)), _status(refused)
    notice(_("%(serial_no)s is entered.", serial_no=serial_no))
    _hint(serial_no)
    return redirect(url_for("units.one", unit_id=unit_id), code=303)


@blueprint.get("/<id:unit_id>")
@requires(Resource.UNIT, Action.READ)
def one(unit_id: str) -> str:
    """Show a unit: whose it is and was, what happened with it, and the recalls that mean it."""
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        owner = session.get(Customer, unit.owner_id) if unit.owner_id else None
        events = queries.list_events(session, unit_id)
        return render_template(
            "units/one.html",
            unit=unit,
            owner=owner,
            # Its remark is about somebody whose file this person does not see.
            remark=unit.remark if owner is not None else None,
            owners=queries.list_owners(session, unit_id),
            story=told(session, events),
            recalls=queries.open_recalls(session, [unit], today()).get(unit.id, []),
            doubtful=doubtful_vin(unit.serial_no),
            today=today(),
            tones=STATUS_TONES,
            kind_tones=KIND_TONES,
        )


@blueprint.get("/<id:unit_id>/edit")
@requires(Resource.UNIT, Action.UPDATE)
def edit(unit_id: str) -> str:
    """Show the form filled with what is known."""
    with reading() as session:
        unit = queries.get_unit(session, unit_id)
        return _form(session, unit, {name: getattr(unit, name) for name in operations.EDITABLE})


@blueprint.post("/<id:unit_id>")
@requires(Resource.UNIT, Action.UPDATE)
def change(unit_id: str) -> ResponseReturnValue:
    """Save what the form says, unless somebody was faster."""
    given = request.form.to_dict()
    try:
        values, seen_at = UnitForm().load(given), _seen_at(given.get("seen_at", ""))
        with writing() as session:
            check_product(session, values, queries.get_unit(session, unit_id).product)
            unit = operations.change_unit(session, unit_id, values, seen_at=seen_at, by=stamp())
            serial_no = unit.serial_no
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            found, theirs = queries.get_unit(session, unit_id), None
            if isinstance(refused, UnitChangedMeanwhileError):
                # The form keeps what the person wrote and now rests on the latest version, which is shown.
                theirs = stored_otherwise({name: getattr(found, name) for name in operations.EDITABLE}, given)
                del given["seen_at"]
            page = _form(session, found, given, _errors(refused), theirs)
        return page, _status(refused)
    notice(_("%(serial_no)s is saved.", serial_no=serial_no))
    _hint(serial_no)
    return redirect(url_for("units.one", unit_id=unit_id), code=303)


def _products(session: Session) -> list[tuple[str, str]]:
    """Return the products that units name, each with head office's word for it."""
    said = {code.code: code_word(code) for code in words_of(session, CodeTable.UNIT_PRODUCT)}
    return [(one, said.get(one, one)) for one in queries.list_words(session, Unit.product)]


def _form(
    session: Session,
    unit: Unit | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    theirs: Sequence[tuple[str, str]] | None = None,
) -> str:
    return render_template(
        "units/form.html",
        unit=unit,
        values=values,
        errors=errors or {},
        theirs=theirs,
        seen_at=values.get("seen_at") or (instant_text(unit.updated_at) if unit else ""),
        products=product_choices(session, str(values.get("product") or "")),
        statuses=choices(UnitStatus),
        counts=choices(ReadingUnit),
    )


def check_product(session: Session, values: Mapping[str, Any], before: str | None) -> None:
    """Let only products of head office's table be chosen where there is one; what a unit has already may stay."""
    known, given = products(session), values.get("product")
    if known is not None and given and given != before and given not in {one.code for one in known}:
        raise UnitFieldError(field="product", cure=NOT_LISTED)


def _hint(serial_no: str) -> None:
    if doubtful_vin(serial_no):
        notice(
            _(
                "%(serial_no)s is as long as a chassis number, but its check digit does not fit.",
                serial_no=serial_no,
            ),
            kind="warning",
        )


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None


def _errors(refused: ValidationError | BranchlineError) -> dict[str, str]:
    if isinstance(refused, ValidationError):
        return field_errors(refused)
    return sentence(refused, "serial_no" if isinstance(refused, SerialTakenError) else "")


def _status(refused: ValidationError | BranchlineError) -> int:
    return 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]


def wanted_units(session: Session) -> UnitFilter:
    """Return what the address asks for; a recall that does not hold asks for nothing."""
    number = text_argument("recall")
    try:
        recall = queries.get_recall(session, number, today()) if number else None
    except UnitRecallNotFoundError:
        recall = None
    return UnitFilter(
        text=text_argument("q")[:80],
        product=text_argument("product"),
        model=text_argument("model"),
        statuses=code_arguments("status", UnitStatus),
        owner_id=id_argument("customer"),
        warranty_on=today() if text_argument("warranty") else None,
        recall=recall,
    )


def _chips(session: Session, wanted: UnitFilter) -> list[tuple[str, str, str]]:
    known = customers.find_by_ids(session, [wanted.owner_id]) if wanted.owner_id else {}
    customer = known.get(wanted.owner_id)
    return [
        (_("Serial number"), wanted.text, "q"),
        (_("Product"), wanted.product, "product"),
        (_("Model"), wanted.model, "model"),
        (_("Status"), words(wanted.statuses), "status"),
        (_("Owner"), customer.name if customer else wanted.owner_id, "customer"),
        (_("Warranty"), _("running") if wanted.warranty_on else "", "warranty"),
        (_("Recall"), wanted.recall.number if wanted.recall else "", "recall"),
    ]


def _sheet_columns() -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("serial_no", _("Serial number")),
        SheetColumn("product", _("Product")),
        SheetColumn("model", _("Model")),
        SheetColumn("made_on", _("Made on"), "date"),
        SheetColumn("sold_on", _("Sold on"), "date"),
        SheetColumn("warranty_until", _("Warranty until"), "date"),
        SheetColumn("status", _("Status")),
        SheetColumn("owner_no", _("Customer number")),
        SheetColumn("owner", _("Owner"), personal="person"),
    )


def _sheet_row(row: Row[Unit, str | None, str | None]) -> list[str | date | None]:
    unit, owner_no, owner = row
    days = (unit.made_on, unit.sold_on, unit.warranty_until)
    return [unit.serial_no, unit.product, unit.model, *days, label(unit.status), owner_no, owner]
