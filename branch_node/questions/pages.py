"""Noting what a customer answered to a question, correcting it, taking it back."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers.queries import get_customer
from branch_node.customers.reaching import closed_to
from branch_node.erased.queries import CustomerErasedError
from branch_node.identity.queries import CustomerMergedError, survivor_of
from branch_node.questions import operations, queries
from branch_node.questions.asking import known
from branch_node.questions.errors import (
    AnswerFieldError,
    QuestionAnswerCorrectedError,
    QuestionAnswerNotFoundError,
    QuestionNotAskedError,
)
from branch_node.questions.models import QuestionAnswer
from branch_node.questions.schemas import AnswerForm, CorrectionForm, WhyForm
from branch_node.questions.web import sentence
from shared.domain.questions.rules import SCORES, Question
from shared.domain.questions.vocabulary import Way
from shared.errors import BranchlineError
from shared.i18n import current_language
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choices, text_argument

blueprint = Blueprint("questions", __name__, template_folder="templates")
REFUSED: Final = (AnswerFieldError, QuestionAnswerCorrectedError, CustomerErasedError, CustomerMergedError)


@blueprint.get("/customers/<id:customer_id>/questions/answers/new")
@requires(Resource.CUSTOMER, Action.UPDATE)
def new(customer_id: str) -> str:
    """Show the form, for the question that the address names."""
    with reading() as session:
        values = {"answered_on": today().isoformat()}
        return _form(session, customer_id, text_argument("question"), None, values)


@blueprint.post("/customers/<id:customer_id>/questions/answers")
@requires(Resource.CUSTOMER, Action.UPDATE)
def write(customer_id: str) -> ResponseReturnValue:
    """Note what a customer answered."""
    given = request.form.to_dict()
    with reading() as session:
        get_customer(session, customer_id)
    try:
        values = AnswerForm().load(given)
        with writing() as session:
            operations.record_answer(
                session, customer_id, values["question"], values, today=today(), by=stamp()
            )
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            page = _form(session, customer_id, given.get("question", ""), None, given, _errors(refused))
        return page, _status(refused)
    notice(_("The answer is noted."))
    return _back(customer_id)


@blueprint.get("/question-answers/<id:answer_id>/correct")
@requires(Resource.CUSTOMER, Action.UPDATE)
def correct(answer_id: str) -> str:
    """Show the form filled with an answer."""
    with reading() as session:
        answer = correctable(session, answer_id)
        return _form(session, answer.customer_id, answer.question_code, answer, _values(answer))


@blueprint.post("/question-answers/<id:answer_id>/corrections")
@requires(Resource.CUSTOMER, Action.UPDATE)
def save_correction(answer_id: str) -> ResponseReturnValue:
    """Write the right version of an answer."""
    given = request.form.to_dict()
    with reading() as session:
        answer = correctable(session, answer_id)
    try:
        values = CorrectionForm().load(given)
        with writing() as session:
            operations.correct_answer(session, answer_id, values, today=today(), by=stamp())
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            page = _form(session, answer.customer_id, answer.question_code, answer, given, _errors(refused))
        return page, _status(refused)
    notice(_("The correction is entered."))
    return _back(_whose(answer))


@blueprint.post("/question-answers/<id:answer_id>/taking-back")
@requires(Resource.CUSTOMER, Action.UPDATE)
def take_back(answer_id: str) -> ResponseReturnValue:
    """Say that something was never answered."""
    with reading() as session:
        answer = correctable(session, answer_id)
    try:
        why = WhyForm().load({"note": request.form.get("why", "")})["note"]
        with writing() as session:
            operations.take_back(session, answer_id, why, by=stamp())
    except (ValidationError, *REFUSED) as refused:
        # Its own field of the page, not the one of the answer.
        errors = {"why" if name == "note" else name: cure for name, cure in _errors(refused).items()}
        with reading() as session:
            page = _form(session, answer.customer_id, answer.question_code, answer, _values(answer), errors)
        return page, _status(refused)
    notice(_("The answer is taken back; it stays readable."))
    return _back(_whose(answer))


def correctable(session: Session, answer_id: str) -> QuestionAnswer:
    """Return an answer that may be corrected as far as it is one."""
    answer = queries.get_answer(session, answer_id)
    if answer.answer is None:
        raise QuestionAnswerNotFoundError
    return answer


def _form(
    session: Session,
    customer_id: str,
    code: str,
    answer: QuestionAnswer | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    customer, question = get_customer(session, customer_id), known(session).get(code)
    if answer is None and (question is None or question.withdrawn):
        raise QuestionNotAskedError
    people = queries.list_people(session, customer_id)
    return render_template(
        "questions/answer.html",
        customer=customer,
        answer=answer,
        code=code,
        asked=question.text.word(current_language()) if question else "",
        withdrawn=question is None or question.withdrawn,
        values=values,
        errors=errors or {},
        answers=_answers(question, answer),
        people=[(one.id, _(", ").join(filter(None, (one.name, one.title)))) for one in people],
        ways=choices(Way),
        closed=closed_to(customer, today()),
    )


def _answers(question: Question | None, answer: QuestionAnswer | None) -> list[tuple[str, str]]:
    """Return what may be answered, in words; of a question that is not known what was, and scores."""
    given = [answer.answer] if answer is not None and answer.answer else []
    if question is None:
        codes = SCORES if answer is not None and answer.score is not None else tuple(given)
        return [(code, code) for code in codes]
    codes = (*question.answers, *(one for one in given if one not in question.answers))
    return [(code, question.word(code, current_language())) for code in codes]


def _values(answer: QuestionAnswer) -> dict[str, Any]:
    return {
        "answer": answer.answer,
        "person_id": answer.person_id or "",
        "way": answer.way.value,
        "answered_on": answer.answered_on.isoformat(),
        "note": answer.note or "",
    }


def _whose(answer: QuestionAnswer) -> str:
    """Return whose page tells of an answer: of a merged file, that of the file that stays."""
    with reading() as session:
        return survivor_of(session, answer.customer_id) or answer.customer_id


def _back(customer_id: str) -> ResponseReturnValue:
    return redirect(url_for("file.care", customer_id=customer_id, _anchor="questions"), code=303)


def _errors(refused: ValidationError | BranchlineError) -> dict[str, str]:
    return field_errors(refused) if isinstance(refused, ValidationError) else sentence(refused)


def _status(refused: ValidationError | BranchlineError) -> int:
    return 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
