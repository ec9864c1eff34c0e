"""The tree of group customers at this branch: who belongs to whom, without circles and not endlessly deep."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerNotFoundError, find_by_number, get_customer
from branch_node.erased.queries import CustomerErasedError, is_erased, refuse_if_erased
from branch_node.identity.queries import CustomerMergedError, refuse_if_merged, survivor_of
from shared.audit import operations as audit
from shared.db.parts import Part, first_of
from shared.domain.customers.vocabulary import CustomerKind, ParentKind
from shared.errors import N_, BranchlineError, Kind
from shared.rights.ranges import sight_of
from shared.stamp import Stamp

# A group, its subsidiaries and theirs: more levels than this are a mistake.
MOST_LEVELS: Final = 6
MOST_SHOWN: Final = 500


class CannotPlaceError(BranchlineError):
    """A customer cannot stand there; nothing was changed."""

    code = "group-place"
    kind = Kind.CONFLICT
    message = N_("Give the number of a group customer of this branch, and say what this customer is to it.")


class GroupCircleError(BranchlineError):
    """A group would stand above itself."""

    code = "group-circle"
    kind = Kind.CONFLICT
    message = N_("%(name)s stands below this customer already, so it cannot stand above it as well.")


class GroupItselfError(GroupCircleError):
    """A customer was to stand below itself: the smallest of circles."""

    message = N_("No customer stands below itself. Give the number of another group customer.")


class GroupTooDeepError(BranchlineError):
    """The tree would have too many levels."""

    code = "group-too-deep"
    kind = Kind.CONFLICT
    message = N_("A group has at most %(most)s levels; this would be more.")


class GroupHasMembersError(BranchlineError):
    """A group customer that others stand below stays one; nothing was written."""

    code = "group-has-members"
    kind = Kind.CONFLICT
    message = N_(
        "%(members)s customers stand below this one, so it stays a group. Place them elsewhere first."
    )


class UnseenMembersError(GroupHasMembersError):
    """Whoever sees a part of the branch's customers cannot tell whether others stand below a group."""

    code = "unseen-members"
    message = N_(
        "Only who sees all customers of the branch makes a group an individual: others may stand below it."
    )


class NotYoursToPlaceError(BranchlineError):
    """Whoever sees a part of the branch's customers cannot tell whether a tree would go in circles."""

    code = "not-yours-to-place"
    kind = Kind.FORBIDDEN
    message = N_("Only who sees all customers of the branch says which group a customer belongs to.")


def place(
    session: Session, customer_id: str, parent_no: str, parent_kind: ParentKind | None, *, by: Stamp
) -> Customer:
    """Put a customer below a group customer of this branch, or with an empty number below none.

    Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError, CannotPlaceError, GroupCircleError,
    GroupTooDeepError and NotYoursToPlaceError.
    """
    _refuse_part_seen(session)
    customer = _locked(session, customer_id)
    refuse_if_erased(session, customer_id)
    refuse_if_merged(session, customer_id)
    parent = find_by_number(session, parent_no) if parent_no else None
    if parent_no:
        if parent is None or parent_kind is None or parent.kind is not CustomerKind.GROUP:
            unsaid = parent is not None and parent.kind is CustomerKind.GROUP
            raise CannotPlaceError(field="parent_kind" if unsaid else "parent_no")
        if is_erased(session, parent.id):
            raise CustomerErasedError(field="parent_no")
        if survivor_of(session, parent.id) is not None:
            raise CustomerMergedError(field="parent_no")
        if parent.id == customer_id:
            raise GroupItselfError(field="parent_no")
        _check(session, customer, parent)
    now = (parent.id, parent_kind) if parent else (None, None)
    if (customer.parent_id, customer.parent_kind) == now:
        return customer
    customer.parent_id, customer.parent_kind = now
    customer.touch(by)
    session.flush()
    audit.record(session, "customer.changed", subject=("customer", customer.id), by=by)
    return customer


