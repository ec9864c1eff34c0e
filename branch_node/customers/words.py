"""Under which words a customer is found, and whom words find."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, or_, select, union_all
from sqlalchemy.orm import Session

from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH, Contact, Customer, CustomerShare
from shared.db.search_terms import Term, holder_term, query_terms, terms_of, whole_term
from shared.db.snapshot import once
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import DataRange, Resource

# A search looks at no more hits than this to put the best first; one common surname has many thousands.
RANKED: Final = 1_001


def words_of(customer: Any) -> list[str]:  # noqa: ANN401 - a Customer or a row of its table
    """Return the words under which a customer is found; see CUSTOMER_SEARCH for the columns it needs."""
    mail = customer.email.partition("@")[0] if customer.email else None
    words = terms_of(
        customer.name,
        customer.short_name,
        customer.customer_no,
        customer.mobile,
        customer.phone,
        customer.id_no,
        customer.legacy_no,
        mail,
    )
    held = [holder_term(customer.manager_id)] if customer.manager_id else []
    return [*words, whole_term(customer.name), *held]


def words_of_contact(contact: Any) -> list[str]:  # noqa: ANN401 - a Contact or a row of its table
    """Return the words under which a customer is found by a contact person."""
    mail = contact.email.partition("@")[0] if contact.email else None
    return terms_of(contact.name, contact.mobile, contact.phone, mail)


def found_by(session: Session, words: str, *, limit: int | None = None) -> Select[tuple[str]]:
    """Return the ids of the customers who, or one of whose contact people, meet every word."""
    own = _found_by_own(session, words).limit(limit)
    if not CONTACT_SEARCH.may_find(session, words):
        return own
    people = select(Contact.id).where(CONTACT_SEARCH.met_by(session, words, Contact.id)).limit(limit)
    by_contact = select(Contact.customer_id).where(Contact.id.in_(people))
    both = union_all(select(own.subquery().c[0]), by_contact).subquery()
    return select(both.c[0])


def _found_by_own(session: Session, words: str) -> Select[tuple[str]]:
    """Return the ids of those found by words of their own; where it spares much, of those only who are seen."""
    hits = CUSTOMER_SEARCH.matching(session, words)
    sight = sight_of(session)
    if sight is None or CUSTOMER_SEARCH.source not in sight.tables:
        return hits
    everybody, holder = hits.subquery(), sight.seer.manager_id
    if sight.range_of(Resource.CUSTOMER) is not DataRange.SELF or not holder:
        # Whom somebody sees stands in one index, and thousands whom they do not see are not looked at one by one.
        return select(everybody.c[0]).where(everybody.c[0].in_(select(Customer.id)))
    # Whose account manager somebody is, the index of words tells itself; to them come those who are shared, if any.
    theirs = (*query_terms(words), (Term(holder_term(holder)),))
    held = CUSTOMER_SEARCH.matching(session, words, asked=theirs)
    if not once(session, _has_shares, holder, sight.seer.at):
        return held
    also = select(everybody.c[0]).where(everybody.c[0].in_(shared_ids(holder, sight.seer.at)))
    return select(union_all(select(held.subquery().c[0]), also).subquery().c[0])


def _has_shares(session: Session, manager_id: str, at: datetime) -> bool:
    return session.scalar(shared_ids(manager_id, at).limit(1)) is not None


def shared_ids(manager_id: Any, at: Any) -> Select[str]:  # noqa: ANN401 - values or what stands for them in a policy
    """Return a select of the customers who are shared with an account manager at a moment."""
    return select(CustomerShare.customer_id).where(
        CustomerShare.manager_id == manager_id,
        or_(CustomerShare.ends_at.is_(None), CustomerShare.ends_at > at),
    )


def most_ranked(session: Session) -> int | None:
    """Return how many hits are looked at; all, where some of the first might not be of who looks."""
    sight = sight_of(session)
    return RANKED if sight is None or CUSTOMER_SEARCH.source not in sight.tables else None


def select_found(session: Session, query: str) -> Select[str]:
    """Return a select of the ids of those customers that meet every word and that who looks may see, for counting."""
    hits = found_by(session, query.strip(), limit=most_ranked(session))
    return select(Customer.id).where(Customer.id.in_(hits))


def select_contacts_found(session: Session, query: str) -> Select[Contact, str, str]:
    """Return a select of the contact people that meet every word, each with its customer's number and name."""
    found = select(Contact, Customer.customer_no, Customer.name.label("customer_name"))
    return (
        found.join(Customer, Customer.id == Contact.customer_id)
        .where(CONTACT_SEARCH.met_by(session, query.strip(), Contact.id))
        .order_by(func.length(Contact.name), Contact.name, Contact.id)
    )
