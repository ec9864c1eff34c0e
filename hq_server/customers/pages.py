"""Customers of all branches: the list, one customer, the export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.queries import Covered, coverage, find_branch, get_branch
from hq_server.customers import identities, queries, revealing
from hq_server.customers.queries import CustomerFilters, RowKey
from hq_server.customers.revealing import RevealReasonError, TooManyRevealedError
from hq_server.replica.models import (
    ReplicaContact,
    ReplicaCustomer,
    ReplicaManager,
    ReplicaUnit,
    ReplicaWorkLog,
)
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import local_day
from shared.domain.contacts.rules import closed_channels
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade
from shared.domain.regions.lookup import region_name
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label, lazy_gettext
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, sees_whole, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors
from shared.web.paging import Page, PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("customers", __name__, template_folder="templates", url_prefix="/customers")

SORTS: Final = ("customer_no", "name", "opened_on")
COLUMNS: Final = (
    Column("customer_no", lazy_gettext("Number"), "own", sort=True),
    Column("name", lazy_gettext("Customer name"), sort=True),
    Column("branch", lazy_gettext("Branch")),
    Column("kind", lazy_gettext("Kind"), "label"),
    Column("grade", lazy_gettext("Grade"), "label"),
    Column("status", lazy_gettext("Status"), "own"),
    Column("manager", lazy_gettext("Account manager")),
    Column("region", lazy_gettext("Region"), wide=True),
    Column("mobile", lazy_gettext("Mobile"), wide=True),
    Column("opened_on", lazy_gettext("Opened on"), "date", sort=True, wide=True),
)
TABS: Final = ("timeline", "contacts", "money", "months", "units", "offers", "questions", "profile")


@dataclass(frozen=True)
class Asked:
    """What the address asks the list for."""

    scope: web.Scope
    filters: CustomerFilters
    manager: ReplicaManager | None


@blueprint.get("/")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List customers of all branches under the filters of the address."""
    wanted = PageRequest.from_query(SORTS, default="customer_no", sizes=(50, 25, 100, 200))
    with reading() as session:
        asked = asked_customers(session)
        statement, too_many = queries.select_customers(session, asked.filters)
        found, count = queries.list_customers(
            session,
            statement,
            sort=wanted.sort,
            descending=wanted.descending,
            offset=(wanted.number - 1) * wanted.size,
            limit=wanted.size,
        )
        if count.capped:
            wanted = replace(wanted, sort="customer_no", descending=False)
        page = Page(found, count.number, wanted)
        merged = identities.count_merged(session)
        managers = queries.managers_of(session, page.items)
    return render_template(
        "customers/index.html",
        asked=asked,
        page=page,
        rows=[_row(one, asked.scope, managers) for one in page.items],
        columns=COLUMNS,
        count=count,
        merged=merged,
        too_many=too_many,
        chips=_chips(asked),
        kinds=web.choices(CustomerKind),
        grades=web.choices(Grade, unknown=True),
        statuses=web.choices(CustomerStatus),
        most_hits=queries.MOST_HITS,
        most_counted=queries.MOST_COUNTED,
    )


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the customers of the list as a workbook, filters and coverage on its second sheet."""
    with reading() as session:
        asked = asked_customers(session)
        statement, _too_many = queries.select_customers(session, asked.filters)
        return web.send_xlsx(
            "customers",
            title=_("Customers"),
            columns=_sheet_columns(),
            rows=_sheet_rows(session, statement, asked.scope),
            about=web.about(asked.scope.coverage, [(name, text) for name, text, _names in _chips(asked)]),
        )


@blueprint.get("/<code>/<uuid:customer_id>")
@requires(Resource.CUSTOMER, Action.READ)
def one(code: str, customer_id: Any) -> str:  # noqa: ANN401 - a UUID from the address
    """Show everything we hold of one customer; its branch owns it and we only read."""
    with reading() as session:
        return _page(session, code, str(customer_id), tab=request.args.get("tab", "timeline"))


@blueprint.post("/<code>/<uuid:customer_id>/reveal")
@requires(Resource.CUSTOMER, Action.READ)
def reveal(code: str, customer_id: Any) -> ResponseReturnValue:  # noqa: ANN401 - a UUID from the address
    """Show one masked value once, for a reason that the operation log keeps."""
    with reading() as session:
        branch = get_branch(session, code)
        customer = queries.get_customer(session, branch, str(customer_id))
    field, reason = request.form.get("field", ""), request.form.get("reason", "")
    tab = "contacts" if ":" in field else "profile"
    try:
        with writing(as_node=True) as session:
            value = revealing.reveal(session, branch, customer.id, field, reason=reason, by=stamp())
    except (RevealReasonError, TooManyRevealedError) as refused:
        with reading() as session:
            page = _page(session, code, str(customer_id), tab=tab, errors=field_errors(refused))
        return page, STATUS[refused.kind]
    with reading() as session:
        return _page(session, code, str(customer_id), tab=tab, revealed=(field, value))


def _page(session: Session, code: str, customer_id: str, *, tab: str, **more: Any) -> str:  # noqa: ANN401 - what a form adds
    branch = get_branch(session, code)
    customer = queries.get_customer(session, branch, customer_id)
    tab = tab if tab in TABS else TABS[0]
    covered = coverage(session, stamp().at).only([branch.number])
    labels = {name: str(text) for name, text in revealing.FIELDS.items()}
    people = queries.list_contacts(session, customer)
    of_people = _values_of(people, labels)
    return render_template(
        "customers/one.html",
        branch=branch,
        customer=customer,
        manager=queries.find_manager(session, branch.number, customer.manager_id),
        region=region_name(customer.region_code) if customer.region_code else None,
        contacts=people,
        closed=closed_channels(
            customer.do_not_contact,
            preferred=customer.preferred_channel,
            until=customer.do_not_contact_until,
            today=local_day(stamp().at, runtime().settings.timezone),
        ),
        money=queries.list_money(session, customer),
        months=queries.list_months(session, customer),
        logs=_logs(session, customer) if tab == "timeline" else None,
        units=_units(session, customer) if tab == "units" else None,
        bill_kinds=list(BillKind),
        held=queries.is_held(session, customer),
        survivor=identities.merged_into(session, customer),
        members=identities.merged_with(session, customer),
        coverage=covered,
        as_of=_as_of(covered.included),
        tab=tab,
        masked=not sees_whole(Resource.CUSTOMER),
        masked_people=not sees_whole(Resource.CONTACT),
        labels=labels | dict(of_people),
        fields_of_people=of_people,
        fields=[(name, text) for name, text in labels.items() if getattr(customer, name)],
        shown_lately=revealing.count_lately(session, by=stamp()),
        most_shown=revealing.MOST_A_DAY,
        **more,
    )


def _logs(session: Session, customer: ReplicaCustomer) -> Page[Any]:
    asked = PageRequest.from_query(("started_at",), default="-started_at", sizes=(50, 25, 100, 200))
    sorts = {"started_at": ReplicaWorkLog.started_at}
    return paginate(session, queries.select_work_logs(customer), asked, sorts=sorts, tie=ReplicaWorkLog.id)


def _units(session: Session, customer: ReplicaCustomer) -> Page[ReplicaUnit]:
    asked = PageRequest.from_query(("theirs",), default="theirs", sizes=(50, 25, 100, 200))
    sorts = {"theirs": queries.theirs_first(customer)}
    return paginate(session, queries.select_units(customer), asked, sorts=sorts, tie=ReplicaUnit.id)


def _values_of(people: Sequence[ReplicaContact], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return by what a form names each value that is known of contact people, and what it is."""
    return [
        (
            revealing.contact_field(one.id, name),
            _("%(person)s: %(value)s", person=one.name, value=labels[name]),
        )
        for one in people
        for name in revealing.CONTACT_FIELDS
        if getattr(one, name)
    ]


