"""Pages that cut across slices: my day, search, a customer's and an account manager's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from branch_node.archive import completing
from branch_node.archive import words as archive_words
from branch_node.billing import queries as billing
from branch_node.billing.models import BillLine
from branch_node.billing.queries import BillFilter
from branch_node.customers import queries as customers
from branch_node.customers import sharing
from branch_node.customers.belonging import count_of_person
from branch_node.customers.flags import FIELD_WORDS, rules_now, told_flags
from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerFilter
from branch_node.customers.reaching import closed_to
from branch_node.customers.upkeep import flagged
from branch_node.desk import queries
from branch_node.desk.story import story
from branch_node.documents.queries import count_expiring
from branch_node.identity.queries import is_person, survivor_of
from branch_node.inbound import queries as inbound
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from branch_node.personal.holds import is_held
from branch_node.worklogs import care
from branch_node.worklogs import queries as worklogs
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import LogFilter
from shared.audit import queries as audit
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_all_sealed
from shared.audit.vocabulary import LogAction
from shared.db.personal import class_of
from shared.domain.calendar import local_day, local_month
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    MoveOf,
    ParentKind,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.regions import region_name
from shared.domain.vocabulary import Vocabulary
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import may, person, reading, runtime, stamp
from shared.web.errors import home_url
from shared.web.forms import notice
from shared.web.lists import id_argument, month_argument, number_argument
from shared.web.oplog.words import action_word
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("desk", __name__, template_folder="templates")

MOST_UNTOUCHED: Final = 500
RECENT_LOGS: Final = 20
# Of a bill of years the periods before these are folded away.
RECENT_PERIODS: Final = 24
FIRST_MONTH: Final = "1900-01"
BILL_SORTS: Final = {"period": (BillLine.period, BillLine.booked_on)}
STATUS_TONES: Final = {
    CustomerStatus.PROSPECT: "info",
    CustomerStatus.ACTIVE: "ok",
    CustomerStatus.SUSPENDED: "warn",
    CustomerStatus.CLOSED: "",
}
MANAGER_TONES: Final = {ManagerStatus.ACTIVE: "ok", ManagerStatus.ON_LEAVE: "warn", ManagerStatus.LEFT: ""}
FIELD_LABELS: Final = {
    "customer_no": _l("Number"),
    "kind": _l("Kind"),
    "name": _l("Name"),
    "short_name": _l("Short name"),
    "id_type": _l("Document"),
    "id_no": _l("Document number"),
    "mobile": _l("Mobile"),
    "phone": _l("Phone"),
    "email": _l("E-mail"),
    "wechat": _l("WeChat account"),
    "region_code": _l("Region"),
    "address": _l("Address"),
    "grade": _l("Grade"),
    "status": _l("Status"),
    "opened_on": _l("Opened on"),
    "manager_id": _l("Account manager"),
    "preferred_channel": _l("Preferred channel"),
    "group_no": _l("Group number"),
    "service_level": _l("Service level"),
    "do_not_contact": _l("Channels closed"),
    "do_not_contact_until": _l("Channels closed until"),
    "lifecycle_stage": _l("Life-cycle stage"),
    "value_tier": _l("Value tier"),
    "parent_id": _l("The one above"),
    "parent_kind": _l("Kind of member"),
    "legacy_no": _l("Legacy number"),
    "tags": _l("Tags"),
    "remark": _l("Remark"),
}
VOCABULARIES: Final[dict[str, type[Vocabulary]]] = {
    "kind": CustomerKind,
    "grade": Grade,
    "status": CustomerStatus,
    "id_type": IdentityDocument,
    "preferred_channel": PreferredChannel,
    "service_level": ServiceLevel,
    "lifecycle_stage": LifecycleStage,
    "value_tier": ValueTier,
    "parent_kind": ParentKind,
    "do_not_contact": Channel,
}
MOVED_IN: Final[dict[MoveOf, type[Vocabulary]]] = {MoveOf.STAGE: LifecycleStage, MoveOf.TIER: ValueTier}
EVENTS: Final = {
    "customer.registered": _l("registered"),
    "customer.changed": _l("changed"),
    "bill_line.corrected": _l("bill line corrected"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What to know of a customer before speaking."""

    customer: Customer
    manager: Manager | None
    region: str
    owed: list[billing.Sums]
    last_contact: Any
    closed: Sequence[Channel]
    visit_due: date | None
    held: bool


