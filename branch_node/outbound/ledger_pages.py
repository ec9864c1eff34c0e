"""The ledger of what was sent: every batch with its counts, bytes, times and totals, and what HQ refused of it."""

from datetime import datetime
from typing import Any, Final

import msgspec
from flask import Blueprint, render_template
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from branch_node.outbound import receiver_web
from shared.domain.billing.vocabulary import BillKind
from shared.domain.wire_words import RECORD_NAMES, explain
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import label, lazy_gettext
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may
from shared.web.lists import choice_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column
from sync_protocol.catalog import CHANNELS
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.contract.messages import Receipt

blueprint = Blueprint("ledger", __name__, template_folder="templates", url_prefix="/sync/batches")
COLUMNS: Final = (
    Column("sealed_at", lazy_gettext("Sealed"), "exact"),
    Column("batch_no", lazy_gettext("Batch"), "own"),
    Column("record_type", lazy_gettext("Records"), "own"),
    Column("rows", lazy_gettext("Rows"), "number"),
    Column("removed", lazy_gettext("Removed"), "number"),
    Column("parked", lazy_gettext("Refused"), "number"),
    Column("payload_bytes", lazy_gettext("Size"), "own"),
    Column("took_ms", lazy_gettext("Took, ms"), "number", wide=True),
    Column("state", lazy_gettext("Receipt"), "own"),
    Column("digest", lazy_gettext("Digest"), "own", wide=True),
)


class BatchNotFoundError(BranchlineError):
    """There is no such batch."""

    code = "batch-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such batch.")


@blueprint.get("")
@requires(Resource.TRANSFER, Action.READ)
def index() -> str:
    """List the batches sealed, newest first."""
    channel = choice_argument("channel", CHANNELS) or None
    record_type = choice_argument("record", RECORD_NAMES) or None
    with receiver_web.reading() as session:
        page = paginate(
            session,
            _chosen(channel, record_type),
            PageRequest.from_query(("id",), default="-id"),
            sorts={"id": OutboxBatch.id},
            tie=OutboxBatch.id,
        )
        rows = [_row(batch) for batch in page.items]
    return render_template(
        "outbound/batches.html",
        page=page,
        rows=rows,
        columns=COLUMNS,
        channel=channel,
        channels=CHANNELS,
        record_type=record_type,
        record_names=RECORD_NAMES,
        receiver=receiver_web.named(),
    )


@blueprint.get("/<int:batch_id>")
@requires(Resource.TRANSFER, Action.READ)
def one(batch_id: int) -> str:
    """Show one batch: counts, bytes, times, control totals, digest, receipt, and the rows head office refused."""
    with receiver_web.reading() as session:
        batch = session.get(OutboxBatch, batch_id)
        if batch is None:
            raise BatchNotFoundError
        receipt = receipt_of(batch)
        return render_template(
            "outbound/batch.html",
            batch=batch,
            row=_row(batch),
            received_at=datetime.fromisoformat(receipt.received_at) if receipt else None,
            before=_digest_before(session, batch),
            totals=totals_of(batch.control),
            refused=[(one, explain(one.code, one.reasons)) for one in receipt.parked] if receipt else [],
            record_names=RECORD_NAMES,
            kinds={kind.value: label(kind) for kind in BillKind},
            receiver=receiver_web.named(),
            may_resend=may(Resource.TRANSFER, Action.MANAGE) and batch.payload is not None,
        )


def receipt_of(batch: OutboxBatch) -> Receipt | None:
    """Return head office's receipt as it was kept."""
    kept = (batch.receipt or {}).get("receipt")
    return msgspec.convert(kept, Receipt) if kept else None


def totals_of(control: dict[str, Any] | None) -> list[tuple[str, str, str, int]]:
    """Return control totals as (currency, period, kind, minor units)."""
    return [
        (currency, period, kind, amount)
        for currency, periods in sorted((control or {}).items())
        for period, kinds in sorted(periods.items())
        for kind, amount in sorted(kinds.items())
    ]


def _chosen(channel: str | None, record_type: str | None) -> Select[OutboxBatch]:
    statement = select(OutboxBatch).order_by(OutboxBatch.id.desc())
    if channel is not None:
        statement = statement.where(OutboxBatch.channel == channel)
    return statement if record_type is None else statement.where(OutboxBatch.record_type == record_type)


def _row(batch: OutboxBatch) -> dict[str, Any]:
    names = [column.name for column in COLUMNS if column.name not in {"parked", "state"}]
    receipt = receipt_of(batch)
    state = "voided" if batch.voided_at else "in" if batch.acknowledged_at else "waiting"
    more = {"id": batch.id, "channel": batch.channel, "lineage": batch.lineage, "state": state}
    return (
        {name: getattr(batch, name) for name in names}
        | more
        | {"parked": len(receipt.parked) if receipt else 0}
    )


def _digest_before(session: Session, batch: OutboxBatch) -> str | None:
    return session.scalar(
        select(OutboxBatch.digest).where(
            OutboxBatch.lineage == batch.lineage,
            OutboxBatch.channel == batch.channel,
            OutboxBatch.batch_no == batch.batch_no - 1,
        )
    )
