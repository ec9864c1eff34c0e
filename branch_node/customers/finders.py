"""Customers and their contact people in the search box."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.customers import queries, words
from branch_node.customers.listing import TONES
from branch_node.customers.models import CONTACT_SEARCH, Contact
from branch_node.customers.queries import CustomerRow
from shared.db.search_terms import query_terms
from shared.domain.regions import region_name
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import MOST_COUNTED, Finder, Found, Hit, counted

NOTHING: Final = Found((), 0)


def hit_of(row: CustomerRow) -> Hit:
    """Return a customer as the search box shows it."""
    customer = row.Customer
    told = (customer.customer_no, customer.mobile, row.manager_name, region_name(customer.region_code))
    merged = row.merged_into is not None
    return Hit(
        customer.name,
        _(", ").join(each for each in told if each),
        url_for("desk.customer", customer_id=customer.id),
        _("merged") if merged else label(customer.status),
        "" if merged else TONES[customer.status],
        customer.id,
    )


def _find_customers(session: Session, asked: str, limit: int, offset: int) -> Found:
    if not query_terms(asked):
        return NOTHING
    rows = queries.search_customers(session, asked, limit=limit, offset=offset)
    if rows or not offset:
        total = rows[0].found if rows else 0
        return Found([hit_of(row) for row in rows], min(total, MOST_COUNTED), total > MOST_COUNTED)
    return Found((), *counted(session, words.select_found(session, asked)))


def _find_contacts(session: Session, asked: str, limit: int, offset: int) -> Found:
    if not CONTACT_SEARCH.may_find(session, asked):
        return NOTHING
    wanted = words.select_contacts_found(session, asked)
    rows = session.execute(wanted.limit(limit).offset(offset)).all()
    hits = [_contact_hit(row.Contact, row.customer_no, row.customer_name) for row in rows]
    if not offset and len(hits) < limit:
        return Found(hits, len(hits))
    return Found(hits, *counted(session, wanted.with_only_columns(Contact.id)))


def _contact_hit(contact: Contact, customer_no: str, customer_name: str) -> Hit:
    told = (contact.title, contact.mobile, f"{customer_name} ({customer_no})")
    return Hit(
        contact.name,
        _(", ").join(each for each in told if each),
        url_for("file.contacts", customer_id=contact.customer_id),
        label(contact.status),
        id=contact.id,
    )


CUSTOMERS: Final = Finder(
    "customers",
    _l("Customers"),
    "users",
    Resource.CUSTOMER,
    _find_customers,
    lambda asked: url_for("customers.index", q=asked),
)
CONTACTS: Final = Finder(
    "contacts", _l("Contact people"), "user", Resource.CONTACT, _find_contacts, indexes=(CONTACT_SEARCH,)
)
