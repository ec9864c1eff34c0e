"""Judging many at once: whom, who is left out and why; the pages and the interface for programs do the same."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerNotFoundError, find_by_ids
from branch_node.erased.queries import CustomerErasedError, erased_among
from branch_node.identity.queries import CustomerMergedError, merged_among
from branch_node.qualification import queries
from branch_node.qualification.models import Qualification
from branch_node.qualification.operations import Terms
from shared.domain.qualification.rules import Judgement
from shared.errors import N_, BranchlineError

DUE: Final = "due"
NEVER: Final = "never"
WHOM: Final = {DUE: N_("Customers due for review"), NEVER: N_("Customers never judged")}
# So many are judged in one go; it is said when there are more.
MOST: Final = 1_000
MOST_DECIDED: Final = 100


def customers_meant(session: Session, whom: str, terms: Terms, *, limit: int = MOST) -> list[str]:
    """Return the customers due for review, or those never judged."""
    if whom == NEVER:
        return queries.never_judged(session, limit=limit)
    return queries.due_customers(session, terms.today, limit=limit)


def unfit(session: Session, customer_ids: Collection[str]) -> dict[str, BranchlineError]:
    """Return who of these is not judged, and why: not seen, erased, or merged into another file."""
    ids = list(customer_ids)
    seen, erased, merged = find_by_ids(session, ids), erased_among(session, ids), merged_among(session, ids)
    found: dict[str, BranchlineError] = {}
    for one in ids:
        if one not in seen:
            found[one] = CustomerNotFoundError()
        elif one in erased:
            found[one] = CustomerErasedError()
        elif one in merged:
            found[one] = CustomerMergedError()
    return found


def would_change(customer: Customer, judged: Judgement | Qualification) -> bool:
    """Tell whether a customer gets another kind or grade once a judgement is approved."""
    return (customer.kind, customer.grade) != (judged.kind, judged.grade)


def waiting_among(session: Session, ids: Sequence[str]) -> list[str]:
    """Return those of the judgements that who looks may see, in the order given."""
    return [one for one in dict.fromkeys(ids) if session.get(Qualification, one) is not None]
