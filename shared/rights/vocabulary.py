"""The words rights are made of: kinds of staff, duties, resources, actions and data ranges."""

from enum import StrEnum
from typing import Final, Self

from shared.errors import N_


class Word(StrEnum):
    """A closed list whose members carry an English msgid; the Chinese word stands in the catalogue."""

    label: str

    def __new__(cls, code: str, label: str = "") -> Self:
        """Make the member `code`, labelled for people."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member

    @classmethod
    def with_code(cls, code: str) -> Self | None:
        """Return the member with this code, or None."""
        return next((member for member in cls if member.value == code), None)


class StaffKind(Word):
    """The six kinds of staff; what each may do stands in `shared.rights.policy`."""

    LEADER = ("leader", N_("Leader"))
    ANALYST = ("analyst", N_("Head office manager"))
    BRANCH_MANAGER = ("branch_manager", N_("Branch manager"))
    ACCOUNT_MANAGER = ("account_manager", N_("Account manager"))
    SERVICE = ("service", N_("Service operator"))
    ADMINISTRATOR = ("administrator", N_("System administrator"))


# By the name of the app's tables; the first is what most new users are.
KINDS_OF = {
    "hq": (StaffKind.ANALYST, StaffKind.LEADER, StaffKind.ADMINISTRATOR),
    "branch": (
        StaffKind.ACCOUNT_MANAGER,
        StaffKind.BRANCH_MANAGER,
        StaffKind.SERVICE,
        StaffKind.ADMINISTRATOR,
    ),
}
HQ_KINDS = KINDS_OF["hq"]
BRANCH_KINDS = KINDS_OF["branch"]


class Duty(Word):
    """A duty added to somebody's kind; it opens what the policy table marks with it, and nothing else."""

    CASHIER = ("cashier", N_("Cashier"))
    LOG_AUDITOR = ("log_auditor", N_("Log auditor"))
    ARCHIVE_KEEPER = ("archive_keeper", N_("Archive keeper"))
    INTERFACE_KEEPER = ("interface_keeper", N_("Interface keeper"))


class Action(StrEnum):
    """What may be done; the letters are those of the policy table."""

    READ = "R"
    CREATE = "C"
    UPDATE = "U"
    RETIRE = "D"
    TRANSFER = "T"
    APPROVE = "A"
    EXPORT = "X"
    PRINT = "P"
    VOID = "V"
    MANAGE = "M"


# What each action is called, on the page of the whole table and where two kinds are compared.
ACTION_WORDS = {
    Action.READ: N_("see"),
    Action.CREATE: N_("add"),
    Action.UPDATE: N_("edit"),
    Action.RETIRE: N_("retire"),
    Action.TRANSFER: N_("hand over"),
    Action.APPROVE: N_("approve"),
    Action.EXPORT: N_("export"),
    Action.PRINT: N_("print"),
    Action.VOID: N_("correct"),
    Action.MANAGE: N_("manage"),
}


class DataRange(Word):
    """Whose rows; each holds those before it. AGGREGATE sees sums of all rows and no row."""

    NONE = ("none", N_("Nothing"))
    AGGREGATE = ("aggregate", N_("Sums only"))
    SELF = ("self", N_("Own and shared"))
    TEAM = ("team", N_("While serving"))
    BRANCH = ("branch", N_("The whole branch"))
    GROUP = ("group", N_("All branches"))

    @property
    def width(self) -> int:
        """Return how wide the range is, to compare two."""
        return _WIDTHS[self]

    def within(self, other: "DataRange") -> "DataRange":
        """Return the narrower of two ranges."""
        return self if self.width <= other.width else other


_WIDTHS: Final = {each: width for width, each in enumerate(DataRange)}


class Resource(Word):
    """What the policy table has a row for."""

    CUSTOMER = ("customer", N_("Customers"))
    CONTACT = ("contact", N_("Contact people"))
    DOCUMENT = ("document", N_("Documents of customers"))
    QUALIFICATION = ("qualification", N_("Qualification"))
    UNIT = ("unit", N_("Tracked units"))
    CUSTOMER_SHARE = ("customer_share", N_("Sharing of customers"))
    CUSTOMER_MERGE = ("customer_merge", N_("Duplicates"))
    SERVICE_DESK = ("service_desk", N_("Service desk"))
    BILL_LINE = ("bill_line", N_("Bill lines"))
    WORK_LOG = ("work_log", N_("Work logs"))
    STATISTICS = ("statistics", N_("Monthly statistics"))
    MANAGER = ("manager", N_("Files of account managers"))
    IMPORT = ("import", N_("Imports"))
    PARKED = ("parked", N_("Refused and parked records"))
    RECOVERED = ("recovered", N_("Versions in conflict"))
    ANALYSIS = ("analysis", N_("Consolidated analysis"))
    OPERATION_STATISTICS = ("operation_statistics", N_("Statistics of operations"))
    PUBLISHED = ("published", N_("Announcements, code tables and policies"))
    SYNC_STATE = ("sync_state", N_("State of the line"))
    TRANSFER = ("transfer", N_("Transfers"))
    NODE = ("node", N_("Branches, nodes and keys"))
    PROOF = ("proof", N_("Proof"))
    JOB = ("job", N_("Jobs"))
    ALARM = ("alarm", N_("Alarms"))
    OPERATION_LOG = ("operation_log", N_("Operation log"))
    ORGANISATION = ("organisation", N_("Organisation"))
    ACCOUNT = ("account", N_("Accounts"))
    RIGHT = ("right", N_("Ranges and duties"))
    TWO_PERSON = ("two_person", N_("Acts of two people"))
    EXPORT = ("export", N_("Exports of personal data"))
    PERSONAL_DATA = ("personal_data", N_("Personal data"))
    LEGAL_HOLD = ("legal_hold", N_("Legal holds"))
    ARCHIVE = ("archive", N_("Retained archive"))
    SECURITY = ("security", N_("Security"))
    INTERFACE = ("interface", N_("Interfaces of programs"))
    SETUP = ("setup", N_("Setting up"))
    OWN_ACCOUNT = ("own_account", N_("One's own account"))


# Rows of the business: nobody sees them before somebody of the business has granted them a range.
BUSINESS = frozenset(
    {
        Resource.CUSTOMER,
        Resource.CONTACT,
        Resource.DOCUMENT,
        Resource.QUALIFICATION,
        Resource.UNIT,
        Resource.CUSTOMER_SHARE,
        Resource.CUSTOMER_MERGE,
        Resource.SERVICE_DESK,
        Resource.BILL_LINE,
        Resource.WORK_LOG,
        Resource.STATISTICS,
        Resource.MANAGER,
        Resource.IMPORT,
        Resource.RECOVERED,
        Resource.ANALYSIS,
        Resource.OPERATION_STATISTICS,
        Resource.PERSONAL_DATA,
        Resource.LEGAL_HOLD,
        Resource.ARCHIVE,
    }
)
# Shows rows of the business on their way, or what was changed in them: nobody of the business sees those either
# before they have a range.
CARRYING = frozenset({Resource.PARKED, Resource.OPERATION_LOG, Resource.EXPORT})
