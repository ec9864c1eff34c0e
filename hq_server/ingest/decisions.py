"""What people decide about parked records: checking them again, and waiving them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.operations import take_in_again
from hq_server.parking import queries
from hq_server.parking.errors import (
    ParkedSettledError,
    WaiverNotAskedError,
    WaiverReasonError,
)
from hq_server.parking.models import ParkedRecord
from hq_server.parking.operations import Retried, release, retry, tell
from hq_server.parking.vocabulary import ParkedState
from shared.audit.operations import record
from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import Eligible, approve, propose, refuse, withdraw
from shared.twoperson.queries import find_waiting
from shared.twoperson.vocabulary import ActKind
from sync_protocol.catalog import Bindings

LEAST_REASON: Final = 3
MOST_REASON: Final = 500
WAIVER: Final = "parked-waiver"
# What stands as the reason where a request is turned down on the record's own page.
KEPT_PARKED: Final = "kept parked"
# Money is not given up by one person alone.
TWO_PEOPLE: Final = frozenset({"bill_line"})


def check_again(session: Session, parked_id: int, *, bindings: Bindings, by: Stamp) -> Retried:
    """Check a record's parked lines with today's rules, in order; what keeps them goes in, with what waited for it.

    Raises ParkedNotFoundError and ParkedSettledError.
    """
    parked = _lock(session, parked_id)
    tried = _retry(session, queries.list_queue(session, parked), bindings, by=by)
    _record(session, "parked.checked-again", parked, by, {"taken": tried.taken})
    return tried


def check_all_again(
    session: Session, selected: Select[ParkedRecord], *, limit: int, bindings: Bindings, by: Stamp
) -> Retried:
    """Check up to `limit` of the selected open lines again, oldest first; each branch's in their order."""
    some = selected.order_by(None).subquery()
    ids = select(some.c.id).order_by(some.c.id).limit(limit)
    chosen = select(ParkedRecord).where(ParkedRecord.id.in_(ids), ParkedRecord.state == ParkedState.PARKED)
    numbers = session.scalars(
        select(ParkedRecord.branch_number).where(ParkedRecord.id.in_(ids)).distinct()
    ).all()
    result = Retried()
    for number in sorted(numbers):
        _lock_branch(session, number)
        lines = session.scalars(chosen.where(ParkedRecord.branch_number == number)).all()
        if not lines:
            continue
        tried = _retry(session, lines, bindings, by=by)
        result.add(tried)
        code = session.get_one(Branch, number).code
        details = {"lines": len(lines), "taken": tried.taken}
        record(session, "parked.all-checked-again", subject=("branch", code), by=by, details=details)
    return result


def waive(session: Session, parked_id: int, *, reason: str, bindings: Bindings, by: Stamp) -> bool:
    """Give a record up for good, or ask a second person to where it is money; True when it is given up now.

    The lines stay on record; rows that waited for them are taken in without them. Raises ParkedNotFoundError,
    ParkedSettledError, WaiverReasonError and ActProposedError.
    """
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= MOST_REASON:
        raise WaiverReasonError(least=LEAST_REASON, most=MOST_REASON)
    parked = _lock(session, parked_id)
    lines = queries.list_queue(session, parked)
    if parked.record_type in TWO_PEOPLE:
        payload = {"lines": [line.id for line in lines], "record": parked.record_type}
        propose(session, waiver_kind(bindings), subject_of(parked), payload=payload, reason=said, by=by)
    for line in lines:
        line.note = said
    if parked.record_type in TWO_PEOPLE:
        for line in lines:
            line.asked_at, line.asked_by = by.at, by.actor
        _record(session, "parked.waiver-asked", parked, by, {"reason": said, "lines": len(lines)})
        return False
    _give_up(session, parked, lines, bindings=bindings, by=by)
    return True


def approve_waiver(
    session: Session, parked_id: int, *, bindings: Bindings, by: Stamp, eligible: Eligible
) -> None:
    """Give up a record that somebody else has asked to waive.

    Raises ParkedNotFoundError, ParkedSettledError, WaiverNotAskedError, ActOverError, OwnActError and NotEligibleError.
    """
    act = _asked(session, _lock(session, parked_id))
    approve(session, waiver_kind(bindings), act.id, seen=act.digest, eligible=eligible, by=by)


