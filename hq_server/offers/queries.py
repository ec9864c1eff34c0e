"""Reads of what became of offers as branches sent it: of each customer the entry that counts, by offer and branch."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from hq_server.customers import facts
from hq_server.feed.models import FeedItem
from hq_server.feed.queries import Out, list_out
from hq_server.replica.models import ReplicaCustomer, ReplicaOfferAnswer
from shared.domain.corrections import Told
from shared.domain.offers.rules import Offer, problem_of, read_offer
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.published.vocabulary import ItemKind
from shared.errors import N_, BranchlineError, Kind

SORTS: Final = {
    "happened_on": ReplicaOfferAnswer.happened_on,
    "customer_no": ReplicaCustomer.customer_no,
    "branch": ReplicaOfferAnswer.branch_number,
}


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
    return [_published(one, now) for one in list_out(session, ItemKind.OFFER, now)]


def get_offer(session: Session, code: str, now: datetime) -> Published:
    """Return one offer; raises OfferNotFoundError."""
    found = next((one for one in list_offers(session, now) if one.code == code), None)
    if found is None:
        raise OfferNotFoundError
    return found


def _published(out: Out, now: datetime) -> Published:
    code, body = out.item.name, out.current.body
    offer = read_offer(code, body) if body and problem_of(code, body) is None else None
    return Published(out.item, offer, out.state(now), out.current.branches)


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
    answer = ReplicaOfferAnswer
    conditions: list[ColumnElement[bool]] = [answer.id.in_(_latest(code))]
    if branches:
        conditions.append(answer.branch_number.in_(sorted(branches)))
    if steps:
        conditions.append(answer.step.in_(sorted(steps)))
    return facts.select_facts(answer, *conditions)


def list_of_customer(session: Session, customer: ReplicaCustomer) -> list[Told[ReplicaOfferAnswer]]:
    """Return what became of offers at a customer, the latest day first, files merged into theirs included."""
    return facts.list_of_customer(session, ReplicaOfferAnswer, customer, ReplicaOfferAnswer.happened_on)


def _latest(code: str | None) -> Select[Any]:
    """Select the ids of the entries that say what became of an offer at each customer last."""
    answer = ReplicaOfferAnswer
    place = func.row_number().over(
        partition_by=(answer.branch_number, answer.offer_code, facts.person_of(answer)),
        order_by=(answer.happened_on.desc(), answer.id.desc()),
    )
    wanted = select(answer.id.label("id"), place.label("place")).where(
        answer.step != OfferStep.VOID, facts.stands(answer)
    )
    if code is not None:
        wanted = wanted.where(answer.offer_code == code)
    ranked = wanted.subquery()
    return select(ranked.c.id).where(ranked.c.place == 1)
