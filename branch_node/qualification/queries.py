"""Reads of qualifications: the rules in force, the facts of many customers at once, the list and what is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, Customer
from branch_node.documents.models import Document, DocumentVersion
from branch_node.erased.models import Erasure
from branch_node.identity.models import CustomerIdentity
from branch_node.identity.queries import is_person
from branch_node.inbound.models import InboundItem
from branch_node.inbound.queries import hq_time
from branch_node.qualification.models import Qualification
from branch_node.worklogs.models import WorkLog
from shared.auth.queries import list_users
from shared.domain.customers.vocabulary import Grade
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.collecting import Sources
from shared.domain.qualification.rules import RuleSet, read_rules
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.vocabulary import STANDING, JudgedAs, QualificationState
from shared.errors import N_, BranchlineError, Kind
from shared.rights import policy
from shared.rights.vocabulary import Action, Resource

# So long before its last day a judgement can be renewed, and is listed as due.
AHEAD: Final = timedelta(days=90)
SORTS: Final[Mapping[str, Any]] = {
    "judged_at": Qualification.judged_at,
    "next_review_on": Qualification.next_review_on,
    "score": Qualification.score,
    "customer_no": Customer.customer_no,
}
SOURCES: Final = Sources(
    Customer,
    Contact,
    BillLine,
    WorkLog,
    papers=(Document, DocumentVersion),
    identities=CustomerIdentity,
)


class QualificationNotFoundError(BranchlineError):
    """There is no such qualification."""

    code = "qualification-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such qualification here.")


@dataclass(frozen=True, slots=True)
class QualificationFilter:
    """Which qualifications are wanted; everything empty means all; `due_by` leaves those in force and due then."""

    states: tuple[QualificationState, ...] = ()
    outcomes: tuple[JudgedAs, ...] = ()
    grades: tuple[Grade, ...] = ()
    customer_id: str = ""
    due_by: date | None = None


def rules_in_force(session: Session, now: datetime) -> RuleSet:
    """Return the rules that head office has published; until it does, those built in, version 0."""
    found = session.execute(
        select(InboundItem.body, InboundItem.body_version).where(
            InboundItem.kind == ItemKind.RULES.value,
            InboundItem.name == NAME,
            InboundItem.body.is_not(None),
            or_(InboundItem.expires_at.is_(None), InboundItem.expires_at > hq_time(session, now)),
        )
    ).one_or_none()
    return read_rules(found[0], found[1]) if found is not None and found[0] else STANDARD


def get_qualification(session: Session, qualification_id: str) -> Qualification:
    """Return one; raises QualificationNotFoundError."""
    found = session.get(Qualification, qualification_id)
    if found is None:
        raise QualificationNotFoundError
    return found


def find_standing(session: Session, customer_id: str) -> Qualification | None:
    """Return the judgement of a customer that counts, also when it has expired."""
    return _newest(session, customer_id, STANDING)


def find_proposed(session: Session, customer_id: str) -> Qualification | None:
    """Return the judgement of a customer that waits for a decision."""
    return _newest(session, customer_id, (QualificationState.PROPOSED,))


def deciders(session: Session) -> set[str]:
    """Return who may decide on judgements here, as judgements name them."""
    return {
        user.username
        for user in list_users(session)
        if user.disabled_at is None
        and policy.may(user.rights_at("branch"), Resource.QUALIFICATION, Action.APPROVE)
    }


def list_of_customer(session: Session, customer_id: str) -> Sequence[Qualification]:
    """Return every judgement of a customer, the latest first."""
    wanted = select(Qualification).where(Qualification.customer_id == customer_id)
    return session.scalars(wanted.order_by(Qualification.judged_at.desc(), Qualification.id.desc())).all()


def select_qualifications(wanted: QualificationFilter) -> Select[Qualification, Customer]:
    """Return the statement of the qualifications wanted, each with its customer."""
    statement = select(Qualification, Customer).join(Customer, Customer.id == Qualification.customer_id)
    for column, values in (
        (Qualification.state, wanted.states),
        (Qualification.outcome, wanted.outcomes),
        (Qualification.grade, wanted.grades),
    ):
        if values:
            statement = statement.where(column.in_(values))
    if wanted.customer_id:
        statement = statement.where(Qualification.customer_id == wanted.customer_id)
    return statement.where(_is_due(wanted.due_by)) if wanted.due_by else statement


def list_proposed(session: Session, *, limit: int) -> Sequence[Row[Qualification, Customer]]:
    """Return what waits for a decision, the oldest first, each with its customer."""
    wanted = select_qualifications(QualificationFilter(states=(QualificationState.PROPOSED,)))
    return session.execute(wanted.order_by(Qualification.judged_at, Qualification.id).limit(limit)).all()


def count_states(session: Session, today: date) -> dict[str, int]:
    """Return how many judgements wait, are due and have expired, and how many customers were never judged."""
    expired = Qualification.state == QualificationState.EXPIRED
    counted = select(
        func.count(case((Qualification.state == QualificationState.PROPOSED, 1))),
        func.count(case((_is_due(today + AHEAD), 1))),
        func.count(case((expired, 1))),
    )
    proposed, due, over = session.execute(counted).one()
    never = session.scalar(select(func.count()).select_from(Customer).where(_never_judged())) or 0
    return {"proposed": proposed, "due": due, "expired": over, "never": never}


def due_customers(session: Session, today: date, *, limit: int) -> list[str]:
    """Return the customers whose judgement is due or expired and not proposed anew, those longest due first."""
    waiting = _proposals()
    statement = (
        select(Qualification.customer_id)
        .where(_is_due(today + AHEAD), Qualification.customer_id.not_in(waiting))
        .where(Qualification.customer_id.not_in(select(Erasure.customer_id)))
        .order_by(Qualification.next_review_on, Qualification.id)
    )
    return list(session.scalars(statement.limit(limit)))


def never_judged(session: Session, *, limit: int) -> list[str]:
    """Return the customers that nobody has judged, in the order of their numbers."""
    statement = select(Customer.id).where(_never_judged()).order_by(Customer.customer_no)
    return list(session.scalars(statement.limit(limit)))


def _newest(session: Session, customer_id: str, states: Sequence[QualificationState]) -> Qualification | None:
    wanted = select(Qualification).where(
        Qualification.customer_id == customer_id, Qualification.state.in_(states)
    )
    return session.scalar(wanted.order_by(Qualification.judged_at.desc(), Qualification.id.desc()).limit(1))


def _is_due(day: date | None) -> ColumnElement[bool]:
    return and_(Qualification.state.in_(STANDING), Qualification.next_review_on <= day)


def _proposals() -> Select[str]:
    return select(Qualification.customer_id).where(Qualification.state == QualificationState.PROPOSED)


def _never_judged() -> ColumnElement[bool]:
    judged = select(Qualification.id).where(Qualification.customer_id == Customer.id)
    return and_(~judged.exists(), Customer.id.not_in(select(Erasure.customer_id)), is_person(Customer.id))
