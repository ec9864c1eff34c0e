"""How complete files are: one customer's, a list of those that lack something, and the branch in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, String, and_, case, cast, func, inspect, literal, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.documents.models import Document
from branch_node.documents.queries import in_force
from branch_node.inbound.queries import policies
from shared.domain.archive.completeness import WHOLE, Completeness, Weights, completeness, weights_of
from shared.domain.archive.keeping import (
    COMPLETE_DOUBLE,
    COMPLETE_GROUP,
    COMPLETE_INDIVIDUAL,
    FIELD_WORDS,
)
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.domain.documents.vocabulary import PAPER, kind_of

POLICIES: Final = (COMPLETE_INDIVIDUAL, COMPLETE_GROUP, COMPLETE_DOUBLE)
STEPS: Final = (60, 80, WHOLE)
EMPTY: Final = ("[]", "{}")


@dataclass(frozen=True, slots=True)
class Lacking:
    """A customer in the list of files, with how complete theirs is."""

    customer: Customer
    found: Completeness

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.customer, name) if name != "percent" else self.found.percent


@dataclass(frozen=True, slots=True)
class Standing:
    """How complete the files of a kind of customer are: how many there are, their mean, and how many in each step."""

    kind: CustomerKind
    customers: int
    mean: int
    below: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Weighing:
    """How much each field and paper weighs, and the day on which papers have to be in force."""

    weights: Weights
    today: date


def weights_in_force(session: Session, now: datetime, timezone: str) -> Weighing:
    """Return how much each field weighs, as head office has published it or as the program has it."""
    return Weighing(weights_of(policies(session, POLICIES, now=now)), local_day(now, timezone))


def completeness_of(session: Session, customer: Customer, now: datetime, timezone: str) -> Completeness:
    """Return how complete one customer's file is."""
    return _of(session, customer, weights_in_force(session, now, timezone))


def list_files(
    session: Session,
    weights: Weighing,
    *,
    below: int,
    manager_id: str = "",
    descending: bool = False,
    limit: int,
    offset: int = 0,
) -> Sequence[Lacking]:
    """Return the open files that are complete to less than `below` percent, the least complete first."""
    share = _share(weights)
    wanted = (
        select(Customer)
        .where(*_open(manager_id), share < below)
        .order_by(share.desc() if descending else share, Customer.customer_no)
        .limit(limit)
        .offset(offset)
    )
    return [Lacking(customer, _of(session, customer, weights)) for customer in session.scalars(wanted)]


def lacks(weights: Weighing, *, below: int) -> ColumnElement[bool]:
    """Return the condition that a customer's file is open and complete to less than `below` percent."""
    return and_(*_open(""), _share(weights) < below)


def count_files(session: Session, weights: Weighing, *, below: int, manager_id: str = "") -> int:
    """Return how many open files are complete to less than `below` percent."""
    counted = select(func.count()).select_from(Customer).where(*_open(manager_id), _share(weights) < below)
    return session.scalar(counted) or 0


def mean_of(session: Session, weights: Weighing, wanted: ColumnElement[bool]) -> int | None:
    """Return how complete the wanted files are on average, in percent rounded down; None where there is none."""
    mean = session.scalar(select(func.avg(_share(weights))).where(wanted))
    return None if mean is None else int(mean)


def standings(session: Session, weights: Weighing) -> list[Standing]:
    """Return how complete the open files are, by kind of customer."""
    share = _share(weights)
    below = [func.sum(case((share < step, 1), else_=0)) for step in STEPS]
    rows = session.execute(
        select(Customer.kind, func.count(), func.avg(share), *below)
        .where(*_open(""))
        .group_by(Customer.kind)
        .order_by(Customer.kind)
    )
    return [Standing(row[0], row[1], int(row[2]), tuple(int(each) for each in row[3:])) for row in rows]


def _of(session: Session, customer: Customer, weights: Weighing) -> Completeness:
    values = {name: getattr(customer, name) for name in FIELD_WORDS}
    if any(kind_of(name) for name in weights.weights[customer.kind]):
        kinds = select(Document.kind).where(Document.customer_id == customer.id, in_force(weights.today))
        values |= dict.fromkeys((f"{PAPER}{kind}" for kind in session.scalars(kinds)), True)
    return completeness(customer.kind, values, weights.weights)


def _open(manager_id: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Customer.status != CustomerStatus.CLOSED]
    if manager_id:
        conditions.append(Customer.manager_id == manager_id)
    return conditions


def _share(weights: Weighing) -> ColumnElement[int]:
    """Return what `completeness` computes, as the database computes it."""
    shares = {}
    for kind, wanted in weights.weights.items():
        total = sum(wanted.values())
        there: ColumnElement[int] = literal(0)
        for field, weight in wanted.items():
            there += case((_is_there(field, weights.today), weight), else_=0)
        shares[kind] = there * WHOLE // literal(total) if total else literal(WHOLE)
    return case(shares, value=Customer.kind, else_=WHOLE)


def _is_there(field: str, today: date) -> ColumnElement[bool]:
    paper = kind_of(field)
    if paper is not None:
        kind = Document.kind == paper
        return select(Document.id).where(Document.customer_id == Customer.id, kind, in_force(today)).exists()
    column = inspect(Customer).columns[field]
    text = cast(column, String)
    if isinstance(column.type, JSON):
        return column.is_not(None) & text.not_in(EMPTY)
    return column.is_not(None) & (text != "")
