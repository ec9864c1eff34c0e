"""Registering and changing customers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers import queries, words
from branch_node.customers.following import follow_holder
from branch_node.customers.groups import refuse_turning
from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH, Contact, Customer
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.customers.serving import begin_serving
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from branch_node.managers import queries as managers
from shared.audit import operations as audit
from shared.db import search, search_followed
from shared.db.taken import refusing_taken
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp

# What a person may set; everything else of a customer is made by us.
EDITABLE: Final = (
    "customer_no",
    "kind",
    "name",
    "short_name",
    "id_type",
    "id_no",
    "mobile",
    "phone",
    "email",
    "wechat",
    "region_code",
    "address",
    "grade",
    "status",
    "opened_on",
    "manager_id",
    "preferred_channel",
    "group_no",
    "service_level",
    "do_not_contact",
    "do_not_contact_until",
    "legacy_no",
    "tags",
    "remark",
)


class CustomerNumberTakenError(BranchlineError):
    """Another customer has this number."""

    code = "customer-number-taken"
    kind = Kind.CONFLICT
    message = N_("%(name)s already has the customer number %(customer_no)s. Give this customer another one.")

    def __init__(self, *, customer_no: str, **who: object) -> None:
        """Name the field; `who` is the name of the other, of those who may see it."""
        super().__init__(customer_no=customer_no, field="customer_no", **who)


class CustomerNumberTakenUnseenError(CustomerNumberTakenError):
    """Another customer has this number, whom who asked does not see."""

    message = N_(
        "Another customer of this branch, whom you do not see, has the number %(customer_no)s. "
        "Give this customer another one."
    )


class NotYoursToGiveError(BranchlineError):
    """Who holds a customer may not hand it to somebody else; nothing was written."""

    code = "not-yours-to-give"
    kind = Kind.FORBIDDEN
    message = N_("Only the branch manager says which account manager holds a customer. Nothing was changed.")


class NoManagerYetError(BranchlineError):
    """Somebody whose account is not linked with an account manager cannot hold a customer."""

    code = "no-manager-yet"
    kind = Kind.CONFLICT
    message = N_("Your account is not linked with an account manager yet, so you cannot hold a customer.")


class CustomerChangedMeanwhileError(BranchlineError):
    """Somebody saved this customer after the page was opened; nothing was written."""

    code = "customer-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("%(who)s changed this customer meanwhile, so nothing was saved. Compare, then save again.")

    def __init__(self, *, who: str, at: datetime) -> None:
        """Say who was faster, and when."""
        super().__init__(who=who, at=at)
        self.at = at


def register_customer(
    session: Session, values: Mapping[str, Any], *, by: Stamp, serve: bool = False
) -> Customer:
    """Enter a new customer with the EDITABLE `values`; the search finds it at once.

    An account manager who enters a customer holds it; with `serve` whoever enters it is serving it from now on, and
    it is the branch manager's to say who holds it. Raises CustomerNumberTakenError and ManagerNotFoundError.
    """
    values = _held_by_who_enters(session, values, serve=serve)
    _check(session, values, besides=None)
    customer = Customer(id=new_id(), attributes={}, created_at=by.at, created_by=by.actor)
    _put(session, customer, values, by=by)
    index_customer(session, customer)
    audit.record(
        session,
        "customer.registered",
        subject=("customer", customer.id),
        by=by,
        details={"customer_no": customer.customer_no},
    )
    if serve:
        begin_serving(session, customer, by=by)
    return customer


def change_customer(
    session: Session, customer_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Customer:
    """Set the EDITABLE `values` of a customer; values that are the same already write nothing.

    `seen_at` is the `updated_at` the person saw. Raises CustomerNotFoundError, CustomerChangedMeanwhileError,
    CustomerErasedError, CustomerNumberTakenError, ManagerNotFoundError, GroupHasMembersError,
    UnseenMembersError, and NotYoursToGiveError for another account manager.
    """
    customer = lock_customer(session, customer_id)
    refuse_if_merged(session, customer_id)
    if customer.updated_at != seen_at:
        raise CustomerChangedMeanwhileError(who=customer.updated_by, at=customer.updated_at)
    _check(session, values, besides=customer_id)
    if values.get("manager_id", customer.manager_id) != customer.manager_id and not may_give_away(session):
        raise NotYoursToGiveError
    if "kind" in values:
        refuse_turning(session, customer, values["kind"])
    held_by = customer.manager_id
    if not _put(session, customer, values, by=by):
        return customer
    if customer.manager_id != held_by:
        follow_holder(session, [customer.id], held_by, customer.manager_id, by=by)
    index_customer(session, customer)
    audit.record(session, "customer.changed", subject=("customer", customer.id), by=by)
    return customer


def lock_customer(session: Session, customer_id: str) -> Customer:
    """Return a customer, locked: two who write about one customer take turns.

    Raises CustomerNotFoundError and CustomerErasedError.
    """
    customer = session.scalar(select(Customer).where(Customer.id == customer_id).with_for_update())
    if customer is None:
        raise CustomerNotFoundError
    refuse_if_erased(session, customer_id)
    return customer


def index_changed(session: Session, *, limit: int | None = None) -> int:
    """Bring the customer search up to every change made so far, in this transaction; returns how many."""
    return search_followed.index_changed(session, CUSTOMER_SEARCH, words.words_of, limit=limit)


def index_contacts_changed(session: Session, *, limit: int | None = None) -> int:
    """Bring the search by contact people up to every change made so far; returns how many."""
    return search_followed.index_changed(session, CONTACT_SEARCH, words.words_of_contact, limit=limit)


def index_contact(session: Session, contact: Contact) -> None:
    """Let the search find a customer by this contact person at once."""
    if _sees_all(session, CONTACT_SEARCH):
        index_contacts_changed(session)
    else:
        search.put(session, CONTACT_SEARCH.name, [(contact.id, words.words_of_contact(contact))])


def index_customer(session: Session, customer: Customer) -> None:
    """Let a search find a customer who was just written, in this transaction."""
    if _sees_all(session, CUSTOMER_SEARCH):
        index_changed(session)
    else:
        search.put(session, CUSTOMER_SEARCH.name, [(customer.id, words.words_of(customer))])


def _sees_all(session: Session, index: search_followed.FollowedTable) -> bool:
    """Tell whether a session sees all that waits; one that does not would forget it, and leaves it to the job."""
    sight = sight_of(session)
    return sight is None or index.source not in sight.tables


def may_give_away(session: Session) -> bool:
    """Tell whether who looks may say which account manager holds a customer; the node itself always may."""
    sight = sight_of(session)
    return sight is None or sight.may(Resource.CUSTOMER, Action.TRANSFER)


def _held_by_who_enters(session: Session, values: Mapping[str, Any], *, serve: bool) -> Mapping[str, Any]:
    if serve:
        return {**values, "manager_id": None}
    sight = sight_of(session)
    if sight is None or may_give_away(session):
        return values
    if sight.seer.manager_id is None:
        raise NoManagerYetError
    return {**values, "manager_id": sight.seer.manager_id}


def _check(session: Session, values: Mapping[str, Any], *, besides: str | None) -> None:
    if (number := values.get("customer_no")) is not None:
        other = queries.find_by_number(session, number)
        if other is not None and other.id != besides:
            raise CustomerNumberTakenError(name=other.name, customer_no=number)
    if manager_id := values.get("manager_id"):
        managers.get_manager(session, manager_id)


def _put(session: Session, customer: Customer, values: Mapping[str, Any], *, by: Stamp) -> bool:
    """Write a customer, and tell whether anything differed.

    Another of the number may be one that this person does not see, or one of the same moment: the database is asked.
    """
    number = values.get("customer_no", customer.customer_no)
    with refusing_taken(session, "customer_no", CustomerNumberTakenUnseenError(customer_no=number)):
        if not _assign(customer, values):
            return False
        customer.touch(by)
        session.add(customer)
        session.flush()
    return True


def _assign(customer: Customer, values: Mapping[str, Any]) -> bool:
    """Set what differs and tell whether anything did."""
    changed = [name for name in EDITABLE if name in values and getattr(customer, name) != values[name]]
    for name in changed:
        setattr(customer, name, values[name])
    return bool(changed)
