"""What HQ has refused of this branch, kept here so that people can mend it where it is made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.alarms import RECORDS_REFUSED
from branch_node.outbound.client import HqClient
from branch_node.outbound.models import RefusedRecord
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
from sync_protocol.contract.messages import ParkedEntry

# Whoever has more than this to mend mends the cause first; what is left shows with the next push.
MOST_KEPT: Final = 1_000
Known = tuple[str, str | None, int, int | None, str]


def refresh(
    runtime: BranchRuntime, client: HqClient, *, told: int | None, refused_now: int, shown: bool
) -> None:
    """Fetch the list of refused records when HQ holds some, or this node still shows some (`shown`).

    `told` is HQ's count at the beginning of the cycle, None from an HQ that does not tell;
    `refused_now` how many this cycle added. Raises NoAnswerError and HqRefusedError.
    """
    if told is None or not (told or refused_now or shown):
        return
    with runtime.database.reads() as session:
        known = _known(session)
    total, entries = _fetch(client)
    found = [_entry_key(entry) for entry in entries]
    with runtime.database.sessions.begin() as session:
        if found != known:
            _replace(session, runtime, entries)
        _tell(session, runtime, total, again=bool(set(found) - set(known)))


def count_refused(session: Session) -> int:
    """Return how many records of this branch HQ has refused, as far as is known here."""
    return session.scalar(select(func.count()).select_from(RefusedRecord)) or 0


def _fetch(client: HqClient) -> tuple[int, list[ParkedEntry]]:
    page = client.parked(0)
    total, entries = page.total, list(page.entries)
    while page.next is not None and len(entries) < MOST_KEPT:
        page = client.parked(page.next)
        entries += page.entries
    return total, entries[:MOST_KEPT]


def _replace(session: Session, runtime: BranchRuntime, entries: Sequence[ParkedEntry]) -> None:
    session.execute(delete(RefusedRecord))
    session.add_all(
        RefusedRecord(
            record_type=entry.record,
            record_id=entry.id,
            row_lineage=entry.lineage,
            row_change=entry.change,
            code=entry.code,
            reasons=dict(entry.reasons),
            parked_at=datetime.fromisoformat(entry.parked_at),
            seen_at=runtime.clock.now(),
        )
        for entry in entries
    )


def _tell(session: Session, runtime: BranchRuntime, total: int, *, again: bool) -> None:
    about = queries.alarm_subject(session)
    if not total:
        clear_alarm(session, RECORDS_REFUSED, about, at=runtime.clock.now())
    elif again:
        raise_alarm(session, RECORDS_REFUSED, about, at=runtime.clock.now(), details={"records": total})


def _known(session: Session) -> list[Known]:
    kept = RefusedRecord
    columns = (kept.record_type, kept.record_id, kept.row_lineage, kept.row_change, kept.code)
    return [
        (row.record_type, row.record_id, row.row_lineage, row.row_change, row.code)
        for row in session.execute(select(*columns).order_by(kept.id))
    ]


def _entry_key(entry: ParkedEntry) -> Known:
    return entry.record, entry.id, entry.lineage, entry.change, entry.code
