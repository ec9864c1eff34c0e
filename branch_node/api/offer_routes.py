"""Offers at a customer, for programs: which apply, what became of them, writing that down and correcting it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import offer_schemas as schemas
from branch_node.customers.queries import get_customer
from branch_node.customers.reaching import closed_to
from branch_node.offers import operations, queries
from branch_node.offers.applying import Applying, list_applying
from branch_node.offers.errors import OfferFieldError
from branch_node.offers.models import OfferAnswer
from branch_node.offers.pages import correctable
from branch_node.offers.schemas import AnswerForm, CorrectionForm, WhyForm
from branch_node.offers.web import sentence
from shared.domain.corrections import counts
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, today, writing

blueprint = Blueprint("api_offers", __name__, url_prefix="/api/v1")


@contextmanager
def _at_its_field() -> Iterator[None]:
    try:
        yield
    except OfferFieldError as refused:
        raise ValidationError({name: [said] for name, said in sentence(refused).items()}) from None


@blueprint.get("/customers/<id:customer_id>/offers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List the offers that apply to a customer today"), answer=schemas.Offer, many=True)
def applying(customer_id: str) -> Response:
    """List what is offered to a customer today, why, and by which ways the customer is not to be contacted."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        closed = [one.value for one in closed_to(customer, today())]
        latest = queries.latest(session, customer.id)
        found = list_applying(session, customer, today(), stamp().at)
        return asking.many([_offer(one, latest.get(one.offer.code)) | {"closed": closed} for one in found])


@blueprint.get("/customers/<id:customer_id>/offer-answers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List what became of offers at a customer"), answer=schemas.OfferAnswer, many=True)
def index(customer_id: str) -> Response:
    """List what became of offers, the latest day first, each with the versions it took the place of behind it."""
    with reading() as session:
        told = queries.told(session, get_customer(session, customer_id).id, most=asking.MOST_AT_ONCE)
        shown = [
            _one(each, counts=each is one.answer and one.counts)
            for one in told
            for each in (one.answer, *one.before)
        ]
    take_rows(len(shown), "customer")
    return asking.many(shown)


@blueprint.post("/customers/<id:customer_id>/offer-answers")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Write down that an offer was made, accepted or declined"),
    answer=schemas.OfferAnswer,
    body=schemas.NewAnswer,
    status=201,
    once=True,
)
def write(customer_id: str) -> Response:
    """Write down what became of an offer."""
    with _at_its_field(), writing() as session:
        get_customer(session, customer_id)
        values = AnswerForm().load(asking.as_form(asking.body(schemas.NewAnswer())))
        return once(
            session,
            lambda: (
                operations.record_answer(
                    session, customer_id, values["offer"], values, today=today(), by=stamp()
                ).id
            ),
            lambda at: _answer(session, at),
        )


@blueprint.post("/offer-answers/<id:answer_id>/corrections")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Write the right version of what became of an offer"),
    answer=schemas.OfferAnswer,
    body=schemas.CorrectedAnswer,
    status=201,
    once=True,
)
def correct(answer_id: str) -> Response:
    """Write the right version of an entry; both stay readable."""
    with _at_its_field(), writing() as session:
        old = correctable(session, answer_id)
        values = CorrectionForm().load(asking.as_form(asking.body(schemas.CorrectedAnswer())))
        return once(
            session,
            lambda: operations.correct_answer(session, old.id, values, today=today(), by=stamp()).id,
            lambda at: _answer(session, at),
        )


@blueprint.post("/offer-answers/<id:answer_id>/taking-back")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Say that an entry about an offer never happened"),
    answer=schemas.OfferAnswer,
    body=schemas.WhyTakenBack,
    status=201,
    once=True,
)
def take_back(answer_id: str) -> Response:
    """Take an entry back; it stays readable."""
    with _at_its_field(), writing() as session:
        old = correctable(session, answer_id)
        why = WhyForm().load(asking.body(schemas.WhyTakenBack()))["reason"]
        return once(
            session,
            lambda: operations.take_back(session, old.id, why, by=stamp()).id,
            lambda at: _answer(session, at),
        )


def _offer(one: Applying, last: OfferAnswer | None) -> dict[str, Any]:
    return asking.dumped(schemas.Offer(exclude=("why", "step", "closed")), one.offer) | {
        "why": [each.value for each in one.why],
        "step": last.step.value if last else None,
    }


def _answer(session: Session, answer_id: str) -> Response:
    answer = queries.get_answer(session, answer_id)
    return asking.one(_one(answer, counts=counts(session, answer)), status=201)


def _one(answer: OfferAnswer, *, counts: bool) -> dict[str, Any]:
    return asking.dumped(schemas.OfferAnswer(exclude=("counts",)), answer) | {"counts": counts}
