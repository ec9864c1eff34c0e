"""Changing the organisation: departments are added, renamed, moved, retired and merged, never deleted."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth import queries as users
from shared.auth.models import User
from shared.domain.organisation.fields import CODE_LENGTH, NAME_LENGTH
from shared.domain.organisation.tree import lineage
from shared.ids import new_id
from shared.organisation import queries
from shared.organisation.errors import (
    DepartmentCircleError,
    DepartmentCodeError,
    DepartmentCodeTakenError,
    DepartmentInUseError,
    DepartmentNameError,
    DepartmentNameTakenError,
    DepartmentNotFoundError,
    DepartmentPositionError,
    DepartmentRetiredError,
)
from shared.organisation.models import Department
from shared.stamp import Stamp

CODE_SIGNS: Final = frozenset("-._")
LAST_POSITION: Final = 9_999
SUBJECT: Final = "department"


@dataclass(frozen=True, slots=True)
class DepartmentValues:
    """What people write of a department, as they wrote it."""

    name: str
    code: str
    position: str = "0"
    head_id: str | None = None


def add_department(
    session: Session, values: DepartmentValues, *, parent_id: str | None = None, by: Stamp
) -> Department:
    """Add a department under another one, or at the top.

    Raises the errors of a FieldError kind for what cannot be used, and DepartmentNotFoundError.
    """
    tree = _hold(session)
    department = Department(id=new_id(), parent_id=parent_id, created_at=by.at, created_by=by.actor)
    if parent_id is not None:
        _check_open(_known(tree, parent_id), field="parent_id")
    _write(session, tree, department, values)
    department.touch(by)
    session.add(department)
    session.flush()
    _record(session, "added", department, by, name=department.name, code=department.code)
    return department


def change_department(
    session: Session, department_id: str, values: DepartmentValues, *, by: Stamp
) -> Department:
    """Rename a department or give it another code, place or head; the same values again write nothing."""
    tree = _hold(session)
    department = _known(tree, department_id)
    before = _said(department)
    _write(session, tree, department, values)
    changed = {name: [before[name], now] for name, now in _said(department).items() if before[name] != now}
    if changed:
        department.touch(by)
        _record(session, "changed", department, by, changed=changed)
    return department


def move_department(session: Session, department_id: str, parent_id: str | None, *, by: Stamp) -> None:
    """Put a department under another one, with all that stands under it.

    Raises DepartmentCircleError, DepartmentRetiredError, DepartmentNameTakenError and DepartmentNotFoundError.
    """
    tree = _hold(session)
    department = _known(tree, department_id)
    if department.parent_id == parent_id:
        return
    if parent_id is not None:
        _check_open(_known(tree, parent_id), field="parent_id")
        _check_no_circle(tree, department, parent_id, field="parent_id")
    before, department.parent_id = department.parent_id, parent_id
    _check_name_free(tree, department)
    department.touch(by)
    _record(session, "moved", department, by, **{"from": before, "to": parent_id})


def retire_department(session: Session, department_id: str, *, by: Stamp) -> None:
    """Take a department out of use; raises DepartmentInUseError while anybody or anything is left in it."""
    tree = _hold(session)
    department = _known(tree, department_id)
    if department.retired_at is not None:
        return
    people = [user for user in queries.list_members(session, department_id) if user.enabled]
    below = [one for one in tree.values() if one.parent_id == department_id and one.retired_at is None]
    if people or below:
        raise DepartmentInUseError(name=department.name, people=len(people), departments=len(below))
    department.retired_at = by.at
    department.touch(by)
    _record(session, "retired", department, by)


def reopen_department(session: Session, department_id: str, *, by: Stamp) -> None:
    """Take a retired department into use again; raises DepartmentRetiredError when the one above is retired."""
    tree = _hold(session)
    department = _known(tree, department_id)
    if department.retired_at is None:
        return
    if department.parent_id is not None:
        _check_open(_known(tree, department.parent_id), field="parent_id")
    department.retired_at = None
    _check_name_free(tree, department)
    department.touch(by)
    _record(session, "reopened", department, by)


def merge_departments(session: Session, source_id: str, target_id: str, *, by: Stamp) -> tuple[int, int]:
    """Move everybody and everything of one department into another and retire it.

    Returns how many people and departments moved. Raises DepartmentCircleError, DepartmentRetiredError,
    DepartmentNameTakenError and DepartmentNotFoundError.
    """
    tree = _hold(session)
    source, target = _known(tree, source_id), _known(tree, target_id)
    _check_open(target, field="target_id")
    _check_no_circle(tree, source, target_id, field="target_id")
    people = queries.list_members(session, source_id)
    for user in people:
        place_person(session, user, target_id, by=by)
    below = [one for one in tree.values() if one.parent_id == source_id]
    for one in below:
        one.parent_id = target_id
        _check_name_free(tree, one)
        one.touch(by)
    source.retired_at = by.at
    source.touch(by)
    _record(session, "merged", source, by, into=target_id, people=len(people), departments=len(below))
    return len(people), len(below)


def place_person(session: Session, user: User, department_id: str | None, *, by: Stamp) -> None:
    """Say which department a person belongs to, or that it is none.

    Raises DepartmentNotFoundError and DepartmentRetiredError.
    """
    if user.department_id == department_id:
        return
    if department_id is not None:
        _check_open(_held(session, department_id), field="department_id")
    before, user.department_id = user.department_id, department_id
    audit.record(
        session,
        "user.department_chosen",
        subject=("user", user.id),
        by=by,
        details={"from": before, "to": department_id},
    )


def _hold(session: Session) -> dict[str, Department]:
    # All of them, always in one order: two who move departments at once could close a circle together.
    rows = session.scalars(select(Department).order_by(Department.id).with_for_update())
    return {one.id: one for one in rows.all()}


def _held(session: Session, department_id: str) -> Department:
    held = session.scalar(select(Department).where(Department.id == department_id).with_for_update())
    if held is None:
        raise DepartmentNotFoundError
    return held


def _known(tree: dict[str, Department], department_id: str) -> Department:
    if department_id not in tree:
        raise DepartmentNotFoundError
    return tree[department_id]


def _write(
    session: Session, tree: dict[str, Department], department: Department, values: DepartmentValues
) -> None:
    department.name = _check_name(values.name)
    department.code = _check_code(tree, department, values.code)
    department.position = _check_position(values.position)
    department.head_id = values.head_id or None
    if department.head_id is not None:
        users.get_user(session, department.head_id)
    _check_name_free(tree, department)


def _said(department: Department) -> dict[str, str | int | None]:
    return {name: getattr(department, name) for name in ("name", "code", "position", "head_id")}


def _check_name(given: str) -> str:
    name = " ".join(given.split())
    if not 0 < len(name) <= NAME_LENGTH:
        raise DepartmentNameError(field="name")
    return name


def _check_code(tree: dict[str, Department], department: Department, given: str) -> str:
    code = given.strip()
    plain = all(char.isalnum() or char in CODE_SIGNS for char in code)
    if not 0 < len(code) <= CODE_LENGTH or not plain or not (code[0].isalnum() and code[-1].isalnum()):
        raise DepartmentCodeError(field="code")
    for other in tree.values():
        if other.id != department.id and other.code.casefold() == code.casefold():
            raise DepartmentCodeTakenError(field="code", name=other.name, taken=other.code)
    return code


def _check_position(given: str) -> int:
    plain = given.strip() or "0"
    if not (plain.isascii() and plain.isdigit()) or int(plain[:9]) > LAST_POSITION:
        raise DepartmentPositionError(field="position")
    return int(plain)


def _check_name_free(tree: dict[str, Department], department: Department) -> None:
    for other in tree.values():
        beside = other.id != department.id and other.parent_id == department.parent_id
        if beside and other.retired_at is None and other.name.casefold() == department.name.casefold():
            raise DepartmentNameTakenError(field="name", name=other.name)


def _check_open(department: Department, *, field: str) -> None:
    if department.retired_at is not None:
        raise DepartmentRetiredError(field=field, name=department.name)


def _check_no_circle(
    tree: dict[str, Department], department: Department, parent_id: str, *, field: str
) -> None:
    above = {one.id: one.parent_id for one in tree.values()}
    if department.id in lineage(parent_id, above):
        raise DepartmentCircleError(field=field, name=department.name)


def _record(session: Session, verb: str, department: Department, by: Stamp, **details: object) -> None:
    audit.record(session, f"department.{verb}", subject=(SUBJECT, department.id), by=by, details=details)
