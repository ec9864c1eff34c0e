"""Where one record is on its way to HQ: its changes, the batch each is in, and the receipt of that batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.domain.wire_words import RECORD_NUMBERS
from shared.errors import N_, BranchlineError, Kind
from shared.rights.ranges import BY_HAND, rows_seen
from sync_protocol.catalog import Bindings
from sync_protocol.changelog.models import SET_ASIDE, Change, OutboxBatch

NEWEST: Final = 20
WAITING, SEALED, DELIVERED, PARKED, GIVEN_UP = "waiting", "sealed", "delivered", "parked", "given-up"
TOO_LARGE: Final = "too-large"


class NoSuchNumberError(BranchlineError):
    """No record of the type has this number."""

    code = "no-such-number"
    kind = Kind.NOT_FOUND
    message = N_("There is no record with the number %(number)s.")


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the record and how far it has come; `received_at` is by HQ's clock, from its receipt."""

    change: int
    op: str
    stage: str
    batch_id: int | None = None
    channel: str | None = None
    lineage: int | None = None
    batch_no: int | None = None
    digest: str | None = None
    sealed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    received_at: datetime | None = None
    reasons: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A record and its newest changes, newest first; changes purged after HQ's backup are no longer told."""

    record_type: str
    number: str
    record_id: str
    steps: Sequence[Step]

    def document(self) -> dict[str, Any]:
        """Return the trace as plain values."""
        return {
            "record": self.record_type,
            "number": self.number,
            "id": self.record_id,
            "changes": [
                {
                    "change": step.change,
                    "op": step.op,
                    "stage": step.stage,
                    "channel": step.channel,
                    "batch_no": step.batch_no,
                    "sealed_at": step.sealed_at and step.sealed_at.isoformat(),
                    "received_at": step.received_at and step.received_at.isoformat(),
                    "reasons": step.reasons,
                }
                for step in self.steps
            ],
        }


def trace(session: Session, bindings: Bindings, record_type: str, number: str) -> Trace:
    """Return where the record of this number is; raises NoSuchNumberError."""
    table = bindings[record_type].table
    named = table.c[RECORD_NUMBERS[record_type]] == number
    found = select(table.c.id).where(named, *rows_seen(session, table))
    record_id = session.scalar(found.execution_options(**BY_HAND))
    if record_id is None:
        raise NoSuchNumberError(number=number)
    rows = session.execute(
        select(Change, OutboxBatch)
        .outerjoin(OutboxBatch, OutboxBatch.id == Change.batch_id)
        .where(Change.record_type == record_type, Change.record_id == record_id)
        .order_by(Change.id.desc())
        .limit(NEWEST)
    ).all()
    return Trace(record_type, number, record_id, [_step(row[0], row[1]) for row in rows])


def _step(change: Change, batch: OutboxBatch | None) -> Step:
    if batch is None:
        return Step(change.id, change.op, TOO_LARGE if change.batch_id == SET_ASIDE else WAITING)
    receipt = (batch.receipt or {}).get("receipt") or {}
    refused = next((one for one in receipt.get("parked", ()) if one["id"] == change.record_id), None)
    return Step(
        change=change.id,
        op=change.op,
        stage=_stage(batch, refused=refused is not None),
        batch_id=batch.id,
        channel=batch.channel,
        lineage=batch.lineage,
        batch_no=batch.batch_no,
        digest=batch.digest,
        sealed_at=batch.sealed_at,
        acknowledged_at=batch.acknowledged_at,
        received_at=datetime.fromisoformat(receipt["received_at"]) if receipt else None,
        reasons=refused["reasons"] if refused else None,
    )


def _stage(batch: OutboxBatch, *, refused: bool) -> str:
    if batch.voided_at is not None:
        return GIVEN_UP
    if batch.acknowledged_at is None:
        return SEALED
    return PARKED if refused else DELIVERED
