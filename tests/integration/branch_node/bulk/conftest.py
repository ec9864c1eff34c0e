from __future__ import annotations

from itertools import count

import pytest
from sqlalchemy import insert, select

from branch_node.bulk import working
from branch_node.bulk.changes import Order
from branch_node.bulk.models import BulkKind
from branch_node.customers.models import Customer
from shared.auth.models import User
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from tests.support.branch import NOON
from tests.support.branch_app import app, clock, make_user, sign_in

__all__ = ["app", "clock", "make_user", "sign_in"]
WHY = "yearly clean-up"


@pytest.fixture
def boss(make_user, sign_in):
    """A browser in which the branch manager is signed in."""
    make_user("boss", StaffKind.BRANCH_MANAGER)
    return sign_in("boss")


@pytest.fixture
def many(sessions):
    """Put so many customers into the database and return their ids."""
    numbers = count(1)

    def put(how_many, **values):
        rows = [
            {
                "id": new_id(),
                "customer_no": f"X{next(numbers):05}",
                "kind": CustomerKind.INDIVIDUAL,
                "name": "客户",
                "status": CustomerStatus.ACTIVE,
                "tags": [],
                "attributes": {},
                "created_at": NOON,
                "created_by": "import",
                "updated_at": NOON,
                "updated_by": "import",
                **values,
            }
            for _one in range(how_many)
        ]
        with sessions.begin() as session:
            session.execute(insert(Customer), rows)
        return [row["id"] for row in rows]

    return put


@pytest.fixture
def plan(database, clock):
    """Begin a bulk act over some customers as somebody, without a page."""

    def begin(username, ids, kind=BulkKind.ADD_TAG, value="VIP"):
        with database.sessions.begin() as session:
            who = session.scalars(select(User).where(User.username == username)).one()
            by = Stamp(clock.now(), username, Via.WEB, actor_id=who.id, manager_id=who.manager_id)
            return working.plan(session, Order(kind, value, WHY, clock.now().date()), ids, by=by).id

    return begin
