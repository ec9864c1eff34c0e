"""The people of this node as the organisation shows them: nothing an account is entered with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.auth.models import User
from shared.domain.organisation.vocabulary import StaffState
from shared.rights.vocabulary import StaffKind


@dataclass(frozen=True, slots=True)
class Member:
    """A person of this node."""

    id: str
    username: str
    name: str
    kind: StaffKind
    duties: tuple[str, ...]
    department_id: str | None
    manager_id: str | None
    state: StaffState


def state_of(user: User) -> StaffState:
    """Return whether a person may sign in, or has yet to for the first time."""
    if not user.enabled:
        return StaffState.DISABLED
    return StaffState.WAITING if user.password_hash is None else StaffState.ACTIVE


def as_member(user: User) -> Member:
    """Return what the organisation shows of an account."""
    return Member(
        user.id,
        user.username,
        user.name,
        user.kind,
        tuple(user.duties),
        user.department_id,
        user.manager_id,
        state_of(user),
    )


def list_people(session: Session) -> Sequence[Member]:
    """Return everybody who has an account here, by name."""
    return [as_member(user) for user in session.scalars(select(User).order_by(User.name, User.id))]


def narrowed(people: Iterable[Member], *, words: str = "", kind: StaffKind | None = None) -> list[Member]:
    """Return the people of a kind in whose name or user name every word stands."""
    wanted = words.casefold().split()
    return [
        one
        for one in people
        if (kind is None or one.kind is kind)
        and all(word in f"{one.name} {one.username}".casefold() for word in wanted)
    ]
