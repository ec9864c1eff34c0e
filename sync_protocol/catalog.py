"""THE table: every record type that travels, who owns it, and how it goes.

Each app binds its own tables to these names in its app.py. Adding a record type starts here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from sqlalchemy import Table

from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.evolution import Reading, Schemas, readable, reading
from sync_protocol.contract.records import RECORDS


class RecordKind(StrEnum):
    """FACT: never changed, a correction is a new one. STATE: the newest version is the one that counts."""

    FACT = "fact"
    STATE = "state"


class Owner(StrEnum):
    """The one tier that may change a record; the other holds a read-only copy."""

    BRANCH = "branch"
    HQ = "hq"


@dataclass(frozen=True, slots=True)
class MoneyColumns:
    """Which columns of a record type hold money, so that batches and closed days carry control totals of it."""

    amount: str
    currency: str
    period: str
    kind: str
    product: str


@dataclass(frozen=True, slots=True)
class RecordType:
    """One record type; `channel` is its queue, `version` its wire schema's.

    `schemas` holds every version's check. `parents` tells which columns name another record, and of which type: a
    row waits while that record is refused.
    """

    name: str
    kind: RecordKind
    owner: Owner
    channel: str
    version: int
    money: MoneyColumns | None = None
    parents: Mapping[str, str] = field(default_factory=dict)
    schemas: Schemas = field(default_factory=lambda: RECORDS, repr=False, compare=False)

    @property
    def check(self) -> RecordCheck:
        """Return the check of the version this node sends."""
        return self.schemas[self.name, self.version]

    @property
    def reads(self) -> tuple[int, ...]:
        """Return the versions this node reads whole, oldest first."""
        return readable(self.schemas, self.name, self.version)

    def reading(self, sent: int, columns: Sequence[str] | None = None) -> Reading:
        """Return how rows of version `sent` are read here; raises UnreadableSchemaError."""
        return reading(self.schemas, self.name, self.version, sent=sent, columns=columns)

    def at_version(self, version: int) -> "RecordType":
        """Return this record type as a node at an earlier version knows it."""
        return replace(self, version=version)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of a wire row after its change number."""
        return self.check.columns[1:]


# In the order a cycle sends them: who before what, today's money before the statistics made of it.
CATALOG: Final[Mapping[str, RecordType]] = {
    record.name: record
    for record in (
        # Before all that it made blank, so that nothing from before is kept or shown beside it.
        RecordType("erasure", RecordKind.STATE, Owner.BRANCH, "profile", 1),
        RecordType("manager", RecordKind.STATE, Owner.BRANCH, "profile", 1),
        RecordType(
            "department", RecordKind.STATE, Owner.BRANCH, "profile", 1, parents={"parent_id": "department"}
        ),
        RecordType(
            "staff",
            RecordKind.STATE,
            Owner.BRANCH,
            "profile",
            1,
            parents={"department_id": "department", "manager_id": "manager"},
        ),
        RecordType(
            "customer",
            RecordKind.STATE,
            Owner.BRANCH,
            "profile",
            3,
            parents={"manager_id": "manager", "parent_id": "customer"},
        ),
        RecordType(
            "contact", RecordKind.STATE, Owner.BRANCH, "profile", 1, parents={"customer_id": "customer"}
        ),
        RecordType(
            "qualification",
            RecordKind.STATE,
            Owner.BRANCH,
            "profile",
            1,
            parents={"customer_id": "customer"},
        ),
        RecordType("unit", RecordKind.STATE, Owner.BRANCH, "profile", 1, parents={"owner_id": "customer"}),
        RecordType(
            "bill_line",
            RecordKind.FACT,
            Owner.BRANCH,
            "billing",
            1,
            money=MoneyColumns("amount_minor", "currency", "period", "kind", "product"),
            parents={"customer_id": "customer", "corrects_id": "bill_line"},
        ),
        RecordType(
            "work_log",
            RecordKind.FACT,
            Owner.BRANCH,
            "worklog",
            1,
            parents={"manager_id": "manager", "customer_id": "customer", "corrects_id": "work_log"},
        ),
        RecordType(
            "unit_event",
            RecordKind.FACT,
            Owner.BRANCH,
            "worklog",
            1,
            parents={"unit_id": "unit", "customer_id": "customer", "corrects_id": "unit_event"},
        ),
        RecordType(
            "offer_answer",
            RecordKind.FACT,
            Owner.BRANCH,
            "worklog",
            1,
            parents={"customer_id": "customer", "corrects_id": "offer_answer"},
        ),
        RecordType(
            "question_answer",
            RecordKind.FACT,
            Owner.BRANCH,
            "worklog",
            1,
            parents={"customer_id": "customer", "person_id": "contact", "corrects_id": "question_answer"},
        ),
        RecordType(
            "customer_month", RecordKind.STATE, Owner.BRANCH, "stats", 1, parents={"customer_id": "customer"}
        ),
        RecordType(
            "operation_month", RecordKind.STATE, Owner.BRANCH, "stats", 1, parents={"manager_id": "manager"}
        ),
        # After the facts it counts: HQ can match it at once.
        RecordType("day_close", RecordKind.STATE, Owner.BRANCH, "control", 1),
        RecordType(
            "legal_hold", RecordKind.STATE, Owner.BRANCH, "control", 1, parents={"customer_id": "customer"}
        ),
        RecordType(
            "customer_identity",
            RecordKind.STATE,
            Owner.BRANCH,
            "profile",
            1,
            parents={"customer_id": "customer"},
        ),
        RecordType("personal_request", RecordKind.STATE, Owner.BRANCH, "control", 1),
    )
}


# Beside the channels of the record types: rows of any type that must not keep today's waiting.
BACKLOG: Final = "backlog"
CHANNELS: Final = (*dict.fromkeys(record.channel for record in CATALOG.values()), BACKLOG)


@dataclass(frozen=True, slots=True)
class Binding:
    """A record type and the table that holds it at this node.

    `removable_when` is an SQL condition over OLD under which a fact may be removed at its owner
    (the undo of the import that brought it); without it a fact can never be removed. `blanked_when` is one under which
    the columns in `blankable` may be changed, and no others; without it a fact can never be changed.
    """

    record: RecordType
    table: Table
    removable_when: str | None = None
    blanked_when: str | None = None
    blankable: frozenset[str] = frozenset()

    def at_version(self, version: int) -> "Binding":
        """Return this binding as a node at an earlier version of the record's schema has it."""
        return (
            self if version == self.record.version else replace(self, record=self.record.at_version(version))
        )


Bindings = Mapping[str, Binding]


def bind(
    tables: Mapping[str, Table],
    *,
    removable_when: Mapping[str, str] | None = None,
    blanked_when: Mapping[str, tuple[str, Collection[str]]] | None = None,
) -> Bindings:
    """Bind each record type of the catalog to a table; raises KeyError when one is left out.

    `blanked_when` gives by record type the condition and the columns that may be changed under it.
    """
    conditions, blanks = removable_when or {}, blanked_when or {}
    return {
        name: Binding(
            record=record,
            table=tables[name],
            removable_when=conditions.get(name),
            blanked_when=blanks[name][0] if name in blanks else None,
            blankable=frozenset(blanks[name][1]) if name in blanks else frozenset(),
        )
        for name, record in CATALOG.items()
    }
