"""Taking a whole import back, or saying exactly why that is not possible."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, exists, func, select
from sqlalchemy.orm import Session

from branch_node.customers.following import follow_holder
from branch_node.customers.groups import count_members, loses_members
from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.imports import decide, queries
from branch_node.imports.columns import Kind
from branch_node.imports.kinds import KINDS
from branch_node.imports.models import Import, ImportRow, ImportState, RowAction
from branch_node.imports.store import MOVES, UNIT_EVENTS, UNITS, update_records
from branch_node.statistics.models import CustomerMonth
from branch_node.units.models import UnitOwner
from shared.audit import operations as audit
from shared.db.base import Base
from shared.domain.customers.vocabulary import CustomerKind
from shared.errors import N_, BranchlineError
from shared.errors import Kind as ErrorKind
from shared.stamp import Stamp

# Computed from other records, or who is let at a record: they go with the record they are about.
DERIVED: Final = frozenset(each.__tablename__ for each in (CustomerMonth, CustomerShare, Serving, UnitOwner))
# What an import writes beside the records of a kind: it goes with them.
BESIDE: Final = {UNITS: UNIT_EVENTS}
BESIDE_TYPE: Final = "unit_event"
NAMED: Final = 50
_AT_ONCE: Final = 1000

CHANGED: Final = N_("Line %(row)s: the record was changed after the import.")
CHANGED_BY_IMPORT: Final = N_(
    "Line %(row)s: the record was changed by import %(import_id)s (%(file)s). Undo that one first."
)
GONE: Final = N_("Line %(row)s: the record is no longer here.")
USED_BY_IMPORT: Final = N_(
    "%(count)s records in %(table)s from import %(import_id)s (%(file)s) need them. Undo that one first."
)
USED: Final = N_("%(count)s records in %(table)s, entered since, need them.")
MEMBERS: Final = N_(
    "Line %(row)s: %(members)s customers stand below this group by now. Place them elsewhere first."
)
MORE: Final = N_("... and more of the same.")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why an import cannot be taken back; `message` is a msgid of `params`."""

    message: str
    params: dict[str, Any]

    def __str__(self) -> str:
        """Return the English sentence."""
        return self.message % self.params if self.params else self.message


class UndoRefusedError(BranchlineError):
    """Something depends on what the import brought in; nothing was undone."""

    code = "undo-refused"
    kind = ErrorKind.CONFLICT
    message = N_("This import cannot be undone: later work depends on it. Nothing was changed.")

    def __init__(self, obstacles: Sequence[Obstacle]) -> None:
        """Keep the reasons, to be shown one by one."""
        super().__init__()
        self.obstacles = list(obstacles)


class NotUndoableError(BranchlineError):
    """The import has taken nothing in, or was undone already."""

    code = "undo-state"
    kind = ErrorKind.CONFLICT
    message = N_("Only an import that was taken in, or broken off half way, can be undone.")


@dataclass(frozen=True, slots=True)
class Undone:
    """How many records were deleted and how many got back what they held."""

    import_id: str
    deleted: int
    restored: int


def undo_import(session: Session, import_id: str, *, by: Stamp) -> Undone:
    """Delete the records an import created and restore those it updated, all or nothing.

    Raises UndoRefusedError with every reason when a record was changed since or others refer to it.
    The import goes through `undoing`, which is what the database's guards of facts ask for.
    """
    record = queries.get_import(session, import_id)
    if record.state not in {ImportState.DONE, ImportState.INTERRUPTED, ImportState.RUNNING}:
        raise NotUndoableError
    record.worker = None  # whoever is still at work on it can commit nothing more
    record.state = ImportState.UNDOING
    session.flush()
    kind = KINDS[record.kind]
    obstacles = [
        *_changed_since(session, record, kind),
        *_in_use(session, record, kind),
        *_members_left(session, record, kind),
    ]
    if obstacles:
        raise UndoRefusedError(obstacles)
    _forget_moves(session, record, by)
    restored = _restore(session, record, kind, by)
    deleted = _delete_created(session, record, kind, by)
    record.state = ImportState.UNDONE
    record.undone_at = by.at
    record.undone_by = by.actor[:80]
    details = {"kind": record.kind, "file": record.file_name, "deleted": deleted, "restored": restored}
    audit.record(session, "import.undone", subject=("import", record.id), by=by, details=details)
    return Undone(record.id, deleted, restored)


