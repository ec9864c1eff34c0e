"""Sessions: begun at a sign-in, renewed when they may do more, ended at once.

A session is a row. The browser has a random token, the row its digest: whoever reads the database, or a backup of
it, can speak for nobody. Ending a session deletes its row, so the next request finds nobody.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth.errors import SessionNotFoundError
from shared.auth.models import TERMINAL_LENGTH, SecondStep, User, UserSession
from shared.auth.rules import LONGEST_EVER, AccountRules
from shared.stamp import Stamp

TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class OpenSession:
    """What one request finds behind its cookie."""

    user: User
    session: UserSession
    second_step: SecondStep | None

    def within(self, rules: AccountRules, now: datetime) -> bool:
        """Tell whether the session is neither too old nor too long unused."""
        longest = min(rules.session_longest, LONGEST_EVER)
        return now - self.session.began_at <= longest and now - self.session.seen_at <= rules.session_idle


def begin_session(session: Session, user: User, *, by: Stamp, proven_at: datetime | None = None) -> str:
    """Open a session for somebody who has proven their password; the token is for their browser alone.

    `proven_at` is when this person has proven the second step, if they have.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        UserSession(
            digest=digest_of(token),
            user_id=user.id,
            began_at=by.at,
            seen_at=by.at,
            proven_at=proven_at,
            terminal=by.terminal[:TERMINAL_LENGTH],
        )
    )
    return token


def prove_session(session: Session, session_id: str, *, by: Stamp) -> str:
    """Note that the second step was proven in this session, and return its new token: it may do more from now on.

    A copy of the old token is worth nothing any more. Raises SessionNotFoundError when the session is over.
    """
    row = session.get(UserSession, session_id, with_for_update=True)
    if row is None:
        raise SessionNotFoundError
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row.digest, row.proven_at, row.seen_at = digest_of(token), by.at, by.at
    return token


# Put together once: every request asks it.
_OF_TOKEN: Final = (
    select(User, UserSession, SecondStep)
    .join(UserSession, UserSession.user_id == User.id)
    .outerjoin(SecondStep, SecondStep.user_id == User.id)
    .where(UserSession.digest == bindparam("shown"))
)


def find_open(session: Session, token: str) -> OpenSession | None:
    """Return whom a token speaks for, by one read; None when the session is over or the user is disabled."""
    found = session.execute(_OF_TOKEN, {"shown": digest_of(token)}).one_or_none()
    if found is None or not found[0].enabled:
        return None
    return OpenSession(found[0], found[1], found[2])


def note_seen(session: Session, session_id: str, *, at: datetime) -> None:
    """Note that a session is in use; called every few minutes at most."""
    session.execute(
        update(UserSession).where(UserSession.id == session_id, UserSession.seen_at < at).values(seen_at=at)
    )


def sign_out(session: Session, user: User, session_id: str, *, by: Stamp) -> None:
    """End one session of the person who asks, so that a copy of its cookie is worth nothing."""
    session.execute(delete(UserSession).where(UserSession.id == session_id))
    audit.record(session, "sign-out", subject=("user", user.id), by=by)


def end_session(session: Session, user: User, session_id: str, *, by: Stamp) -> None:
    """End one session of `user` from elsewhere; raises SessionNotFoundError when it is not theirs or is over."""
    row = session.get(UserSession, session_id)
    if row is None or row.user_id != user.id:
        raise SessionNotFoundError
    details = {"terminal": row.terminal, "began_at": row.began_at.isoformat()}
    session.delete(row)
    audit.record(session, "user.sessions-ended", subject=("user", user.id), by=by, details=details)


def end_other_sessions(session: Session, user: User, *, by: Stamp, keep: str | None = None) -> int:
    """End all sessions of `user`, but for the one with the id `keep`; returns how many that were."""
    ended = end_sessions(session, user, keep=keep)
    if ended:
        audit.record(
            session, "user.sessions-ended", subject=("user", user.id), by=by, details={"sessions": ended}
        )
    return ended


def end_sessions(session: Session, user: User, *, keep: str | None = None) -> int:
    """Sign a person out everywhere at their next request; part of what changes who they are or may do."""
    ours = delete(UserSession).where(UserSession.user_id == user.id)
    ended = session.execute(ours.where(UserSession.id != keep) if keep else ours)
    return int(ended.rowcount)  # type: ignore[attr-defined]


def purge_sessions(session: Session, *, now: datetime) -> int:
    """Forget the rows of sessions that have died by themselves; returns how many that were."""
    before = now - LONGEST_EVER
    dead = (UserSession.began_at < before) | (UserSession.seen_at < before)
    return int(session.execute(delete(UserSession).where(dead)).rowcount)  # type: ignore[attr-defined]


def list_sessions(session: Session, user: User, *, rules: AccountRules, now: datetime) -> list[UserSession]:
    """Return the sessions a person has open, the last used first."""
    return [
        row
        for row in session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user.id)
            .order_by(UserSession.seen_at.desc(), UserSession.id)
        )
        if OpenSession(user, row, None).within(rules, now)
    ]


def digest_of(token: str) -> str:
    """Return what is kept of a token; nobody can try 2**256 of them, so a plain digest suffices."""
    return hashlib.sha256(token.encode()).hexdigest()
