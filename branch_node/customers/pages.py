"""Customers: the list and its export, registering and changing. One customer's own pages are the desk's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers import operations, queries
from branch_node.customers.changing import changed_meanwhile, changed_values, form_values, parted
from branch_node.customers.flags import flag_text
from branch_node.customers.groups import GroupHasMembersError
from branch_node.customers.listing import (
    ALWAYS,
    COLUMNS,
    GROUPED,
    MINE,
    MONTHS,
    READY,
    THIS_MONTH,
    TONES,
    VIEWED,
    chips_of,
    grouped_by,
    listed_customers,
    narrowings,
    region_hints,
    region_text,
    sheet_column,
    sheet_rows,
    shown_columns,
    wanted_customers,
)
from branch_node.customers.models import Customer
from branch_node.customers.operations import (
    CustomerChangedMeanwhileError,
    CustomerNumberTakenError,
)
from branch_node.customers.published import check_published, needed_fields, tag_choices
from branch_node.customers.queries import NOBODY
from branch_node.customers.schemas import CustomerForm
from branch_node.customers.telling import ASKED_BY, Told, taken_for, tell
from branch_node.erased.queries import refuse_if_erased
from branch_node.managers import queries as managers
from shared.db.base import instant_text
from shared.domain.contacts.rules import CHANNELS, normal_closed
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.regions import search_regions
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, person, reading, stamp, today, writing
from shared.web.exports.handing import MOST_ROWS
from shared.web.forms import field_errors, notice
from shared.web.lists import (
    choices,
    id_argument,
    send_table,
    streamed,
    text_argument,
)
from shared.web.paging import Page, PageRequest
from shared.web.views.standing import start_url, view_tabs

blueprint = Blueprint("customers", __name__, template_folder="templates", url_prefix="/customers")


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> ResponseReturnValue:
    """List the customers that the address's filters name; who chose a view to start with is led there first."""
    asked = PageRequest.from_query(queries.SORTS, default="customer_no")
    wanted, group = wanted_customers(), grouped_by()
    with reading() as session:
        views = view_tabs(session, VIEWED, "customers.index", READY)
        if (start := start_url(views)) is not None:
            return redirect(start)
        found = queries.list_customers(
            session,
            wanted,
            sort=asked.sort,
            descending=asked.descending,
            limit=asked.size,
            offset=(asked.number - 1) * asked.size,
            group=group,
        )
        sizes = queries.count_groups(session, wanted, group) if group else {}
        shown = shown_columns()
        listed = list(listed_customers(session, found, shown))
        page = Page(listed, queries.count_customers(session, wanted), asked)
        choosable = managers.list_managers(session)
        tags = queries.list_tags(session)
    return render_template(
        "customers/index.html",
        page=page,
        columns=[column for column in COLUMNS if column.name in shown],
        choosable=[column for column in COLUMNS if column.name not in ALWAYS],
        shown=shown,
        wanted=wanted,
        chips=chips_of(wanted, choosable),
        managers=choosable,
        nobody=NOBODY,
        tags=tags,
        regions=region_hints(wanted.region),
        region_text=region_text(wanted.region),
        tones=TONES,
        views=views,
        may_share=may(Resource.CUSTOMER, Action.APPROVE),
        group=group,
        groupable=list(GROUPED.items()),
        sizes=sizes,
        narrowings=narrowings(),
        flag_text=flag_text,
        mine=MINE if person().manager_id else "",
        months=[(THIS_MONTH, _("this month")), *((str(month), str(month)) for month in range(1, MONTHS + 1))],
        birthday=text_argument("birthday"),
        **_vocabularies(),
    )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the customers and columns of the list as a file."""
    asked = PageRequest.from_query(queries.SORTS, default="customer_no")
    wanted, shown = wanted_customers(), shown_columns()
    columns = [column for column in COLUMNS if column.name in shown]
    with reading() as session:
        found = queries.select_customers(
            session, wanted, sort=asked.sort, descending=asked.descending, group=grouped_by()
        )
        chips = chips_of(wanted, managers.list_managers(session))
        return send_table(
            kind,
            name="customers",
            title=_("Customers"),
            columns=[sheet_column(column) for column in columns],
            rows=sheet_rows(
                listed_customers(session, streamed(session, found.limit(MOST_ROWS + 1)), shown), columns
            ),
            filters=[(str(text), value) for text, value, _names in chips],
        )


@blueprint.get("/new")
@requires(Resource.CUSTOMER, Action.CREATE)
def new() -> str:
    """Show the empty form, with what can be guessed filled in."""
    # A number is unique in the branch, so one that is free is found among the customers of others too.
    with reading(as_node=True) as session:
        free = queries.suggest_number(session, today())
    with reading() as session:
        values = {
            "customer_no": free,
            "kind": CustomerKind.INDIVIDUAL.value,
            "status": CustomerStatus.ACTIVE.value,
            "opened_on": today().isoformat(),
            "manager_id": person().manager_id or "",
            "mobile": text_argument("mobile"),
            "name": text_argument("name"),
        }
        return _form(session, None, values)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.CREATE)
def register() -> ResponseReturnValue:
    """Enter a new customer; points out whom we may know already, and goes on when told to."""
    given = _given()
    try:
        values = CustomerForm().load(parted(given))
        with reading() as session:
            check_published(session, values, None, now=stamp().at)
    except ValidationError as refused:
        return _refused(None, given, field_errors(refused))
    if not given.get("known"):
        # Also of customers of others, of whom no more is said than that they exist.
        told = tell(*(values[name] for name in ASKED_BY), on_form=True)
        # Of whom the finder takes for the same, those whom who enters may see.
        probable = taken_for(values)
        with reading() as session:
            similar = queries.with_similar(session, told.seen, values)
            likely = queries.others_among(session, probable, similar)
            if similar or likely or told.exists:
                return _form(
                    session, None, given, similar=similar, likely=likely, told=told.sentences, held=True
                ), 200
    else:
        told = Told()
    # Nobody serves a customer who is not entered yet, so the row would be outside the range of who enters it.
    at_the_desk = may(Resource.SERVICE_DESK, Action.CREATE)
    with writing(as_node=at_the_desk) as session:
        try:
            customer = operations.register_customer(session, values, by=stamp(), serve=at_the_desk)
        except CustomerNumberTakenError as refused:
            return _form(session, None, given, {"customer_no": translate_error(refused)}), 409
    notice(_("%(name)s is registered.", name=customer.name))
    for said in told.sentences:  # that no more is told today: nobody was asked whether it is somebody known
        notice(said, kind="warning")
    return redirect(url_for("desk.customer", customer_id=customer.id), code=303)


@blueprint.get("/<uuid:customer_id>/edit")
@requires(Resource.CUSTOMER, Action.UPDATE)
def edit(customer_id: object) -> str:
    """Show the form filled with what we know."""
    with reading() as session:
        customer = queries.get_customer(session, str(customer_id))
        refuse_if_erased(session, customer.id)
        return _form(session, customer, form_values(customer))


@blueprint.post("/<uuid:customer_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def change(customer_id: object) -> ResponseReturnValue:
    """Save a customer, unless somebody else did meanwhile."""
    given = _given()
    with writing() as session:
        customer = queries.get_customer(session, str(customer_id))
        try:
            values = changed_values(given, form_values(customer))
            check_published(session, values, customer, now=stamp().at)
            operations.change_customer(
                session, customer.id, values, seen_at=_seen_at(given.get("seen_at", "")), by=stamp()
            )
        except ValidationError as refused:
            return _form(session, customer, given, field_errors(refused)), 400
        except CustomerNumberTakenError as refused:
            return _form(session, customer, given, {"customer_no": translate_error(refused)}), 409
        except GroupHasMembersError as refused:
            return _form(session, customer, given, field_errors(refused)), 409
        except CustomerChangedMeanwhileError as refused:
            # The form keeps what the person wrote and now rests on the latest version, which is shown.
            theirs = changed_meanwhile(session, customer, given)
            given.pop("seen_at", None)
            return _form(session, customer, given, {"": translate_error(refused)}, theirs=theirs), 409
    notice(_("Saved."))
    return redirect(url_for("desk.customer", customer_id=customer.id), code=303)


@blueprint.get("/regions")
@requires(Resource.CUSTOMER, Action.CREATE)
def regions() -> str:
    """Offer regions while one is typed; the form works without."""
    asked = text_argument("region_code") or text_argument("region")
    return render_template("customers/regions.html", regions=search_regions(asked))


@blueprint.get("/similar")
@requires(Resource.CUSTOMER, Action.CREATE)
def similar() -> str:
    """Say while it is typed whether we know this document or mobile number already; the form works without."""
    with reading() as session:
        found = queries.find_similar(
            session,
            id_no=text_argument("id_no").upper() or None,
            mobile=text_argument("mobile") or None,
            besides=id_argument("besides") or None,
        )
    return render_template("customers/similar.html", similar=found)


# --- the form ------------------------------------------------------------------------------------


def _form(
    session: Session,
    customer: Customer | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    **more: object,
) -> str:
    kept = values.get("manager_id") or None
    people = managers.manager_choices(session, keep=kept)
    return render_template(
        "customers/form.html",
        customer=customer,
        values=values,
        errors=errors or {},
        # A form that is shown again still rests on what its reader saw, not on what others saved since.
        seen_at=values.get("seen_at") or (instant_text(customer.updated_at) if customer else ""),
        managers=[(manager.id, f"{manager.name} ({manager.manager_no})") for manager in people],
        regions=region_hints(str(values.get("region_code") or "").split(" ")[0]),
        tag_choices=tag_choices(session, values, now=stamp().at),
        needed=needed_fields(session, now=stamp().at),
        **_vocabularies(),
        **more,
    )


def _refused(
    customer: Customer | None, given: Mapping[str, Any], errors: Mapping[str, str]
) -> ResponseReturnValue:
    with reading() as session:
        return _form(session, customer, given, errors), 400


def _given() -> dict[str, str]:
    """Return the form; tags that were marked in a list as the text they are elsewhere."""
    given = request.form.to_dict()
    if given.pop("channel_list", ""):
        given["do_not_contact"] = ";".join(normal_closed(request.form.getlist("do_not_contact")))
    if given.get("tag_list"):
        given["tags"] = ";".join(request.form.getlist("tag"))
    return given


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None


def _vocabularies() -> dict[str, list[tuple[str, str]]]:
    return {
        "kinds": choices(CustomerKind),
        "grades": choices(Grade),
        "statuses": choices(CustomerStatus),
        "documents": choices(IdentityDocument),
        "channels": choices(PreferredChannel),
        "closable": choices(CHANNELS),
        "levels": choices(ServiceLevel),
        "stages": choices(LifecycleStage),
        "tiers": choices(ValueTier),
    }