@blueprint.get("/")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def my_day() -> ResponseReturnValue:
    """Show what was done today and what needs me; a branch manager sees the whole branch, others are led home."""
    if not (may(Resource.WORK_LOG, Action.CREATE) and may(Resource.CUSTOMER, Action.READ)):
        first = home_url()
        return redirect(url_for("accounts.profile") if first == url_for("desk.my_day") else first)
    if person().kind is StaffKind.ACCOUNT_MANAGER and person().manager_id is None:
        return render_template("desk/no_manager.html")
    zone, now = runtime().settings.timezone, stamp().at
    today = local_day(now, zone)
    with reading() as session:
        manager = _my_manager(session)
        mine = manager.id if manager else None
        logs = queries.logs_of_day(session, today, manager_id=mine, timezone=zone)
        return render_template(
            "desk/my_day.html",
            notices=inbound.list_notices(session, person(), now=now),
            today=today,
            now=now,
            manager=manager,
            logs=logs,
            needs=queries.needs(session, manager_id=mine, now=now, timezone=zone),
            # One more than is shown: the page says that there are more.
            visits=care.list_visits_due(
                session, manager_id=mine, now=now, timezone=zone, limit=queries.SHORT_LIST + 1
            ),
            short=queries.SHORT_LIST,
            held=_people_held(session, mine or ""),
            to_confirm=customers.count_customers(
                session, CustomerFilter(manager_id=mine or "", also=(lambda each: flagged(rules_now(each)),))
            ),
            papers=count_expiring(session, today, manager_id=mine or ""),
        )


@blueprint.get("/untouched")
@requires(Resource.CUSTOMER, Action.READ)
def untouched() -> str:
    """List everybody nobody spoke to for the days the address names."""
    with reading() as session:
        spans = queries.quiet_days(session, stamp().at)
        days = number_argument("days", spans) or spans[0]
        mine = id_argument("manager") or None
        since = queries.quiet_since(stamp().at, days)
        today = local_day(stamp().at, runtime().settings.timezone)
        found = worklogs.list_untouched(
            session, since=since, manager_id=mine, today=today, limit=MOST_UNTOUCHED
        )
        [total] = worklogs.count_untouched(session, [since], manager_id=mine, today=today)
        return render_template(
            "desk/untouched.html",
            days=days,
            spans=spans,
            found=found,
            total=total,
            manager_id=mine or "",
            managers=[(manager.id, manager.name) for manager in managers.list_managers(session)],
        )


# --- one customer --------------------------------------------------------------------------------


@blueprint.get("/customers/<uuid:customer_id>")
@requires(Resource.CUSTOMER, Action.READ)
def customer(customer_id: object) -> ResponseReturnValue:
    """Show a customer's story: logs and bill lines by month; a merged file leads to the one that stays."""
    with reading() as session:
        if (survivor := _survivor(session, str(customer_id))) is not None:
            return redirect(url_for("desk.customer", customer_id=survivor))
        header = header_of(session, str(customer_id))
        # Nothing was ever written down before that; the first years have no days before them.
        before = given if (given := month_argument("before")) > FIRST_MONTH else ""
        told = story(session, header.customer.id, timezone=runtime().settings.timezone, before=before)
        return customer_page(
            "desk/customer.html", header, story=told, before=before, this_month=_this_month()
        )


@blueprint.get("/customers/<uuid:customer_id>/money")
@requires(Resource.BILL_LINE, Action.READ)
def customer_money(customer_id: object) -> str:
    """Show what a customer was charged and paid, by period, and the lines behind it."""
    with reading() as session:
        header = header_of(session, str(customer_id))
        page = paginate(
            session,
            billing.select_of_customer(header.customer.id),
            PageRequest.from_query(BILL_SORTS, default="-period"),
            sorts=BILL_SORTS,
            tie=BillLine.id,
        )
        return customer_page(
            "desk/customer_money.html",
            header,
            periods=billing.periods_of_customer(session, header.customer.id),
            recent=RECENT_PERIODS,
            totals=billing.sums_of(session, BillFilter(customer_id=header.customer.id)),
            page=page,
            corrected=billing.corrected_among(session, [line.id for line in page.items]),
        )


