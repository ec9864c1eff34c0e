"""What becomes of each row of a chunk, given what the database holds; pure, so a dry run tells the truth."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Table

from branch_node.customers.groups import GroupHasMembersError, loses_members
from branch_node.imports.columns import ColumnError, Kind
from branch_node.imports.likeness import Match
from branch_node.imports.mapping import Plan
from branch_node.imports.models import MatchChoice
from branch_node.imports.queries import Chosen, Origin
from branch_node.imports.rows import Problem, Reading, problem_of, required
from shared.db.base import Instant
from shared.errors import N_
from shared.ids import new_id
from shared.stamp import Stamp

Record = dict[str, Any]

DUPLICATE_IN_FILE: Final = N_("%(value)s stands in line %(first)s of this file already. Keep one of the two.")
ALREADY_IMPORTED: Final = N_(
    "%(value)s is here already: taken in from line %(row)s of %(file)s (import %(import_id)s)."
)
ALREADY_HERE: Final = N_("%(value)s is here already, entered on this node.")
UPDATE_HINT: Final = N_("%(value)s is here already. To change it, take the file in with update by %(key)s.")
SEVERAL: Final = N_(
    "%(count)s records have %(value)s, so it is unclear which is meant. Update by another column."
)
NO_MATCH: Final = N_("No record has %(value)s. To create one, fill in: %(columns)s.")
KEY_DIFFERS: Final = N_("The record found by %(by)s has number %(has)s, but this row says %(value)s.")
UNKNOWN: Final[Mapping[str, str]] = {
    "managers": N_("There is no account manager %(value)s here. Take in managers first, or correct it."),
    "customers": N_("There is no customer %(value)s here. Take in customers first, or correct it."),
    "bill_lines": N_("There is no bill line %(value)s here to be corrected."),
    "work_logs": N_("There is no work log entry %(value)s here to be corrected."),
}
# Of an erased customer only what is not personal may still come in: amounts, without a remark.
CUSTOMER_ERASED: Final = N_("Customer %(value)s was erased, so nothing is written about them any more.")
REMARK_OF_ERASED: Final = N_("Customer %(value)s was erased. Take the line in without a remark.")
CUSTOMER_MERGED: Final = N_("Customer %(value)s was merged into another one. Change that one instead.")
LEFT_OUT: Final = N_(
    "Left out, as was chosen: %(value)s looks like a customer who is here, or like an earlier row."
)
CHANGED_BY_ROW: Final = N_(
    "An earlier row of this file changes this record already. Make one row of the two."
)
OF_ANOTHER: Final = N_(
    "This person stands at another customer. Enter them there anew, and here as having left."
)
OWNED_BY_ANOTHER: Final = N_(
    "This unit is with somebody else here. Write on its page whose it becomes, and why."
)
_NEVER_TOUCHED: Final = frozenset({"id", "created_at", "created_by", "updated_at", "updated_by"})
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Created(NamedTuple):
    """A record to be added."""

    line: int
    record: Record


class Updated(NamedTuple):
    """A record to be changed: the columns that change, as they were, and the whole as it will be."""

    line: int
    record_id: str
    changes: Record
    before: Record
    after: Record


class Refused(NamedTuple):
    """A row that is left out."""

    line: int
    cells: Sequence[str]
    problems: Sequence[Problem]


@dataclass(slots=True)
class Outcome:
    """What becomes of a chunk."""

    created: list[Created] = field(default_factory=list)
    updated: list[Updated] = field(default_factory=list)
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    last_line: int = 0

    @property
    def read(self) -> int:
        """How many rows the chunk had."""
        return len(self.created) + len(self.updated) + self.unchanged + len(self.refused)


@dataclass(frozen=True, slots=True)
class World:
    """What the database and the file's earlier lines hold of the numbers in a chunk.

    `earlier` gives for (column, line) the line that had the same value before; `ids` by table and
    number; `matches` the records an update may mean; `origins` which import brought a record in;
    `erased` the customers among all these who were erased, `merged` those who were merged into another. `chosen` is by
    line what somebody said of rows that look like a customer; `changed` are records this import has changed before;
    `members` says by group customer how many stand below it.
    """

    earlier: Mapping[tuple[str, int], int]
    ids: Mapping[str, dict[str, str]]
    existing: dict[str, str]
    matches: Mapping[str, list[Record]]
    origins: Mapping[str, Origin]
    erased: Collection[str] = ()
    merged: Collection[str] = ()
    chosen: Mapping[int, Chosen] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    members: Mapping[str, int] = field(default_factory=dict)


def decide(plan: Plan, readings: Sequence[Reading], world: World, *, by: Stamp) -> Outcome:
    """Return what becomes of each row; numbers created by earlier rows of the chunk count as existing."""
    outcome = Outcome(last_line=readings[-1].line if readings else 0)
    for reading in readings:
        problems = [*reading.problems, *_duplicates(plan, reading, world)]
        values = _resolved(plan, reading, world, problems)
        found = None if problems else _match(plan, reading, world, problems)
        if found is None and not problems:
            found = _as_chosen(plan, reading, world, values, problems)
        problems += _of_erased(plan, reading, world, found) or _of_merged(plan, reading, world, found)
        problems += _of_another(plan, values, found)
        if not problems:
            _settle(plan, reading, world, values, found, problems, outcome, by)
        if problems:
            outcome.refused.append(Refused(reading.line, reading.cells, problems))
    return outcome


def _settle(
    plan: Plan,
    reading: Reading,
    world: World,
    values: Record,
    found: Record | None,
    problems: list[Problem],
    outcome: Outcome,
    by: Stamp,
) -> None:
    """Create a record, or change the one that was found; what is wrong with that goes into `problems`."""
    if found is None:
        record = _new_record(plan, values, problems, by)
        if not problems:
            outcome.created.append(Created(reading.line, record))
            _remember(plan, record, world)
        return
    updated = _changed(reading.line, found, values, by)
    if updated is None:
        outcome.unchanged += 1
    elif updated.record_id in world.changed:
        problems.append(Problem(plan.kind.key, "changed-by-row", CHANGED_BY_ROW, {}))
    else:
        for columns, check in plan.kind.checks:
            if not updated.changes.keys().isdisjoint(columns):
                _holds(problems, check, updated.after)
        problems += _of_members(updated, world)
        if not problems:
            world.changed.add(updated.record_id)
            outcome.updated.append(updated)


def fingerprint(table: Table, record: Mapping[str, Any]) -> str:
    """Return what tells whether a record is still as it was, before and after the database had it."""
    return hashlib.blake2b(_encode([record[name] for name in _names(table)]), digest_size=16).hexdigest()


@lru_cache(maxsize=16)
def _names(table: Table) -> tuple[str, ...]:
    return tuple(table.c.keys())


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return column values as plain JSON; `restored` gives them back."""
    builtins: dict[str, Any] = msgspec.to_builtins(dict(values))
    return builtins


