"""Reads of the receivers: who they are, what they take, and how far their first load has come."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from branch_node.receivers.errors import ReceiverUnknownError
from branch_node.receivers.models import FirstLoad, Receiver


def list_receivers(session: Session) -> Sequence[Receiver]:
    """Return the receivers besides head office that this branch sends to, by name."""
    return session.scalars(select(Receiver).where(Receiver.left_at.is_(None)).order_by(Receiver.name)).all()


def get_receiver(session: Session, name: str) -> Receiver:
    """Return one that this branch sends to; raises ReceiverUnknownError."""
    found = session.get(Receiver, name)
    if found is None or found.left_at is not None:
        raise ReceiverUnknownError(name=name)
    return found


def list_to_clear(session: Session) -> Sequence[str]:
    """Return the removed receivers for which something is still kept."""
    gone = select(Receiver.name).where(Receiver.left_at.is_not(None), Receiver.cleared_at.is_(None))
    return session.scalars(gone.order_by(Receiver.name)).all()


def takers(connection: Connection) -> Mapping[str, Sequence[str]]:
    """Return by record type which receivers besides head office take it."""
    rows = connection.execute(
        select(Receiver.name, Receiver.records).where(Receiver.left_at.is_(None)).order_by(Receiver.name)
    )
    found: dict[str, list[str]] = {}
    for name, records in rows:
        for record in records:
            found.setdefault(record, []).append(name)
    return found


def list_open_loads(session: Session) -> Sequence[FirstLoad]:
    """Return the first loads of the session's receiver that are not through."""
    return session.scalars(
        select(FirstLoad).where(FirstLoad.done_at.is_(None)).order_by(FirstLoad.record_type)
    ).all()


def is_loading(session: Session, record_type: str) -> bool:
    """Whether the session's receiver does not yet get every row of a type: there is nothing to compare then."""
    load = session.get(FirstLoad, record_type)
    return load is not None and load.done_at is None