def asked_customers(session: Session) -> Asked:
    """Return what the address asks the list for."""
    scope = web.scope(session)
    manager = _manager(session)
    filters = CustomerFilters(
        text=request.args.get("q", "").strip()[:100],
        branches=scope.chosen,
        kinds=web.codes("kind", CustomerKind),
        grades=web.codes("grade", Grade, unknown=True),
        statuses=web.codes("status", CustomerStatus),
        region=request.args.get("region", "").strip()[:12],
        manager=(manager.branch_number, manager.id) if manager else None,
        opened_from=web.day("opened_from", _("Opened from")),
        opened_to=web.day("opened_to", _("Opened until")),
        counted=request.args.get("files") == "customers",
    )
    return Asked(scope, filters, manager)


def _manager(session: Session) -> ReplicaManager | None:
    """Return the manager that ?manager=BRANCH:ID asks for, if there is one."""
    code, _colon, manager_id = request.args.get("manager", "").partition(":")
    branch = find_branch(session, code) if manager_id else None
    return queries.find_manager(session, branch.number, manager_id) if branch else None


def _row(
    customer: ReplicaCustomer, scope: web.Scope, managers: dict[RowKey, ReplicaManager]
) -> dict[str, Any]:
    manager = managers.get((customer.branch_number, customer.manager_id or ""))
    return {
        "id": customer.id,
        "code": scope.code(customer.branch_number),
        "customer_no": customer.customer_no,
        "name": customer.name,
        "branch": scope.name(customer.branch_number),
        "kind": customer.kind,
        "grade": customer.grade,
        "status": customer.status,
        "manager": manager.name if manager else None,
        "region": region_name(customer.region_code) if customer.region_code else None,
        "mobile": customer.mobile,
        "opened_on": customer.opened_on,
    }


