"""Remembering the nonces of signed requests, so that a message heard twice is refused the second time."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from hq_server.branches.keys import note_used
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.models import Nonce
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.signing import MAX_SKEW_S, Signed

# A signature is accepted for MAX_SKEW_S either side of now; after twice that it is too old by itself.
REMEMBER: Final = timedelta(seconds=2 * MAX_SKEW_S)


def use_nonce(session: Session, signed: Signed, *, at: datetime) -> None:
    """Take a nonce once; raises SyncRefusedError when this key has used it before.

    The first one of a key ends the overlap with the key before.
    """
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    taken = session.execute(
        insert(Nonce)
        .values(key_id=signed.key_id, nonce=signed.nonce, seen_at=at)
        .on_conflict_do_nothing()
        .returning(Nonce.nonce)
    ).first()
    if taken is None:
        raise SyncRefusedError(Problem.REPLAY)
    note_used(session, signed.key_id, at=at)


def forget_nonces(session: Session, *, at: datetime) -> int:
    """Drop nonces whose messages are refused for their age; return how many."""
    return int(session.execute(delete(Nonce).where(Nonce.seen_at < at - REMEMBER)).rowcount)  # type: ignore[attr-defined]
