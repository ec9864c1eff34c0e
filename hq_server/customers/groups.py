"""A group across branches: who of it is served where, put together by its company-wide number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.replica.models import ReplicaCustomer

# As deep as branches let a tree be.
MOST_LEVELS: Final = 6
MOST_SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """A customer in a group, `level` steps below the top of its branch's part."""

    customer: ReplicaCustomer
    level: int


def list_group(session: Session, group_no: str) -> tuple[list[Place], bool]:
    """Return all customers of a group that are seen, each below whom it belongs to, and whether there are more.

    They are those with the group's number and all that stand below these in their branches' trees.
    """
    customer = ReplicaCustomer
    numbered = select(customer).where(customer.group_no == group_no)
    ordered = numbered.order_by(customer.branch_number, customer.customer_no, customer.id)
    found = {(one.branch_number, one.id): one for one in session.scalars(ordered.limit(MOST_SHOWN + 1))}
    here = list(found.values())
    for _level in range(MOST_LEVELS):
        if not here or len(found) > MOST_SHOWN:
            break
        here = [one for one in _below(session, here) if (one.branch_number, one.id) not in found]
        found |= {(one.branch_number, one.id): one for one in here}
    shown = list(found.values())
    return _as_tree(shown[:MOST_SHOWN]), len(shown) > MOST_SHOWN


def _below(session: Session, customers: Sequence[ReplicaCustomer]) -> list[ReplicaCustomer]:
    by_branch: dict[int, list[str]] = {}
    for one in customers:
        by_branch.setdefault(one.branch_number, []).append(one.id)
    found: list[ReplicaCustomer] = []
    for number, ids in sorted(by_branch.items()):
        below = select(ReplicaCustomer).where(
            ReplicaCustomer.branch_number == number, ReplicaCustomer.parent_id.in_(ids)
        )
        ordered = below.order_by(ReplicaCustomer.customer_no, ReplicaCustomer.id)
        found += session.scalars(ordered.limit(MOST_SHOWN + 1))
    return found


def _as_tree(customers: Sequence[ReplicaCustomer]) -> list[Place]:
    here = {(one.branch_number, one.id) for one in customers}
    below: dict[tuple[int, str | None], list[ReplicaCustomer]] = {}
    for one in customers:
        top = (one.branch_number, one.parent_id or "") not in here
        below.setdefault((one.branch_number, None if top else one.parent_id), []).append(one)
    places: list[Place] = []
    for number in sorted({one.branch_number for one in customers}):
        _walk(below, (number, None), 0, places)
    # Whom nothing stands above, and nothing below a top either: only a branch that goes in circles tells of such.
    placed = {(place.customer.branch_number, place.customer.id) for place in places}
    lost = [one for one in customers if (one.branch_number, one.id) not in placed]
    return [*places, *(Place(one, 0) for one in lost)]


def _walk(
    below: dict[tuple[int, str | None], list[ReplicaCustomer]],
    above: tuple[int, str | None],
    level: int,
    places: list[Place],
) -> None:
    for one in below.get(above, ()) if level <= MOST_LEVELS else ():
        places.append(Place(one, level))
        _walk(below, (one.branch_number, one.id), level + 1, places)
