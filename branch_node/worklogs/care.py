"""How a customer wants to be reached, and when the next visit is due: what stands before any contact."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from marshmallow import ValidationError
from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.reaching import closed_to, is_closed, may_contact
from branch_node.identity.queries import is_person, of_person
from branch_node.inbound.queries import policy
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import last_of_merged, later_of, stands
from shared.domain.calendar import day_bounds, local_day
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.vocabulary import CustomerStatus, ValueTier
from shared.domain.published.policies import VISIT_DAYS
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_

# Until head office publishes others: days from one visit to the next, by tier.
USUAL_DAYS: Final = (14, 30, 60, 90)
LEAST_REASON: Final = 2
REASON_LENGTH: Final = 200
# By which channels each kind of work reaches a customer: closed when all of them are.
CHANNELS_OF: Final[Mapping[WorkLogKind, frozenset[Channel]]] = {
    WorkLogKind.VISIT: frozenset({Channel.VISIT}),
    WorkLogKind.CALL: frozenset({Channel.PHONE}),
    WorkLogKind.MESSAGE: frozenset({Channel.SMS, Channel.WECHAT, Channel.EMAIL}),
}
WHY_DESPITE: Final = N_(
    "This customer is not to be reached so. Write in 2 to 200 characters why it was done."
)


def why_despite(customer: Customer | None, kind: WorkLogKind, given: str, *, on: date) -> str | None:
    """Return the reason for a contact by a closed channel, or None where it was open.

    Raises ValidationError where a reason is needed and none is given.
    """
    used = CHANNELS_OF.get(kind)
    if customer is None or used is None or not used <= set(closed_to(customer, on)):
        return None
    said = " ".join(given.split())
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise ValidationError(WHY_DESPITE, "despite")
    return said


def visit_days(session: Session, now: datetime) -> dict[ValueTier, int]:
    """Return after how many days a customer of each tier is to be visited again."""
    days = policy(session, VISIT_DAYS, now=now) or USUAL_DAYS
    return dict(zip(ValueTier, days, strict=True))


def visit_due(session: Session, customer: Customer, *, now: datetime, timezone: str) -> date | None:
    """Return the day of the next visit; None where no tier asks for one, or the customer wants none."""
    today = local_day(now, timezone)
    left = customer.status is not CustomerStatus.ACTIVE
    left = left or may_contact(customer, Channel.VISIT, today) is not None
    if customer.value_tier is None or left:
        return None
    visited = and_(of_person(WorkLog.customer_id, customer.id), WorkLog.kind == WorkLogKind.VISIT, stands())
    last = session.scalar(select(func.max(WorkLog.started_at)).where(visited))
    if last is None:
        return customer.opened_on or local_day(customer.created_at, timezone)
    return local_day(last, timezone) + timedelta(days=visit_days(session, now)[customer.value_tier])


def list_visits_due(
    session: Session, *, manager_id: str | None, now: datetime, timezone: str, limit: int
) -> list[Row[str, str, ValueTier, datetime | None]]:
    """Return (id, name, tier, last visit) of active customers whose visit is due, the longest ago first.

    Who is not to be visited is left out.
    """
    today = local_day(now, timezone)
    last = (
        select(WorkLog.customer_id, func.max(WorkLog.started_at).label("last"))
        .where(WorkLog.kind == WorkLogKind.VISIT, WorkLog.customer_id.is_not(None), stands())
        .group_by(WorkLog.customer_id)
    )
    wanted = [
        Customer.status == CustomerStatus.ACTIVE,
        Customer.value_tier.is_not(None),
        ~is_closed((Channel.VISIT,), today),
    ]
    if manager_id:
        wanted.append(Customer.manager_id == manager_id)
        last = last.where(
            WorkLog.customer_id.in_(select(Customer.id).where(Customer.manager_id == manager_id))
        )
    visits, merged = last.subquery(), last_of_merged((WorkLogKind.VISIT,))
    latest = later_of(visits.c.last, merged.c.last)
    due = [
        and_(Customer.value_tier == tier, latest < day_bounds(today - timedelta(days), timezone)[1])
        for tier, days in visit_days(session, now).items()
    ]
    statement = (
        select(Customer.id, Customer.name, Customer.value_tier, latest.label("last"))
        .outerjoin(visits, visits.c.customer_id == Customer.id)
        .outerjoin(merged, merged.c.identity_id == Customer.id)
        .where(*wanted, is_person(Customer.id), or_(latest.is_(None), *due))
        .order_by(latest.asc().nulls_first(), Customer.customer_no)
    )
    return list(session.execute(statement.limit(limit)).all())
