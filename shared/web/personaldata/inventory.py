"""Every column that holds personal data: of which class, why, for how long, who sees it, and whether it travels."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, Column, Enum, String, Table

from shared.db.base import Id
from shared.db.personal import FieldClass, about_column, class_of, is_not_personal, staff_term
from shared.domain.personal.keeping import (
    BASES,
    KEEP_ACCOUNTS,
    STAFF_BASIS,
    USUAL_BASES,
    basis_policy,
    keep_policy,
)
from shared.errors import N_
from shared.rights import policy
from shared.rights.policy import Person
from shared.rights.vocabulary import Action, DataRange, Resource, StaffKind

# Who made or changed a row, by the name they sign in with: kept as long as the row, for whoever answers for it.
MADE_BY: Final = "_by"
WITH_THE_CUSTOMER: Final = N_("until the customer is erased")
FOR_EVER: Final = N_("for ever")


@dataclass(frozen=True, slots=True)
class Held:
    """One column; `months` is its term after the person left, `until` (a msgid) says it where no term runs.

    `of_staff` says that it is about our own people, and not about customers.
    """

    table: Table
    column: Column[Any]
    kind: FieldClass
    basis: str
    months: int
    until: str
    whole: Sequence[StaffKind]
    masked: Sequence[StaffKind]
    unseen: Sequence[StaffKind]
    travels: bool
    of_staff: bool


def inventory(
    tables: Collection[Table],
    *,
    resources: Mapping[str, Resource],
    travelling: Collection[str],
    fixed: Mapping[str, Any],
    kinds: Sequence[StaffKind],
) -> list[Held]:
    """Return every column with personal data of some tables; `fixed` are the policies that are in force."""
    return [
        _held(table, column, kind, resources.get(table.name), table.name in travelling, fixed, kinds)
        for table in tables
        for column in table.columns
        if (kind := class_of(column)) is not None
    ]


def unclassed(tables: Collection[Table]) -> list[str]:
    """Return the text columns, of tables with personal data, that say neither of which class nor that they are none."""
    return [
        f"{table.name}.{column.name}"
        for table in tables
        if any(class_of(column) is not None for column in table.columns)
        for column in table.columns
        if _is_text(column) and class_of(column) is None and not is_not_personal(column)
    ]


def _held(
    table: Table,
    column: Column[Any],
    kind: FieldClass,
    resource: Resource | None,
    travels: bool,
    fixed: Mapping[str, Any],
    kinds: Sequence[StaffKind],
) -> Held:
    seen = {one: _sight(one, resource, kind) for one in kinds}
    staff, of_customers = staff_term(table), _is_of_customers(table)
    months = int(fixed.get(keep_policy(kind), 0)) if of_customers else 0
    if staff == "":
        months = int(fixed.get(KEEP_ACCOUNTS, 0))
    return Held(
        table=table,
        column=column,
        kind=kind,
        basis=STAFF_BASIS if staff is not None else _basis(kind, fixed),
        months=months,
        until="" if months else staff or _until(table, of_customers=of_customers),
        whole=[one for one, way in seen.items() if way == "whole"],
        masked=[one for one, way in seen.items() if way == "masked"],
        unseen=[one for one, way in seen.items() if way == "unseen"],
        travels=travels,
        of_staff=staff is not None,
    )


def _basis(kind: FieldClass, fixed: Mapping[str, Any]) -> str:
    return BASES[fixed.get(basis_policy(kind), USUAL_BASES.get(kind, "contract"))]


def _until(table: Table, *, of_customers: bool) -> str:
    return WITH_THE_CUSTOMER if of_customers or about_column(table) else FOR_EVER


def _is_of_customers(table: Table) -> bool:
    """Tell whether a table's rows are customers: their contact columns say whose they are."""
    return any(getattr(column.type, "subject", None) == "customer" for column in table.columns)


def _sight(kind: StaffKind, resource: Resource | None, of: FieldClass) -> str:
    allowed = policy.allowed(Person(kind), resource, Action.READ) if resource else None
    if allowed is None or allowed.range is DataRange.AGGREGATE:
        return "unseen"
    return "masked" if allowed.masked and of.masked else "whole"


def _is_text(column: Column[Any]) -> bool:
    plain = isinstance(column.type, String | JSON) and not isinstance(column.type, Enum)
    return plain and not isinstance(column.type, Id) and not column.name.endswith(MADE_BY)
