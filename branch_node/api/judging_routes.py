"""Qualification, duplicates and merges for programs."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from branch_node.api import schemas
from branch_node.api.customer_routes import PAGED
from branch_node.customers.queries import get_customer
from branch_node.duplicates import operations as duplicate_operations
from branch_node.duplicates import queries as duplicates
from branch_node.identity.models import MergeState
from branch_node.merging import operations as merging
from branch_node.merging import queries as merges
from branch_node.qualification import operations, queries
from branch_node.qualification.web import terms
from shared.domain.duplicates.vocabulary import PairState
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, writing

blueprint = Blueprint("api_judging", __name__, url_prefix="/api/v1")
# Whose judgement or pair it is must be a customer that the owner of the token sees.
FILES: Final = ((Resource.CUSTOMER, Action.READ),)


@blueprint.get("/customers/<id:customer_id>/qualifications")
@requires(Resource.QUALIFICATION, Action.READ)
@describe(_l("List the judgements of a customer"), answer=schemas.Judgement, many=True, needs=FILES)
def of_customer(customer_id: str) -> Response:
    """List every judgement of a customer, the latest first."""
    with reading() as session:
        found = queries.list_of_customer(session, get_customer(session, customer_id).id)
        return asking.many([asking.dumped(schemas.Judgement(), one) for one in found])


@blueprint.get("/qualifications/<id:qualification_id>")
@requires(Resource.QUALIFICATION, Action.READ)
@describe(_l("Read a judgement"), answer=schemas.Judgement)
def judgement(qualification_id: str) -> Response:
    """Show one judgement."""
    with reading() as session:
        return _judgement(session, qualification_id)


@blueprint.post("/qualifications")
@requires(Resource.QUALIFICATION, Action.CREATE)
@describe(
    _l("Judge a customer and propose what comes out"),
    answer=schemas.Judgement,
    body=schemas.NewJudgement,
    status=201,
    once=True,
    kept=True,
)
def judge() -> Response:
    """Judge a customer by the rules in force; 200 with the judgement of today where nothing has changed since."""
    customer_id = asking.body(schemas.NewJudgement())["customer_id"]
    kept: list[str] = []

    def do() -> str:
        done = operations.apply(session, customer_id, terms=terms(), by=stamp())
        kept.extend(one.id for one in done.kept)
        return done.one.id

    with writing() as session:
        get_customer(session, customer_id if is_id(customer_id) else "")
        return once(session, do, lambda at: _judgement(session, at, status=200 if at in kept else 201))


@blueprint.post("/qualifications/<id:qualification_id>/approval")
@requires(Resource.QUALIFICATION, Action.APPROVE)
@describe(_l("Let a judgement count"), answer=schemas.Judgement, body=schemas.Nothing)
def approve(qualification_id: str) -> Response:
    """Let somebody else's judgement count."""
    with writing() as session:
        queries.get_qualification(session, qualification_id)
        asking.body(schemas.Nothing())
        operations.approve(session, qualification_id, terms=terms(), by=stamp())
        return _judgement(session, qualification_id)


@blueprint.post("/qualifications/<id:qualification_id>/refusal")
@requires(Resource.QUALIFICATION, Action.APPROVE)
@describe(_l("Turn a judgement down"), answer=schemas.Judgement, body=schemas.Reason)
def refuse(qualification_id: str) -> Response:
    """Turn a judgement down, with a reason."""
    with writing() as session:
        queries.get_qualification(session, qualification_id)
        reason = asking.body(schemas.Reason())["reason"]
        operations.refuse(session, qualification_id, reason=reason, by=stamp())
        return _judgement(session, qualification_id)


@blueprint.get("/duplicates")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
@describe(
    _l("List pairs of files that may be one person's, the likeliest first"),
    answer=schemas.Pair,
    query=(Query("state", _l("In which state"), [one.value for one in PairState]), *PAGED),
    many=True,
    needs=FILES,
)
def pairs() -> Response:
    """List pairs in one state."""
    state = next((one for one in PairState if one.value == request.args.get("state")), PairState.OPEN)
    size, begin = asking.size(), asking.offset()
    with reading() as session:
        rows = duplicates.list_pairs(session, state, limit=size + 1, offset=begin)
        shown = [asking.dumped(schemas.Pair(), row[0]) for row in rows[:size]]
    take_rows(2 * len(shown), "customer")
    return asking.many(shown, next_=asking.cursor(str(begin + size)) if len(rows) > size else None)


