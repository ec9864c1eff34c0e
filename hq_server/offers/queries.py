"""Reads of what became of offers as branches sent it: of each customer the entry that counts, by offer and branch."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from hq_server.feed.models import FeedItem
from hq_server.feed.queries import ItemFilter, list_standings
from hq_server.replica.models import ReplicaCustomer, ReplicaCustomerIdentity, ReplicaOfferAnswer
from shared.db.base import Id
from shared.domain.corrections import Told, versions_before
from shared.domain.offers.rules import Offer, problem_of, read_offer
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.published.vocabulary import ItemKind
from shared.errors import N_, BranchlineError, Kind

SORTS: Final = {
    "happened_on": ReplicaOfferAnswer.happened_on,
    "customer_no": ReplicaCustomer.customer_no,
    "branch": ReplicaOfferAnswer.branch_number,
}
_Later = aliased(ReplicaOfferAnswer)


class OfferNotFoundError(BranchlineError):
    """No offer of this code was ever published."""

    code = "offer-not-found"
    kind = Kind.NOT_FOUND
    message = N_("No offer of this code was ever published.")


@dataclass(frozen=True, slots=True)
class Published:
    """An offer with the item it is published as, its state there, and to which branches (none: to all)."""

    item: FeedItem
    offer: Offer | None
    state: str
    branches: Collection[str]

    @property
    def code(self) -> str:
        """The code by which branches name it."""
        return self.item.name

    @property
    def title(self) -> str:
        """What it is called, nothing once it is withdrawn."""
        return self.offer.title if self.offer else ""

    def is_addressed_to(self, branch: str) -> bool:
        """Tell whether it is published to the branch of this code."""
        return not self.branches or branch in self.branches


@dataclass(frozen=True, slots=True)
class Answers:
    """Customers to whom an offer was made, by what became of it last."""

    made: int = 0
    accepted: int = 0
    declined: int = 0

    @property
    def offered(self) -> int:
        """How many customers it was made to in all."""
        return self.made + self.accepted + self.declined

    def __add__(self, other: "Answers") -> "Answers":
        """Return both together."""
        return Answers(self.made + other.made, self.accepted + other.accepted, self.declined + other.declined)


def list_offers(session: Session, now: datetime) -> list[Published]:
    """Return the offers that were ever published, those in force first, the latest made first."""
    found = []
    for one in list_standings(session, ItemFilter(kinds=frozenset({ItemKind.OFFER.value}))):
        if one.current is not None:
            body = one.current.body
            good = bool(body) and problem_of(one.item.name, body) is None
            offer = read_offer(one.item.name, body) if good else None
            found.append(Published(one.item, offer, one.state(now), one.current.branches))
    return sorted(found, key=lambda each: each.state != "published")


def get_offer(session: Session, code: str, now: datetime) -> Published:
    """Return one offer; raises OfferNotFoundError."""
    found = next((one for one in list_offers(session, now) if one.code == code), None)
    if found is None:
        raise OfferNotFoundError
    return found


def count_answers(session: Session, code: str | None = None) -> dict[tuple[str, int], Answers]:
    """Return by offer and branch how many customers said what last; files merged into one are one customer."""
    answer = ReplicaOfferAnswer
    counted = (
        select(answer.offer_code, answer.branch_number, answer.step, func.count())
        .where(answer.id.in_(_latest(code)))
        .group_by(answer.offer_code, answer.branch_number, answer.step)
    )
    steps: dict[tuple[str, int], Counter[str]] = {}
    for offer, branch, step, count in session.execute(counted):
        steps.setdefault((offer, branch), Counter())[step.value] = count
    return {at: Answers(**each) for at, each in steps.items()}


def select_answers(
    code: str, branches: Collection[int], steps: Collection[str]
) -> Select[ReplicaOfferAnswer, ReplicaCustomer]:
    """Return the statement of the customers an offer was made to, each with the entry that counts."""
    answer, customer = ReplicaOfferAnswer, ReplicaCustomer
    same = and_(customer.branch_number == answer.branch_number, customer.id == answer.customer_id)
    conditions: list[ColumnElement[bool]] = [answer.id.in_(_latest(code))]
    if branches:
        conditions.append(answer.branch_number.in_(sorted(branches)))
    if steps:
        conditions.append(answer.step.in_(sorted(steps)))
    return select(answer, customer).outerjoin(customer, same).where(*conditions)


def list_of_customer(session: Session, customer: ReplicaCustomer) -> list[Told[ReplicaOfferAnswer]]:
    """Return what became of offers at a customer, the latest day first, files merged into theirs included."""
    answer = ReplicaOfferAnswer
    wanted = select(answer).where(
        answer.branch_number == customer.branch_number, answer.customer_id.in_(_files_of(customer))
    )
    ordered = wanted.order_by(answer.happened_on.desc(), answer.id.desc())
    known = {one.id: one for one in session.scalars(ordered)}
    corrected = {one.corrects_id for one in known.values()}
    return [Told(one, versions_before(one, known)) for one in known.values() if one.id not in corrected]


def _files_of(customer: ReplicaCustomer) -> CompoundSelect[str]:
    link = ReplicaCustomerIdentity
    merged = select(link.customer_id).where(
        link.branch_number == customer.branch_number, link.identity_id == customer.id
    )
    return union_all(select(literal(customer.id, Id)), merged)


def _latest(code: str | None) -> Select[Any]:
    """Select the ids of the entries that say what became of an offer at each customer last."""
    answer, link = ReplicaOfferAnswer, ReplicaCustomerIdentity
    who = (
        select(link.identity_id)
        .where(link.branch_number == answer.branch_number, link.customer_id == answer.customer_id)
        .order_by(link.id)
        .limit(1)
        .scalar_subquery()
    )
    person = func.coalesce(who, answer.customer_id)
    place = func.row_number().over(
        partition_by=(answer.branch_number, answer.offer_code, person),
        order_by=(answer.happened_on.desc(), answer.id.desc()),
    )
    wanted = select(answer.id.label("id"), place.label("place")).where(_stands())
    if code is not None:
        wanted = wanted.where(answer.offer_code == code)
    ranked = wanted.subquery()
    return select(ranked.c.id).where(ranked.c.place == 1)


def _stands() -> ColumnElement[bool]:
    later = exists().where(
        _Later.branch_number == ReplicaOfferAnswer.branch_number, _Later.corrects_id == ReplicaOfferAnswer.id
    )
    return and_(ReplicaOfferAnswer.step != OfferStep.VOID, ~later)
