"""What is forgotten of people whose account was closed long ago: their name, and all they entered with.

The row stays, and so does the user name: the operation log names whoever acted by it, and nothing in it is changed.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.audit.sealing import forget
from shared.auth.models import RecoveryCode, SecondStep, SignInThrottle, User, UserSession
from shared.db.base import Base
from shared.stamp import Stamp

FORGOTTEN: Final = "erased"
USERS: Final = Base.metadata.tables[User.__tablename__]
OWNED: Final = (SecondStep, RecoveryCode, UserSession, SignInThrottle)


def forget_closed_accounts(session: Session, before: datetime, *, limit: int, by: Stamp) -> int:
    """Forget the people of accounts closed before an instant, the first closed first; returns how many.

    What the log says of their name becomes unreadable. Somebody let in again meanwhile is left alone.
    """
    wanted = (
        select(User)
        .where(User.disabled_at < before, User.name != FORGOTTEN)
        .order_by(User.disabled_at, User.id)
        .limit(limit)
        .with_for_update()
    )
    found = session.scalars(wanted).all()
    for user in found:
        _forget(session, user, by=by)
    return len(found)


def _forget(session: Session, user: User, *, by: Stamp) -> None:
    for model in OWNED:
        session.execute(delete(model).where(model.user_id == user.id))
    # Not through the session, which would tell the log what was there.
    gone = {
        "name": FORGOTTEN,
        "password_hash": None,
        "code_hash": None,
        "code_expires_at": None,
        "language": None,
    }
    session.execute(update(USERS).where(USERS.c.id == user.id).values(gone))
    session.expire(user)
    forget(session, ("user", user.id))
    record(session, "user.blanked", subject=("user", user.id), by=by)