@blueprint.put("/duplicates/<id:pair_id>/decision")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
@describe(_l("Say what two files are to each other"), answer=schemas.Pair, body=schemas.Decision)
def decide(pair_id: str) -> Response:
    """Write down what somebody decided; that two are one is said by merging them."""
    with writing() as session:
        duplicates.get_pair(session, pair_id)
        given = asking.body(schemas.Decision())["state"]
        state = next(one for one in PairState if one.value == given)
        found = duplicate_operations.decide(session, pair_id, state, by=stamp())
        return asking.one(asking.dumped(schemas.Pair(), found))


@blueprint.get("/merges")
@requires(Resource.CUSTOMER_MERGE, Action.READ)
@describe(
    _l("List merges, the last first"),
    answer=schemas.Merge,
    query=(Query("state", _l("In which state"), [one.value for one in MergeState]), *PAGED),
    many=True,
    needs=FILES,
)
def list_merges() -> Response:
    """List merges in one state."""
    state = next((one for one in MergeState if one.value == request.args.get("state")), MergeState.PROPOSED)
    size, begin = asking.size(), asking.offset()
    with reading() as session:
        rows = merges.list_merges(session, state, limit=size + 1, offset=begin)
        shown = [asking.dumped(schemas.Merge(), row[0]) for row in rows[:size]]
    return asking.many(shown, next_=asking.cursor(str(begin + size)) if len(rows) > size else None)


@blueprint.post("/merges")
@requires(Resource.CUSTOMER_MERGE, Action.CREATE)
@describe(
    _l("Propose to make one customer of two files"),
    answer=schemas.Merge,
    body=schemas.NewMerge,
    status=201,
    once=True,
)
def propose() -> Response:
    """Propose a merge; the branch manager decides."""
    given = asking.body(schemas.NewMerge())
    with writing() as session:
        # Only files that who proposes may see: others are not found.
        pair = [
            get_customer(session, given[name] if is_id(given[name]) else "").id
            for name in ("survivor_id", "loser_id")
        ]
        return once(
            session,
            lambda: merging.propose(session, pair[0], pair[1], given.get("chosen", []), by=stamp()).id,
            lambda at: _merge(session, at, status=201),
        )


@blueprint.post("/merges/<id:merge_id>/approval")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
@describe(_l("Make one customer of the two"), answer=schemas.Merge, body=schemas.Nothing)
def carry_out(merge_id: str) -> Response:
    """Carry a proposed merge out."""
    return _decide(merge_id, merging.carry_out)


@blueprint.post("/merges/<id:merge_id>/refusal")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
@describe(_l("Leave the two files two"), answer=schemas.Merge, body=schemas.Nothing)
def refuse_merge(merge_id: str) -> Response:
    """Refuse a proposed merge."""
    return _decide(merge_id, merging.refuse)


@blueprint.post("/merges/<id:merge_id>/take-back")
@requires(Resource.CUSTOMER_MERGE, Action.APPROVE)
@describe(_l("Make two files of one customer again"), answer=schemas.Merge, body=schemas.Nothing)
def unmerge(merge_id: str) -> Response:
    """Take a merge back."""
    return _decide(merge_id, merging.take_back)


def _decide(merge_id: str, act: Callable[..., object]) -> Response:
    with writing() as session:
        merges.get_merge(session, merge_id)
        asking.body(schemas.Nothing())
        act(session, merge_id, by=stamp())
        return _merge(session, merge_id)


def _judgement(session: Session, qualification_id: str, *, status: int = 200) -> Response:
    found = queries.get_qualification(session, qualification_id)
    return asking.one(asking.dumped(schemas.Judgement(), found), status=status)


def _merge(session: Session, merge_id: str, *, status: int = 200) -> Response:
    return asking.one(asking.dumped(schemas.Merge(), merges.get_merge(session, merge_id)), status=status)
