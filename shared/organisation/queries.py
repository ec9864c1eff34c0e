"""Reads of the organisation."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.auth.models import User
from shared.organisation.errors import DepartmentNotFoundError
from shared.organisation.models import Department


def get_department(session: Session, department_id: str) -> Department:
    """Return one department; raises DepartmentNotFoundError."""
    found = session.get(Department, department_id)
    if found is None:
        raise DepartmentNotFoundError
    return found


def get_department_with_code(session: Session, code: str) -> Department:
    """Return the department with this code; raises DepartmentNotFoundError."""
    found = session.scalar(select(Department).where(func.lower(Department.code) == code.lower()))
    if found is None:
        raise DepartmentNotFoundError
    return found


def list_departments(session: Session, *, retired: bool = True) -> Sequence[Department]:
    """Return the departments in the order of their places, without the `retired` ones when asked."""
    wanted = select(Department).order_by(Department.position, Department.name, Department.id)
    if not retired:
        wanted = wanted.where(Department.retired_at.is_(None))
    return session.scalars(wanted).all()


def list_members(session: Session, department_id: str) -> Sequence[User]:
    """Return who belongs to a department itself, by name."""
    wanted = select(User).where(User.department_id == department_id)
    return session.scalars(wanted.order_by(User.name, User.id)).all()


def count_departments(session: Session) -> int:
    """Return how many departments are in use."""
    wanted = select(func.count()).select_from(Department).where(Department.retired_at.is_(None))
    return session.scalar(wanted) or 0
