"""Blanking everything personal of a customer in one transaction, and what of it is not there any more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from branch_node.customers.belonging import Erasing, tables_of
from branch_node.customers.models import Customer
from branch_node.documents.operations import forget as forget_documents
from branch_node.erased.models import Erasure
from branch_node.erased.queries import find_erasure
from branch_node.erasure.queries import count_kept, last_batch
from shared.audit.operations import record
from shared.audit.sealing import forget
from shared.db.base import Base, instant_text
from shared.db.personal import about_column
from shared.domain.erasure.rules import blanks
from shared.domain.erasure.vocabulary import ErasureReason
from shared.ids import new_id
from shared.stamp import Stamp
from sync_protocol.changelog.sealing import wait_for_sealing

CUSTOMERS: Final = Base.metadata.tables[Customer.__tablename__]


@dataclass(frozen=True, slots=True)
class Known:
    """An erasure as it was first carried out: carried out again it gives the very same rows."""

    id: str
    customer_id: str
    reason: ErasureReason
    erased_at: datetime
    erased_by: str

    @classmethod
    def now(cls, customer_id: str, reason: ErasureReason, by: Stamp) -> "Known":
        """Return one that is carried out for the first time."""
        return cls(new_id(), customer_id, reason, by.at, by.actor[:80])

    @classmethod
    def of(cls, erasure: Erasure) -> "Known":
        """Return one that is in the database."""
        return cls(erasure.id, erasure.customer_id, erasure.reason, erasure.erased_at, erasure.erased_by)

    @classmethod
    def from_register(cls, entry: Mapping[str, Any]) -> "Known":
        """Return one that the register tells of."""
        return cls(
            entry["id"],
            entry["customer_id"],
            ErasureReason.of(entry["reason"]),
            datetime.fromisoformat(entry["erased_at"]),
            entry["erased_by"],
        )

    def for_register(self) -> dict[str, Any]:
        """Return what the register keeps of it."""
        return {
            "id": self.id,
            "customer_id": self.customer_id,
            "reason": self.reason.value,
            "erased_at": instant_text(self.erased_at),
            "erased_by": self.erased_by,
        }


def carry_out(
    session: Session, known: Known, *, by: Stamp, again: bool = False, also: Sequence[Table] = ()
) -> int:
    """Blank everything personal of a customer and drop the log's key; returns how many rows changed.

    The rows change by ordinary changes, so every receiver gets them as newer versions; amounts stay. Carried out
    again it changes what came back meanwhile, and nothing when nothing did. `also` are tables about customers that do
    not travel.
    """
    session.flush()
    _wait_for_others(session, known.customer_id)
    if find_erasure(session, known.customer_id) is None:
        through = last_batch(session)
        session.add(
            Erasure(
                id=known.id,
                customer_id=known.customer_id,
                reason=known.reason,
                erased_at=known.erased_at,
                erased_by=known.erased_by,
                waiting=count_kept(session, through),
                through_batch=through,
            )
        )
        # The guards of facts let their text go for a customer whose erasure stands here.
        session.flush()
    blanked = forget_documents(session, known.customer_id)
    blanked += _blank_all(session, known, (*tables_of(Erasing.BLANKED), *also))
    if forget(session, ("customer", known.customer_id)) or blanked or not again:
        event = "customer.erased-again" if again else "customer.erased"
        details = {"erasure": known.id, "reason": known.reason.value, "rows": blanked}
        record(session, event, subject=("customer", known.customer_id), by=by, details=details)
    # What the session holds of these rows is from before.
    session.expire_all()
    return blanked


def _wait_for_others(session: Session, customer_id: str) -> None:
    """Have who writes about this customer, or seals a batch, done first; who comes after sees the erasure."""
    wait_for_sealing(session)
    # A row that names the customer holds their row by its foreign key until it is committed: this waits for it.
    session.execute(select(CUSTOMERS.c.id).where(CUSTOMERS.c.id == customer_id).with_for_update())


def _blank_all(session: Session, known: Known, tables: Sequence[Table]) -> int:
    touched = {"updated_at": known.erased_at, "updated_by": known.erased_by}
    blanked = _blank(session, CUSTOMERS, "id", known.customer_id, also=touched)
    for table in tables:
        about = about_column(table)
        assert about is not None
        blanked += _blank(session, table, about[1], known.customer_id)
    return blanked


def _blank(
    session: Session, table: Table, column: str, customer_id: str, *, also: Mapping[str, Any] | None = None
) -> int:
    """Blank the rows that are about a customer; not through the session, which would tell the log what was there."""
    changed = 0
    for row_id, values in _changes(session, table, column, customer_id):
        session.execute(update(table).where(table.c.id == row_id).values({**values, **(also or {})}))
        changed += 1
    return changed


def _changes(
    session: Session, table: Table, column: str, customer_id: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = session.execute(select(table).where(table.c[column] == customer_id)).mappings().all()
    for row in rows:
        wanted = blanks(table, dict(row))
        if any(row[name] != value for name, value in wanted.items()):
            yield row["id"], wanted
