"""Writing a chunk into the database in bulk, and remembering each row."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.orm import Session

from branch_node.imports import decide
from branch_node.imports.decide import Outcome
from branch_node.imports.kinds import Kind
from branch_node.imports.models import ImportRefusal, ImportRow, RowAction
from shared.audit.operations import Row, record_rows
from shared.db.base import Base
from shared.stamp import Stamp

# The tables and not the classes: bulk rows need nothing of the ORM.
_ROWS: Final = Base.metadata.tables[ImportRow.__tablename__]
_REFUSALS: Final = Base.metadata.tables[ImportRefusal.__tablename__]


def write(session: Session, import_id: str, kind: Kind, outcome: Outcome, *, by: Stamp) -> None:
    """Write what a chunk creates and changes, and beside it what an undo will need."""
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


def _tell(session: Session, import_id: str, kind: Kind, outcome: Outcome, by: Stamp) -> None:
    rows: list[Row] = [(created.record["id"], {}, created.record) for created in outcome.created]
    rows += [(change.record_id, change.before, change.changes) for change in outcome.updated]
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
