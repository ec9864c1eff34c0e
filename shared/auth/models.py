"""Users, their second step, their sessions and interfaces, and what slows down guessing."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, IdText, Json
from shared.db.personal import FieldClass, not_personal, of_staff, personal
from shared.errors import N_
from shared.ids import new_id
from shared.rights.policy import Person
from shared.rights.vocabulary import DataRange, Duty, StaffKind, Word

USERNAME_LENGTH = 40
NAME_LENGTH = 80
TERMINAL_LENGTH = 60
TOKEN_NAME_LENGTH = 40


def _codes(words: type[Word], name: str) -> Enum:
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
        name=name,
    )


class BranchNumbers(TypeDecorator[list[int]]):
    """Numbers of branches as JSON; whatever else stands there is read as nobody's branches, never as all of them."""

    impl = Json
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], list[int] | None]:
        """Return what reads a value of the database."""
        inner = self.impl_instance.dialect_impl(dialect).result_processor(dialect, coltype)

        def read(value: Any) -> list[int] | None:  # noqa: ANN401 - whatever stands in the column
            if value is None:
                return None
            try:
                found = inner(value) if inner is not None else value
            except ValueError:
                return []
            # true is an int to Python.
            numbers = isinstance(found, list) and all(type(one) is int for one in found)
            return found if numbers or found is None else []

        return read


class User(Base):
    """A person who may sign in; nobody is ever deleted, for the operation log names them.

    `data_range` is what somebody of the business granted, within the ceiling of the kind; `branches` narrows it at head
    office to branches of these numbers, null means all.
    """

    __tablename__ = "users"
    __log__ = "user"
    __table_args__ = (
        CheckConstraint("(code_hash IS NULL) = (code_expires_at IS NULL)", name="code_has_expiry"),
        {"info": of_staff()},
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    # The operation log names whoever acted by it, for ever.
    username: Mapped[str] = mapped_column(String(USERNAME_LENGTH), unique=True, info=not_personal())
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), info=personal(FieldClass.NAME))
    kind: Mapped[StaffKind] = mapped_column(_codes(StaffKind, "staff_kind"))
    duties: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]", info=not_personal())
    data_range: Mapped[DataRange] = mapped_column(
        _codes(DataRange, "data_range"), default=DataRange.NONE, server_default=DataRange.NONE.value
    )
    branches: Mapped[list[int] | None] = mapped_column(BranchNumbers, info=not_personal())
    password_hash: Mapped[str | None] = mapped_column(String(200), info=not_personal())
    code_hash: Mapped[str | None] = mapped_column(String(64), info=not_personal())
    code_expires_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(10), info=not_personal())
    manager_id: Mapped[str | None] = mapped_column(String(36), info=not_personal())
    department_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(80))
    last_sign_in_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]

    @property
    def enabled(self) -> bool:
        """Whether this person may sign in."""
        return self.disabled_at is None

    def rights_at(self, tier: str | None) -> Person:
        """Return what decides on this person's rights at a node of `tier`: no kind has any at the other one."""
        known = frozenset(duty for code in self.duties if (duty := Duty.with_code(code)) is not None)
        return Person(self.kind, known, self.data_range, tier)


class UserSession(Base):
    """A session that is open; its cookie has the token, here is only the digest. One whose row is gone is over.

    `seen_at` is its last use to within minutes; `proven_at` when the second step was last proven in it.
    """

    __tablename__ = "sessions"
    __table_args__ = ({"info": of_staff(N_("until signed out"))},)

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    digest: Mapped[str] = mapped_column(String(64), unique=True, info=not_personal())
    user_id: Mapped[IdText] = mapped_column(ForeignKey("users.id"), index=True)
    began_at: Mapped[datetime] = mapped_column(index=True)
    seen_at: Mapped[datetime]
    proven_at: Mapped[datetime | None]
    terminal: Mapped[str] = mapped_column(String(TERMINAL_LENGTH), info=personal(FieldClass.ADDRESS))


class SecondStep(Base):
    """The secret that a person's authenticator shares with this node, sealed with a key that is not in the database.

    It counts once a first code has confirmed it. Codes of time steps up to `last_step` are used up.
    """

    __tablename__ = "second_steps"

    user_id: Mapped[IdText] = mapped_column(ForeignKey("users.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    begun_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)

    @property
    def enrolled(self) -> bool:
        """Whether this person proves a second step when signing in."""
        return self.confirmed_at is not None


class RecoveryCode(Base):
    """One code that stands in for the authenticator once; only its digest is kept."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[IdText] = mapped_column(ForeignKey("users.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class AccessToken(Base):
    """An interface: what a program shows instead of a password to act for a person; here is only the digest.

    It may do what `scopes` name (`resource:action`), as far as its owner may at that moment. `rows_taken` counts the
    rows of people it read on `counted_on`. One that is revoked stays, for the operation log names it.
    """

    __tablename__ = "access_tokens"

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[IdText] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(TOKEN_NAME_LENGTH))
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_from: Mapped[str | None] = mapped_column(String(TERMINAL_LENGTH))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(80))
    counted_on: Mapped[date | None]
    rows_taken: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class AnsweredRequest(Base):
    """That a program's request with an Idempotency-Key was done: asked again, it is answered and not done again.

    What was answered is not kept, for it holds personal data: only where it is found and with which status.
    """

    __tablename__ = "answered_requests"
    __table_args__ = (Index("ix_answered_requests_at", "at"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    found_at: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class SignInThrottle(Base):
    """How often signing in failed for one account, one address, or one account from one address.

    `user_id` and `terminal` say whom and where it is about, where that is known: a name that nobody has may be a
    mistyped password, so it is kept as a digest only.
    """

    __tablename__ = "sign_in_throttles"
    __table_args__ = (
        Index("ix_sign_in_throttles_last_at", "last_at"),
        {"info": of_staff(N_("an hour after the last try"))},
    )

    key: Mapped[str] = mapped_column(String(64), primary_key=True, info=not_personal())
    counts: Mapped[str | None] = mapped_column(String(20), info=not_personal())
    user_id: Mapped[str | None] = mapped_column(String(36), info=not_personal())
    terminal: Mapped[str | None] = mapped_column(String(TERMINAL_LENGTH), info=personal(FieldClass.ADDRESS))
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime]