def _changed_since(session: Session, record: Import, kind: Kind) -> Iterator[Obstacle]:
    """Yield the states that are not as the import left them; facts cannot change."""
    if kind.is_fact:
        return
    found = 0
    for rows in _pages(session, record, None):
        ids = [row.record_id for row in rows]
        now = {
            state["id"]: state
            for state in session.execute(select(kind.table).where(kind.table.c.id.in_(ids))).mappings()
        }
        for row in rows:
            state = now.get(row.record_id)
            if state is not None and decide.fingerprint(kind.table, dict(state)) == row.after:
                continue
            if state is None and row.action == RowAction.CREATED:
                continue  # deleted since, which is what an undo would do
            found += 1
            if found > NAMED:
                yield Obstacle(MORE, {})
                return
            yield (
                _why_changed(session, record, row) if state is not None else Obstacle(GONE, {"row": row.row})
            )


def _why_changed(session: Session, record: Import, row: ImportRow) -> Obstacle:
    later = session.execute(
        select(Import.id, Import.file_name)
        .join(ImportRow, ImportRow.import_id == Import.id)
        .where(
            ImportRow.record_id == row.record_id,
            Import.id > record.id,
            Import.state != ImportState.UNDONE,
        )
        .order_by(Import.id.desc())
        .limit(1)
    ).first()
    if later is None:
        return Obstacle(CHANGED, {"row": row.row})
    return Obstacle(CHANGED_BY_IMPORT, {"row": row.row, "import_id": later[0], "file": later[1]})


def _in_use(session: Session, record: Import, kind: Kind) -> Iterator[Obstacle]:
    """Yield, for every table with a key into this one, what refers to the records to be deleted."""
    created = _created_ids(record)
    for table, column in _referrers(kind.table):
        if table.name in DERIVED or _goes_along(column):
            continue
        if "id" not in table.c:  # no record of its own, so no import brought it
            yield from _plain_uses(session, table, column.in_(created))
            continue
        uses = select(table.c.id).where(column.in_(created))
        if table in {kind.table, BESIDE.get(kind.table)}:
            uses = uses.where(table.c.id.not_in(created))
        yield from _users(session, table, uses.subquery().c.id)


def _members_left(session: Session, record: Import, kind: Kind) -> Iterator[Obstacle]:
    """Yield the customers whom the file made a group and below whom others were placed since."""
    if kind.record_type != "customer":
        return
    for rows in _pages(session, record, RowAction.UPDATED):
        made = {row.record_id: row for row in rows if (row.before or {}).get("kind")}
        for one, members in count_members(session, list(made), lock=True).items():
            was = decide.restored(kind.table, made[one].before or {})["kind"]
            if loses_members(CustomerKind.GROUP, was, members):
                yield Obstacle(MEMBERS, {"row": made[one].row, "members": members})


def _goes_along(column: ColumnElement[str]) -> bool:
    """Tell whether rows are there only as long as what they refer to: who a file is shared with, who it is open to."""
    return any(key.ondelete == "CASCADE" for key in column.foreign_keys)


def _plain_uses(session: Session, table: Table, condition: ColumnElement[bool]) -> Iterator[Obstacle]:
    if count := session.scalar(select(func.count()).select_from(table).where(condition)):
        yield Obstacle(USED, {"count": count, "table": table.name})


def _users(session: Session, table: Table, user_ids: ColumnElement[str]) -> Iterator[Obstacle]:
    by_import = session.execute(
        select(Import.id, Import.file_name, func.count())
        .join(ImportRow, ImportRow.import_id == Import.id)
        .where(
            ImportRow.record_id.in_(select(user_ids)),
            ImportRow.action == RowAction.CREATED,
            Import.state != ImportState.UNDONE,
        )
        .group_by(Import.id, Import.file_name)
        .order_by(Import.id)
    ).all()
    for import_id, file_name, count in by_import:
        params = {"count": count, "table": table.name, "import_id": import_id, "file": file_name}
        yield Obstacle(USED_BY_IMPORT, params)
    imported = select(ImportRow.record_id).where(
        ImportRow.record_id == user_ids, ImportRow.action == RowAction.CREATED
    )
    others = session.scalar(select(func.count()).select_from(user_ids.table).where(~exists(imported)))
    if others:
        yield Obstacle(USED, {"count": others, "table": table.name})


