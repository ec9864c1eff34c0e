"""Writing down what became of an offer at a customer, correcting it, taking it back."""

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
from branch_node.offers import operations, queries
from branch_node.offers.applying import list_applying, titles
from branch_node.offers.errors import OfferAnswerCorrectedError, OfferAnswerNotFoundError, OfferFieldError
from branch_node.offers.models import OfferAnswer
from branch_node.offers.schemas import AnswerForm, CorrectionForm, WhyForm
from branch_node.offers.web import sentence
from shared.domain.contacts.rules import CHANNELS
from shared.domain.offers.vocabulary import STEPS, OfferStep
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choices, text_argument

blueprint = Blueprint("offers", __name__, template_folder="templates")
REFUSED: Final = (OfferFieldError, OfferAnswerCorrectedError, CustomerErasedError, CustomerMergedError)


@blueprint.get("/customers/<id:customer_id>/offers/answers/new")
@requires(Resource.CUSTOMER, Action.UPDATE)
def new(customer_id: str) -> str:
    """Show the form, for the offer that the address names."""
    with reading() as session:
        values = {"offer": text_argument("offer"), "happened_on": today().isoformat()}
        return _form(session, customer_id, None, values)


@blueprint.post("/customers/<id:customer_id>/offers/answers")
@requires(Resource.CUSTOMER, Action.UPDATE)
def write(customer_id: str) -> ResponseReturnValue:
    """Write down that an offer was made, accepted or declined."""
    given = request.form.to_dict()
    with reading() as session:
        get_customer(session, customer_id)
    try:
        values = AnswerForm().load(given)
        with writing() as session:
            operations.record_answer(session, customer_id, values["offer"], values, today=today(), by=stamp())
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            return _form(session, customer_id, None, given, _errors(refused)), _status(refused)
    notice(_("It is written down."))
    return _back(customer_id)


@blueprint.get("/offer-answers/<id:answer_id>/correct")
@requires(Resource.CUSTOMER, Action.UPDATE)
def correct(answer_id: str) -> str:
    """Show the form filled with an entry."""
    with reading() as session:
        answer = correctable(session, answer_id)
        return _form(session, answer.customer_id, answer, _values(answer))


@blueprint.post("/offer-answers/<id:answer_id>/corrections")
@requires(Resource.CUSTOMER, Action.UPDATE)
def save_correction(answer_id: str) -> ResponseReturnValue:
    """Write the right version of an entry."""
    given = request.form.to_dict()
    with reading() as session:
        answer = correctable(session, answer_id)
    try:
        values = CorrectionForm().load(given)
        with writing() as session:
            operations.correct_answer(session, answer_id, values, today=today(), by=stamp())
    except (ValidationError, *REFUSED) as refused:
        with reading() as session:
            return _form(session, answer.customer_id, answer, given, _errors(refused)), _status(refused)
    notice(_("The correction is entered."))
    return _back(_whose(answer))


@blueprint.post("/offer-answers/<id:answer_id>/taking-back")
@requires(Resource.CUSTOMER, Action.UPDATE)
def take_back(answer_id: str) -> ResponseReturnValue:
    """Say that an entry never happened."""
    with reading() as session:
        answer = correctable(session, answer_id)
    try:
        why = WhyForm().load({"reason": request.form.get("why", "")})["reason"]
        with writing() as session:
            operations.take_back(session, answer_id, why, by=stamp())
    except (ValidationError, *REFUSED) as refused:
        # Its own field of the page, not the one of the entry.
        errors = {"why" if name == "reason" else name: cure for name, cure in _errors(refused).items()}
        with reading() as session:
            return _form(session, answer.customer_id, answer, _values(answer), errors), _status(refused)
    notice(_("The entry is taken back; it stays readable."))
    return _back(_whose(answer))


def correctable(session: Session, answer_id: str) -> OfferAnswer:
    """Return an entry that may be corrected as far as its kind goes."""
    answer = queries.get_answer(session, answer_id)
    if answer.step is OfferStep.VOID:
        raise OfferAnswerNotFoundError
    return answer


def _form(
    session: Session,
    customer_id: str,
    answer: OfferAnswer | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    customer, named = get_customer(session, customer_id), titles(session)
    codes = [one.offer.code for one in list_applying(session, customer, today(), stamp().at)]
    codes += [code for code in queries.latest(session, customer_id) if code not in codes]
    closed = closed_to(customer, today())
    return render_template(
        "offers/answer.html",
        customer=customer,
        answer=answer,
        values=values,
        errors=errors or {},
        offers=[(code, f"{code} {named.get(code, '')}".strip()) for code in codes],
        titles=named,
        steps=choices(STEPS),
        closed=closed,
        closed_whole=len(closed) == len(CHANNELS),
    )


def _values(answer: OfferAnswer) -> dict[str, Any]:
    return {
        "step": answer.step.value,
        "happened_on": answer.happened_on.isoformat(),
        "reason": answer.reason or "",
    }


def _whose(answer: OfferAnswer) -> str:
    """Return whose page tells of an entry: of a merged file, that of the file that stays."""
    with reading() as session:
        return survivor_of(session, answer.customer_id) or answer.customer_id


def _back(customer_id: str) -> ResponseReturnValue:
    return redirect(url_for("file.care", customer_id=customer_id, _anchor="offers"), code=303)


def _errors(refused: ValidationError | BranchlineError) -> dict[str, str]:
    return field_errors(refused) if isinstance(refused, ValidationError) else sentence(refused)


def _status(refused: ValidationError | BranchlineError) -> int:
    return 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
