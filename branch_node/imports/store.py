"""Writing a chunk into the database in bulk, and remembering each row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from branch_node.customers.following import follow_holder
from branch_node.customers.models import Customer, CustomerMove
from branch_node.customers.schemas import REASON_LENGTH
from branch_node.imports import decide
from branch_node.imports.columns import SINCE, Kind
from branch_node.imports.decide import Outcome
from branch_node.imports.mapping import Plan
from branch_node.imports.models import Import, ImportMatch, ImportRefusal, ImportRow, RowAction
from branch_node.units.models import Unit, UnitEvent
from shared.audit.operations import Row, record_rows
from shared.db.base import Base
from shared.db.personal import about_column
from shared.domain.customers.vocabulary import MoveOf
from shared.domain.units.vocabulary import UnitEventKind
from shared.i18n import gettext as _
from shared.ids import new_id
from shared.stamp import Stamp

MOVED: Final = {MoveOf.STAGE: "lifecycle_stage", MoveOf.TIER: "value_tier"}
# The tables and not the classes: bulk rows need nothing of the ORM.
CUSTOMERS: Final = Base.metadata.tables[Customer.__tablename__]
MOVES: Final = Base.metadata.tables[CustomerMove.__tablename__]
UNITS: Final = Base.metadata.tables[Unit.__tablename__]
UNIT_EVENTS: Final = Base.metadata.tables[UnitEvent.__tablename__]
_ROWS: Final = Base.metadata.tables[ImportRow.__tablename__]
_REFUSALS: Final = Base.metadata.tables[ImportRefusal.__tablename__]


def write(session: Session, record: Import, plan: Plan, outcome: Outcome, *, by: Stamp) -> None:
    """Write what a chunk creates and changes, and beside it what an undo will need."""
    import_id, kind = record.id, plan.kind
    since = {created.line: created.record.pop(SINCE, None) for created in outcome.created}
    _tell(session, import_id, kind, outcome, by)
    if outcome.created:
        session.execute(insert(kind.table), [created.record for created in outcome.created])
        session.execute(
            insert(_ROWS),
            [
                _row(import_id, created.line, RowAction.CREATED, kind.record_type, created.record["id"])
                | {"after": None if kind.is_fact else decide.fingerprint(kind.table, created.record)}
                for created in outcome.created
            ],
        )
    if outcome.updated:
        update_records(
            session, kind.table, [(change.record_id, change.changes) for change in outcome.updated]
        )
        session.execute(
            insert(_ROWS),
            [
                _row(import_id, change.line, RowAction.UPDATED, kind.record_type, change.record_id)
                | {
                    "before": decide.plain(change.before),
                    "after": decide.fingerprint(kind.table, change.after),
                }
                for change in outcome.updated
            ],
        )
    if kind.table is CUSTOMERS:
        _follow_holders(session, outcome, by=by)
        _write_moves(session, record, plan, outcome, by=by)
    if kind.table is UNITS:
        _write_owners(session, import_id, outcome, since, by=by)


def _follow_holders(session: Session, outcome: Outcome, *, by: Stamp) -> None:
    """Let what was merged into customers who change hands go along."""
    for change in outcome.updated:
        if "manager_id" in change.changes:
            before, after = change.before["manager_id"], change.changes["manager_id"]
            follow_holder(session, [change.record_id], before, after, by=by)


def _write_owners(
    session: Session, import_id: str, outcome: Outcome, since: Mapping[int, Any], *, by: Stamp
) -> None:
    """Write whose each new unit is since when, as an event of its own: from events follows who ever owned it.

    What the import wrote beside the row of a line stands under the line's negative number: an undo finds it there.
    """
    owned = [created for created in outcome.created if created.record["owner_id"] is not None]
    if not owned:
        return
    blank: dict[str, Any] = dict.fromkeys(UNIT_EVENTS.c.keys())
    events: list[dict[str, Any]] = [
        blank
        | {
            "id": new_id(),
            "unit_id": created.record["id"],
            "kind": UnitEventKind.OWNER,
            "customer_id": created.record["owner_id"],
            "happened_on": since[created.line],
            "created_at": by.at,
            "created_by": by.actor[:80],
        }
        for created in owned
    ]
    told: list[Row] = [(event["id"], {}, event) for event in events]
    record_rows(session, "unit_event", UNIT_EVENTS, told, by=by, details={"import": import_id})
    session.execute(insert(UNIT_EVENTS), events)
    beside = [
        _row(import_id, -created.line, RowAction.CREATED, "unit_event", event["id"])
        | {"before": None, "after": None}
        for created, event in zip(owned, events, strict=True)
    ]
    session.execute(insert(_ROWS), beside)


def _write_moves(session: Session, record: Import, plan: Plan, outcome: Outcome, *, by: Stamp) -> None:
    """Say of each customer whom the file brings to another stage or tier that they moved, and by which import."""
    today = by.at.astimezone(plan.context.zone).date()
    reason = _("Import of %(file)s", file=record.file_name)[:REASON_LENGTH]
    moves: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "customer_id": customer_id,
            "what": what,
            "before": before,
            "after": after,
            "moved_on": today,
            "reason": reason,
            "made_at": by.at,
            "made_by": by.actor[:80],
            "import_id": record.id,
        }
        for customer_id, what, before, after in _moved(outcome)
    ]
    if moves:
        session.execute(insert(MOVES), moves)
        told: list[Row] = [(str(move["id"]), {}, move) for move in moves]
        record_rows(session, "customer_move", MOVES, told, by=by, details={"import": record.id})


def _moved(outcome: Outcome) -> Iterator[tuple[str, MoveOf, str | None, str]]:
    held: Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = chain(
        ((created.record["id"], {}, created.record) for created in outcome.created),
        ((change.record_id, change.before, change.changes) for change in outcome.updated),
    )
    for customer_id, before, after in held:
        for what, column in MOVED.items():
            if (now := after.get(column)) is not None:
                was = before.get(column)
                yield customer_id, what, was.value if was else None, now.value


def _tell(session: Session, import_id: str, kind: Kind, outcome: Outcome, by: Stamp) -> None:
    rows: list[Row] = [(created.record["id"], {}, created.record) for created in outcome.created]
    about = about_column(kind.table)
    for change in outcome.updated:
        # A row about a customer says about whom, also where that does not change.
        whose = {about[1]: change.after[about[1]]} if about else {}
        rows.append((change.record_id, {**whose, **change.before}, {**whose, **change.changes}))
    record_rows(session, kind.record_type, kind.table, rows, by=by, details={"import": import_id})


def update_records(session: Session, table: Table, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Change many records by id, each in the columns it names; one statement for each set of columns."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record_id, values in changes:
        named = {f"new_{name}": value for name, value in values.items()}
        alike.setdefault(tuple(sorted(values)), []).append({"wanted_id": record_id, **named})
    for names, rows in alike.items():
        session.execute(
            update(table)
            .where(table.c.id == bindparam("wanted_id"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            rows,
        )


def _row(import_id: str, line: int, action: RowAction, record_type: str, record_id: str) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "row": line,
        "action": action.value,
        "record_type": record_type,
        "record_id": record_id,
    }


def write_matches(session: Session, import_id: str, lines: Sequence[int], outcome: Outcome) -> None:
    """Keep whom the rows of a chunk look like; what was said of a row stays while it looks like the same one."""
    table = Base.metadata.tables[ImportMatch.__tablename__]
    here = (table.c.import_id == import_id) & table.c.row.between(lines[0], lines[-1])
    said = {
        (row.row, row.other_id, row.other_row): row.choice
        for row in session.execute(select(table).where(here, table.c.choice.is_not(None)))
    }
    session.execute(delete(table).where(here))
    if outcome.matches:
        session.execute(
            insert(table),
            [
                {
                    "import_id": import_id,
                    "row": match.line,
                    "other_id": match.other_id,
                    "other_row": match.other_row,
                    "score": match.score,
                    "levels": dict(match.levels),
                    "choice": said.get((match.line, match.other_id, match.other_row)),
                }
                for match in outcome.matches
            ],
        )


def write_refusals(session: Session, import_id: str, outcome: Outcome) -> None:
    """Keep the refused rows as given, with their reasons."""
    if outcome.refused:
        session.execute(
            insert(_REFUSALS),
            [
                {
                    "import_id": import_id,
                    "row": refused.line,
                    "cells": list(refused.cells),
                    "problems": [list(problem) for problem in refused.problems],
                }
                for refused in outcome.refused
            ],
        )
