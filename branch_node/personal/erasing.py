"""Erasing a customer as a whole: the rows, and every copy of what they held that this node keeps beside them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, null, select, update
from sqlalchemy.orm import Session

from branch_node.customers.belonging import Erasing, tables_of
from branch_node.customers.models import Customer
from branch_node.duplicates.operations import forget as forget_likeness
from branch_node.erased.queries import is_erased
from branch_node.erasure.operations import Known, carry_out
from branch_node.erasure.queries import list_erasures
from branch_node.identity.queries import members_of
from branch_node.imports.models import ImportRefusal, ImportRow
from branch_node.outbound.models import RecoveredRow, RefusedRecord
from branch_node.personal.reasons import forget_reasons
from shared.db.base import Base
from shared.db.personal import about_column
from shared.db.scope import EVERY
from shared.domain.erasure.rules import personal_columns
from shared.exports.operations import end_made
from shared.stamp import Stamp
from shared.twoperson.operations import forget_said

CHUNK: Final = 500
# Shorter values are found by chance in rows that are about somebody else.
SHORTEST_TOLD_APART: Final = 2


def erase(session: Session, known: Known, *, by: Stamp, again: bool = False) -> int:
    """Erase a customer in this transaction; returns how many rows and copies went.

    `again`: it was erased before, and an older backup has brought it back.
    """
    told = _told_apart(session, known.customer_id)
    ids = [known.customer_id, *_records_about(session, known.customer_id)]
    gone = carry_out(session, known, by=by, again=again, also=tables_of(Erasing.APART))
    gone += forget_likeness(session, known.customer_id)
    gone += _forget_imported(session, ids)
    gone += _forget_refused_rows(session, told)
    if gone:
        # Not whenever it is looked at again: what was exported since holds nothing of the customer.
        gone += end_made(session, by=by)
    gone += forget_reasons(session, known.customer_id)
    gone += forget_said(session, {"customer": known.customer_id})
    gone += _forget_exchanged(session, ids)
    return gone + _erase_merged_with(session, known, by=by, again=again)


def _erase_merged_with(session: Session, known: Known, *, by: Stamp, again: bool) -> int:
    """Erase the other files of the same person: who is forgotten is forgotten under every number."""
    others = [at for at in members_of(session, known.customer_id) if not is_erased(session, at)]
    return sum(erase(session, Known.now(at, known.reason, by), by=by, again=again) for at in others)


def erase_again(session: Session, entries: Iterable[Mapping[str, Any]], *, by: Stamp) -> int:
    """Carry out what the register tells of and this database, that of an older backup, does not; returns how many."""
    held = {one.customer_id for one in list_erasures(session)}
    unknown = [entry for entry in entries if entry["customer_id"] not in held]
    for entry in unknown:
        erase(session, Known.from_register(entry), by=by, again=True)
    return len(unknown)


def _told_apart(session: Session, customer_id: str) -> set[str]:
    """Return what the customer is known by in a file: the number, and what the personal columns hold as yet."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        return set()
    texts = [getattr(customer, column.name) for column in personal_columns(Base.metadata.tables["customers"])]
    words = {customer.customer_no, *(text.strip() for text in texts if isinstance(text, str))}
    return {word for word in words if len(word) >= SHORTEST_TOLD_APART}


def _records_about(session: Session, customer_id: str) -> list[str]:
    found: list[str] = []
    for table in tables_of(Erasing.BLANKED):
        about = about_column(table)
        assert about is not None
        found += session.scalars(select(table.c.id).where(table.c[about[1]] == customer_id))
    return found


def _forget_imported(session: Session, ids: Sequence[str]) -> int:
    """Forget what records held before an import changed them: it can no longer be taken back for these."""
    return _each(
        session,
        ids,
        lambda some: (
            update(ImportRow)
            .where(ImportRow.record_id.in_(some), ImportRow.before.is_not(None))
            .values(before=null())
        ),
    )


def _forget_refused_rows(session: Session, told: set[str]) -> int:
    """Remove the rows imports refused in which the customer stands: by number, name or any contact."""
    if not told:
        return 0
    removed = 0
    found = session.execute(
        select(ImportRefusal.import_id, ImportRefusal.row, ImportRefusal.cells),
        execution_options={"yield_per": CHUNK},
    )
    gone = [(one.import_id, one.row) for one in found if told & {str(cell).strip() for cell in one.cells}]
    for import_id, row in gone:
        session.execute(
            delete(ImportRefusal).where(ImportRefusal.import_id == import_id, ImportRefusal.row == row)
        )
        removed += 1
    return removed


def _forget_exchanged(session: Session, ids: Sequence[str]) -> int:
    """Remove what came back from receivers of these records: nobody is to choose it over the erased one."""
    return _each(
        session, ids, lambda some: delete(RecoveredRow).where(RecoveredRow.record_id.in_(some))
    ) + _each(
        session,
        ids,
        lambda some: (
            update(RefusedRecord)
            .where(RefusedRecord.record_id.in_(some), RefusedRecord.reasons != {})
            .values(reasons={})
        ),
    )


def _each(session: Session, ids: Sequence[str], statement: Any) -> int:  # noqa: ANN401 - ids to a statement
    changed = 0
    for start in range(0, len(ids), CHUNK):
        made = statement(ids[start : start + CHUNK]).execution_options(synchronize_session=False, **EVERY)
        changed += int(session.execute(made).rowcount)  # type: ignore[attr-defined]
    return changed
