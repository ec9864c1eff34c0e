"""Telling an account manager that a file exists which somebody else serves, so that nobody enters it again.

Asked with the node's own eyes, this is the one narrow question that passes both walls: a whole telephone number, also
of somebody to speak to there, a whole document, customer or legacy number of seven digits or more, or a whole name. No
number of hits, no part of the file and no word for the beginning of anything.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Row, func, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH, Contact, Customer
from branch_node.identity.models import CustomerIdentity
from branch_node.managers.models import Manager
from shared.audit.models import AuditEntry
from shared.db.search_terms import Term, fold, simplified, whole_term
from shared.domain.customers.rules import normal_mobile, normal_phone
from shared.stamp import Stamp

EVENT: Final = "customer.told-elsewhere"
# In the entry of a file of which only that it exists was told.
UNNAMED: Final = "unnamed"
# Of one person in a day: what a day's work meets by chance, and no way through a list of numbers.
MOST_A_DAY: Final = 30
DAY: Final = timedelta(days=1)
# A form asks again after every field that is filled in: within this time it is one telling.
ONE_FORM: Final = timedelta(minutes=15)
MOST_TOLD: Final = 3
LOOKED_AT: Final = 50
FEWEST_DIGITS: Final = 7
SHORTEST_NAME: Final = 2
SHORTEST_SPELT: Final = 5

_DIGIT = re.compile(r"[0-9]")
_NUMBER = re.compile(r"\+?[0-9A-Za-z][0-9A-Za-z\s()\-]*")
_BETWEEN = re.compile(r"[\s·•.\-]+")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """That a file exists: its id for the log, and its account manager's name with only the first character left."""

    customer_id: str
    served_by: str | None


def find_elsewhere(session: Session, asked: str) -> Sequence[Elsewhere]:
    """Return the files that just these words name, a few at most; the session must be the node's own."""
    if (condition := _by_number(asked)) is None and not _is_name(asked):
        return ()
    named = None if condition is not None else ((Term(whole_term(asked)),),)
    matching = Customer.id.in_(CUSTOMER_SEARCH.matching(session, asked, asked=named))
    merged = select(CustomerIdentity.customer_id)
    wanted = (
        select(Customer.id, Customer.name, Manager.name.label("manager"))
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .where(matching, Customer.id.not_in(merged))
        # The shortest first: of what waits to be indexed, a whole name is shorter than what holds it.
        .order_by(func.length(Customer.name), Customer.id)
        .limit(LOOKED_AT)
    )
    rows = session.execute(wanted if condition is None else wanted.where(condition)).all()
    name = None if condition is not None else _plain(asked)
    served: dict[str, str | None] = {row.id: row.manager for row in rows if name in (None, _plain(row.name))}
    if condition is not None:
        served |= {row.id: row.manager for row in _with_contact(session, asked)}
    return [Elsewhere(at, masked_name(manager)) for at, manager in served.items()]


def _with_contact(session: Session, asked: str) -> Sequence[Row[str, str, str | None]]:
    """Return the customers one of whose contact people has just this telephone number."""
    if not CONTACT_SEARCH.may_find(session, asked):
        return ()
    phones = _phones(fold(asked).strip())
    wanted = (
        select(Customer.id, Customer.name, Manager.name.label("manager"))
        .join(Contact, Contact.customer_id == Customer.id)
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .where(Contact.id.in_(CONTACT_SEARCH.matching(session, asked)))
        .where(or_(Contact.mobile.in_(phones), Contact.phone.in_(phones)))
        .where(Customer.id.not_in(select(CustomerIdentity.customer_id)))
        .order_by(Customer.id)
        .limit(LOOKED_AT)
    )
    return session.execute(wanted).all()


def is_whole(asked: str) -> bool:
    """Tell whether these words are a whole number or name at all; of others nothing is ever told."""
    return _by_number(asked) is not None or _is_name(asked)


def may_be_told(session: Session, *, by: Stamp) -> bool:
    """Tell whether this person has been told of less than a day's work of such files."""
    return left_to_tell(session, by=by) > 0


def left_to_tell(session: Session, *, by: Stamp) -> int:
    """Return of how many such files this person may still be told within a day."""
    told = select(func.count()).where(
        AuditEntry.actor == by.actor, AuditEntry.at > by.at - DAY, AuditEntry.event == EVENT
    )
    return max(0, MOST_A_DAY - (session.scalar(told) or 0))


def told_lately(session: Session, customer_ids: Collection[str], *, by: Stamp) -> set[str]:
    """Return of which of these files this person was told while filling in one form."""
    told = select(AuditEntry.subject_id).where(
        AuditEntry.actor == by.actor,
        AuditEntry.at > by.at - ONE_FORM,
        AuditEntry.event == EVENT,
        AuditEntry.subject_id.in_(customer_ids),
    )
    return {at for at in session.scalars(told) if at is not None}


def told_within_a_day(session: Session, customer_ids: Collection[str], *, by: Stamp) -> dict[str, bool]:
    """Return of which of these files this person was told within a day, and whether also who serves them."""
    told = select(AuditEntry.subject_id, AuditEntry.details).where(
        AuditEntry.actor == by.actor,
        AuditEntry.at > by.at - DAY,
        AuditEntry.event == EVENT,
        AuditEntry.subject_id.in_(customer_ids),
    )
    found: dict[str, bool] = {}
    for at, details in session.execute(told):
        found[at] = found.get(at, False) or not details.get(UNNAMED)
    return found


def masked_name(name: str | None) -> str | None:
    """Return a name as who knows its bearer knows it again: 王*."""
    return f"{name[:1]}*" if name else None


def _by_number(asked: str) -> ColumnElement[bool] | None:
    """Return what a whole number means, or None when this is none."""
    plain = fold(asked).strip()
    if not _NUMBER.fullmatch(plain) or len(_DIGIT.findall(plain)) < FEWEST_DIGITS:
        return None
    phones, number = _phones(plain), "".join(plain.split())
    return or_(
        Customer.mobile.in_(phones),
        Customer.phone.in_(phones),
        Customer.id_no == number.upper(),
        func.lower(Customer.customer_no) == number,
        func.lower(Customer.legacy_no) == number,
    )


def _phones(plain: str) -> set[str]:
    return {one for one in (plain, normal_mobile(plain), normal_phone(plain)) if one}


def _is_name(asked: str) -> bool:
    plain = _plain(asked)
    if _DIGIT.search(plain):
        return False
    return len(plain) >= (SHORTEST_SPELT if plain.isascii() else SHORTEST_NAME)


def _plain(name: str) -> str:
    return _BETWEEN.sub("", simplified(fold(name)))
