"""What the menu of a branch offers, and where the day of each kind of staff begins."""

from typing import Final

from branch_node.inbound import pages as inbound
from branch_node.outbound import pages as outbound
from shared.alarms.queries import count_open
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import BRANCH_KINDS, Resource, StaffKind
from shared.web.menu import MenuEntry
from shared.web.twoperson.pages import waiting_count as second_person_count

# Where the day of a kind begins; an account manager's begins with the first page.
HOMES: Final = {
    StaffKind.BRANCH_MANAGER: "home.board",
    StaffKind.SERVICE: "servicedesk.index",
    StaffKind.ADMINISTRATOR: "home.node",
}
_OF: Final = {kind: frozenset({kind}) for kind in BRANCH_KINDS}
MENU: Final = (
    MenuEntry(
        _l("The branch today"),
        "home.board",
        "home",
        Resource.MANAGER,
        key="h",
        kinds=_OF[StaffKind.BRANCH_MANAGER],
    ),
    MenuEntry(
        _l("My day"), "desk.my_day", "home", Resource.WORK_LOG, key="h", kinds=_OF[StaffKind.ACCOUNT_MANAGER]
    ),
    MenuEntry(
        _l("This node"), "home.node", "home", Resource.NODE, key="h", kinds=_OF[StaffKind.ADMINISTRATOR]
    ),
    MenuEntry(_l("Service desk"), "servicedesk.index", "home", Resource.SERVICE_DESK, key="h"),
    MenuEntry(_l("Customers"), "customers.index", "users", Resource.CUSTOMER, key="c"),
    MenuEntry(
        _l("Qualification"), "qualification.index", "check", Resource.QUALIFICATION, key="t", foot=True
    ),
    MenuEntry(_l("Documents"), "documents.index", "archive", Resource.DOCUMENT, key="f", foot=True),
    MenuEntry(_l("Tracked units"), "units.index", "briefcase", Resource.UNIT, key="k", foot=True),
    MenuEntry(_l("Questions"), "question_trend.index", "chart-bar", Resource.CUSTOMER, foot=True),
    MenuEntry(_l("Work logs"), "worklogs.index", "notebook", Resource.WORK_LOG, key="w"),
    MenuEntry(_l("Bill lines"), "billing.index", "receipt", Resource.BILL_LINE, key="b"),
    MenuEntry(_l("Monthly statistics"), "statistics.index", "chart-bar", Resource.STATISTICS, key="s"),
    MenuEntry(_l("Account managers"), "managers.index", "briefcase", Resource.MANAGER, key="m"),
    MenuEntry(
        _l("Legal holds"),
        "holds.index",
        "shield-lock",
        Resource.LEGAL_HOLD,
        key="q",
        foot=True,
        kinds=_OF[StaffKind.BRANCH_MANAGER],
    ),
    MenuEntry(
        _l("Personal data"),
        "personal_requests.index",
        "user",
        Resource.PERSONAL_DATA,
        key="v",
        foot=True,
        kinds=_OF[StaffKind.BRANCH_MANAGER],
    ),
    MenuEntry(
        _l("Duplicates"),
        "duplicates.index",
        "users",
        Resource.CUSTOMER_MERGE,
        key="z",
        foot=True,
        kinds=_OF[StaffKind.BRANCH_MANAGER],
    ),
    MenuEntry(_l("Retained archive"), "archive.index", "notebook", Resource.ARCHIVE, key="a", foot=True),
    MenuEntry(_l("Import"), "imports.index", "file-import", Resource.IMPORT, key="i"),
    MenuEntry(
        _l("Sync"), "outbound.overview", "cloud-upload", Resource.SYNC_STATE, count=outbound.waiting, key="p"
    ),
    MenuEntry(_l("Alarms"), "alarms.index", "alert-circle", Resource.ALARM, count=count_open, key="l"),
    MenuEntry(
        _l("From head office"),
        "inbound.index",
        "mail",
        Resource.PUBLISHED,
        count=inbound.unread,
        key="o",
        foot=True,
    ),
    MenuEntry(
        _l("Organisation"), "organisation.index", "building-bank", Resource.ORGANISATION, key="g", foot=True
    ),
    MenuEntry(_l("People"), "people.index", "users", Resource.ACCOUNT, key="u", foot=True),
    MenuEntry(_l("Operation log"), "oplog.index", "history", Resource.OPERATION_LOG, key="y", foot=True),
    MenuEntry(
        _l("Second person"),
        "two_person.index",
        "check",
        Resource.TWO_PERSON,
        count=second_person_count,
        key="d",
        foot=True,
    ),
    MenuEntry(_l("Register of exports"), "exports.index", "download", Resource.EXPORT, key="e", foot=True),
    MenuEntry(_l("Interfaces"), "interfaces.every", "cloud-upload", Resource.INTERFACE, key="r", foot=True),
    MenuEntry(_l("Security"), "security.index", "shield-lock", Resource.SECURITY, key="x", foot=True),
    MenuEntry(_l("Jobs"), "running.index", "clock", Resource.JOB, key="j", foot=True),
)
