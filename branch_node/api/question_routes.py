"""Questions at a customer, for programs: which are asked, what was answered, noting that and correcting it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import question_schemas as schemas
from branch_node.customers.queries import get_customer
from branch_node.customers.reaching import closed_to
from branch_node.questions import operations, queries
from branch_node.questions.asking import list_asked
from branch_node.questions.counting import list_trends
from branch_node.questions.errors import AnswerFieldError
from branch_node.questions.models import QuestionAnswer
from branch_node.questions.pages import correctable
from branch_node.questions.schemas import AnswerForm, CorrectionForm, WhyForm
from branch_node.questions.web import sentence
from shared.domain.corrections import counts
from shared.domain.questions.figures import Figures, told_of
from shared.domain.questions.rules import Question
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, today, writing

blueprint = Blueprint("api_questions", __name__, url_prefix="/api/v1")


@contextmanager
def _at_its_field() -> Iterator[None]:
    try:
        yield
    except AnswerFieldError as refused:
        raise ValidationError({name: [said] for name, said in sentence(refused).items()}) from None


@blueprint.get("/customers/<id:customer_id>/questions")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List the questions that a customer is asked today"), answer=schemas.Question, many=True)
def asked(customer_id: str) -> Response:
    """List what a customer is asked today, and by which ways the customer is not to be contacted."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        closed = [one.value for one in closed_to(customer, today())]
        latest = queries.latest(session, customer.id)
        found = list_asked(session, customer, today(), stamp().at)
        return asking.many([_question(one, latest.get(one.code)) | {"closed": closed} for one in found])


@blueprint.get("/customers/<id:customer_id>/question-answers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List what a customer answered to questions"), answer=schemas.QuestionAnswer, many=True)
def index(customer_id: str) -> Response:
    """List what was answered, the latest day first, each with the versions it took the place of behind it."""
    with reading() as session:
        told = queries.told(session, get_customer(session, customer_id).id, most=asking.MOST_AT_ONCE)
        shown = [
            _one(each, counts=each is one.answer and one.counts)
            for one in told
            for each in (one.answer, *one.before)
        ]
    take_rows(len(shown), "customer")
    return asking.many(shown)


@blueprint.get("/figures/questions")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Say by question and month what customers answered"), answer=Figures)
def figures() -> Response:
    """Count the answers of the customers that are seen, month by month, each beside the month before."""
    with reading() as session:
        return asking.one({"questions": [told_of(one) for one in list_trends(session, today())]})


@blueprint.post("/customers/<id:customer_id>/question-answers")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Note what a customer answered to a question"),
    answer=schemas.QuestionAnswer,
    body=schemas.NewQuestionAnswer,
    status=201,
    once=True,
)
def write(customer_id: str) -> Response:
    """Note what a customer answered."""
    with _at_its_field(), writing() as session:
        get_customer(session, customer_id)
        values = AnswerForm().load(asking.as_form(asking.body(schemas.NewQuestionAnswer())))
        return once(
            session,
            lambda: (
                operations.record_answer(
                    session, customer_id, values["question"], values, today=today(), by=stamp()
                ).id
            ),
            lambda at: _answer(session, at),
        )


@blueprint.post("/question-answers/<id:answer_id>/corrections")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Write the right version of what was answered to a question"),
    answer=schemas.QuestionAnswer,
    body=schemas.CorrectedQuestionAnswer,
    status=201,
    once=True,
)
def correct(answer_id: str) -> Response:
    """Write the right version of an answer; both stay readable."""
    with _at_its_field(), writing() as session:
        old = correctable(session, answer_id)
        values = CorrectionForm().load(asking.as_form(asking.body(schemas.CorrectedQuestionAnswer())))
        return once(
            session,
            lambda: operations.correct_answer(session, old.id, values, today=today(), by=stamp()).id,
            lambda at: _answer(session, at),
        )


@blueprint.post("/question-answers/<id:answer_id>/taking-back")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Say that a question was never answered so"),
    answer=schemas.QuestionAnswer,
    body=schemas.WhyAnswerTakenBack,
    status=201,
    once=True,
)
def take_back(answer_id: str) -> Response:
    """Take an answer back; it stays readable."""
    with _at_its_field(), writing() as session:
        old = correctable(session, answer_id)
        why = WhyForm().load(asking.body(schemas.WhyAnswerTakenBack()))["note"]
        return once(
            session,
            lambda: operations.take_back(session, old.id, why, by=stamp()).id,
            lambda at: _answer(session, at),
        )


def _question(one: Question, last: QuestionAnswer | None) -> dict[str, Any]:
    ends = dict(zip((one.answers[0], one.answers[-1]), one.meanings or (), strict=False))
    words = one.choices or ends
    return {
        "code": one.code,
        "version": one.version,
        "indicator": one.indicator.value,
        "scale": one.scale.value,
        "zh": one.text.zh,
        "en": one.text.en,
        "answers": [
            {
                "answer": answer,
                "zh": words[answer].zh if answer in words else None,
                "en": words[answer].en if answer in words else None,
            }
            for answer in one.answers
        ],
        "begins": one.begins.isoformat(),
        "ends": one.ends.isoformat() if one.ends else None,
        "last": last.answer if last else None,
    }


def _answer(session: Session, answer_id: str) -> Response:
    answer = queries.get_answer(session, answer_id)
    return asking.one(_one(answer, counts=counts(session, answer)), status=201)


def _one(answer: QuestionAnswer, *, counts: bool) -> dict[str, Any]:
    return asking.dumped(schemas.QuestionAnswer(exclude=("counts",)), answer) | {"counts": counts}
