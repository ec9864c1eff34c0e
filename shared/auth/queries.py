"""Looking up users."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from shared.auth.errors import UserNotFoundError
from shared.auth.models import SignInThrottle, User
from shared.auth.throttle import FORGET_AFTER, GUESSES
from shared.ids import is_id
from shared.rights.vocabulary import StaffKind


def get_user(session: Session, user_id: str) -> User:
    """Return a user by id; raises UserNotFoundError."""
    user = session.get(User, user_id) if is_id(user_id) else None
    if user is None:
        raise UserNotFoundError(user=user_id)
    return user


def get_user_named(session: Session, username: str) -> User:
    """Return a user by user name; raises UserNotFoundError."""
    user = find_user(session, username)
    if user is None:
        raise UserNotFoundError(user=username)
    return user


def find_user(session: Session, username: str) -> User | None:
    """Return a user by user name, however it is capitalised, or None."""
    return session.scalars(select(User).where(User.username == fold_username(username))).one_or_none()


def list_users(session: Session) -> Sequence[User]:
    """Return every user: those who may sign in first, then by user name."""
    return session.scalars(select(User).order_by(User.disabled_at.is_not(None), User.username)).all()


def list_users_of_manager(session: Session, manager_id: str) -> Sequence[User]:
    """Return the users who are this account manager."""
    return session.scalars(select(User).where(User.manager_id == manager_id).order_by(User.username)).all()


def count_administrators(session: Session) -> int:
    """Return how many administrators may sign in."""
    return session.scalars(
        select(func.count()).where(User.kind == StaffKind.ADMINISTRATOR, User.disabled_at.is_(None))
    ).one()


def fold_username(username: str) -> str:
    """Return a user name as it is stored: NFKC, no space around, lower case."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def list_guessing(session: Session, *, now: datetime) -> Sequence[int]:
    """Return how many wrong tries stand on each counter that has more than mistakes explain, of the last hour."""
    many = or_(
        *(
            (SignInThrottle.counts == counts) & (SignInThrottle.failures >= least)
            for counts, least in GUESSES.items()
        )
    )
    counted = select(SignInThrottle.failures).where(SignInThrottle.last_at > now - FORGET_AFTER, many)
    return session.scalars(counted.order_by(SignInThrottle.failures.desc())).all()
