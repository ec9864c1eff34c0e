"""This node's key and the next one: made, announced under the present one, put in its place.

May be cut off anywhere and run again:

keys/node.key.next exists       a rotation has begun, or a new joining
each cycle finishes it:         announce it (the same again as often as it takes), then rename it
HQ knows only the next one:     the announcing was long ago, or it came by `join`; go on with it
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from branch_node.config import key_file
from branch_node.outbound import queries
from branch_node.outbound.alarms import KEY_OLD, KEY_TOO_OLD
from branch_node.outbound.client import HqClient, HqRefusedError, Vitals
from branch_node.outbound.identity import begin_contact
from branch_node.outbound.models import NodeKey
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.audit.operations import record
from shared.config import Home
from shared.db.scope import FIRST, receiver_of
from shared.stamp import Stamp, Via
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import key_id, new_private_key, public_key_of
from sync_protocol.contract.messages import StateAnswer

log = logging.getLogger(__name__)
OLD: Final = timedelta(days=330)
TOO_OLD: Final = timedelta(days=365)
SUBJECT: Final = ("key", "node")


def make_next(home: Home, receiver: str = FIRST) -> bytes:
    """Make the next key for a receiver, or return the one made already; it counts once the receiver has it."""
    if not has_next(home, receiver):
        home.write_key(_next(receiver), new_private_key())
    return home.read_key(_next(receiver))


def has_next(home: Home, receiver: str = FIRST) -> bool:
    """Whether a rotation has begun and is not finished."""
    return home.has_key(_next(receiver))


def put_in_place(runtime: BranchRuntime, *, by: Stamp) -> None:
    """Sign with the next key from now on; the one before is gone for good."""
    home = runtime.settings.home
    home.replace_key(key_file(runtime.receiver), _next(runtime.receiver))
    pinned = key_id(public_key_of(runtime.private_key))
    with runtime.database.sessions.begin() as session:
        _note(session, pinned, at=by.at)
        about = queries.alarm_subject(session)
        record(session, "node.key-changed", subject=about, by=by, details={"key": pinned})
    log.warning("this node signs with a new key", extra={"key_id": pinned})


def begin(runtime: BranchRuntime, client: HqClient, vitals: Vitals) -> StateAnswer:
    """Begin a contact with HQ under the key it knows, and finish a rotation that has begun."""
    home = runtime.settings.home
    if not has_next(home, runtime.receiver):
        return begin_contact(runtime, client, vitals)
    by = Stamp(runtime.clock.now(), "sync", Via.SYNC, "")
    try:
        state = begin_contact(runtime, client, vitals)
    except HqRefusedError as error:
        if error.problem != Problem.UNKNOWN_NODE.value.code:
            raise
        client.use_key(home.read_key(_next(runtime.receiver)))
        state = begin_contact(runtime, client, vitals)
    else:
        client.announce_key(home.read_key(_next(runtime.receiver)))
        client.use_key(home.read_key(_next(runtime.receiver)))
    put_in_place(runtime, by=by)
    return state


def key_since(session: Session, pinned: str) -> datetime | None:
    """Return since when this node signs with a key; None before it has joined."""
    found = session.get(NodeKey, pinned)
    if found is not None:
        return found.since
    member = queries.find_membership(session)
    return member.joined_at if member else None


def age_days(session: Session, pinned: str, *, at: datetime) -> int:
    """Return for how many days this node has signed with a key."""
    since = key_since(session, pinned)
    return (at - since).days if since else 0


def watch_age(session: Session, pinned: str, *, at: datetime) -> int:
    """Raise or clear the alarms about an old key; return its age in days."""
    days = age_days(session, pinned, at=at)
    reached = KEY_TOO_OLD if days >= TOO_OLD.days else KEY_OLD if days >= OLD.days else None
    receiver = receiver_of(session)
    subject = SUBJECT if receiver == FIRST else ("key", receiver)
    for kind in (KEY_OLD, KEY_TOO_OLD):
        if kind is reached:
            raise_alarm(session, kind, subject, at=at, details={"days": days, "key": pinned[:20]})
        else:
            clear_alarm(session, kind, subject, at=at)
    return days


def _next(receiver: str) -> str:
    return f"{key_file(receiver)}.next"


def _note(session: Session, pinned: str, *, at: datetime) -> None:
    if session.get(NodeKey, pinned) is None:
        session.add(NodeKey(key_id=pinned, since=at))
