"""The list of people: which of them, in which order."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from shared.auth.models import User
from shared.domain.organisation.vocabulary import StaffState
from shared.organisation.models import Department
from shared.rights.vocabulary import StaffKind
from shared.web.paging import Sort

NO_DEPARTMENT: Final = "none"
SORTS: Final[dict[str, Sort]] = {
    "name": User.name,
    "username": User.username,
    "kind": User.kind,
    "last_sign_in_at": User.last_sign_in_at,
    "created_at": User.created_at,
}


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people are asked for."""

    words: str = ""
    kind: StaffKind | None = None
    department: str = ""
    state: StaffState | None = None


def people(wanted: PeopleFilter) -> Select[User]:
    """Return the statement that lists the people asked for."""
    statement = select(User)
    for word in wanted.words.casefold().split():
        names = (User.name, User.username)
        statement = statement.where(or_(*(func.lower(one).contains(word, autoescape=True) for one in names)))
    if wanted.kind is not None:
        statement = statement.where(User.kind == wanted.kind)
    if wanted.department == NO_DEPARTMENT:
        statement = statement.where(User.department_id.is_(None))
    elif wanted.department:
        statement = statement.where(User.department_id == wanted.department)
    return statement.where(_in_state(wanted.state)) if wanted.state is not None else statement


def department_names() -> Select[str, str]:
    """Return the statement that names every department."""
    return select(Department.id, Department.name)


def _in_state(state: StaffState) -> ColumnElement[bool]:
    enabled, chosen = User.disabled_at.is_(None), User.password_hash.is_not(None)
    return {
        StaffState.ACTIVE: and_(enabled, chosen),
        StaffState.WAITING: and_(enabled, ~chosen),
        StaffState.DISABLED: ~enabled,
    }[state]