def withdraw_waiver(
    session: Session, parked_id: int, *, bindings: Bindings, by: Stamp, eligible: Eligible
) -> None:
    """Leave a record parked that somebody has asked to waive: who asked withdraws it, another refuses it.

    Raises ParkedNotFoundError, ParkedSettledError, WaiverNotAskedError, ActOverError and NotEligibleError.
    """
    act = _asked(session, _lock(session, parked_id))
    kind = waiver_kind(bindings)
    if act.is_of(by):
        withdraw(session, kind, act.id, by=by)
    else:
        refuse(session, kind, act.id, reason=KEPT_PARKED, eligible=eligible, by=by)


def waiver_kind(bindings: Bindings) -> ActKind:
    """Return the act of two people that gives up parked money."""

    def execute(session: Session, act: ProposedAct, by: Stamp) -> None:
        parked = _lock(session, int(act.subject_id))
        wanted = set(act.payload["lines"])
        lines = [line for line in queries.list_queue(session, parked) if line.id in wanted]
        _give_up(session, parked, lines, bindings=bindings, by=by)

    def drop(session: Session, act: ProposedAct, by: Stamp) -> None:
        parked = queries.get_parked(session, int(act.subject_id))
        details = {"asked_by": act.proposed_by, "reason": act.reason}
        for line in queries.list_queue(session, parked):
            line.asked_at, line.asked_by, line.note = None, None, None
        _record(session, "parked.waiver-withdrawn", parked, by, details)

    return ActKind(WAIVER, N_("Waive a bill line"), Resource.PARKED, Action.APPROVE, execute, drop)


def subject_of(parked: ParkedRecord) -> tuple[str, str]:
    """Return what a waiver is about."""
    return "parked", str(parked.id)


def _asked(session: Session, parked: ParkedRecord) -> ProposedAct:
    act = find_waiting(session, WAIVER, subject_of(parked))
    if act is None:
        raise WaiverNotAskedError
    return act


def _give_up(
    session: Session, parked: ParkedRecord, lines: Sequence[ParkedRecord], *, bindings: Bindings, by: Stamp
) -> None:
    for line in lines:
        line.settle(ParkedState.WAIVED, at=by.at, by=by.actor)
    details = {"reason": parked.note, "asked_by": parked.asked_by, "lines": len(lines)}
    _record(session, "parked.waived", parked, by, details)
    session.flush()
    freed = {parked.record_type: {parked.record_id}} if parked.record_id is not None else {}
    released = release(session, parked.branch_number, freed, bindings, at=by.at, by=by.actor)
    take_in_again(session, released.batches)
    tell(session, parked.branch_number, at=by.at, again=False)


def _retry(session: Session, lines: Sequence[ParkedRecord], bindings: Bindings, *, by: Stamp) -> Retried:
    """Try lines of one branch again, take in what waited for them, and bring figures and alarm up to date."""
    number = lines[0].branch_number
    tried = retry(session, lines, bindings, at=by.at, by=by.actor)
    settled: dict[str, set[str]] = {}
    for record_type, record_id in tried.settled:
        settled.setdefault(record_type, set()).add(record_id)
    tried.add(release(session, number, settled, bindings, at=by.at, by=by.actor))
    take_in_again(session, tried.batches)
    tell(session, number, at=by.at, again=False)
    return tried


def _lock(session: Session, parked_id: int) -> ParkedRecord:
    """Return an open parked record, with its branch's deliveries kept out until the transaction ends."""
    _lock_branch(session, queries.get_parked(session, parked_id).branch_number)
    session.expire_all()
    parked = queries.get_parked(session, parked_id)
    if not parked.is_open:
        raise ParkedSettledError
    return parked


def _lock_branch(session: Session, number: int) -> None:
    # As a delivery does: neither sees the other's half.
    session.execute(select(Branch.number).where(Branch.number == number).with_for_update())


def _record(
    session: Session, event: str, parked: ParkedRecord, by: Stamp, details: Mapping[str, object]
) -> None:
    about = {"branch": parked.branch_number, "record": parked.record_type, "id": parked.record_id}
    record(session, event, subject=("parked", str(parked.id)), by=by, details={**about, **details})
