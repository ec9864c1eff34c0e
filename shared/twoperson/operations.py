"""Proposing an act, and deciding on it: by somebody else, once, in one transaction with what it does."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.stamp import Stamp
from shared.twoperson import queries
from shared.twoperson.errors import (
    ActChangedError,
    ActNotFoundError,
    ActOverError,
    ActProposedError,
    ActReasonError,
    NotEligibleError,
    NotProposerError,
    OwnActError,
)
from shared.twoperson.models import REASON_LENGTH, ProposedAct
from shared.twoperson.vocabulary import ActKind, ActState

LEAST_REASON: Final = 3
# Stands in the place of a reason that told of somebody who was erased.
FORGOTTEN: Final = "erased"
# A payload that names one is about a person: why is said in the act alone, for nothing leaves the log again.
PERSON: Final = "customer"
# Whether whoever decides may decide on acts of a kind: the policy table's word.
Eligible = Callable[[ActKind], bool]


def propose(
    session: Session,
    kind: ActKind,
    subject: tuple[str, str],
    *,
    payload: Mapping[str, Any],
    reason: str,
    by: Stamp,
) -> ProposedAct:
    """Ask a second person to let this be done; it runs out by itself. Raises ActReasonError and ActProposedError."""
    said = check_reason(reason)
    present = queries.find_waiting(session, kind.name, subject)
    if present is not None and present.is_open(by.at):
        raise ActProposedError(who=present.proposed_by)
    if present is not None:
        _come_to_nothing(session, kind, present, ActState.EXPIRED, by=by)
        session.flush()
    act = ProposedAct(
        kind=kind.name,
        subject_type=subject[0],
        subject_id=subject[1],
        payload=dict(payload),
        digest=digest_of(kind.name, subject, payload),
        reason=said,
        proposed_at=by.at,
        proposed_by=by.actor,
        proposed_by_id=by.actor_id,
        expires_at=by.at + kind.lifetime,
        state=ActState.WAITING,
    )
    session.add(act)
    session.flush()
    _note(session, "two-person.proposed", act, by=by, reason=said)
    return act


def approve(
    session: Session, kind: ActKind, act_id: str, *, seen: str, eligible: Eligible, by: Stamp
) -> None:
    """Do what somebody else proposed, once, in this transaction; `seen` is the digest of what the approver saw.

    Raises ActNotFoundError, ActOverError, OwnActError, NotEligibleError, ActChangedError and what the act raises.
    """
    act = _decide(session, kind, act_id, eligible=eligible, by=by)
    if not act.digest == seen == digest_of(act.kind, act.subject, act.payload):
        raise ActChangedError
    act.end(ActState.APPROVED, by=by)
    _note(session, "two-person.approved", act, by=by)
    kind.execute(session, act, by)


def refuse(
    session: Session, kind: ActKind, act_id: str, *, reason: str, eligible: Eligible, by: Stamp
) -> None:
    """Let it not be done, and say why. Raises as `approve` does, and ActReasonError."""
    said = check_reason(reason)
    act = _decide(session, kind, act_id, eligible=eligible, by=by)
    _come_to_nothing(session, kind, act, ActState.REFUSED, by=by, note=said)


def withdraw(session: Session, kind: ActKind, act_id: str, *, by: Stamp) -> None:
    """Take back what one has proposed oneself. Raises ActNotFoundError, ActOverError and NotProposerError."""
    act = _lock(session, kind, act_id, by=by)
    if not act.is_of(by):
        raise NotProposerError
    _come_to_nothing(session, kind, act, ActState.WITHDRAWN, by=by)


def expire(session: Session, kinds: Sequence[ActKind], *, by: Stamp) -> int:
    """End what nobody has decided in time; returns how many that were."""
    known = {kind.name: kind for kind in kinds}
    late = session.scalars(
        select(ProposedAct)
        .where(ProposedAct.state == ActState.WAITING, ProposedAct.expires_at <= by.at)
        .order_by(ProposedAct.id)
        .with_for_update()
    ).all()
    for act in late:
        _come_to_nothing(session, known[act.kind], act, ActState.EXPIRED, by=by)
    return len(late)


def forget_said(session: Session, payload: Mapping[str, Any]) -> int:
    """Forget why acts were asked for and refused whose payload has all of `payload`; returns how many told it.

    That they were, by whom and when stays.
    """
    members = [ProposedAct.payload[name].as_string() == str(value) for name, value in payload.items()]
    forgotten = 0
    for act in session.scalars(select(ProposedAct).where(*members)):
        if act.reason != FORGOTTEN or act.note not in {None, FORGOTTEN}:
            act.reason, act.note = FORGOTTEN, FORGOTTEN if act.note else None
            forgotten += 1
    return forgotten


def digest_of(kind: str, subject: tuple[str, str], payload: Mapping[str, Any]) -> str:
    """Return the digest that binds an act to what was proposed."""
    plain = json.dumps(
        [kind, *subject, dict(payload)], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(plain.encode()).hexdigest()


def _decide(session: Session, kind: ActKind, act_id: str, *, eligible: Eligible, by: Stamp) -> ProposedAct:
    act = _lock(session, kind, act_id, by=by)
    if act.is_of(by):
        raise OwnActError
    if not eligible(kind):
        raise NotEligibleError
    return act


def _lock(session: Session, kind: ActKind, act_id: str, *, by: Stamp) -> ProposedAct:
    # Two who approve at the same moment: the second waits here, and then finds it over.
    act = session.get(ProposedAct, act_id, with_for_update=True, populate_existing=True)
    if act is None or act.kind != kind.name:
        raise ActNotFoundError
    if not act.is_open(by.at):
        raise ActOverError
    return act


def _come_to_nothing(
    session: Session, kind: ActKind, act: ProposedAct, state: ActState, *, by: Stamp, note: str | None = None
) -> None:
    act.end(state, by=by, note=note)
    _note(session, f"two-person.{EVENTS[state]}", act, by=by, reason=note)
    kind.drop(session, act, by)


EVENTS: Final = {
    ActState.REFUSED: "refused",
    ActState.WITHDRAWN: "request-withdrawn",
    ActState.EXPIRED: "expired",
}


def check_reason(reason: str) -> str:
    """Return why something is done, as it is kept; raises ActReasonError."""
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise ActReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return said


def _note(session: Session, event: str, act: ProposedAct, *, by: Stamp, reason: str | None = None) -> None:
    about = {
        "kind": act.kind,
        "subject": list(act.subject),
        "digest": act.digest,
        "proposed_by": act.proposed_by,
    }
    details = about | ({"reason": reason} if reason and PERSON not in act.payload else {})
    record(session, event, subject=("two_person_act", act.id), by=by, details=details)
