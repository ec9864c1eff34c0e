"""The questions of head office that this branch has, and which of them a customer is asked on a day."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.inbound.models import InboundGone, InboundItem
from branch_node.inbound.queries import hq_time
from shared.domain.published.vocabulary import ItemKind
from shared.domain.questions.rules import Question, problem_of, read_question
from shared.domain.questions.vocabulary import Indicator

ORDER: Final = tuple(Indicator)


def list_asked(session: Session, customer: Customer, day: date, now: datetime) -> list[Question]:
    """Return the questions in force that a customer is asked on a day, by indicator and code."""
    over = InboundItem.expires_at <= hq_time(session, now)
    found = _read(session, or_(InboundItem.expires_at.is_(None), ~over)).values()
    asked = [one for one in found if one.asks(customer, day)]
    return sorted(asked, key=lambda one: (ORDER.index(one.indicator), one.code))


def known(session: Session) -> Mapping[str, Question]:
    """Return by code the questions that this branch has or had, those withdrawn as they said last."""
    wanted = select(InboundGone.name, InboundGone.body, InboundGone.version).where(
        InboundGone.kind == ItemKind.QUESTION.value
    )
    gone = {
        code: read_question(code, body, version, withdrawn=True)
        for code, body, version in session.execute(wanted)
        if problem_of(code, body) is None
    }
    return gone | _read(session)


def _read(session: Session, *conditions: object) -> dict[str, Question]:
    wanted = select(InboundItem.name, InboundItem.body, InboundItem.body_version).where(
        InboundItem.kind == ItemKind.QUESTION.value,
        InboundItem.body.is_not(None),
        *conditions,  # type: ignore[arg-type]  # conditions of a statement
    )
    return {
        code: read_question(code, body, version or 0)
        for code, body, version in session.execute(wanted)
        if body is not None and problem_of(code, body) is None
    }
