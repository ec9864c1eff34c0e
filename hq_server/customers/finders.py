"""Customers of all branches in the search box; contact data is masked there as it is everywhere."""

from collections.abc import Sequence
from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import list_branches
from hq_server.customers import queries
from hq_server.customers.queries import CustomerFilters
from hq_server.replica.models import ReplicaCustomer
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit

TONES: Final = {"active": "ok", "suspended": "warn", "closed": ""}


def hits_of(session: Session, customers: Sequence[ReplicaCustomer]) -> list[Hit]:
    """Return customers as the search box shows them, in their order."""
    branches = {branch.number: branch for branch in list_branches(session)}
    return [_hit(one, branches[one.branch_number]) for one in customers if one.branch_number in branches]


def _hit(customer: ReplicaCustomer, branch: Branch) -> Hit:
    told = (customer.customer_no, branch.name, customer.mobile)
    return Hit(
        customer.name,
        _(", ").join(each for each in told if each),
        url_for("customers.one", code=branch.code, customer_id=customer.id),
        label(customer.status),
        TONES.get(customer.status.value, "info"),
    )


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    statement, more = queries.select_customers(session, CustomerFilters(text=asked))
    customers, count = queries.list_customers(session, statement, sort="name", offset=offset, limit=limit)
    return Found(hits_of(session, customers), count.number, more or count.capped)


CUSTOMERS: Final = Finder(
    "customers",
    _l("Customers"),
    "users",
    Resource.CUSTOMER,
    _find,
    lambda asked: url_for("customers.index", q=asked),
)