def restored(table: Table, values: Mapping[str, Any]) -> Record:
    """Return column values from plain JSON in the types of their columns."""
    return {
        name: value if value is None else msgspec.convert(value, _python_type(table, name))
        for name, value in values.items()
    }


def _python_type(table: Table, name: str) -> Any:  # noqa: ANN401 - a type, as msgspec takes it
    column = table.c[name].type
    enum = getattr(column, "enum_class", None)
    if enum is not None:
        return enum
    if isinstance(column, Instant):
        return datetime
    return Any if name in {"tags", "attributes", "do_not_contact"} else column.python_type


def _duplicates(plan: Plan, reading: Reading, world: World) -> list[Problem]:
    found = []
    for column in dict.fromkeys((plan.update_by or plan.kind.key, plan.kind.key)):
        first = world.earlier.get((column, reading.line))
        if first is not None:
            params = {"value": reading.values[column], "first": first}
            found.append(Problem(column, "duplicate-in-file", DUPLICATE_IN_FILE, params))
    return found


def _resolved(plan: Plan, reading: Reading, world: World, problems: list[Problem]) -> Record:
    """Return values by column of the table, numbers of other records replaced by their ids."""
    values: Record = {}
    given = reading.values
    for field_ in plan.fields:
        name = field_.name
        if name not in given:
            continue
        value = given[name]
        if field_.is_attribute:
            values.setdefault("attributes", {})[field_.target] = value
            continue
        if field_.refers is not None:
            found = world.ids[field_.refers].get(value)
            if found is None:
                problems.append(Problem(name, "unknown-reference", UNKNOWN[field_.refers], {"value": value}))
                continue
            value = found
        values[field_.target] = value
    return values