def _chips(asked: Asked) -> list[tuple[str, str, str]]:
    filters = asked.filters
    return [
        (_("Search"), filters.text, "q"),
        (_("Branch"), ", ".join(asked.scope.codes), "branch"),
        (_("Kind"), web.words(filters.kinds, web.choices(CustomerKind)), "kind"),
        (_("Grade"), web.words(filters.grades, web.choices(Grade, unknown=True)), "grade"),
        (_("Status"), web.words(filters.statuses, web.choices(CustomerStatus)), "status"),
        (_("Region"), _region_words(filters.region), "region"),
        (_("Account manager"), asked.manager.name if asked.manager else "", "manager"),
        (_("Files"), _("Each customer once") if filters.counted else "", "files"),
        (_("Opened from"), filters.opened_from.isoformat() if filters.opened_from else "", "opened_from"),
        (_("Opened until"), filters.opened_to.isoformat() if filters.opened_to else "", "opened_to"),
    ]


def _region_words(region: str) -> str:
    name = region_name(region)
    return f"{region} {name}" if name != region else region


def _sheet_columns() -> Sequence[SheetColumn]:
    return (
        SheetColumn("branch_code", _("Branch code")),
        SheetColumn("branch", _("Branch")),
        SheetColumn("customer_no", _("Number")),
        SheetColumn("name", _("Customer name"), personal="person"),
        SheetColumn("kind", _("Kind")),
        SheetColumn("grade", _("Grade")),
        SheetColumn("status", _("Status")),
        SheetColumn("manager", _("Account manager"), personal="person"),
        SheetColumn("region", _("Region")),
        SheetColumn("mobile", _("Mobile"), personal="contact"),
        SheetColumn("opened_on", _("Opened on"), "date"),
        SheetColumn("updated_at", _("Changed at"), "instant"),
    )


def _sheet_rows(
    session: Session, statement: Select[ReplicaCustomer], scope: web.Scope
) -> Iterator[Sequence[object]]:
    ordered = statement.order_by(
        ReplicaCustomer.branch_number, ReplicaCustomer.customer_no, ReplicaCustomer.id
    )
    found = session.scalars(ordered.limit(web.MOST_EXPORTED + 1), execution_options={"yield_per": 1000})
    for part in found.partitions():
        managers = queries.managers_of(session, part)
        for customer in part:
            row = _row(customer, scope, managers)
            yield (
                row["code"],
                row["branch"],
                customer.customer_no,
                customer.name,
                label(customer.kind),
                label(customer.grade) if customer.grade else None,
                label(customer.status),
                row["manager"],
                row["region"],
                customer.mobile,
                customer.opened_on,
                customer.updated_at,
            )


def _as_of(included: Sequence[Covered]) -> Any:  # noqa: ANN401 - an instant or None
    return included[0].as_of if included else None
