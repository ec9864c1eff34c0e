"""The one catalogue of policies: every setting that head office may fix for branches, and that branches obey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from shared.domain.archive.keeping import (
    CLOSED_DAYS,
    COMPLETE_DOUBLE,
    COMPLETE_GROUP,
    COMPLETE_INDIVIDUAL,
    COUNTED_WORDS,
    KEEP_YEARS,
    LEAST_UNLOCK_MINUTES,
    MOST_CLOSED_DAYS,
    MOST_UNLOCK_MINUTES,
    MOST_YEARS,
    UNLOCK_MINUTES,
)
from shared.domain.customers.upkeep import (
    CONFLICT_CHECKS,
    STALE_CARE,
    STALE_IDENTITY,
    STALE_PLACE,
    STALE_REACH,
    Conflict,
)
from shared.domain.customers.upkeep import MOST_MONTHS as MOST_STALE_MONTHS
from shared.domain.documents.vocabulary import kind_of
from shared.domain.personal.keeping import (
    BASES,
    BASIS_HELP,
    BASIS_LABELS,
    KEEP_ACCOUNTS,
    KEEP_ACCOUNTS_HELP,
    KEEP_HELP,
    KEEP_LABELS,
    MOST_MONTHS,
    basis_policy,
    keep_policy,
)
from shared.errors import N_
from shared.rights.vocabulary import StaffKind

UNKNOWN: Final = N_("This policy is not known to this version of the program.")
NOT_WHOLE: Final = N_("This must be a whole number within the bounds.")
NOT_NUMBERS: Final = N_("These must be whole numbers within the bounds, each higher than the one before.")
NOT_LISTED: Final = N_("This is not one of the values that are possible.")
Value = int | str | list[int] | list[str]


class Type(Protocol):
    """What values a policy takes."""

    def problem_of(self, value: object) -> str | None:
        """Return what is wrong with a value, as a msgid, or None."""
        ...

    def parse(self, given: Sequence[str]) -> object:
        """Return what a form gave as a value; `problem_of` then tells whether it is one."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int

    def problem_of(self, value: object) -> str | None:
        """Refuse anything but a number within the bounds."""
        good = isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
        return None if good else NOT_WHOLE

    def parse(self, given: Sequence[str]) -> object:
        """Read a number."""
        return _number(given[0]) if given else None