def _forget_moves(session: Session, record: Import, by: Stamp) -> None:
    """Remove the moves that the import wrote; nobody moved these customers since, or it would not be undone."""
    made = session.execute(select(MOVES).where(MOVES.c.import_id == record.id)).mappings().all()
    told: list[audit.Row] = [(move["id"], dict(move), {}) for move in made]
    audit.record_rows(session, "customer_move", MOVES, told, by=by, details={"import": record.id})
    session.execute(delete(MOVES).where(MOVES.c.import_id == record.id))


def _restore(session: Session, record: Import, kind: Kind, by: Stamp) -> int:
    restored, about = 0, {"import": record.id}
    for rows in _pages(session, record, RowAction.UPDATED):
        changes = [(row.record_id, decide.restored(kind.table, row.before or {})) for row in rows]
        now = _as_they_are(session, kind.table, [one for one, _back in changes])
        told = [(one, now.get(one, {}), back) for one, back in changes]
        audit.record_rows(session, kind.record_type, kind.table, told, by=by, details=about)
        update_records(session, kind.table, changes)
        for one, back in changes:
            if kind.record_type == "customer" and "manager_id" in back and one in now:
                follow_holder(session, [one], now[one]["manager_id"], back["manager_id"], by=by)
        restored += len(changes)
    return restored


def _as_they_are(session: Session, table: Table, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = session.execute(select(table).where(table.c.id.in_(ids))).mappings()
    return {row["id"]: dict(row) for row in found}


def _delete_created(session: Session, record: Import, kind: Kind, by: Stamp) -> int:
    created = _created_ids(record)
    for rows in _pages(session, record, RowAction.CREATED):
        gone = _as_they_are(session, kind.table, [row.record_id for row in rows])
        told: list[audit.Row] = [(one, held, {}) for one, held in gone.items()]
        audit.record_rows(session, kind.record_type, kind.table, told, by=by, details={"import": record.id})
    _delete_beside(session, record, kind, by)
    for table, column in _referrers(kind.table):
        if table.name in DERIVED:
            session.execute(delete(table).where(column.in_(created)))
    deleted = session.execute(delete(kind.table).where(kind.table.c.id.in_(created)))
    return int(deleted.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def _delete_beside(session: Session, record: Import, kind: Kind, by: Stamp) -> None:
    table = BESIDE.get(kind.table)
    if table is None:
        return
    mine = table.c.id.in_(_created_ids(record))
    for some in session.execute(select(table).where(mine)).mappings().partitions(_AT_ONCE):
        told: list[audit.Row] = [(row["id"], dict(row), {}) for row in some]
        audit.record_rows(session, BESIDE_TYPE, table, told, by=by, details={"import": record.id})
    session.execute(delete(table).where(mine))


def _created_ids(record: Import) -> Any:  # noqa: ANN401 - a select, whose type has no public name
    return select(ImportRow.record_id).where(
        ImportRow.import_id == record.id, ImportRow.action == RowAction.CREATED
    )


def _referrers(table: Table) -> Iterator[tuple[Table, ColumnElement[str]]]:
    """Yield every table of the node that refers to `table`; one added later is found by itself."""
    for other in Base.metadata.sorted_tables:
        for constraint in other.foreign_key_constraints:
            if constraint.referred_table is table:
                yield other, constraint.elements[0].parent
    if table is Customer.__table__:
        # Who belongs to a group names it without a key.
        yield table, table.c.parent_id


def _pages(session: Session, record: Import, action: RowAction | None) -> Iterator[Sequence[ImportRow]]:
    """Yield the rows of an import in flat memory."""
    last = 0
    while True:
        statement = select(ImportRow).where(ImportRow.import_id == record.id, ImportRow.row > last)
        if action is not None:
            statement = statement.where(ImportRow.action == action)
        rows = session.scalars(statement.order_by(ImportRow.row).limit(_AT_ONCE)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].row
        for row in rows:
            session.expunge(row)
