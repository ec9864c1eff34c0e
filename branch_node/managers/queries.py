"""Finding and listing account managers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from branch_node.managers.models import Manager
from shared.domain.managers.vocabulary import ManagerStatus
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id


class ManagerNotFoundError(BranchlineError):
    """There is no such account manager at this branch."""

    code = "manager-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such account manager here. Choose one from the list.")


def get_manager(session: Session, manager_id: str) -> Manager:
    """Return one account manager; raises ManagerNotFoundError."""
    manager = session.get(Manager, manager_id)
    if manager is None:
        raise ManagerNotFoundError
    return manager


def find_by_number(session: Session, manager_no: str) -> Manager | None:
    """Return the account manager with this staff number, if there is one."""
    return session.scalar(select(Manager).where(Manager.manager_no == manager_no))


def list_managers(
    session: Session, *, query: str = "", statuses: Sequence[ManagerStatus] = ()
) -> list[Manager]:
    """Return account managers by staff number; `query` is part of a name, number, department or phone."""
    wanted = select(Manager).order_by(Manager.manager_no)
    if statuses:
        wanted = wanted.where(Manager.status.in_(statuses))
    return list(session.scalars(wanted.where(*_meets(query, Manager.__table__.c))))


def any_met(query: str) -> ColumnElement[bool]:
    """Return the question whether any account manager meets the words, whoever may see them."""
    columns = Manager.__table__.c
    return exists(select(columns.id).where(*_meets(query, columns)))


def _meets(query: str, columns: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 - the columns of a table
    looked_at = (columns.name, columns.manager_no, columns.department, columns.mobile)
    return [
        or_(*(func.lower(column).contains(word.lower(), autoescape=True) for column in looked_at))
        for word in query.split()
    ]


def manager_choices(session: Session, *, keep: str | None = None) -> list[Manager]:
    """Return whom a customer or a log may be given to: everybody who has not left, and `keep` in any case."""
    known = keep if keep and is_id(keep) else None  # a form that is shown again may hold anything
    wanted = select(Manager).where(or_(Manager.status != ManagerStatus.LEFT, Manager.id == known))
    return list(session.scalars(wanted.order_by(Manager.manager_no)))


def manager_options(session: Session) -> list[tuple[str, str]]:
    """Return (id, name and number) of whom a user may be: everybody who has not left."""
    return [(one.id, f"{one.name} ({one.manager_no})") for one in manager_choices(session)]
