"""Looking a customer up at the service desk: an answer for who has the whole number, and no directory."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer, Serving
from branch_node.managers.models import Manager
from shared.audit import operations as audit
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogOutcome
from shared.db.parts import Part, first_of
from shared.domain.customers.rules import normal_mobile, normal_phone
from shared.errors import N_, BranchlineError, Kind
from shared.stamp import Stamp

# An hour of one person: what nobody mistypes, and what nobody asks in earnest.
MOST_MISSED: Final = 60
MOST_LOOKED_UP: Final = 300
MOST_HITS: Final = 5
HOUR: Final = timedelta(hours=1)
MISSED: Final = "service-desk.missed"
HIT: Final = "service-desk.looked-up"
LONGEST: Final = 40


class TooManyLookupsError(BranchlineError):
    """This person has looked up too much in an hour: the desk answers whole numbers, it is no directory."""

    code = "too-many-lookups"
    kind = Kind.TOO_MANY
    message = N_(
        "You have looked up very much in the last hour. Wait a while; your branch manager sees it in the log."
    )
    retryable = True


@dataclass(frozen=True, slots=True)
class Hint:
    """That a customer exists, with whom, and whether it is being served by who asked: nothing else of it."""

    customer_id: str
    manager: str | None
    served: bool


def look_up(session: Session, text: str, *, by: Stamp) -> Part[Hint]:
    """Return hints of the first customers that have exactly this customer number, telephone or document number.

    The session must see every customer. Each look-up is in the operation log, without what was typed; raises
    TooManyLookupsError.
    """
    _check_rate(session, by=by)
    wanted = (
        select(Customer.id, Manager.name, Serving.ends_at > by.at)
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .outerjoin(Serving, (Serving.customer_id == Customer.id) & (Serving.user_id == by.actor_id))
        .where(_is_meant(text))
        .order_by(Customer.customer_no)
    )
    found = first_of(session, wanted, MOST_HITS)
    if not found:
        audit.record(session, MISSED, subject=None, by=by, outcome=LogOutcome.FAILED)
    for customer_id, _manager, _served in found:
        audit.record(session, HIT, subject=("customer", customer_id), by=by)
    hints = [Hint(customer_id, manager, bool(served)) for customer_id, manager, served in found]
    return Part(hints, found.total)


def find_meant(session: Session, customer_id: str, text: str) -> Customer | None:
    """Return the customer of a hint, for who still has the number it was found by."""
    return session.scalar(select(Customer).where(Customer.id == customer_id, _is_meant(text)))


def _is_meant(text: str) -> ColumnElement[bool]:
    plain = text.strip()[:LONGEST]
    phones = {one for one in (plain, normal_mobile(plain), normal_phone(plain)) if one}
    return or_(
        Customer.customer_no == plain,
        Customer.mobile.in_(phones),
        Customer.phone.in_(phones),
        Customer.id_no == "".join(plain.split()).upper(),
    )


def _check_rate(session: Session, *, by: Stamp) -> None:
    missed = func.count().filter(AuditEntry.event == MISSED)
    asked = select(missed, func.count()).where(
        AuditEntry.actor == by.actor, AuditEntry.at > by.at - HOUR, AuditEntry.event.in_((MISSED, HIT))
    )
    wrong, every = session.execute(asked).one()
    if wrong >= MOST_MISSED or every >= MOST_LOOKED_UP:
        raise TooManyLookupsError(retry_after=600)
