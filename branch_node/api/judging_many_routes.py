"""Judging many customers and deciding on many judgements, for programs: tried first, each left out with its reason."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from branch_node.api import judging_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.schemas import Judgement
from branch_node.customers.models import Customer
from branch_node.customers.queries import find_by_ids
from branch_node.qualification import operations, queries
from branch_node.qualification.many import MOST, customers_meant, unfit, waiting_among, would_change
from branch_node.qualification.models import Qualification
from branch_node.qualification.web import terms, wanted_qualifications
from shared.domain.customers.vocabulary import Grade
from shared.domain.qualification.vocabulary import JudgedAs, QualificationState
from shared.errors import BranchlineError
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import reading, stamp, writing

blueprint = Blueprint("api_judging_many", __name__, url_prefix="/api/v1/qualifications")
FILTERS = (
    Query("state", _l("State"), [one.value for one in QualificationState], several=True),
    Query("outcome", _l("Outcome"), [one.value for one in JudgedAs], several=True),
    Query("grade", _l("Grade"), [one.value for one in Grade], several=True),
    Query("customer", _l("The customer's id")),
    Query("due", _l("yes: those due for review"), ["yes"]),
)


@blueprint.get("")
@requires(Resource.QUALIFICATION, Action.READ)
@describe(
    _l("List judgements"),
    answer=Judgement,
    query=(*FILTERS, *PAGED),
    many=True,
    needs=[(Resource.CUSTOMER, Action.READ)],
)
def index() -> Response:
    """List the judgements that the filters name, a page at a time."""
    with reading() as session:
        wanted = queries.select_qualifications(wanted_qualifications(terms().today))
        found, next_ = asking.page_by_id(session, wanted, Qualification.id)
        shown = [asking.dumped(Judgement(), row.Qualification) for row in found]
    take_rows(len(shown), "customer")
    return asking.many(shown, next_=next_)


@blueprint.post("/judging")
@requires(Resource.QUALIFICATION, Action.CREATE)
@describe(
    _l("Judge many customers and propose what comes out, or try it"),
    answer=schemas.Judgements,
    body=schemas.NewJudgements,
)
def judge() -> Response:
    """Judge them by the rules in force; sent again on the same day it keeps the judgements there are."""
    given = asking.body(schemas.NewJudgements())
    with writing() as session:
        ids, more = _whom(session, given)
        left = unfit(session, ids)
        fit = [one for one in ids if one not in left]
        only = given.get("try_", False)
        shown = _tried(session, lambda: _judge(session, fit, only=only), only=only)
        return asking.one(shown | {"more": more, "left": _left(left)})


@blueprint.post("/approving")
@requires(Resource.QUALIFICATION, Action.APPROVE)
@describe(_l("Let many judgements count, or try it"), answer=schemas.Approved, body=schemas.Approvals)
def approve() -> Response:
    """Approve those that can be; the others are left as they are, each with its reason."""
    given = asking.body(schemas.Approvals())
    with writing() as session:
        shown = _tried(session, lambda: _approve(session, given["ids"]), only=given.get("try_", False))
        return asking.one(shown)


def _whom(session: Session, given: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return who is meant, and whether there are more than are judged in one go."""
    if "ids" in given:
        return [*dict.fromkeys(given["ids"])], False
    found = customers_meant(session, given["whom"], terms(), limit=MOST + 1)
    return found[:MOST], len(found) > MOST


def _tried(session: Session, do: Callable[[], dict[str, Any]], *, only: bool) -> dict[str, Any]:
    """Do it and say what came of it; to be `only` tried it is taken back at once."""
    if not only:
        return do() | {"tried": False}
    with session.begin_nested() as savepoint:
        shown = do()
        savepoint.rollback()
    session.expire_all()
    return shown | {"tried": True}


def _judge(session: Session, ids: list[str], *, only: bool) -> dict[str, Any]:
    done = operations.propose_all(session, ids, terms=terms(), by=stamp())
    known = find_by_ids(session, ids)
    rows = [
        *(_row(one, known[one.customer_id], stays=not only, kept=False) for one in done.made),
        *(_row(one, known[one.customer_id], stays=True, kept=True) for one in done.kept),
    ]
    outcomes = Counter(one["outcome"] for one in rows)
    return {
        "judged": len(rows),
        "passed": outcomes[JudgedAs.PASSED.value],
        "failed": outcomes[JudgedAs.FAILED.value],
        "changes": sum(one["changes"] for one in rows),
        "rows": rows,
    }


def _row(found: Qualification, customer: Customer, *, stays: bool, kept: bool) -> dict[str, Any]:
    told = {
        "qualification_id": found.id if stays else None,
        "changes": would_change(customer, found),
        "kept": kept,
    }
    return asking.dumped(schemas.Judged(exclude=tuple(told)), found) | told


def _approve(session: Session, ids: list[str]) -> dict[str, Any]:
    asked = [*dict.fromkeys(ids)]
    there = waiting_among(session, asked)
    refused: dict[str, BranchlineError] = {
        one: queries.QualificationNotFoundError() for one in asked if one not in there
    }
    refused |= operations.approve_all(session, there, terms=terms(), by=stamp()).refused
    return {"approved": [one for one in there if one not in refused], "left": _left(refused)}


def _left(refused: Mapping[str, BranchlineError]) -> list[dict[str, str]]:
    return [{"id": at, "code": one.code, "why": translate_error(one)} for at, one in refused.items()]
