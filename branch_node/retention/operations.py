"""How full the store is, told as alarms; and what was purged, on record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound.models import HqBackedUp
from branch_node.retention.alarms import OUTBOX_FILLING, OUTBOX_FULL
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.queries import find_open
from shared.audit.operations import record
from shared.db.scope import receiver_of
from shared.stamp import Stamp
from sync_protocol.changelog.purge import Kept

MB: Final = 2**20
SUBJECT: Final = ("store", "outbox")
LEVELS: Final = (50, 80)
FULL: Final = 95
NOTHING: Final = (0, 0)


def backed_up(session: Session, channel: str) -> tuple[int, int]:
    """Return the last (lineage, batch number) of a channel that HQ's backups hold, by HQ's latest word."""
    found = session.get(HqBackedUp, channel)
    return (found.lineage, found.batch_no) if found else NOTHING


def channels(session: Session) -> list[str]:
    """Return the channels HQ has told of."""
    return list(session.scalars(select(HqBackedUp.channel).order_by(HqBackedUp.channel)))


def percent(kept: Kept, cap_mb: int) -> int:
    """Return how full the store is."""
    return kept.total * 100 // (max(1, cap_mb) * MB)


def tell_filling(session: Session, kept: Kept, *, cap_mb: int, waiting: int, at: datetime) -> None:
    """Raise the alarm of the level reached (50 and 80 %, then 95 %), and clear those that are over.

    An open alarm is told of again only when a higher level is reached or left.
    """
    full = percent(kept, cap_mb)
    details = {"percent": full, "cap_mb": cap_mb, "waiting": waiting}
    level = max((one for one in LEVELS if full >= one), default=0)
    if full >= FULL:
        raise_alarm(session, OUTBOX_FULL, SUBJECT, at=at, details=details)
    else:
        clear_alarm(session, OUTBOX_FULL, SUBJECT, at=at)
    if not level:
        clear_alarm(session, OUTBOX_FILLING, SUBJECT, at=at)
        return
    known = find_open(session, OUTBOX_FILLING, SUBJECT)
    if known is None or known.details.get("level") != level:
        raise_alarm(session, OUTBOX_FILLING, SUBJECT, at=at, details={**details, "level": level})


def note_purged(
    session: Session, batches: Mapping[str, int], *, size: int, changes: int, why: str, by: Stamp
) -> None:
    """Put on record what was purged."""
    told = {
        "receiver": receiver_of(session),
        "batches": dict(batches),
        "bytes": size,
        "changes": changes,
        "why": why,
    }
    record(session, "outbox.purged", subject=SUBJECT, by=by, details=told)