def _match(plan: Plan, reading: Reading, world: World, problems: list[Problem]) -> Record | None:
    """Return the record this row changes, or None when it makes a new one; refuses what is unclear."""
    key = plan.kind.key
    number = reading.values.get(key)
    if plan.update_by is None:
        _refuse_existing(plan, number, world, problems)
        return None
    wanted = reading.values.get(plan.update_by)
    if wanted is None:
        problems.append(required(plan.update_by))
        return None
    matches = world.matches.get(wanted, [])
    if len(matches) > 1:
        params = {"count": len(matches), "value": wanted}
        problems.append(Problem(plan.update_by, "several-matches", SEVERAL, params))
        return None
    if not matches:
        _refuse_existing(plan, number, world, problems)
        return None
    if number is not None and number != matches[0][key]:
        params = {"by": plan.update_by, "has": matches[0][key], "value": number}
        problems.append(Problem(key, "key-differs", KEY_DIFFERS, params))
    return matches[0]


def _as_chosen(
    plan: Plan, reading: Reading, world: World, values: Record, problems: list[Problem]
) -> Record | None:
    """Do with a row that looks like a customer what somebody said: leave it out, or return whom it updates.

    The number of the file then stays findable as that customer's earlier number, if they have none.
    """
    chosen = world.chosen.get(reading.line)
    if chosen is None or chosen.choice is MatchChoice.NEW:
        return None
    number = values[plan.kind.key]
    if chosen.choice is MatchChoice.LEAVE or chosen.record is None:
        problems.append(Problem(plan.kind.key, "left-out", LEFT_OUT, {"value": number}))
        return None
    del values[plan.kind.key]
    if not chosen.record["legacy_no"]:
        values.setdefault("legacy_no", number)
    return dict(chosen.record)


def _of_another(plan: Plan, values: Record, found: Record | None) -> list[Problem]:
    """Refuse to move a contact person, or a unit, from one customer to another."""
    if found is None or plan.kind.is_fact:
        return []
    for column, told in (("customer_id", OF_ANOTHER), ("owner_id", OWNED_BY_ANOTHER)):
        if column in found and values.get(column, found[column]) != found[column]:
            return [Problem("customer_no", "other-customer", told, {})]
    return []


def _refuse_existing(plan: Plan, number: str | None, world: World, problems: list[Problem]) -> None:
    if number is None or number not in world.existing:
        return
    key = plan.kind.key
    origin = world.origins.get(world.existing[number])
    if origin is not None:
        params: dict[str, Any] = {
            "value": number,
            "row": origin.row,
            "file": origin.file_name,
            "import_id": origin.import_id,
        }
        problems.append(Problem(key, "duplicate-key", ALREADY_IMPORTED, params))
    elif plan.kind.is_fact:
        problems.append(Problem(key, "duplicate-key", ALREADY_HERE, {"value": number}))
    else:
        problems.append(Problem(key, "duplicate-key", UPDATE_HINT, {"value": number, "key": key}))


def _of_erased(plan: Plan, reading: Reading, world: World, found: Record | None) -> list[Problem]:
    """Return what a row would write of a customer who was erased."""
    if not world.erased:
        return []
    if found is not None and found["id"] in world.erased:
        wanted = plan.update_by or plan.kind.key
        return [Problem(wanted, "customer-erased", CUSTOMER_ERASED, {"value": reading.values[wanted]})]
    named = next((one.name for one in plan.fields if one.target in {"customer_id", "owner_id"}), "")
    number = reading.values.get(named)
    if number is None or world.ids["customers"].get(number) not in world.erased:
        return []
    if plan.kind.table.name != "bill_lines":
        return [Problem(named, "customer-erased", CUSTOMER_ERASED, {"value": number})]
    if reading.values.get("remark"):
        return [Problem("remark", "customer-erased", REMARK_OF_ERASED, {"value": number})]
    return []