@dataclass(frozen=True, slots=True)
class Numbers:
    """So many whole numbers, rising."""

    count: int
    least: int
    most: int

    def problem_of(self, value: object) -> str | None:
        """Refuse anything but that many rising numbers."""
        one = Whole(self.least, self.most)
        if not isinstance(value, list) or len(value) != self.count or any(map(one.problem_of, value)):
            return NOT_NUMBERS
        return None if sorted(set(value)) == value else NOT_NUMBERS

    def parse(self, given: Sequence[str]) -> object:
        """Read numbers parted by commas."""
        return [_number(part) for part in (given[0] if given else "").replace("，", ",").split(",")]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed list; `options` maps codes to msgids."""

    options: Mapping[str, str]

    def problem_of(self, value: object) -> str | None:
        """Refuse what is not in the list."""
        return None if isinstance(value, str) and value in self.options else NOT_LISTED

    def parse(self, given: Sequence[str]) -> object:
        """Read a code."""
        return given[0] if given else None


@dataclass(frozen=True, slots=True)
class Several:
    """Any number of a closed list, in its order; with `papers` also of kinds of papers, whatever they are called."""

    options: Mapping[str, str]
    papers: bool = False

    def problem_of(self, value: object) -> str | None:
        """Refuse what is not in the list, or stands there twice."""
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return NOT_LISTED
        return None if self.parse(value) == value and all(map(self._is_one, value)) else NOT_LISTED

    def parse(self, given: Sequence[str]) -> object:
        """Read codes."""
        others = dict.fromkeys(one for one in given if one not in self.options)
        return [one for one in self.options if one in given] + list(others)

    def _is_one(self, code: str) -> bool:
        return code in self.options or (self.papers and kind_of(code) is not None)


@dataclass(frozen=True, slots=True)
class Policy:
    """One setting: what it is called, what obeys it, and the values it takes; `unit` is a msgid."""

    name: str
    label: str
    help: str
    type: Whole | Numbers | Choice | Several
    unit: str = ""


def _number(text: str) -> int | None:
    plain = text.strip()
    return int(plain) if plain.isascii() and plain.lstrip("-").isdigit() and len(plain) < 12 else None  # noqa: PLR2004


OUTBOX_DAYS: Final = "outbox-retention-days"
SESSION_IDLE: Final = "session-idle-minutes"
SESSION_LONGEST: Final = "session-longest-hours"
PASSWORD_SHORTEST: Final = "password-shortest"  # noqa: S105 - the name of a policy
SIGN_IN_TRIES: Final = "sign-in-free-tries"
SIGN_IN_WAIT: Final = "sign-in-longest-wait-minutes"
SECOND_STEP_KINDS: Final = "second-step-kinds"
QUIET_DAYS: Final = "quiet-days"
VISIT_DAYS: Final = "visit-days"
REQUIRED_FIELDS: Final = "customer-required-fields"
CORRECTION_RIGHT: Final = "bill-correction-right"
MANAGERS_ONLY: Final = "administrator"
IMPORT_MEGABYTES: Final = "import-megabytes"
EXPORT_ALONE: Final = "export-rows-alone"
EXPORT_A_DAY: Final = "export-rows-a-day"
EXPORT_HOURS: Final = "export-hours"
EXPORT_FETCHES: Final = "export-fetches"

STALE_HELP: Final = N_(
    "Of customers of grade A, B, C and D, in this order: so long after its last change or confirmation a field is "
    "flagged. Customers without a grade count as grade D."
)
STALE_LABELS: Final = {
    STALE_REACH: N_("Numbers and mail addresses are stale after"),
    STALE_PLACE: N_("Region and address are stale after"),
    STALE_IDENTITY: N_("The document number is stale after"),
    STALE_CARE: N_("The preferred channel is stale after"),
}

POLICIES: Final[Mapping[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(
            OUTBOX_DAYS,
            N_("Sent batches are kept"),
            N_("How long a branch keeps batches that head office holds and has backed up."),
            Whole(1, 3_650),
            N_("days"),
        ),
        Policy(
            SESSION_IDLE,
            N_("Signed out after idling"),
            N_("Somebody who does nothing for so long has to sign in again."),
            Whole(5, 720),
            N_("minutes"),
        ),
        Policy(
            SESSION_LONGEST,
            N_("Signed out at the latest after"),
            N_("Nobody stays signed in longer than this."),
            Whole(1, 24),
            N_("hours"),
        ),
        Policy(
            PASSWORD_SHORTEST,
            N_("Shortest password"),
            N_("Counts for passwords chosen from now on; those in use stay."),
            Whole(8, 64),
            N_("characters"),
        ),
        Policy(
            SIGN_IN_TRIES,
            N_("Wrong tries without a wait"),
            N_("So often somebody may mistype at one terminal; each further try doubles the wait."),
            Whole(3, 20),
            N_("tries"),
        ),
        Policy(
            SIGN_IN_WAIT,
            N_("Longest wait after wrong tries"),
            N_("The wait grows up to this; nobody is kept out for good."),
            Whole(1, 60),
            N_("minutes"),
        ),
        Policy(
            SECOND_STEP_KINDS,
            N_("Two-step sign-in"),
            N_("Who needs a second step besides administrators and log auditors, who always do."),
            Several({kind.value: kind.label for kind in StaffKind if kind is not StaffKind.ADMINISTRATOR}),
        ),
        Policy(
            QUIET_DAYS,
            N_("Customers nobody spoke to"),
            N_(
                "The three thresholds of the desk: after so many days without a contact a customer is listed."
            ),
            Numbers(3, 1, 730),
            N_("days"),
        ),
        Policy(
            VISIT_DAYS,
            N_("Days from one visit to the next"),
            N_("Of strategic, high, middle and low value customers, in this order."),
            Numbers(4, 1, 730),
            N_("days"),
        ),
        Policy(
            REQUIRED_FIELDS,
            N_("What a customer's form must hold"),
            N_("Fields that may otherwise stay empty; customers entered before stay as they are."),
            Several(
                {
                    "mobile": N_("Mobile"),
                    "id_no": N_("Document number"),
                    "region_code": N_("Region code"),
                    "address": N_("Address"),
                    "grade": N_("Grade"),
                    "opened_on": N_("Opened on"),
                    "manager_id": N_("Account manager"),
                    "preferred_channel": N_("Preferred channel"),
                }
            ),
        ),
        Policy(
            CORRECTION_RIGHT,
            N_("Who may correct bill lines"),
            N_("Everybody else sees the line without the form."),
            Choice({"staff": N_("Branch managers and cashiers"), MANAGERS_ONLY: N_("Branch managers only")}),
        ),
        Policy(
            IMPORT_MEGABYTES,
            N_("Largest file to be taken in"),
            N_("A larger file is refused before it is read."),
            Whole(1, 200),
            N_("megabytes"),
        ),
        Policy(
            EXPORT_ALONE,
            N_("Largest export by one person"),
            N_("An export with personal data that has more rows takes a second person."),
            Whole(0, 100_000),
            N_("rows"),
        ),
        Policy(
            EXPORT_A_DAY,
            N_("Exports of one person in a day"),
            N_("More rows with personal data nobody takes out of a node in one day, approved or not."),
            Whole(0, 1_000_000),
            N_("rows"),
        ),
        Policy(
            EXPORT_HOURS,
            N_("Approved exports can be fetched for"),
            N_("After that the file is removed and has to be asked for again."),
            Whole(1, 168),
            N_("hours"),
        ),
        Policy(
            EXPORT_FETCHES,
            N_("Approved exports can be fetched"),
            N_("So often who asked for it may fetch the file; then it is removed."),
            Whole(1, 20),
            N_("times"),
        ),
        Policy(
            COMPLETE_INDIVIDUAL,
            N_("What makes the file of a person complete"),
            N_("The fields that count; a file is complete to the share of them that is filled in."),
            Several(COUNTED_WORDS, papers=True),
        ),
        Policy(
            COMPLETE_GROUP,
            N_("What makes the file of a group complete"),
            N_("The fields that count; a file is complete to the share of them that is filled in."),
            Several(COUNTED_WORDS, papers=True),
        ),
        Policy(
            COMPLETE_DOUBLE,
            N_("What counts double in a file"),
            N_("These fields weigh twice as much as the others where they count."),
            Several(COUNTED_WORDS, papers=True),
        ),
        Policy(
            UNLOCK_MINUTES,
            N_("An entry of the retained archive is unlocked for"),
            N_("After that it locks itself again."),
            Whole(LEAST_UNLOCK_MINUTES, MOST_UNLOCK_MINUTES),
            N_("minutes"),
        ),
        Policy(
            CLOSED_DAYS,
            N_("Files of closed customers are put away after"),
            N_(
                "So long after its last change the file goes into the retained archive; 0 puts none away by itself."
            ),
            Whole(0, MOST_CLOSED_DAYS),
            N_("days"),
        ),
        Policy(
            KEEP_YEARS,
            N_("Files in the retained archive are kept"),
            N_("After that two people may take one out; 0 or nothing published keeps them for ever."),
            Whole(0, MOST_YEARS),
            N_("years"),
        ),
        *(
            Policy(name, text, STALE_HELP, Numbers(4, 1, MOST_STALE_MONTHS), N_("months"))
            for name, text in STALE_LABELS.items()
        ),
        Policy(
            CONFLICT_CHECKS,
            N_("Contradictions in customer files"),
            N_("What branches look for in the files of their customers; what is not chosen is not flagged."),
            Several({one.value: one.label for one in Conflict}),
        ),
        Policy(
            KEEP_ACCOUNTS,
            N_("Names of people whose account is closed are kept"),
            KEEP_ACCOUNTS_HELP,
            Whole(0, MOST_MONTHS),
            N_("months"),
        ),
        *(
            Policy(keep_policy(kind), text, KEEP_HELP, Whole(0, MOST_MONTHS), N_("months"))
            for kind, text in KEEP_LABELS.items()
        ),
        *(Policy(basis_policy(kind), text, BASIS_HELP, Choice(BASES)) for kind, text in BASIS_LABELS.items()),
    )
}


def problem_of(name: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a policy, as a msgid, or None."""
    policy = POLICIES.get(name)
    return policy.type.problem_of(body.get("value")) if policy else UNKNOWN
