"""Sharing a customer with another account manager, until a day or for good."""

from datetime import datetime

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from branch_node.customers import queries
from branch_node.customers.following import follow_share, follow_share_end
from branch_node.customers.models import Customer, CustomerShare
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from shared.audit import operations as audit
from shared.db.base import instant_text
from shared.domain.managers.vocabulary import ManagerStatus
from shared.errors import N_, BranchlineError, Kind
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp


class NotHolderError(BranchlineError):
    """Whoever only has a customer shared with them may not share it on."""

    code = "not-holder"
    kind = Kind.FORBIDDEN
    message = N_("Only the account manager who holds a customer, or the branch manager, shares it.")


class CannotShareError(BranchlineError):
    """The customer cannot be shared like this; nothing was written."""

    code = "cannot-share"
    kind = Kind.INVALID
    message = N_(
        "Choose an account manager at work who does not hold this customer, and a day that is not over."
    )


def share_customer(
    session: Session, customer_id: str, manager_id: str, *, ends_at: datetime | None, by: Stamp
) -> CustomerShare:
    """Let another account manager see and serve a customer until `ends_at`, or for good.

    Sharing again sets the end anew. Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError,
    ManagerNotFoundError, NotHolderError and CannotShareError.
    """
    customer = _held(session, customer_id)
    refuse_if_erased(session, customer_id)
    refuse_if_merged(session, customer_id)
    manager = managers.get_manager(session, manager_id)
    over = ends_at is not None and ends_at <= by.at
    if over or manager.id == customer.manager_id or manager.status is ManagerStatus.LEFT:
        raise CannotShareError
    share = session.get(CustomerShare, (customer_id, manager_id))
    if share is None:
        share = CustomerShare(customer_id=customer_id, manager_id=manager_id)
        session.add(share)
    share.shared_at, share.shared_by, share.ends_at = by.at, by.actor, ends_at
    follow_share(session, share)
    details = {"manager": manager.manager_no, "until": instant_text(ends_at) if ends_at else None}
    audit.record(session, "customer.shared", subject=("customer", customer_id), by=by, details=details)
    return share


def end_share(session: Session, customer_id: str, manager_id: str, *, by: Stamp) -> bool:
    """Take a customer back from whom it was shared with; tells whether it was. Raises as `share_customer`."""
    _held(session, customer_id)
    share = session.get(CustomerShare, (customer_id, manager_id))
    if share is None:
        return False
    session.delete(share)
    follow_share_end(session, customer_id, manager_id)
    manager = managers.get_manager(session, manager_id)
    audit.record(
        session,
        "customer.share-ended",
        subject=("customer", customer_id),
        by=by,
        details={"manager": manager.manager_no},
    )
    return True


def may_share(session: Session, customer: Customer) -> bool:
    """Tell whether who looks may share this customer: its holder, and whoever says who holds it."""
    sight = sight_of(session)
    if sight is None or sight.may(Resource.CUSTOMER, Action.TRANSFER):
        return True
    return (
        sight.may(Resource.CUSTOMER_SHARE, Action.CREATE)
        and sight.seer.manager_id is not None
        and customer.manager_id == sight.seer.manager_id
    )


def list_shares(session: Session, customer_id: str, *, now: datetime) -> list[Row[CustomerShare, str, str]]:
    """Return with whom a customer is shared now: the share, the account manager's name and number."""
    wanted = (
        select(CustomerShare, Manager.name.label("name"), Manager.manager_no.label("manager_no"))
        .join(Manager, Manager.id == CustomerShare.manager_id)
        .where(
            CustomerShare.customer_id == customer_id,
            or_(CustomerShare.ends_at.is_(None), CustomerShare.ends_at > now),
        )
    )
    return list(session.execute(wanted.order_by(Manager.manager_no)).all())


def _held(session: Session, customer_id: str) -> Customer:
    customer = queries.get_customer(session, customer_id)
    if not may_share(session, customer):
        raise NotHolderError
    return customer
