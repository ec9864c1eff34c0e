"""Proving who somebody is, slowly enough for guessers.

A try is counted before the password is looked at, in a transaction of its own, so that many tries at once
cannot slip past the counter, and so that the costly comparison holds no lock of the database.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth import passwords, queries
from shared.auth.errors import CodeRefusedError, TooManyAttemptsError
from shared.auth.models import TERMINAL_LENGTH, SignInThrottle, User
from shared.auth.rules import USUAL, AccountRules
from shared.auth.sessions import end_sessions
from shared.auth.throttle import ADDRESS, FORGET_AFTER, Policy, throttle_keys
from shared.auth.tokens import revoke_all
from shared.stamp import Stamp

FORGET_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """One counted try; `check` compares the password outside any transaction."""

    username: str
    user_id: str | None
    password_hash: str | None

    def check(self, password: str) -> bool:
        """Tell whether the password is right; takes as long for users who do not exist."""
        return passwords.password_matches(self.password_hash, password)


def begin_sign_in(
    session: Session, username: str, *, by: Stamp, rules: AccountRules = USUAL
) -> SignInAttempt:
    """Count one try for this account from this terminal; raises TooManyAttemptsError while it must wait."""
    folded = queries.fold_username(username)
    user = queries.find_user(session, folded)
    count_try(session, throttle_keys(folded, by.terminal, rules), by, user_id=user.id if user else None)
    if user is None or not user.enabled:
        return SignInAttempt(folded, None, None)
    return SignInAttempt(folded, user.id, user.password_hash)


def verify_sign_in(session: Session, attempt: SignInAttempt, *, proven: bool, by: Stamp) -> User | None:
    """Return the user who may come in and forget their wrong tries; None when refused, which is logged.

    The user is read again: one disabled, or whose password changed, since the try began stays out.
    """
    user = session.get(User, attempt.user_id) if attempt.user_id else None
    if not proven or user is None or not user.enabled or user.password_hash != attempt.password_hash:
        subject = ("user", attempt.user_id) if attempt.user_id else None
        audit.record(session, "sign-in.refused", subject=subject, by=by)
        return None
    _welcome(session, user, by)
    return user


def redeem_code(
    session: Session, *, username: str, code: str, password: str, by: Stamp, rules: AccountRules = USUAL
) -> User:
    """Exchange a one-time code for a password of the user's choice; the code then is used up.

    Raises CodeRefusedError and WeakPasswordError (the code then stays good).
    """
    user = queries.find_user(session, username)
    good = (
        user is not None
        and user.enabled
        and user.code_hash == passwords.hash_code(code)
        and user.code_expires_at is not None
        and by.at < user.code_expires_at
    )
    if user is None or not good:
        raise CodeRefusedError
    user.password_hash = passwords.hash_password(
        passwords.check_password(password, username=user.username, shortest=rules.password_shortest)
    )
    user.code_hash = user.code_expires_at = None
    end_sessions(session, user)
    revoke_all(session, user, by=by)
    audit.record(session, "user.code-redeemed", subject=("user", user.id), by=by)
    _welcome(session, user, by)
    return user


def note_code_refused(session: Session, username: str, *, by: Stamp) -> None:
    """Log that a one-time code was refused, in a transaction of its own: the one that refused it is undone."""
    user = queries.find_user(session, username)
    audit.record(session, "sign-in.refused", subject=("user", user.id) if user else None, by=by)


def forget_attempts(session: Session, user: User, *, by: Stamp) -> None:
    """Start the user's count of wrong tries afresh, and take this right one out of its address's count."""
    forget_tries(session, throttle_keys(user.username, by.terminal))


def forget_tries(session: Session, policies: Mapping[str, Policy]) -> None:
    """Start these counts of wrong tries afresh, but for the address's, of which only this right one is taken out.

    Many people may share one address: their right tries must not slow each other down.
    """
    shared = [key for key, policy in policies.items() if policy is ADDRESS]
    session.execute(
        delete(SignInThrottle).where(SignInThrottle.key.in_([key for key in policies if key not in shared]))
    )
    for address in shared:
        row = session.get(SignInThrottle, address, with_for_update=True)
        if row is not None:
            row.failures = max(row.failures - 1, 0)
            row.blocked_until = row.last_at + ADDRESS.wait(row.failures)


def forget_throttle(session: Session, key: str, *, by: Stamp) -> bool:
    """Let somebody who has to wait try again at once; False when nobody has to any more."""
    row = session.get(SignInThrottle, key, with_for_update=True)
    if row is None or row.blocked_until <= by.at:
        return False
    subject = ("user", row.user_id) if row.user_id else None
    details = {"counts": row.counts, "terminal": row.terminal, "failures": row.failures}
    audit.record(session, "sign-in.wait-forgotten", subject=subject, by=by, details=details)
    session.delete(row)
    return True


def count_try(session: Session, policies: Mapping[str, Policy], by: Stamp, *, user_id: str | None) -> None:
    """Count one try by these counters before it is looked at; raises TooManyAttemptsError while one must wait."""
    _forget_old(session, by.at - FORGET_AFTER)
    fresh = [
        {"key": key, "failures": 0, "last_at": by.at, "blocked_until": by.at, "counts": policy.counts}
        | {"user_id": user_id if policy is not ADDRESS else None}
        | {"terminal": by.terminal[:TERMINAL_LENGTH] if policy.counts in {"pair", "address"} else None}
        for key, policy in policies.items()
    ]
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # Two first tries at the same moment both want the row: whoever comes second finds it there.
    session.execute(insert(SignInThrottle).values(fresh).on_conflict_do_nothing())
    rows = session.scalars(
        select(SignInThrottle)
        .where(SignInThrottle.key.in_(policies))
        .order_by(SignInThrottle.key)
        .with_for_update()
    ).all()
    _refuse_while_blocked(rows, by.at)
    for row in rows:
        row.failures += 1
        row.last_at = by.at
        row.blocked_until = by.at + policies[row.key].wait(row.failures)


def known_as(user: User, by: Stamp) -> Stamp:
    """Return `by` as an act of this person: who proved who they are is nobody any more, though not signed in yet."""
    return replace(by, actor=user.username, actor_id=user.id, manager_id=user.manager_id)


def _welcome(session: Session, user: User, by: Stamp) -> None:
    forget_attempts(session, user, by=by)
    user.last_sign_in_at = by.at
    audit.record(session, "sign-in.accepted", subject=("user", user.id), by=known_as(user, by))


def _forget_old(session: Session, before: datetime) -> None:
    old = (
        select(SignInThrottle.key)
        .where(SignInThrottle.last_at < before)
        .limit(FORGET_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    keys = session.scalars(old).all()
    if keys:
        session.execute(delete(SignInThrottle).where(SignInThrottle.key.in_(keys)))


def _refuse_while_blocked(rows: Iterable[SignInThrottle], at: datetime) -> None:
    until = max((row.blocked_until for row in rows), default=at)
    if until > at:
        raise TooManyAttemptsError(retry_after=ceil((until - at).total_seconds()))