def _of_merged(plan: Plan, reading: Reading, world: World, found: Record | None) -> list[Problem]:
    """Return what a row would change of a file that is only read any more; facts by its number are its person's."""
    wanted = plan.update_by or plan.kind.key
    if found is None or found["id"] not in world.merged:
        named = "" if plan.kind.is_fact else reading.values.get("customer_no", "")
        if plan.kind.key == "customer_no" or world.ids.get("customers", {}).get(named) not in world.merged:
            return []
        wanted = "customer_no"
    return [Problem(wanted, "customer-merged", CUSTOMER_MERGED, {"value": reading.values[wanted]})]


def _of_members(updated: Updated, world: World) -> list[Problem]:
    """Keep a group customer what it is while others stand below."""
    members = world.members.get(updated.record_id, 0)
    if "kind" not in updated.changes or not loses_members(
        updated.before["kind"], updated.after["kind"], members
    ):
        return []
    return [Problem("kind", GroupHasMembersError.code, GroupHasMembersError.message, {"members": members})]


def _new_record(plan: Plan, values: Record, problems: list[Problem], by: Stamp) -> Record:
    kind = plan.kind
    if plan.update_by is not None:
        missing = [
            column.name for column in kind.columns if column.required and column.stored_as not in values
        ]
        if missing:
            params = {"value": values[plan.update_by], "columns": ", ".join(missing)}
            problems.append(Problem(plan.update_by, "no-match", NO_MATCH, params))
            return {}
    record = blank_record(kind)
    record.update(values)
    if not _holds(problems, kind.rule, record, plan.context):
        return {}
    for _columns, check in kind.checks:
        _holds(problems, check, record)
    if problems:
        return {}
    record["id"] = new_id()
    record["created_at"] = record["created_at"] or record.get("entered_at") or by.at
    record["created_by"] = record["created_by"] or by.actor
    if "updated_at" in record:
        record["updated_at"] = record["updated_at"] or by.at
        record["updated_by"] = record["updated_by"] or by.actor
    return record


def _holds(problems: list[Problem], rule: Callable[..., None], *given: object) -> bool:
    """Apply a rule to a whole record; what breaks it goes into `problems`."""
    try:
        rule(*given)
    except ColumnError as error:
        problems.append(problem_of(error.column, error))
        return False
    return True


def blank_record(kind: Kind) -> Record:
    """Return a record of nothing but defaults, every column named."""
    record: Record = dict.fromkeys(_names(kind.table))
    for name, value in kind.defaults.items():
        record[name] = _FRESH[name]() if name in _FRESH else value
    return record


_FRESH: Final[Mapping[str, Callable[[], object]]] = {"tags": list, "attributes": dict, "do_not_contact": list}


def _remember(plan: Plan, record: Record, world: World) -> None:
    """Let later rows of the chunk see this one."""
    number = record[plan.kind.key]
    world.existing[number] = record["id"]
    own = world.ids.get(plan.kind.table.name)
    if own is not None:
        own[number] = record["id"]


def _changed(line: int, found: Record, values: Record, by: Stamp) -> Updated | None:
    """Return the change of one record, or None when the row says what is there; blanks change nothing."""
    given = {name: value for name, value in values.items() if name in found and name not in _NEVER_TOUCHED}
    if "attributes" in given:
        given["attributes"] = {**(found["attributes"] or {}), **given["attributes"]}
    changes = {name: value for name, value in given.items() if found[name] != value}
    if not changes:
        return None
    changes["updated_at"] = values.get("updated_at") or by.at
    changes["updated_by"] = values.get("updated_by") or by.actor
    before = {name: found[name] for name in changes}
    return Updated(line, found["id"], changes, before, {**found, **changes})
