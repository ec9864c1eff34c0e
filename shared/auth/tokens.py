"""Interfaces: tokens with which programs act for a person, within a part of what that person may do.

A token is 256 random bits, shown once; the node keeps its digest. It dies with its day, by its owner's hand or an
interface keeper's, and when its owner's password, kind or account ends.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth.errors import (
    TokenDaysError,
    TokenNameError,
    TokenNotFoundError,
    TokenScopesError,
    TooManyTokensError,
)
from shared.auth.models import TERMINAL_LENGTH, TOKEN_NAME_LENGTH, AccessToken, User
from shared.auth.sessions import digest_of
from shared.db.parts import Part, first_of
from shared.rights import policy
from shared.rights.policy import Person
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp

# Found by scanners for leaked secrets, and by people who wonder what a line of text is.
PREFIX: Final = "branchline_"
TOKEN_BYTES: Final = 32
MOST_TOKENS: Final = 20
# So many are listed; the page says when there are more.
MOST_LISTED: Final = 500
LONGEST_DAYS: Final = 366
LONGEST: Final = 100
USED_EVERY: Final = timedelta(minutes=5)
Scope = tuple[Resource, Action]


@dataclass(frozen=True, slots=True)
class OpenToken:
    """What one request finds behind its token."""

    user: User
    token: AccessToken

    @property
    def scopes(self) -> frozenset[Scope]:
        """What of its owner's rights the program uses."""
        return read_scopes(self.token.scopes)


def scope_code(resource: Resource, action: Action) -> str:
    """Return a right as it is stored: `customer:read`."""
    return f"{resource.value}:{action.name.lower()}"


def read_scopes(codes: Collection[str]) -> frozenset[Scope]:
    """Return the rights behind codes; one that this version does not know opens nothing."""
    known = {scope_code(resource, action): (resource, action) for resource in Resource for action in Action}
    return frozenset(known[code] for code in codes if code in known)


def make_token(
    session: Session,
    user: User,
    *,
    name: str,
    scopes: Collection[Scope],
    person: Person,
    days: int,
    by: Stamp,
) -> tuple[AccessToken, str]:
    """Make an interface of `user` and return it with its token, which nobody can be shown again.

    `person` decides which rights may be given. Raises TokenNameError, TokenDaysError, TokenScopesError and
    TooManyTokensError.
    """
    plain = " ".join(name.split())
    if not 0 < len(plain) <= TOKEN_NAME_LENGTH or not plain.isprintable():
        raise TokenNameError(field="name", most=TOKEN_NAME_LENGTH)
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenDaysError(field="days", most=LONGEST_DAYS)
    if not scopes or not all(policy.may(person, *one) for one in scopes):
        raise TokenScopesError(field="scopes")
    if _count_open(session, user, by.at) >= MOST_TOKENS:
        raise TooManyTokensError(most=MOST_TOKENS)
    secret = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    token = AccessToken(
        digest=digest_of(secret),
        user_id=user.id,
        name=plain,
        scopes=sorted(scope_code(*one) for one in scopes),
        made_at=by.at,
        expires_at=by.at + timedelta(days=days),
        rows_taken=0,
    )
    session.add(token)
    session.flush()
    details = {"name": token.name, "scopes": token.scopes, "days": days, "owner": user.username}
    audit.record(session, "interface.created", subject=("interface", token.id), by=by, details=details)
    return token, secret


def find_open(session: Session, secret: str, *, now: datetime) -> OpenToken | None:
    """Return whom a token speaks for; None when it is over, revoked, or its owner is disabled."""
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    found = session.execute(
        select(User, AccessToken)
        .join(AccessToken, AccessToken.user_id == User.id)
        .where(AccessToken.digest == digest_of(secret))
    ).one_or_none()
    if found is None or not found[0].enabled or not is_open(found[1], now):
        return None
    return OpenToken(found[0], found[1])


def is_open(token: AccessToken, now: datetime) -> bool:
    """Tell whether a token still lets a program in."""
    return token.revoked_at is None and now < token.expires_at


def note_used(session: Session, token_id: str, *, at: datetime, terminal: str) -> None:
    """Note that a token is in use; called every few minutes at most."""
    session.execute(
        update(AccessToken)
        .where(AccessToken.id == token_id, or_(AccessToken.used_at.is_(None), AccessToken.used_at < at))
        .values(used_at=at, used_from=terminal[:TERMINAL_LENGTH])
    )


def take_rows(session: Session, user_id: str, token_id: str, rows: int, *, day: date, most: int) -> bool:
    """Count rows of people that a program is about to be given; False, and nothing counted, when it is too many.

    All interfaces of a person count together.
    """
    # The owner's row is the lock: two interfaces of one person must not both find room for the last rows.
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    taken = session.scalar(
        select(func.coalesce(func.sum(AccessToken.rows_taken), 0)).where(
            AccessToken.user_id == user_id, AccessToken.counted_on == day
        )
    )
    if (taken or 0) + rows > most:
        return False
    own = update(AccessToken).where(AccessToken.id == token_id)
    first = session.execute(
        own.where(or_(AccessToken.counted_on.is_(None), AccessToken.counted_on != day)).values(
            counted_on=day, rows_taken=rows
        )
    )
    if not first.rowcount:  # type: ignore[attr-defined]
        session.execute(own.values(rows_taken=AccessToken.rows_taken + rows))
    return True


def revoke(session: Session, token_id: str, *, by: Stamp, owner: User | None = None) -> AccessToken:
    """End an interface at its next request; one's own only, where an `owner` is given. Raises TokenNotFoundError."""
    token = session.get(AccessToken, token_id, with_for_update=True)
    if token is None or (owner is not None and token.user_id != owner.id):
        raise TokenNotFoundError
    if token.revoked_at is None:
        _revoke(session, token, by)
    return token


def revoke_all(session: Session, user: User, *, by: Stamp) -> int:
    """End every interface of a person: part of what changes who they are; returns how many."""
    mine = select(AccessToken).where(AccessToken.user_id == user.id, AccessToken.revoked_at.is_(None))
    found = [one for one in session.scalars(mine.with_for_update()) if is_open(one, by.at)]
    for token in found:
        _revoke(session, token, by)
    return len(found)


def list_tokens(session: Session, *, user_id: str | None = None) -> Part[Row[AccessToken, str, str]]:
    """Return interfaces with their owners' names and user names: those of one person or all, open ones first."""
    wanted = select(AccessToken, User.name.label("owner"), User.username.label("username")).join(
        User, User.id == AccessToken.user_id
    )
    if user_id is not None:
        wanted = wanted.where(AccessToken.user_id == user_id)
    ordered = wanted.order_by(AccessToken.revoked_at.is_not(None), AccessToken.made_at.desc(), AccessToken.id)
    return first_of(session, ordered, MOST_LISTED)


def _count_open(session: Session, user: User, now: datetime) -> int:
    counted = select(func.count()).where(
        AccessToken.user_id == user.id, AccessToken.revoked_at.is_(None), AccessToken.expires_at > now
    )
    return session.scalar(counted) or 0


def _revoke(session: Session, token: AccessToken, by: Stamp) -> None:
    token.revoked_at, token.revoked_by = by.at, by.actor[:80]
    details = {"name": token.name}
    audit.record(session, "interface.disabled", subject=("interface", token.id), by=by, details=details)
