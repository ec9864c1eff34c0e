"""What account managers did in a month, over branches: sums a branch, and the managers behind them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, and_, cast, func, select
from sqlalchemy.orm import Session

from hq_server.replica.models import ReplicaManager, ReplicaOperationMonth
from shared.domain.opstats.fields import FIGURES


@dataclass(frozen=True, slots=True)
class BranchMonth:
    """A branch's month: how many account managers did anything, and what it comes to."""

    branch_number: int
    managers: int
    figures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ManagerMonth:
    """An account manager's month; the name is missing while their file has not come."""

    branch_number: int
    manager_id: str
    manager_no: str
    name: str
    figures: Mapping[str, int]


def list_branches(session: Session, month: str, branches: Collection[int] = ()) -> Sequence[BranchMonth]:
    """Return what the account managers of each branch did together, by number of the branch."""
    sums = [cast(func.sum(_figure(name)), BigInteger) for name in FIGURES]
    number = ReplicaOperationMonth.branch_number
    statement = select(number, func.count(), *sums).where(*_wanted(month, branches))
    rows: Sequence[Any] = session.execute(statement.group_by(number).order_by(number)).all()
    return [
        BranchMonth(row[0], row[1], {name: int(value) for name, value in zip(FIGURES, row[2:], strict=True)})
        for row in rows
    ]


def list_managers(session: Session, month: str, branches: Collection[int]) -> Sequence[ManagerMonth]:
    """Return what each account manager of some branches did."""
    entity = ReplicaOperationMonth
    named = and_(ReplicaManager.branch_number == entity.branch_number, ReplicaManager.id == entity.manager_id)
    statement = (
        select(entity, ReplicaManager.manager_no, ReplicaManager.name)
        .outerjoin(ReplicaManager, named)
        .where(*_wanted(month, branches))
        .order_by(entity.branch_number, ReplicaManager.manager_no, entity.manager_id)
    )
    return [
        ManagerMonth(
            row[0].branch_number,
            row[0].manager_id,
            row[1] or "",
            row[2] or "",
            {name: getattr(row[0], name) for name in FIGURES},
        )
        for row in session.execute(statement)
    ]


def list_months(session: Session) -> list[str]:
    """Return the months branches have sent, latest first."""
    month = ReplicaOperationMonth.month
    return list(session.scalars(select(month).distinct().order_by(month.desc())))


def _figure(name: str) -> Any:  # noqa: ANN401 - a column by its name
    return getattr(ReplicaOperationMonth, name)


def _wanted(month: str, branches: Collection[int]) -> list[Any]:
    conditions: list[Any] = [ReplicaOperationMonth.month == month]
    if branches:
        conditions.append(ReplicaOperationMonth.branch_number.in_(sorted(branches)))
    return conditions
