"""Judging customers, deciding on judgements, and letting them expire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.operations import change_customer
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.erased.queries import CustomerErasedError, erased_among
from branch_node.identity.queries import merged_among, refuse_if_merged
from branch_node.qualification import queries
from branch_node.qualification.errors import (
    LEAST_REASON,
    MOST_REASON,
    JudgedStaleError,
    NoRefusalReasonError,
    NotWaitingError,
    OwnProposalError,
    RulesChangedError,
)
from branch_node.qualification.models import Qualification
from shared.audit.operations import record
from shared.domain.calendar import local_day
from shared.domain.qualification.collecting import Frame, collect_facts
from shared.domain.qualification.facts import KIND
from shared.domain.qualification.rules import Judgement, RuleSet, judge, read_line, same_decision
from shared.domain.qualification.vocabulary import STANDING, Occasion, QualificationState
from shared.domain.qualification.words import fact_word
from shared.errors import BranchlineError
from shared.ids import new_id
from shared.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Terms:
    """What judging needs to know of the node: its day, its clock's zone, and its currency."""

    today: date
    timezone: str
    currency: str

    @classmethod
    def at(cls, now: datetime, timezone: str, currency: str) -> "Terms":
        """Return the terms of an instant."""
        return cls(local_day(now, timezone), timezone, currency)


@dataclass(frozen=True, slots=True)
class Bulk:
    """What a bulk act did, and whom it left out and why; `left` pairs a customer's number and name with the reason.

    `refused` has the reasons by the ids of the judgements.
    """

    done: int
    left: Sequence[tuple[str, BranchlineError]]
    refused: Mapping[str, BranchlineError]


@dataclass(frozen=True, slots=True)
class Proposed:
    """The judgements that were written, and those of today that say the same and were kept instead of a second one."""

    made: Sequence[Qualification]
    kept: Sequence[Qualification]

    @property
    def one(self) -> Qualification:
        """The judgement of whom alone was asked about."""
        return (*self.made, *self.kept)[0]


def apply(session: Session, customer_id: str, *, terms: Terms, by: Stamp) -> Proposed:
    """Judge a customer by the rules in force and propose the result; a proposal that waits is superseded.

    A judgement of the same day by the same rules and data, which waits or counts, is kept and none is written; but
    one that waits in the name of who decides here gives way to that of who does not, so that two people take part.
    Raises CustomerNotFoundError, CustomerErasedError and CustomerMergedError.
    """
    _lock(session, [customer_id])
    if erased_among(session, [customer_id]):
        raise CustomerErasedError
    refuse_if_merged(session, customer_id)
    return propose_all(session, [customer_id], terms=terms, by=by)


def preview(
    session: Session, customer_ids: Sequence[str], *, terms: Terms, now: datetime
) -> list[tuple[Customer, Judgement]]:
    """Return what judging customers now would say, without writing anything."""
    judged = _judge_all(session, customer_ids, queries.rules_in_force(session, now), terms)
    known = session.scalars(
        select(Customer).where(Customer.id.in_(list(judged))).order_by(Customer.customer_no)
    )
    return [(customer, judged[customer.id]) for customer in known]


def propose_all(session: Session, customer_ids: Sequence[str], *, terms: Terms, by: Stamp) -> Proposed:
    """Judge many customers and propose what comes out, by a few statements for all of them."""
    rules = queries.rules_in_force(session, by.at)
    _lock(session, customer_ids)
    judged = _judge_all(session, customer_ids, rules, terms)
    before = session.scalars(
        select(Qualification)
        .where(
            Qualification.customer_id.in_(list(judged)),
            Qualification.state.in_((*STANDING, QualificationState.PROPOSED)),
        )
        .order_by(Qualification.judged_at, Qualification.id)
    ).all()
    # The last of them is what a new one would take the place of: what waits was judged after what counts.
    newest = {one.customer_id: one for one in before}
    kept = {at: one for at, one in newest.items() if _says_the_same(one, judged[at], rules.version, terms)}
    kept = _left_in_place(session, kept, by)
    occasions = {
        one.customer_id: Occasion.REVIEW
        if one.next_review_on <= terms.today + queries.AHEAD
        else Occasion.RECHECK
        for one in before
        if one.state in STANDING
    }
    for one in before:
        if one.state is QualificationState.PROPOSED and one.customer_id not in kept:
            one.state = QualificationState.SUPERSEDED
    made = [
        _proposal(customer_id, judgement, occasions.get(customer_id, Occasion.APPLICATION), rules.version, by)
        for customer_id, judgement in judged.items()
        if customer_id not in kept
    ]
    session.add_all(made)
    session.flush()
    for each in made:
        _note(session, "qualification.proposed", each, by=by)
    return Proposed(made, list(kept.values()))


