"""What customers answered to questions, for programs: figures by question, branch and month, and one customer's."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from hq_server.api import question_schemas as schemas
from hq_server.api.covering import as_of_each, covered_by
from hq_server.branches.queries import get_branch
from hq_server.customers.queries import get_customer
from hq_server.questions import queries
from hq_server.questions.pages import Asked, ask
from hq_server.replica.models import ReplicaQuestionAnswer
from shared.domain.questions.figures import month_of, told_of
from shared.domain.questions.trend import Trend
from shared.domain.questions.vocabulary import Indicator
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import reading
from shared.web.lists import text_argument

blueprint = Blueprint("api_questions", __name__, url_prefix="/api/v1")

# A row says of which branch it is, whatever else the token opens.
NAMES = ((Resource.NODE, Action.READ),)


@blueprint.get("/figures/questions")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("Say by question, branch and month what customers answered"),
    answer=schemas.HqQuestionFigures,
    query=(
        Query("question", _l("Code of a question; without it all of them")),
        Query("indicator", _l("Indicator"), [one.value for one in Indicator], several=True),
        Query("month", _l("The last of the twelve months, such as 2026-11; without it this month")),
        Query("branch", _l("Codes of branches"), several=True),
    ),
    needs=NAMES,
)
def figures() -> Response:
    """Count the answers that stand by question and month, in all and by branch, each branch with its as-of time."""
    code = text_argument("question")
    with reading() as session:
        asked = ask(session, code or None)
    as_of = as_of_each(asked.scope)
    trends = [asked.one(code)] if code else asked.trends
    questions = [_figure(asked, one, as_of) for one in trends]
    shown = schemas.HqQuestionFigures(exclude=("questions",)).dump(covered_by(asked.scope.coverage))
    return asking.one(dict(shown) | {"questions": questions})


@blueprint.get("/customers/<code>/<id:customer_id>/question-answers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(
    _l("List what a customer answered to questions"),
    answer=schemas.QuestionAnswer,
    many=True,
    needs=NAMES,
)
def answers(code: str, customer_id: str) -> Response:
    """List what was answered, the latest day first, each with the versions it took the place of behind it."""
    with reading() as session:
        branch = get_branch(session, code)
        told = queries.list_of_customer(session, get_customer(session, branch, customer_id))
        shown = [
            _answer(each, counts=each is one.answer and one.counts)
            for one in told
            for each in (one.answer, *one.before)
        ]
    take_rows(len(shown), "customer")
    return asking.many(shown)


def _figure(asked: Asked, trend: Trend, as_of: dict[int, datetime | None]) -> dict[str, Any]:
    published = asked.published.get(trend.code)
    branches = [
        {
            "branch": asked.scope.code(number),
            "as_of": as_of.get(number),
            "addressed": published is not None and published.is_addressed_to(asked.scope.code(number)),
            "months": [month_of(trend, line) for line in lines if line.month.answers],
        }
        for number, lines in asked.by_branch(trend.code).items()
    ]
    state = published.state if published else "unknown"
    return told_of(trend) | {
        "state": state,
        "branches": schemas.BranchQuestion(many=True).dump(branches),
    }


def _answer(answer: ReplicaQuestionAnswer, *, counts: bool) -> dict[str, Any]:
    return asking.dumped(schemas.QuestionAnswer(exclude=("counts",)), answer) | {"counts": counts}