@blueprint.get("/customers/<uuid:customer_id>/profile")
@requires(Resource.CUSTOMER, Action.READ)
def customer_profile(customer_id: object) -> str:
    """Show everything we know of a customer, and who changed what when."""
    with reading() as session:
        header = header_of(session, str(customer_id))
        history = audit.list_history(
            session, ("customer", header.customer.id), without=(LogAction.VIEW.value,)
        )
        opened = read_all_sealed(session, history)
        people = {manager.id: manager.name for manager in managers.list_managers(session)}
        return customer_page(
            "desk/customer_profile.html",
            header,
            history_part=history,
            history=[
                (entry, _changes(entry, values or {})) for entry, values in zip(history, opened, strict=True)
            ],
            field_labels=FIELD_LABELS,
            complete=completing.completeness_of(
                session, header.customer, stamp().at, runtime().settings.timezone
            ),
            flags=told_flags(session, header.customer),
            field_words=FIELD_WORDS,
            belongings=count_of_person(session, header.customer.id),
            field_word=archive_words.field_word,
            events=EVENTS,
            act=action_word,
            people=people,
            worded=worded,
            shares=sharing.list_shares(session, header.customer.id, now=stamp().at),
            may_share=sharing.may_share(session, header.customer),
            share_choices=[
                (one.id, f"{one.name} ({one.manager_no})")
                for one in managers.manager_choices(session)
                if one.id != header.customer.manager_id
            ],
        )


def _survivor(session: Session, customer_id: str) -> str | None:
    """Return into whom a customer was merged, as far as who looks may see both, and say so on the page to come."""
    identity = survivor_of(session, customer_id)
    found = customers.find_by_ids(session, [customer_id, identity]) if identity else {}
    if identity is None or len(found) != len({customer_id, identity}):
        return None
    notice(
        _(
            "%(other)s was merged into %(into)s.",
            other=found[customer_id].customer_no,
            into=found[identity].customer_no,
        )
    )
    return identity


def header_of(session: Session, customer_id: str) -> Header:
    """Return what to know of a customer before speaking; raises CustomerNotFoundError."""
    found = customers.get_customer(session, customer_id)
    now, zone = stamp().at, runtime().settings.timezone
    sums = billing.sums_of(session, BillFilter(customer_id=found.id))
    return Header(
        customer=found,
        manager=managers.get_manager(session, found.manager_id) if found.manager_id else None,
        region=region_name(found.region_code),
        owed=[each for each in sums if each.balance > 0],
        last_contact=worklogs.last_contact(session, found.id),
        closed=closed_to(found, local_day(now, zone)),
        visit_due=care.visit_due(session, found, now=now, timezone=zone),
        held=is_held(session, found.id),
    )


def customer_page(template: str, header: Header, **more: object) -> str:
    """Draw one of the pages of a customer."""
    return render_template(
        template, header=header, customer=header.customer, tones=STATUS_TONES, label=label, **more
    )


def _changes(entry: AuditEntry, opened: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what an entry changed, names and remarks as this page shows them anyway; contact data stays sealed."""
    told = entry.changes or entry.details.get("changed", {})
    kinds = {column.name: class_of(column) for column in inspect(Customer).columns}
    shown = {name: pair for name, pair in opened.items() if (kind := kinds.get(name)) and not kind.masked}
    return [] if entry.action is LogAction.CREATE else [*({**told, **shown}).items()]


def worded(field: str, value: Any, people: dict[str, str]) -> str:  # noqa: ANN401 - a value of the operation log
    """Return a logged value in the reader's words."""
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, list):
        return _(", ").join(
            worded(field, one, people) if field in VOCABULARIES else str(one) for one in value
        )
    if field == "manager_id":
        return people.get(str(value), str(value))
    if field == "region_code":
        return region_name(value)
    members = {member.value: member for member in VOCABULARIES.get(field, ())}
    return label(members[value]) if value in members else str(value)


# --- one account manager -------------------------------------------------------------------------


@blueprint.get("/managers/<uuid:manager_id>")
@requires(Resource.MANAGER, Action.READ)
def manager(manager_id: object) -> str:
    """Show an account manager: who is held, what was done, what needs doing."""
    now, zone = stamp().at, runtime().settings.timezone
    with reading() as session:
        found = managers.get_manager(session, str(manager_id))
        statement = worklogs.logs(LogFilter(manager_id=found.id)).order_by(WorkLog.started_at.desc())
        return render_template(
            "desk/manager.html",
            manager=found,
            tones=MANAGER_TONES,
            held=_people_held(session, found.id),
            logs=session.execute(statement.limit(RECENT_LOGS)).all(),
            needs=queries.needs(session, manager_id=found.id, now=now, timezone=zone),
            short=queries.SHORT_LIST,
        )


def _people_held(session: Session, manager_id: str) -> int:
    """Count the people an account manager holds, or the branch has: who has several merged files counts once."""
    wanted = CustomerFilter(manager_id=manager_id, also=(lambda _session: is_person(Customer.id),))
    return customers.count_customers(session, wanted)


def _my_manager(session: Session) -> Manager | None:
    return managers.get_manager(session, mine) if (mine := person().manager_id) else None


def _this_month() -> str:
    return local_month(stamp().at, runtime().settings.timezone)
