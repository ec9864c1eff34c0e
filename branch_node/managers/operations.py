"""Entering and changing account managers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.managers import queries
from branch_node.managers.models import Manager
from branch_node.managers.queries import ManagerNotFoundError
from shared.audit import operations as audit
from shared.auth import operations as auth
from shared.auth import queries as users
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp

EDITABLE: Final = ("manager_no", "name", "post", "level", "department", "mobile", "status")


class ManagerNumberTakenError(BranchlineError):
    """Another account manager has this staff number."""

    code = "manager-number-taken"
    kind = Kind.CONFLICT
    message = N_("%(name)s already has the staff number %(manager_no)s.")


class ManagerChangedMeanwhileError(BranchlineError):
    """Somebody saved this account manager after the page was opened; nothing was written."""

    code = "manager-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_(
        "%(who)s changed this account manager meanwhile, so nothing was saved. Compare, then save again."
    )


def register_manager(session: Session, values: Mapping[str, Any], *, by: Stamp) -> Manager:
    """Enter a new account manager with the EDITABLE `values`; raises ManagerNumberTakenError."""
    _check_number(session, values, besides=None)
    manager = Manager(id=new_id(), created_at=by.at, created_by=by.actor)
    _assign(manager, values)
    manager.touch(by)
    session.add(manager)
    session.flush()
    audit.record(
        session,
        "manager.registered",
        subject=("manager", manager.id),
        by=by,
        details={"manager_no": manager.manager_no},
    )
    return manager


def change_manager(
    session: Session, manager_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Manager:
    """Set the EDITABLE `values` of an account manager; values that are the same already write nothing.

    Raises ManagerNotFoundError, ManagerChangedMeanwhileError and ManagerNumberTakenError.
    """
    manager = session.scalar(select(Manager).where(Manager.id == manager_id).with_for_update())
    if manager is None:
        raise ManagerNotFoundError
    if manager.updated_at != seen_at:
        raise ManagerChangedMeanwhileError(who=manager.updated_by, at=manager.updated_at)
    _check_number(session, values, besides=manager_id)
    changed = _assign(manager, values)
    if changed:
        manager.touch(by)
        session.flush()
        audit.record(session, "manager.changed", subject=("manager", manager.id), by=by)
    return manager


def choose_user(session: Session, manager_id: str, user_id: str | None, *, by: Stamp) -> None:
    """Let one user be this account manager, and nobody else; their own day and log follow from it.

    Raises ManagerNotFoundError and UserNotFoundError.
    """
    queries.get_manager(session, manager_id)
    for other in users.list_users_of_manager(session, manager_id):
        if other.id != user_id:
            auth.choose_manager(session, other, None, by=by)
    if user_id:
        auth.choose_manager(session, users.get_user(session, user_id), manager_id, by=by)


def _check_number(session: Session, values: Mapping[str, Any], *, besides: str | None) -> None:
    number = values.get("manager_no")
    other = queries.find_by_number(session, number) if number else None
    if other is not None and other.id != besides:
        raise ManagerNumberTakenError(name=other.name, manager_no=number)


def _assign(manager: Manager, values: Mapping[str, Any]) -> bool:
    changed = [name for name in EDITABLE if name in values and getattr(manager, name) != values[name]]
    for name in changed:
        setattr(manager, name, values[name])
    return bool(changed)