def approve(session: Session, qualification_id: str, *, terms: Terms, by: Stamp) -> Qualification:
    """Let a judgement count: the customer gets its kind and grade, and the judgement before is superseded.

    Raises QualificationNotFoundError, NotWaitingError, OwnProposalError, CustomerErasedError, and RulesChangedError
    or JudgedStaleError when judging again would say something else.
    """
    found = _waiting(session, qualification_id, by)
    customer = session.get_one(Customer, found.customer_id)
    if erased_among(session, [customer.id]):
        raise CustomerErasedError
    judgement = _still(session, found, terms, by.at)
    for standing in session.scalars(
        select(Qualification).where(
            Qualification.customer_id == customer.id, Qualification.state.in_(STANDING)
        )
    ):
        standing.state = QualificationState.SUPERSEDED
    _decide(found, QualificationState.APPROVED, by)
    values: dict[str, Any] = {"kind": judgement.kind, "grade": judgement.grade}
    change_customer(session, customer.id, values, seen_at=customer.updated_at, by=by)
    session.flush()
    _note(session, "qualification.approved", found, by=by)
    return found


def refuse(session: Session, qualification_id: str, *, reason: str, by: Stamp) -> Qualification:
    """Turn a judgement down; the customer stays as they are.

    Raises QualificationNotFoundError, NotWaitingError, OwnProposalError and NoRefusalReasonError.
    """
    said = " ".join(reason.split())
    if not LEAST_REASON <= len(said) <= MOST_REASON:
        raise NoRefusalReasonError(field="reason")
    found = _waiting(session, qualification_id, by)
    if erased_among(session, [found.customer_id]):
        raise CustomerErasedError
    _decide(found, QualificationState.REFUSED, by)
    found.reason = said
    session.flush()
    _note(session, "qualification.turned-down", found, by=by)
    return found


def approve_all(session: Session, ids: Sequence[str], *, terms: Terms, by: Stamp) -> Bulk:
    """Approve several judgements; those that cannot be are left as they are, each with its reason."""
    done, left, why = 0, [], dict[str, BranchlineError]()
    for qualification_id in ids:
        found = queries.get_qualification(session, qualification_id)
        customer = session.get_one(Customer, found.customer_id)
        named = f"{customer.customer_no} {customer.name}"
        try:
            with session.begin_nested():
                approve(session, qualification_id, terms=terms, by=by)
            done += 1
        except BranchlineError as refused:
            left.append((named, refused))
            why[qualification_id] = refused
    return Bulk(done, left, why)


def obstacle(session: Session, found: Qualification, *, terms: Terms, by: Stamp) -> BranchlineError | None:
    """Return why a waiting judgement could not be approved now by this person, or None."""
    return obstacles(session, [found], terms=terms, by=by).get(found.id)


def obstacles(
    session: Session, waiting: Sequence[Qualification], *, terms: Terms, by: Stamp
) -> dict[str, BranchlineError]:
    """Return why some of these could not be approved now by this person, by id; judged anew all at once."""
    rules = queries.rules_in_force(session, by.at)
    judged = _judge_all(session, [one.customer_id for one in waiting], rules, terms)
    found: dict[str, BranchlineError] = {}
    for one in waiting:
        try:
            _refuse_own(one, by)
            _refuse_changed(one, rules, judged.get(one.customer_id))
        except BranchlineError as refused:
            found[one.id] = refused
    return found


def expire(session: Session, today: date, *, limit: int, by: Stamp) -> int:
    """Let approved judgements expire whose last day is over; returns how many did."""
    over = session.scalars(
        select(Qualification)
        .where(Qualification.state == QualificationState.APPROVED, Qualification.next_review_on < today)
        .order_by(Qualification.next_review_on, Qualification.id)
        .limit(limit)
    ).all()
    for one in over:
        one.state = QualificationState.EXPIRED
        _note(session, "qualification.ran-out", one, by=by)
    session.flush()
    return len(over)


