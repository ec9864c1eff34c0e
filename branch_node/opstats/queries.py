"""Reading account managers' months."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from branch_node.managers.models import Manager
from branch_node.opstats.models import OperationMonth
from shared.auth.models import User

JOB: Final = "count-operations"
MonthRow = Row[OperationMonth, str, str]


def list_month(session: Session, month: str) -> Sequence[MonthRow]:
    """Return what each account manager did in a month, with number and name, by number."""
    statement = (
        select(OperationMonth, Manager.manager_no, Manager.name)
        .join(Manager, Manager.id == OperationMonth.manager_id)
        .where(OperationMonth.month == month)
        .order_by(Manager.manager_no)
    )
    return session.execute(statement).all()


def list_months(session: Session) -> list[str]:
    """Return the months that are counted, latest first."""
    return list(
        session.scalars(select(OperationMonth.month).distinct().order_by(OperationMonth.month.desc()))
    )


def accounts_of_managers(session: Session) -> dict[str, list[str]]:
    """Return by account manager the names they sign in with."""
    found: dict[str, list[str]] = {}
    people = (
        select(User.manager_id, User.username).where(User.manager_id.is_not(None)).order_by(User.username)
    )
    for manager_id, username in session.execute(people):
        found.setdefault(str(manager_id), []).append(username)
    return found
