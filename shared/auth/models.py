"""Users, what slows down guessing, and the sessions that were ended before their time."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Enum, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.auth.vocabulary import Right
from shared.db.base import Base, Id, IdText
from shared.ids import new_id

USERNAME_LENGTH = 40
NAME_LENGTH = 80
RIGHT = Enum(
    Right,
    native_enum=False,
    create_constraint=True,
    length=20,
    values_callable=lambda members: [member.value for member in members],
    name="right",
)


class User(Base):
    """A person who may sign in; nobody is ever deleted, for the operation log names them."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("(code_hash IS NULL) = (code_expires_at IS NULL)", name="code_has_expiry"),
        CheckConstraint("session_epoch >= 1", name="epoch_counts_up"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(String(USERNAME_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    right: Mapped[Right] = mapped_column(RIGHT)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_expires_at: Mapped[datetime | None]
    session_epoch: Mapped[int] = mapped_column(Integer, default=1)
    language: Mapped[str | None] = mapped_column(String(10))
    manager_id: Mapped[str | None] = mapped_column(String(36))
    department_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(80))
    last_sign_in_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]

    @property
    def enabled(self) -> bool:
        """Whether this person may sign in."""
        return self.disabled_at is None

    def end_sessions(self) -> None:
        """Sign this person out everywhere at the next request."""
        self.session_epoch += 1


class SignInThrottle(Base):
    """How often signing in failed for one account, one address, or one account from one address."""

    __tablename__ = "sign_in_throttles"
    __table_args__ = (Index("ix_sign_in_throttles_last_at", "last_at"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime]


class EndedSession(Base):
    """A session that was signed out; kept until its cookie would have died by itself."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