def _judge_all(
    session: Session, customer_ids: Sequence[str], rules: RuleSet, terms: Terms
) -> dict[str, Judgement]:
    gone = erased_among(session, customer_ids) | merged_among(session, customer_ids)
    asked = [one for one in dict.fromkeys(customer_ids) if one not in gone]
    frame = Frame(terms.today, terms.timezone, terms.currency)
    found = collect_facts(session, queries.SOURCES, asked, frame)
    return {customer_id: judge(rules, known, terms.today) for customer_id, known in found.items()}


def _says_the_same(before: Qualification, now: Judgement, version: int, terms: Terms) -> bool:
    """Tell whether a judgement that has not expired is of today, by these rules, from this data, with this outcome."""
    return (
        before.state is not QualificationState.EXPIRED
        and local_day(before.judged_at, terms.timezone) == terms.today
        and before.rules_version == version
        and before.lines == [line.text() for line in now.lines]
        and (before.outcome, before.kind, before.grade, before.score, before.next_review_on)
        == (now.outcome, now.kind, now.grade, now.score, now.next_review_on)
    )


def _left_in_place(session: Session, same: dict[str, Qualification], by: Stamp) -> dict[str, Qualification]:
    """Return those of the judgements that say the same which stay.

    Nobody approves what they submitted: were a branch manager's own kept when the account manager judges anew, the
    only one who decides could not, before another day or other data.
    """
    if not any(_waits_for_others(one, by) for one in same.values()):
        return same
    deciding = queries.deciders(session)
    if by.actor in deciding:
        return same
    return {
        at: one
        for at, one in same.items()
        if not (_waits_for_others(one, by) and one.judged_by in {each[:80] for each in deciding})
    }


def _waits_for_others(one: Qualification, by: Stamp) -> bool:
    return one.state is QualificationState.PROPOSED and one.judged_by != by.actor[:80]


def _proposal(
    customer_id: str, judgement: Judgement, occasion: Occasion, version: int, by: Stamp
) -> Qualification:
    return Qualification(
        id=new_id(),
        customer_id=customer_id,
        occasion=occasion,
        outcome=judgement.outcome,
        state=QualificationState.PROPOSED,
        kind=judgement.kind,
        grade=judgement.grade,
        score=judgement.score,
        lines=[line.text() for line in judgement.lines],
        rules_version=version,
        next_review_on=judgement.next_review_on,
        judged_at=by.at,
        judged_by=by.actor[:80],
    )


def _waiting(session: Session, qualification_id: str, by: Stamp) -> Qualification:
    """Return a judgement that waits for this person, with nobody else at its customer meanwhile."""
    found = queries.get_qualification(session, qualification_id)
    _lock(session, [found.customer_id])
    session.refresh(found)
    if found.state is not QualificationState.PROPOSED:
        raise NotWaitingError
    _refuse_own(found, by)
    return found


def _refuse_own(found: Qualification, by: Stamp) -> None:
    if found.judged_by == by.actor[:80]:
        raise OwnProposalError


def _still(session: Session, found: Qualification, terms: Terms, now: datetime) -> Judgement:
    """Return what judging now says, which must be what was judged."""
    rules = queries.rules_in_force(session, now)
    return _refuse_changed(
        found, rules, _judge_all(session, [found.customer_id], rules, terms).get(found.customer_id)
    )


def _refuse_changed(found: Qualification, rules: RuleSet, judgement: Judgement | None) -> Judgement:
    if judgement is None:
        raise CustomerErasedError
    if rules.version != found.rules_version:
        raise RulesChangedError
    before = [read_line(line) for line in found.lines]
    changed = same_decision(before, judgement.lines) or (KIND if judgement.kind is not found.kind else None)
    if changed is not None:
        raise JudgedStaleError(fact=fact_word(changed))
    return judgement


def _decide(found: Qualification, state: QualificationState, by: Stamp) -> None:
    found.state, found.decided_at, found.decided_by = state, by.at, by.actor[:80]


def _lock(session: Session, customer_ids: Sequence[str]) -> None:
    """Have nobody else judge, decide on or erase these customers at the same moment."""
    wanted = select(Customer.id).where(Customer.id.in_(customer_ids)).order_by(Customer.id)
    if len(session.scalars(wanted.with_for_update()).all()) < len(set(customer_ids)):
        raise CustomerNotFoundError


def _note(session: Session, event: str, found: Qualification, *, by: Stamp) -> None:
    details = {"qualification": found.id, "rules": found.rules_version, "outcome": found.outcome.value}
    record(session, event, subject=("customer", found.customer_id), by=by, details=details)
