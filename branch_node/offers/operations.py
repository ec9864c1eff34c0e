"""Writing down what became of offers: facts, so that a correction is a new one that names what it corrects."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.operations import lock_customer
from branch_node.customers.queries import get_customer
from branch_node.customers.reaching import closed_to
from branch_node.identity.queries import refuse_if_merged
from branch_node.offers import errors, queries
from branch_node.offers.applying import list_applying
from branch_node.offers.errors import OfferAnswerCorrectedError, OfferFieldError
from branch_node.offers.models import OfferAnswer
from shared.audit import operations as audit
from shared.domain.contacts.rules import CHANNELS
from shared.domain.corrections import counts
from shared.domain.offers.vocabulary import OfferStep
from shared.ids import new_id
from shared.stamp import Stamp


def record_answer(
    session: Session, customer_id: str, code: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> OfferAnswer:
    """Write down that an offer was made, accepted or declined; it can be corrected later, never changed.

    The offer applies to the customer on that day, or something is written down about it already. Raises
    CustomerNotFoundError, CustomerErasedError, CustomerMergedError and OfferFieldError.
    """
    customer = lock_customer(session, customer_id)
    refuse_if_merged(session, customer_id)
    _check(customer, values, today)
    if code not in queries.latest(session, customer_id) and not _applies(session, customer, code, values, by):
        raise OfferFieldError(field="offer", cure=errors.NOT_OFFERED)
    return _write(session, "offer_answer.written", customer_id, code, values, corrects=None, by=by)


def correct_answer(
    session: Session, answer_id: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> OfferAnswer:
    """Write the right version of an entry; from now on this one counts and the old one stays beside it.

    Customer and offer stay what they were. Raises OfferAnswerNotFoundError, OfferAnswerCorrectedError,
    CustomerErasedError and OfferFieldError.
    """
    old = _correctable(session, answer_id)
    _check(get_customer(session, old.customer_id), values, today)
    return _write(
        session, "offer_answer.corrected", old.customer_id, old.offer_code, values, corrects=old, by=by
    )


def take_back(session: Session, answer_id: str, why: str | None, *, by: Stamp) -> OfferAnswer:
    """Say that an entry never happened; it stays readable and counts no more.

    Raises OfferAnswerNotFoundError, OfferAnswerCorrectedError, CustomerErasedError and OfferFieldError.
    """
    old = _correctable(session, answer_id)
    if not why:
        raise OfferFieldError(field="reason", cure=errors.WHY_VOID)
    void = {"step": OfferStep.VOID, "happened_on": old.happened_on, "reason": why}
    return _write(
        session, "offer_answer.taken-back", old.customer_id, old.offer_code, void, corrects=old, by=by
    )


def _correctable(session: Session, answer_id: str) -> OfferAnswer:
    old = queries.get_answer(session, answer_id)
    lock_customer(session, old.customer_id)
    if not counts(session, old):
        raise OfferAnswerCorrectedError
    return old


def _check(customer: Customer, values: Mapping[str, Any], today: date) -> None:
    if values["happened_on"] > today:
        raise OfferFieldError(field="happened_on", cure=errors.IN_FUTURE)
    if values["step"] is OfferStep.DECLINED and not values.get("reason"):
        raise OfferFieldError(field="reason", cure=errors.WHY_DECLINED)
    if values["step"] is OfferStep.MADE and not values.get("reason"):
        closed = closed_to(customer, values["happened_on"])
        if len(closed) == len(CHANNELS):
            raise OfferFieldError(field="reason", cure=errors.WHY_DESPITE)


def _applies(session: Session, customer: Customer, code: str, values: Mapping[str, Any], by: Stamp) -> bool:
    offered = list_applying(session, customer, values["happened_on"], by.at)
    return any(one.offer.code == code for one in offered)


def _write(
    session: Session,
    event: str,
    customer_id: str,
    code: str,
    values: Mapping[str, Any],
    *,
    corrects: OfferAnswer | None,
    by: Stamp,
) -> OfferAnswer:
    made = OfferAnswer(
        id=new_id(),
        customer_id=customer_id,
        offer_code=code,
        step=values["step"],
        happened_on=values["happened_on"],
        reason=values.get("reason"),
        corrects_id=corrects.id if corrects else None,
        created_at=by.at,
        created_by=by.actor,
    )
    session.add(made)
    session.flush()
    details = {"offer": code, "step": made.step.value, "day": made.happened_on.isoformat()}
    if corrects is not None:
        details["corrects"] = corrects.id
    audit.record(session, event, subject=("offer_answer", made.id), by=by, details=details)
    return made