def move_members(
    session: Session, source_id: str, target: Customer, *, only: Collection[str] | None = None
) -> list[str]:
    """Let those right below one customer stand below another; `only` some of them, as far as they are there yet.

    When they were changed and by whom stays as it is: nobody wrote about them. Raises CannotPlaceError,
    GroupCircleError and GroupTooDeepError.
    """
    below = select(Customer).where(Customer.parent_id == source_id).order_by(Customer.id)
    if only is not None:
        below = below.where(Customer.id.in_(only))
    members = session.scalars(below.with_for_update()).all()
    if members and target.kind is not CustomerKind.GROUP:
        raise CannotPlaceError
    for member in members:
        _check(session, member, target)
        member.parent_id = target.id
        session.flush()
    return [member.id for member in members]


def list_members(session: Session, customer_id: str) -> Part[Customer]:
    """Return the first members and subsidiaries right below a customer that are seen, and how many there are."""
    below = select(Customer).where(Customer.parent_id == customer_id)
    return first_of(session, below.order_by(Customer.customer_no), MOST_SHOWN)


def count_members(session: Session, ids: Collection[str], *, lock: bool = False) -> Mapping[str, int]:
    """Return by id how many stand right below those customers below whom anybody does.

    With `lock` nobody is placed below a group customer among them until this transaction is over.
    """
    if lock:
        groups = select(Customer.id).where(Customer.id.in_(ids), Customer.kind == CustomerKind.GROUP)
        session.execute(groups.order_by(Customer.id).with_for_update()).all()
    below = select(Customer.parent_id, func.count()).where(Customer.parent_id.in_(ids))
    return {above: count for above, count in session.execute(below.group_by(Customer.parent_id)) if above}


def loses_members(was: CustomerKind, will_be: CustomerKind, members: int) -> bool:
    """Tell whether a group customer would become one person while others stand below: nobody is a member of one."""
    return was is CustomerKind.GROUP and will_be is not CustomerKind.GROUP and members > 0


def refuse_losing_members(session: Session, customer: Customer, will_be: CustomerKind) -> None:
    """Keep a group customer what it is while others stand below; raises GroupHasMembersError."""
    members = count_members(session, [customer.id]).get(customer.id, 0)
    if loses_members(customer.kind, will_be, members):
        raise GroupHasMembersError(field="kind", members=members)


def refuse_turning(session: Session, customer: Customer, will_be: CustomerKind) -> None:
    """Let a group customer become an individual only as who sees that nobody stands below.

    Raises GroupHasMembersError and UnseenMembersError.
    """
    refuse_losing_members(session, customer, will_be)
    if loses_members(customer.kind, will_be, members=1) and _sees_part(session):
        raise UnseenMembersError(field="kind")


def list_above(session: Session, customer: Customer) -> list[Customer]:
    """Return the groups above a customer that are seen, the nearest first."""
    found: list[Customer] = []
    above = customer.parent_id
    while above is not None and len(found) < MOST_LEVELS:
        parent = session.get(Customer, above)
        if parent is None:
            break
        found.append(parent)
        above = parent.parent_id
    return found


def _check(session: Session, customer: Customer, parent: Customer) -> None:
    above: str | None = parent.id
    level = 0
    while above is not None and level < MOST_LEVELS:
        # Locked on the way up: two people who place at once would each see a tree without the other's place.
        one = _locked(session, above)
        if one.id == customer.id:
            raise GroupCircleError(field="parent_no", name=parent.name)
        above, level = one.parent_id, level + 1
    if level + _levels_from(session, customer.id) > MOST_LEVELS:
        raise GroupTooDeepError(field="parent_no", most=MOST_LEVELS)


def _levels_from(session: Session, customer_id: str) -> int:
    """Return how many levels a customer and all below it make."""
    levels, here = 0, [customer_id]
    while here and levels <= MOST_LEVELS:
        levels += 1
        here = list(session.scalars(select(Customer.id).where(Customer.parent_id.in_(here))))
    return levels


def _locked(session: Session, customer_id: str) -> Customer:
    get_customer(session, customer_id)
    found = session.scalar(
        select(Customer).where(Customer.id == customer_id).with_for_update(),
        execution_options={"populate_existing": True},
    )
    if found is None:
        raise CustomerNotFoundError
    return found


def _refuse_part_seen(session: Session) -> None:
    if _sees_part(session):
        raise NotYoursToPlaceError


def _sees_part(session: Session) -> bool:
    sight = sight_of(session)
    return sight is not None and Customer.__table__ in sight.tables
