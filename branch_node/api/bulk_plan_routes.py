"""Bulk acts of any size for programs: tried and kept, read, done, stopped or discarded; many by the job."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from branch_node.api import many_schemas as schemas
from branch_node.api.customer_filters import arguments, merged
from branch_node.api.many_routes import shown_act
from branch_node.api.schemas import Nothing
from branch_node.bulk import operations, queries, working
from branch_node.bulk.changes import Order
from branch_node.bulk.errors import BulkNobodyError
from branch_node.bulk.models import BulkKind
from branch_node.customers.listing import wanted_customers
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import stamp, today, writing

blueprint = Blueprint("api_bulk", __name__, url_prefix="/api/v1/bulk-acts")
# Some acts ask for a right of their own.
ALSO = (
    (Resource.CUSTOMER, Action.RETIRE),
    (Resource.CUSTOMER, Action.TRANSFER),
    (Resource.CUSTOMER_SHARE, Action.CREATE),
)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Try one thing on many customers and keep what it would do"),
    answer=schemas.Bulk,
    body=schemas.BulkPlan,
    status=201,
    once=True,
    also=ALSO,
)
def plan() -> Response:
    """Keep what an act would do, for a week; nothing is done. Above 1,000 customers the job tries it."""
    given = asking.body(schemas.BulkPlan())
    kind = next(one for one in BulkKind if one.value == given["kind"])
    order = Order(kind, given.get("value") or "", given["reason"], today())
    ids = [*dict.fromkeys(given.get("ids", ()))]

    def do(session: Session) -> str:
        if "ids" in given:
            with _naming("ids"):
                return operations.plan(session, order, ids, by=stamp()).id
        args = merged(session, arguments({**given.get("filters", {}), "view": given.get("view", "")}))
        with _naming("filters"):
            return working.plan_found(session, order, wanted_customers(args), by=stamp()).id

    with writing() as session:
        return once(session, lambda: do(session), lambda at: shown_act(session, at, asked=ids, status=201))


@blueprint.post("/<id:act_id>/carrying-out")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Do what a bulk act was tried for"), answer=schemas.Bulk, body=Nothing, once=True, also=ALSO)
def carry_out(act_id: str) -> Response:
    """Do what was tried; who tried it does it, once. Above 1,000 customers the job does it."""
    with writing() as session:
        queries.get_act(session, act_id)
        asking.body(Nothing())
        return once(
            session,
            lambda: working.carry_out(session, act_id, today=today(), by=stamp()).id,
            lambda at: shown_act(session, at),
        )


@blueprint.post("/<id:act_id>/stopping")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Stop a bulk act that the job does"), answer=schemas.Bulk, body=Nothing)
def stop(act_id: str) -> Response:
    """Stop behind the part at work; what is done stays done."""
    with writing() as session:
        queries.get_act(session, act_id)
        asking.body(Nothing())
        working.stop(session, act_id, by=stamp())
        return shown_act(session, act_id)


@blueprint.delete("/<id:act_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Discard a bulk act that was tried and not done"), answer=schemas.BulkAct, body=Nothing)
def discard(act_id: str) -> Response:
    """Forget what was tried; nothing of it was done. It is answered as it stood."""
    with writing() as session:
        shown = asking.dumped(schemas.BulkAct(), queries.get_act(session, act_id))
        asking.body(Nothing())
        working.discard(session, act_id)
        return asking.one(shown)


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Say at its field that nobody, or too many, were meant."""
    try:
        yield
    except BulkNobodyError as refused:
        raise BulkNobodyError(field=field, **refused.params) from None
