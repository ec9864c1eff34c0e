"""The list of customers: its columns, what its address asks for, and its rows as a file has them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from flask import current_app, request
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from branch_node.customers.flags import flags_text, rules_now
from branch_node.customers.models import Customer
from branch_node.customers.queries import GROUPS, NOBODY, CustomerFilter, CustomerRow
from branch_node.customers.upkeep import AT_ONCE, Flag, flags_of
from branch_node.managers.models import Manager
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.regions import Region, find_region, region_name, search_regions, short_name
from shared.files.spreadsheets import Column as SheetColumn
from shared.files.spreadsheets import Personal
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.web.context import person, runtime, stamp
from shared.web.lists import (
    Arguments,
    choice_argument,
    code_arguments,
    day_argument,
    id_argument,
    number_argument,
    text_argument,
    words,
)
from shared.web.tables import Column
from shared.web.views.standing import ReadyView

COLUMNS: Final = (
    Column(
        "customer_no",
        _l("Number"),
        sort=True,
        link="desk.customer",
        link_arg="customer_id",
        link_key="id",
        edit="customers.edit",
    ),
    Column("name", _l("Name"), "own", sort=True),
    Column("kind", _l("Kind"), "own"),
    Column("grade", _l("Grade"), "label", sort=True),
    Column("status", _l("Status"), "own"),
    Column("mobile", _l("Mobile")),
    Column("manager", _l("Account manager")),
    Column("region", _l("Region"), wide=True),
    Column("opened_on", _l("Opened on"), "date", sort=True, wide=True),
    Column("tags", _l("Tags"), "own", wide=True),
    Column("phone", _l("Phone"), wide=True),
    Column("email", _l("E-mail"), wide=True),
    Column("wechat", _l("WeChat account"), wide=True),
    Column("address", _l("Address"), wide=True),
    Column("id_no", _l("Document number"), wide=True),
    Column("preferred_channel", _l("Preferred channel"), "label", wide=True),
    Column("updated_at", _l("Changed"), "instant", sort=True, wide=True),
    Column("upkeep", _l("To confirm"), "own", wide=True),
)
ALWAYS: Final = ("customer_no", "name")
USUAL: Final = (*ALWAYS, "kind", "grade", "status", "mobile", "manager", "region", "opened_on", "tags")
PERSONAL: Final[Mapping[str, Personal]] = {
    **dict.fromkeys(("name", "manager"), "person"),
    **dict.fromkeys(("mobile", "phone", "email", "wechat", "address", "id_no"), "contact"),
}
TONES: Final = {
    CustomerStatus.PROSPECT: "info",
    CustomerStatus.ACTIVE: "ok",
    CustomerStatus.SUSPENDED: "warn",
    CustomerStatus.CLOSED: "",
}


# The name under which views of this list are kept.
VIEWED: Final = "customers"
NARROWINGS: Final = "branchline-customer-narrowings"
MINE: Final = "mine"
# An id that no account manager has.
NOTHING: Final = "00000000-0000-0000-0000-000000000000"
THIS_MONTH: Final = "this"
MONTHS: Final = 12
GROUPED: Final = {
    "kind": _l("Kind"),
    "grade": _l("Grade"),
    "status": _l("Status"),
    "manager": _l("Account manager"),
    "lifecycle_stage": _l("Life-cycle stage"),
    "value_tier": _l("Value tier"),
}


@dataclass(frozen=True)
class Narrowing:
    """A filter of the list that another slice adds: its name in the address, its choices, and what each asks for."""

    name: str
    label: Any
    choices: Sequence[tuple[str, Any]]
    condition: Callable[[Session, str], ColumnElement[bool]]

    def chosen(self, args: Arguments | None = None) -> str:
        """Return which of the choices the address names, or other arguments, if any."""
        return choice_argument(self.name, [code for code, _word in self.choices], args)


def narrowings() -> Sequence[Narrowing]:
    """Return the filters that other slices add to the list; the app names them."""
    found: Sequence[Narrowing] = current_app.extensions.get(NARROWINGS, ())
    return found


READY: Final = (
    ReadyView("mine", _l("Mine"), f"manager={MINE}"),
    ReadyView(
        "quiet",
        _l("No contact for 90 days"),
        "status=active&quiet=90&columns=mobile&columns=manager&columns=grade",
    ),
    ReadyView("incomplete", _l("Incomplete"), "lacking=80"),
    ReadyView("to-confirm", _l("To confirm"), "upkeep=any&columns=manager&columns=grade&columns=upkeep"),
    ReadyView("no-contact", _l("Do not contact"), "no_contact=yes"),
    ReadyView("birthdays", _l("Birthdays this month"), f"birthday={THIS_MONTH}&status=active"),
)


@dataclass(frozen=True)
class ListedCustomer:
    """One row of the list, with what other tables add."""

    customer: Customer
    manager: str | None
    flags: Sequence[Flag] = ()
    merged_into: str | None = None

    def group(self, name: str) -> Any:  # noqa: ANN401 - a code or a name
        """Return the group it stands in when the list is grouped by `name`."""
        return self.manager if name == "manager" else getattr(self.customer, name)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        if name == "manager":
            return self.manager
        if name == "region":
            return short_name(self.customer.region_code)
        if name == "upkeep":
            return flags_text(self.flags)
        return getattr(self.customer, name)


def wanted_customers(args: Arguments | None = None) -> CustomerFilter:
    """Return what the address asks for, or the arguments of one that was kept."""
    return CustomerFilter(
        query=text_argument("q", args),
        kinds=code_arguments("kind", CustomerKind, args),
        grades=code_arguments("grade", Grade, args),
        statuses=code_arguments("status", CustomerStatus, args),
        stages=code_arguments("lifecycle_stage", LifecycleStage, args),
        tiers=code_arguments("value_tier", ValueTier, args),
        levels=code_arguments("service_level", ServiceLevel, args),
        channels=code_arguments("preferred_channel", PreferredChannel, args),
        manager_id=_manager_meant(args),
        region=_region_code(text_argument("region", args)),
        opened_from=day_argument("opened_from", args),
        opened_to=day_argument("opened_to", args),
        tag=text_argument("tag", args),
        no_contact=choice_argument("no_contact", ["yes"], args) == "yes",
        birth_month=_birth_month(args),
        also=tuple(partial(_narrowed, one, chosen) for one in narrowings() if (chosen := one.chosen(args))),
    )


def _narrowed(by: Narrowing, chosen: str, session: Session) -> ColumnElement[bool]:
    return by.condition(session, chosen)


def _manager_meant(args: Arguments | None) -> str:
    given = text_argument("manager", args)
    if given == MINE:
        # Who serves nobody themselves has no customers of their own.
        return person().manager_id or NOTHING
    return NOBODY if given == NOBODY else id_argument("manager", args)


def _birth_month(args: Arguments | None) -> int:
    given = text_argument("birthday", args)
    if given == THIS_MONTH:
        return local_day(stamp().at, runtime().settings.timezone).month
    return number_argument("birthday", range(1, MONTHS + 1), args) or 0


def grouped_by() -> str:
    """Return what the list is grouped by, if the address says so."""
    given = text_argument("group")
    return given if given in GROUPS else ""


def _region_code(given: str) -> str:
    """Return the code that a filter means: a code, a code with its name, or the widest region of a name."""
    if not given:
        return ""
    if (code := given.split(maxsplit=1)[0]).isdigit():
        return code
    hits = search_regions(given, limit=1)
    return hits[0].code if hits else given


def region_text(code: str) -> str:
    """Return a region as the filter shows it: its code and name."""
    return f"{code} {region_name(code)}".strip() if find_region(code) else code


def region_hints(code: str) -> list[Region]:
    """Return what the filter offers before anything is typed."""
    found = find_region(code)
    return [found] if found else []


def chips_of(wanted: CustomerFilter, known: Sequence[Manager]) -> list[tuple[str, str, Any]]:
    """Return the filters in force as (what, value, its name in the address)."""
    names = {manager.id: manager.name for manager in known} | {NOBODY: _("nobody"), NOTHING: _("me")}
    days = [each.isoformat() if each else "" for each in (wanted.opened_from, wanted.opened_to)]
    return [
        (_("Search"), wanted.query, "q"),
        (_("Kind"), words(wanted.kinds), "kind"),
        (_("Grade"), words(wanted.grades), "grade"),
        (_("Status"), words(wanted.statuses), "status"),
        (_("Life-cycle stage"), words(wanted.stages), "lifecycle_stage"),
        (_("Value tier"), words(wanted.tiers), "value_tier"),
        (_("Service level"), words(wanted.levels), "service_level"),
        (_("Preferred channel"), words(wanted.channels), "preferred_channel"),
        (_("Account manager"), names.get(wanted.manager_id, wanted.manager_id), "manager"),
        (_("Region"), region_name(wanted.region), "region"),
        (_("Opened from"), days[0], "opened_from"),
        (_("Opened to"), days[1], "opened_to"),
        (_("Tag"), wanted.tag, "tag"),
        (_("Do not contact"), _("yes") if wanted.no_contact else "", "no_contact"),
        (_("Birthday in month"), str(wanted.birth_month or ""), "birthday"),
        *((str(one.label), str(dict(one.choices).get(one.chosen(), "")), one.name) for one in narrowings()),
        (_("Grouped by"), str(GROUPED.get(grouped_by(), "")), "group"),
    ]


def shown_columns() -> tuple[str, ...]:
    """Return the columns that are shown, in their order."""
    given = set(request.args.getlist("columns"))
    return tuple(column.name for column in COLUMNS if column.name in given | set(ALWAYS)) if given else USUAL


def listed_customers(
    session: Session, found: Iterable[CustomerRow], shown: Collection[str]
) -> Iterator[ListedCustomer]:
    """Yield rows as the columns ask for them; what is flagged is looked for only where it is shown."""
    rows = iter(found)
    rules = rules_now(session) if "upkeep" in shown else None
    while some := list(islice(rows, AT_ONCE)):
        flags = flags_of(session, rules, [row.Customer.id for row in some]) if rules else {}
        for row in some:
            yield ListedCustomer(
                row.Customer, row.manager_name, flags.get(row.Customer.id, ()), row.merged_into
            )


def sheet_column(column: Column) -> SheetColumn:
    """Return a column as a file has it."""
    kind: Any = {"date": "date", "instant": "instant"}.get(column.kind, "text")
    return SheetColumn(column.name, str(column.label), kind, PERSONAL.get(column.name, ""))


def sheet_rows(listed: Iterable[ListedCustomer], columns: Sequence[Column]) -> Iterator[list[object]]:
    """Yield the rows of a file, codes as words."""
    worded = {"kind", "grade", "status", "preferred_channel"}
    for row in listed:
        yield [label(row[column.name]) if column.name in worded else row[column.name] for column in columns]
