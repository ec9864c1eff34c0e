"""Customers, groups and standings of all branches, for programs that read."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response
from sqlalchemy import ColumnElement, and_, or_

from hq_server.analysis.grid import Counts
from hq_server.analysis.queries import count_customers
from hq_server.api import schemas
from hq_server.api.covering import as_of_each, covered_by
from hq_server.branches import web
from hq_server.branches.queries import get_branch
from hq_server.customers import groups, queries
from hq_server.customers.identities import count_shared
from hq_server.customers.pages import asked_customers
from hq_server.offers import queries as offers
from hq_server.offers.queries import Answers, Published
from hq_server.qualification import queries as qualification
from hq_server.replica.models import ReplicaCustomer, ReplicaOfferAnswer
from hq_server.upkeep.pages import asked_counts, together
from hq_server.upkeep.queries import Figures
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import reading, stamp
from shared.web.lists import text_argument

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

# A row says of which branch it is, whatever else the token opens.
NAMES = ((Resource.NODE, Action.READ),)
BRANCHES = Query("branch", _l("Codes of branches"), several=True)
FILTERS = (
    Query("q", _l("Words of number, name, pinyin or phone")),
    BRANCHES,
    Query("kind", _l("Kind"), [one.value for one in CustomerKind], several=True),
    Query("grade", _l("Grade"), [one.value for one in Grade], several=True),
    Query("status", _l("Status"), [one.value for one in CustomerStatus], several=True),
    Query("region", _l("Code of a region")),
    Query("manager", _l("An account manager, as BRANCH:ID")),
    Query("opened_from", _l("Opened from this day")),
    Query("opened_to", _l("Opened up to this day")),
    Query("files", _l("Each customer once: without files merged into another"), ["customers"]),
    Query("size", _l("How many at once: 25, 50, 100 or 200"), kind="integer"),
    Query("after", _l("What the answer before called next")),
)


@blueprint.get("/customers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("List customers of all branches, by branch and number"),
    answer=schemas.Customer,
    query=FILTERS,
    many=True,
    needs=NAMES,
)
def customers() -> Response:
    """List the customers that the filters name, a page at a time."""
    size, customer = asking.size(), ReplicaCustomer
    with reading() as session:
        asked = asked_customers(session)
        statement, _too_many = queries.select_customers(session, asked.filters)
        ordered = statement.where(*_behind()).order_by(
            customer.branch_number, customer.customer_no, customer.id
        )
        found = session.scalars(ordered.limit(size + 1)).all()
        shown = [_shown(one, asked.scope.code(one.branch_number)) for one in found[:size]]
        last = found[size - 1] if len(found) > size else None
        next_ = asking.cursor(str(last.branch_number), last.customer_no, last.id) if last else None
    take_rows(len(shown), "customer")
    return asking.many(shown, next_=next_)


@blueprint.get("/figures/customers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Say how many files and customers there are, by branch"), answer=schemas.CustomerCounts, needs=NAMES
)
def counts() -> Response:
    """Count files and customers by branch, each with its as-of time, and who is served by several branches once."""
    with reading() as session:
        scope = web.scope(session)
        found = count_customers(session)
        shared = count_shared(session)
    as_of, summed = as_of_each(scope), sum(found.values(), Counts(shared=shared))
    branches = [
        {
            "branch": scope.code(number),
            "as_of": as_of.get(number),
            "files": one.files,
            "customers": one.customers,
        }
        for number, one in found.items()
    ]
    shown = {"files": summed.files, "customers": summed.distinct, "shared": shared, "branches": branches}
    return asking.one(dict(schemas.CustomerCounts().dump(shown | covered_by(scope.coverage))))


@blueprint.get("/figures/upkeep")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Say by branch how complete files are, and what in them is stale or contradicts something"),
    answer=schemas.UpkeepFigures,
    query=(BRANCHES,),
    needs=NAMES,
)
def upkeep() -> Response:
    """Tell what branches have counted, each as of when, and which have told no count and why."""
    scope, counts, covered = asked_counts()
    told = schemas.UpkeepCounts()
    branches = [
        dict(told.dump(Figures.of(one)))
        | dict(schemas.OfBranch().dump({"branch": scope.code(one.branch_number), "as_of": one.counted_at}))
        | {"fields": one.fields, "conflicts": one.conflicts}
        for one in counts
    ]
    shown = dict(told.dump(together(counts))) | dict(schemas.Covered().dump(covered_by(covered)))
    return asking.one(shown | {"branches": branches})


@blueprint.get("/figures/offers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Say by offer and branch to how many customers it was made, and what they said"),
    answer=schemas.OfferFigures,
    query=(Query("offer", _l("Code of an offer; without it all of them")), BRANCHES),
    needs=NAMES,
)
def offer_figures() -> Response:
    """Count customers by what they said last to each offer, by branch, each with its as-of time."""
    code, now = text_argument("offer"), stamp().at
    with reading() as session:
        scope = web.scope(session)
        found = [offers.get_offer(session, code, now)] if code else offers.list_offers(session, now)
        counts = offers.count_answers(session, code or None)
        shown = [_offer_figure(one, scope, counts) for one in found]
    return asking.one(dict(schemas.OfferFigures().dump(covered_by(scope.coverage) | {"offers": shown})))


@blueprint.get("/customers/<code>/<id:customer_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read a customer of a branch"), answer=schemas.Customer, needs=NAMES)
def customer(code: str, customer_id: str) -> Response:
    """Show one customer as its branch last sent it."""
    with reading() as session:
        branch = get_branch(session, code)
        found = _shown(queries.get_customer(session, branch, customer_id), branch.code)
    take_rows(1, "customer")
    return asking.one(found)


@blueprint.get("/customers/<code>/<id:customer_id>/qualifications")
@requires(Resource.QUALIFICATION, Action.READ)
@describe(
    _l("List the judgements of a customer that have arrived"),
    answer=schemas.Judgement,
    many=True,
    needs=[*NAMES, (Resource.CUSTOMER, Action.READ)],
)
def judgements(code: str, customer_id: str) -> Response:
    """List every judgement of a customer, the latest first."""
    with reading() as session:
        branch = get_branch(session, code)
        found = queries.get_customer(session, branch, customer_id)
        rows = qualification.list_of_customer(session, branch.number, found.id)
        return asking.many([dict(schemas.Judgement().dump(one)) for one in rows])


@blueprint.get("/customers/<code>/<id:customer_id>/offer-answers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("List what became of offers at a customer"),
    answer=schemas.OfferAnswer,
    many=True,
    needs=NAMES,
)
def offer_answers(code: str, customer_id: str) -> Response:
    """List what became of offers, the latest day first, each with the versions it took the place of behind it."""
    with reading() as session:
        branch = get_branch(session, code)
        told = offers.list_of_customer(session, queries.get_customer(session, branch, customer_id))
        shown = [
            _answer(each, counts=each is one.answer and one.counts)
            for one in told
            for each in (one.answer, *one.before)
        ]
    take_rows(len(shown), "customer")
    return asking.many(shown)


@blueprint.get("/groups/<group_no>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List who of a group is served where"), answer=schemas.Member, many=True, needs=NAMES)
def group(group_no: str) -> Response:
    """List a group across branches: at most so many as its page shows."""
    with reading() as session:
        scope = web.scope(session)
        places, _more = groups.list_group(session, group_no)
        shown = [
            _shown(place.customer, scope.code(place.customer.branch_number)) | {"level": place.level}
            for place in places
        ]
    take_rows(len(shown), "customer")
    return asking.many(shown)


@blueprint.get("/qualifications/standings")
@requires(Resource.QUALIFICATION, Action.READ)
@describe(
    _l("Say by branch how many customers stand where"),
    answer=schemas.Standing,
    query=(BRANCHES,),
    many=True,
    needs=[*NAMES, (Resource.CUSTOMER, Action.READ)],
)
def standings() -> Response:
    """Count customers by branch and standing, each branch with its as-of time."""
    with reading() as session:
        scope = web.scope(session)
        counts = qualification.count_standings(session, scope.chosen)
        as_of = as_of_each(scope)
    rows = [
        {"branch": scope.code(number), "as_of": as_of.get(number), "counts": counts.get(number, Counter())}
        for number in scope.shown
    ]
    return asking.many([dict(schemas.Standing().dump(one)) for one in rows])


def _offer_figure(
    found: Published, scope: web.Scope, counts: Mapping[tuple[str, int], Answers]
) -> dict[str, Any]:
    as_of, told = as_of_each(scope), schemas.OfferCounts()
    by_branch = {number: counts.get((found.code, number), Answers()) for number in scope.shown}
    branches = [
        told.dump(one)
        | {
            "branch": scope.code(number),
            "as_of": as_of.get(number),
            "addressed": found.is_addressed_to(scope.code(number)),
        }
        for number, one in by_branch.items()
    ]
    about = {"offer": found.code, "title": found.title or None, "state": found.state, "branches": branches}
    return dict(told.dump(sum(by_branch.values(), Answers()))) | about


def _answer(answer: ReplicaOfferAnswer, *, counts: bool) -> dict[str, Any]:
    return asking.dumped(schemas.OfferAnswer(exclude=("counts",)), answer) | {"counts": counts}


def _shown(found: ReplicaCustomer, code: str) -> dict[str, Any]:
    return {**schemas.Customer(exclude=("branch",)).dump(found), "branch": code}


def _behind() -> list[ColumnElement[bool]]:
    given = asking.place(3)
    if given is None:
        return []
    branch, number, customer_id = given
    row = ReplicaCustomer
    at = int(branch) if branch and branch.isdecimal() and len(branch) < len("1000000000") else 0
    later = or_(
        row.customer_no > (number or ""),
        and_(row.customer_no == (number or ""), row.id > (customer_id or "")),
    )
    return [or_(row.branch_number > at, and_(row.branch_number == at, later))]
