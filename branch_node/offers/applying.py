"""The offers of head office that apply to a customer today, and what of the customer makes them apply."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.inbound.models import InboundItem
from branch_node.inbound.queries import hq_time
from shared.domain.offers.rules import Offer, problem_of, read_offer
from shared.domain.published.vocabulary import ItemKind
from shared.domain.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Applying:
    """An offer that applies to a customer, and why: the tier, stage and kind it asks for, if any."""

    offer: Offer
    why: tuple[Vocabulary, ...]


def list_applying(session: Session, customer: Customer, today: date, now: datetime) -> list[Applying]:
    """Return the offers for a customer as they are in force, those that end first before others."""
    over = InboundItem.expires_at <= hq_time(session, now)
    wanted = select(InboundItem.name, InboundItem.body).where(
        InboundItem.kind == ItemKind.OFFER.value,
        InboundItem.body.is_not(None),
        or_(InboundItem.expires_at.is_(None), ~over),
    )
    found = []
    for code, body in session.execute(wanted):
        if problem_of(code, body) is None:
            offer = read_offer(code, body)
            why = offer.why(customer, today)
            found += [Applying(offer, why)] if why is not None else []
    return sorted(found, key=lambda one: (one.offer.ends or date.max, one.offer.code))


def titles(session: Session) -> dict[str, str]:
    """Return by code what the offers are called that this branch has or had; one withdrawn has its code alone."""
    wanted = select(InboundItem.name, InboundItem.body).where(
        InboundItem.kind == ItemKind.OFFER.value, InboundItem.body.is_not(None)
    )
    return {code: body["title"] for code, body in session.execute(wanted) if problem_of(code, body) is None}
