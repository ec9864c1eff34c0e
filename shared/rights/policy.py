"""THE policy table: resource x kind -> actions within a data range. What it does not say, nobody may.

A cell holds grants parted by commas: letters of `Action`, a range (s self, t while serving, b branch, g all
branches, a sums only), `m` when contact data is masked, and `+duty` when only that duty opens it. An
administrator's `g` means everything of the node the account is on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from shared.errors import N_
from shared.rights.vocabulary import (
    BUSINESS,
    CARRYING,
    KINDS_OF,
    Action,
    DataRange,
    Duty,
    Resource,
    StaffKind,
)

TABLE: Final = """
resource             | leader | analyst            | branch_manager | account_manager | service       | administrator
customer             | R g m  | RX g m             | RCUDTAX b      | RCUX s          | RCU t         | -
contact              | R g m  | R g m              | RCU b          | RCU s           | RU t          | -
document             | -      | -                  | RCUDX b        | RCUDX s         | RC t          | -
qualification        | R g    | R g                | RCA b          | RC s            | R t           | -
unit                 | R g    | RX g               | RCUTX b        | RCUTX s         | RCU t         | -
customer_share       | -      | -                  | CD b           | CD s            | -             | -
customer_merge       | -      | -                  | RCA b          | RC s            | RC t          | -
service_desk         | -      | -                  | -              | -               | RCU t         | -
bill_line            | R a    | RX g               | RVX b          | R s             | RV t +cashier | -
work_log             | R g    | RX g               | RCUX b         | RCUX s          | R s           | -
statistics           | R g    | RX g               | RX b           | RX s            | -             | -
manager              | R g    | RX g               | RCUX b         | R s             | -             | -
import               | -      | -                  | RCD b          | -               | -             | -
parked               | -      | RA g               | R b            | R s             | -             | RM g m
recovered            | -      | -                  | RA b           | -               | -             | -
analysis             | R g    | RX g               | -              | -               | -             | -
operation_statistics | R g    | RX g               | RXP b          | R s             | -             | -
published            | R g    | RCUDX g            | R b            | R b             | R b           | RCUDX g
sync_state           | R g    | R g                | RU b           | RU b            | RU b          | RU g
transfer             | -      | RT g               | R b            | R s             | -             | RTM g
node                 | R g    | R g                | R b            | -               | -             | RM g
proof                | R g    | RU g               | R b            | -               | -             | RU g
job                  | -      | -                  | -              | -               | -             | RM g
alarm                | R g    | R g                | R b            | -               | -             | RM g
operation_log        | R a    | RXP g +log_auditor | RXP b          | RP s            | RP s          | R g m
organisation         | R g    | RUX g              | RUX b          | R b             | R b           | RUX g
account              | -      | R g                | R b            | -               | -             | RCM g
right                | -      | A g                | A b            | -               | -             | -
two_person           | RA g   | RCA g              | RCA b          | -               | -             | RCA g
export               | R g    | RXA g              | RXA b          | RX s            | -             | RX s
personal_data        | R g    | RCUAXP g           | RCUAXP b       | RC s            | RC t          | -
legal_hold           | R g    | RCDAXP g           | RCDAXP b       | R s             | R t           | -
archive              | -      | -                  | RCA b, U b +archive_keeper | R s, CU s +archive_keeper | R t m | -
security             | -      | R g +log_auditor   | -              | -               | -             | RM g
interface            | -      | RM g +interface_keeper | RM b +interface_keeper | -               | -             | RM g
setup                | -      | -                  | R b            | -               | -             | RM g
own_account          | RU s   | RU s               | RU s           | RU s            | RU s          | RU s
"""

_RANGES: Final = {
    "a": DataRange.AGGREGATE,
    "s": DataRange.SELF,
    "t": DataRange.TEAM,
    "b": DataRange.BRANCH,
    "g": DataRange.GROUP,
}
# Reasons behind single cells, shown beside the table; docs/decisions/0135 has the others.
NOTES: Final = {
    (Resource.IMPORT, StaffKind.BRANCH_MANAGER): N_(
        "An import brings customers and money: the business answers for it, not who keeps the machines."
    ),
    (Resource.WORK_LOG, StaffKind.BRANCH_MANAGER): N_(
        "A branch manager enters the log of somebody who reports by telephone."
    ),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one cell allows: actions on the rows of a range, contact data masked or not, perhaps with a duty only."""

    actions: frozenset[Action]
    range: DataRange
    masked: bool = False
    duty: Duty | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Of somebody, what rights are decided by; a kind that the node of `tier` does not have may do nothing there.

    Without a `tier` they are somebody who might be, at a node that has their kind. `only` is what a program that acts
    for them uses of their rights.
    """

    kind: StaffKind
    duties: frozenset[Duty] = frozenset()
    range: DataRange = DataRange.GROUP
    tier: str | None = None
    only: frozenset[tuple[Resource, Action]] | None = None

    @property
    def belongs(self) -> bool:
        """Whether there are people of this kind at such a node."""
        return self.tier is None or self.kind in KINDS_OF.get(self.tier, ())


@dataclass(frozen=True, slots=True)
class Allowed:
    """That somebody may do something: to the rows of which range, and whether contact data is masked."""

    range: DataRange
    masked: bool


def allowed(person: Person, resource: Resource, action: Action) -> Allowed | None:
    """Return on which rows `person` may do `action`, or None; of several grants the widest, then the unmasked one."""
    return _allowed(TABLE, person, resource, action)


# A page asks the same some hundred times. The answer follows from what is given and from nothing else: who a person is
# was read for this request.
@lru_cache(maxsize=8_192)
def _allowed(_table: str, person: Person, resource: Resource, action: Action) -> Allowed | None:
    if not person.belongs or (action is Action.EXPORT and _lacks_range(person)):
        return None
    if person.only is not None and (resource, action) not in person.only:
        return None
    found = [
        Allowed(reach, grant.masked)
        for grant in policy()[resource, person.kind]
        if action in grant.actions
        and (grant.duty is None or grant.duty in person.duties)
        and (reach := _reach(grant, person, resource)) is not DataRange.NONE
    ]
    return max(found, key=lambda one: (one.range.width, not one.masked), default=None)


def may(person: Person, resource: Resource, action: Action) -> bool:
    """Tell whether `person` may do `action` to any row of `resource`."""
    return allowed(person, resource, action) is not None


def ceiling(kind: StaffKind) -> DataRange:
    """Return the widest range that may be granted to somebody of this kind."""
    ranges = (grant.range for resource in BUSINESS for grant in policy()[resource, kind])
    return max(ranges, key=lambda one: one.width, default=DataRange.NONE)


def duties_open_to(kind: StaffKind) -> Collection[Duty]:
    """Return the duties that open anything for this kind: nobody is given another."""
    named = {grant.duty for (_, of), grants in policy().items() if of is kind for grant in grants}
    return [duty for duty in Duty if duty in named]


@cache
def policy() -> dict[tuple[Resource, StaffKind], tuple[Grant, ...]]:
    """Return the table, one entry for each resource and kind; a table that is not whole raises ValueError."""
    lines = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    kinds = [StaffKind(code) for code in lines[0][1:]]
    found = {
        (Resource(line[0]), kind): _grants(cell)
        for line in lines[1:]
        for kind, cell in zip(kinds, line[1:], strict=True)
    }
    missing = [f"{one}/{kind}" for one in Resource for kind in StaffKind if (one, kind) not in found]
    if missing or len(found) != (len(lines) - 1) * len(kinds):
        msg = f"the policy table says nothing, or something twice, about {', '.join(missing) or 'a resource'}"
        raise ValueError(msg)
    return found


def _grants(cell: str) -> tuple[Grant, ...]:
    return () if cell == "-" else tuple(_grant(part.split()) for part in cell.split(","))


def _grant(words: list[str]) -> Grant:
    letters, reach, *rest = words
    duty = next((Duty(word[1:]) for word in rest if word.startswith("+")), None)
    known = {"m", f"+{duty}"}
    if not set(rest) <= known or reach not in _RANGES:
        msg = f"{' '.join(words)}: not a grant"
        raise ValueError(msg)
    return Grant(frozenset(Action(letter) for letter in letters), _RANGES[reach], "m" in rest, duty)


def _reach(grant: Grant, person: Person, resource: Resource) -> DataRange:
    if not _needs_range(person.kind, resource):
        return grant.range
    if grant.range is DataRange.AGGREGATE:
        return grant.range if person.range is not DataRange.NONE else DataRange.NONE
    return grant.range.within(person.range)


def _lacks_range(person: Person) -> bool:
    """Tell whether somebody who has to be granted a range has none: they look at some pages and take nothing out."""
    return person.range is DataRange.NONE and ceiling(person.kind) is not DataRange.NONE


def _needs_range(kind: StaffKind, resource: Resource) -> bool:
    """Tell whether somebody has to be granted a range first; who is never granted one has what the cell says."""
    return resource in BUSINESS or (resource in CARRYING and ceiling(kind) is not DataRange.NONE)
