"""What head office's menu offers."""

from typing import Final

from hq_server.console.parked import waiting_count
from shared.alarms.queries import count_open
from shared.i18n import lazy_gettext
from shared.rights.vocabulary import HQ_KINDS, Resource, StaffKind
from shared.web.menu import MenuEntry
from shared.web.twoperson.pages import waiting_count as second_person_count

# Where the day of a kind begins; that of everybody else begins with the overview.
HOMES: Final = {StaffKind.LEADER: "homes.group", StaffKind.ADMINISTRATOR: "homes.nodes"}
_OF: Final = {kind: frozenset({kind}) for kind in HQ_KINDS}
MENU: Final = (
    MenuEntry(
        lazy_gettext("The group"),
        "homes.group",
        "home",
        Resource.ANALYSIS,
        key="h",
        kinds=_OF[StaffKind.LEADER],
    ),
    MenuEntry(
        lazy_gettext("Nodes and transfers"),
        "homes.nodes",
        "home",
        Resource.NODE,
        key="h",
        kinds=_OF[StaffKind.ADMINISTRATOR],
    ),
    MenuEntry(
        lazy_gettext("Overview"),
        "console.overview",
        "table",
        Resource.NODE,
        key="o",
        kinds=_OF[StaffKind.LEADER] | _OF[StaffKind.ANALYST],
    ),
    MenuEntry(lazy_gettext("Branches"), "fleet.index", "building", Resource.NODE, key="b"),
    MenuEntry(lazy_gettext("Customers"), "customers.index", "users", Resource.CUSTOMER, key="c"),
    MenuEntry(lazy_gettext("Tracked units"), "units.index", "briefcase", Resource.UNIT, key="k", foot=True),
    MenuEntry(lazy_gettext("Offers"), "offers.index", "users", Resource.CUSTOMER, foot=True),
    MenuEntry(lazy_gettext("Questions"), "questions.index", "users", Resource.CUSTOMER, foot=True),
    MenuEntry(lazy_gettext("Analysis"), "analysis.index", "chart-bar", Resource.ANALYSIS, key="a"),
    MenuEntry(lazy_gettext("Managers"), "oversight.index", "briefcase", Resource.MANAGER, key="m"),
    MenuEntry(
        lazy_gettext("Parked records"),
        "parked.index",
        "alert-triangle",
        Resource.PARKED,
        count=waiting_count,
        key="p",
    ),
    MenuEntry(lazy_gettext("Proof"), "verification.index", "circle-check", Resource.PROOF, key="v"),
    MenuEntry(lazy_gettext("Transfers"), "console.transfers", "cloud-upload", Resource.TRANSFER, key="t"),
    MenuEntry(
        lazy_gettext("Alarms"), "alarms.index", "alert-circle", Resource.ALARM, count=count_open, key="l"
    ),
    MenuEntry(
        lazy_gettext("Published items"), "feed.index", "upload", Resource.PUBLISHED, key="u", foot=True
    ),
    MenuEntry(
        lazy_gettext("Qualification"), "qualification.index", "check", Resource.QUALIFICATION, foot=True
    ),
    MenuEntry(lazy_gettext("Erasures"), "erasures.index", "user", Resource.PERSONAL_DATA, foot=True),
    MenuEntry(
        lazy_gettext("Legal holds"), "holds.index", "shield-lock", Resource.LEGAL_HOLD, key="q", foot=True
    ),
    MenuEntry(
        lazy_gettext("Organisation"),
        "staff.index",
        "building-bank",
        Resource.ORGANISATION,
        key="g",
        foot=True,
    ),
    MenuEntry(lazy_gettext("People"), "people.index", "users", Resource.ACCOUNT, key="n", foot=True),
    MenuEntry(
        lazy_gettext("Operation log"), "oplog.index", "history", Resource.OPERATION_LOG, key="y", foot=True
    ),
    MenuEntry(
        lazy_gettext("Second person"),
        "two_person.index",
        "check",
        Resource.TWO_PERSON,
        count=second_person_count,
        key="d",
        foot=True,
    ),
    MenuEntry(
        lazy_gettext("Register of exports"), "exports.index", "download", Resource.EXPORT, key="e", foot=True
    ),
    MenuEntry(
        lazy_gettext("Interfaces"),
        "interfaces.every",
        "cloud-upload",
        Resource.INTERFACE,
        key="r",
        foot=True,
    ),
    MenuEntry(
        lazy_gettext("Security"), "security.index", "shield-lock", Resource.SECURITY, key="x", foot=True
    ),
    MenuEntry(lazy_gettext("Jobs"), "running.index", "clock", Resource.JOB, key="j", foot=True),
)
