"""Facts about customers that correct each other, as branches sent them: which stand, and how lists show them."""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from hq_server.branches.web import Scope
from hq_server.replica.models import ReplicaCustomer, ReplicaCustomerIdentity
from shared.db.base import Id
from shared.domain.corrections import Told, versions_before

Fact = TypeVar("Fact", bound=Any)


@dataclass(frozen=True)
class Listed:
    """A fact with its customer, who may not have arrived, and its branch, as a list shows them."""

    answer: Any
    customer: ReplicaCustomer | None
    branch: str
    code: str

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        if name in {"customer_no", "name"}:
            return getattr(self.customer, name, None)
        return self.branch if name == "branch" else getattr(self.answer, name, None)


def listed(scope: Scope, fact: Any, customer: ReplicaCustomer | None) -> Listed:  # noqa: ANN401 - of any mapped class
    """Return a fact as a list shows it."""
    return Listed(fact, customer, scope.name(fact.branch_number), scope.code(fact.branch_number))


def stands(entity: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
    """Hold the facts of a mapped class that no other of their branch corrects."""
    later = _later(entity)
    return ~exists().where(later.branch_number == entity.branch_number, later.corrects_id == entity.id)


def person_of(entity: Any) -> ColumnElement[str]:  # noqa: ANN401 - a mapped class
    """Return the customer whom a fact is of: the one into whom its branch has merged the file, or the file's own."""
    link = ReplicaCustomerIdentity
    into = (
        select(link.identity_id)
        .where(link.branch_number == entity.branch_number, link.customer_id == entity.customer_id)
        .order_by(link.id)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(into, entity.customer_id)


def select_facts(entity: type[Fact], *conditions: ColumnElement[bool]) -> Select[Fact, ReplicaCustomer]:
    """Return the statement of the facts wanted, each with its customer as far as that has arrived."""
    customer, fact = ReplicaCustomer, entity
    same = and_(customer.branch_number == fact.branch_number, customer.id == fact.customer_id)
    return select(fact, customer).outerjoin(customer, same).where(*conditions)


def list_of_customer(
    session: Session,
    entity: type[Fact],
    customer: ReplicaCustomer,
    day: Any,  # noqa: ANN401 - a mapped column
) -> list[Told[Fact]]:
    """Return the facts of a customer that nothing corrects, the latest `day` first, of files merged into theirs too."""
    fact: Any = entity
    wanted = select(entity).where(
        fact.branch_number == customer.branch_number, fact.customer_id.in_(_files_of(customer))
    )
    known = {one.id: one for one in session.scalars(wanted.order_by(day.desc(), fact.id.desc()))}
    corrected = {one.corrects_id for one in known.values()}
    return [Told(one, versions_before(one, known)) for one in known.values() if one.id not in corrected]


def _files_of(customer: ReplicaCustomer) -> CompoundSelect[str]:
    link = ReplicaCustomerIdentity
    merged = select(link.customer_id).where(
        link.branch_number == customer.branch_number, link.identity_id == customer.id
    )
    return union_all(select(literal(customer.id, Id)), merged)


@cache
def _later(entity: Any) -> Any:  # noqa: ANN401 - a mapped class and its alias
    return aliased(entity)
