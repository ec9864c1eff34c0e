"""Reads of the people and departments of all branches."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.replica.models import ReplicaDepartment, ReplicaStaff
from shared.domain.organisation.fields import DepartmentFields
from shared.domain.organisation.vocabulary import StaffState
from shared.organisation.members import Member, narrowed
from shared.rights.vocabulary import StaffKind

Counts = Counter[StaffKind]


@dataclass(frozen=True, slots=True)
class BranchPeople:
    """The organisation of one branch."""

    number: int
    departments: Sequence[DepartmentFields]
    people: Sequence[Member]


def count_by_kind(session: Session, branches: Collection[int] = ()) -> dict[int, Counts]:
    """Return how many people of each kind every branch has, those who may no longer sign in left out."""
    staff = ReplicaStaff
    statement = (
        select(staff.branch_number, staff.kind, func.count())
        .where(staff.state != StaffState.DISABLED)
        .group_by(staff.branch_number, staff.kind)
    )
    if branches:
        statement = statement.where(staff.branch_number.in_(branches))
    found: dict[int, Counts] = {}
    for number, kind, count in session.execute(statement):
        found.setdefault(number, Counter())[kind] = count
    return found


def list_branch_people(
    session: Session, branches: Collection[int], *, words: str = "", kind: StaffKind | None = None
) -> list[BranchPeople]:
    """Return the organisation of these branches, with the people of a kind whose name holds every word."""
    staff, department = ReplicaStaff, ReplicaDepartment
    wanted = select(staff).where(staff.branch_number.in_(branches)).order_by(staff.name, staff.id)
    if kind is not None:
        wanted = wanted.where(staff.kind == kind)
    people: dict[int, list[Member]] = {}
    for one in session.scalars(wanted):
        people.setdefault(one.branch_number, []).append(_member(one))
    departments: dict[int, list[ReplicaDepartment]] = {}
    for row in session.scalars(select(department).where(department.branch_number.in_(branches))):
        departments.setdefault(row.branch_number, []).append(row)
    return [
        BranchPeople(number, departments.get(number, ()), narrowed(people.get(number, ()), words=words))
        for number in sorted(branches)
    ]


def _member(row: ReplicaStaff) -> Member:
    return Member(
        row.id,
        row.username,
        row.name,
        row.kind,
        tuple(row.duties),
        row.department_id,
        row.manager_id,
        row.state,
    )
