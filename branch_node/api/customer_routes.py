"""Customers for programs: the list under the page's own filters, one, entering, changing, retiring."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import schemas
from branch_node.api.customer_filters import FILTERS, SORTS, USUAL_SORT, VIEW, merged
from branch_node.customers import operations, queries
from branch_node.customers.changing import changed_values, form_values
from branch_node.customers.listing import wanted_customers
from branch_node.customers.models import Customer
from branch_node.customers.published import check_published
from branch_node.customers.schemas import CustomerForm
from branch_node.customers.telling import ASKED_BY, taken_for, tell
from branch_node.erased.queries import refuse_if_erased
from shared.domain.customers.vocabulary import (
    CustomerStatus,
    Grade,
)
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import may, reading, stamp, writing

blueprint = Blueprint("api_customers", __name__, url_prefix="/api/v1/customers")

# How the value of a column comes back out of a cursor.
READ: Final[dict[str, Callable[[str], Any]]] = {
    "opened_on": date.fromisoformat,
    "updated_at": datetime.fromisoformat,
    "grade": lambda given: next(one for one in Grade if one.value == given),
}
PAGED: Final = (
    Query("size", _l("How many at once: 25, 50, 100 or 200"), kind="integer"),
    Query("after", _l("What the answer before called next")),
)


class SimilarCustomersError(BranchlineError):
    """Customers with the same document or telephone number are here already; nothing was entered."""

    code = "customer-similar"
    kind = Kind.CONFLICT
    message = N_("%(told)s Send known: true if this is somebody else.")


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List customers"), answer=schemas.Customer, query=(*FILTERS, VIEW, *PAGED), many=True)
def index() -> Response:
    """List the customers that the filters name, or those of a view, a page at a time."""
    size = asking.size()
    with reading() as session:
        args = merged(session, request.args)
        given = args.get("sort", USUAL_SORT)
        sort = given if given in SORTS else USUAL_SORT
        name = sort.removeprefix("-")
        found = queries.list_customers(
            session,
            wanted_customers(args),
            sort=name,
            descending=sort.startswith("-"),
            limit=size + 1,
            after=_after(name),
        )
        shown = [shown_customer(row.Customer) for row in found[:size]]
        last = found[size - 1].Customer if len(found) > size else None
        next_ = asking.cursor(_plain(getattr(last, name)), last.id) if last else None
    take_rows(len(shown), "customer")
    return asking.many(shown, next_=next_)


@blueprint.get("/<id:customer_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read a customer; the ETag is for changing it"), answer=schemas.Customer)
def one(customer_id: str) -> Response:
    """Show one customer."""
    with reading() as session:
        answer = shown_answer(session, customer_id)
    take_rows(1, "customer")
    return answer


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.CREATE)
@describe(
    _l("Enter a customer"),
    answer=schemas.Customer,
    body=schemas.NewCustomer,
    status=201,
    once=True,
    also=[(Resource.CUSTOMER, Action.TRANSFER), (Resource.SERVICE_DESK, Action.CREATE)],
)
def register() -> Response:
    """Enter a new customer, unless somebody with the same document or number is here and it is not said to be known."""
    given = asking.body(schemas.NewCustomer())
    known = given.pop("known", False)
    values = CustomerForm().load(_as_form(given))
    with reading() as session:
        check_published(session, values, None, now=stamp().at)
    at_the_desk = may(Resource.SERVICE_DESK, Action.CREATE)

    def enter(session: Session) -> str:
        if not known:
            _refuse_similar(values)
        return operations.register_customer(session, values, by=stamp(), serve=at_the_desk).id

    # As on the page: nobody serves a customer who is not entered yet.
    with writing(as_node=at_the_desk) as session:
        return once(session, lambda: enter(session), lambda at: shown_answer(session, at, status=201))


@blueprint.patch("/<id:customer_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Change fields of a customer"), answer=schemas.Customer, body=schemas.CustomerChange, versioned=True
)
def change(customer_id: str) -> Response:
    """Save the fields that are named, unless somebody else saved the customer since it was read."""
    with writing() as session:
        customer = queries.get_customer(session, customer_id)
        given = asking.body(schemas.CustomerChange())
        refuse_if_erased(session, customer.id)
        asking.version(customer.updated_at)
        stored = form_values(customer)
        values = changed_values({**stored, **_as_text(given)}, stored)
        check_published(session, values, customer, now=stamp().at)
        operations.change_customer(session, customer.id, values, seen_at=customer.updated_at, by=stamp())
        return shown_answer(session, customer_id)


@blueprint.post("/<id:customer_id>/retire")
@requires(Resource.CUSTOMER, Action.RETIRE)
@describe(
    _l("Close a customer who is none any more"), answer=schemas.Customer, body=schemas.Nothing, versioned=True
)
def retire(customer_id: str) -> Response:
    """Close a customer."""
    with writing() as session:
        customer = queries.get_customer(session, customer_id)
        asking.body(schemas.Nothing())
        asking.version(customer.updated_at)
        closed = {"status": CustomerStatus.CLOSED}
        operations.change_customer(session, customer.id, closed, seen_at=customer.updated_at, by=stamp())
        return shown_answer(session, customer_id)


def shown_customer(customer: Customer) -> dict[str, Any]:
    """Return a customer as it is answered."""
    found: dict[str, Any] = schemas.Customer().dump(customer)
    return found


def shown_answer(session: Session, customer_id: str, *, status: int = 200) -> Response:
    """Answer with a customer and the ETag for changing it."""
    customer = queries.get_customer(session, customer_id)
    return asking.one(shown_customer(customer), status=status, at=customer.updated_at)


def _refuse_similar(values: dict[str, Any]) -> None:
    """Refuse whom somebody who is here may be; of customers of others no more is said than that they exist."""
    told = tell(*(values[name] for name in ASKED_BY))
    probable = taken_for(values)
    with reading() as looking:
        similar = queries.with_similar(looking, told.seen, values)
        likely = queries.others_among(looking, probable, similar)
        numbers, names = (", ".join(one.customer_no for one in some) for some in (similar, likely))
    said = []
    if similar:
        said.append(
            _(
                "Customers with this document or telephone number are here already: %(numbers)s.",
                numbers=numbers,
            )
        )
    if likely:
        said.append(
            _(
                "Customers who by name and other details are very likely the same are here already: %(numbers)s.",
                numbers=names,
            )
        )
    if said or told.exists:
        raise SimilarCustomersError(told=" ".join([*said, *told.sentences]))


def _as_text(given: dict[str, Any]) -> dict[str, str]:
    """Return what was sent as the form spells it."""
    shown = {name: "" if value is None else value for name, value in given.items()}
    return {name: ";".join(value) if isinstance(value, list) else value for name, value in shown.items()}


def _as_form(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "tags": ";".join(given.get("tags", ()))}


def _plain(value: Any) -> str | None:  # noqa: ANN401 - whatever a column holds
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)


def _after(name: str) -> tuple[Any, str] | None:
    given = asking.place(2)
    if given is None:
        return None
    value, customer_id = given
    try:
        return (None if value is None else READ.get(name, str)(value)), customer_id or ""
    except (ValueError, StopIteration):
        raise ValidationError({"after": [asking.NOT_A_CURSOR]}) from None
