"""Comparing HQ's rows with a branch's at a barrier, naming the rows that differ, and asking for a comparison."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from hq_server.proof import queries
from hq_server.proof.alarms import DIVERGENCE
from hq_server.proof.errors import ResendReasonError
from hq_server.proof.models import Difference, Proof, ResendAsk
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.vocabulary import Subject
from shared.audit.operations import record
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.catalog import CATALOG, Binding
from sync_protocol.contract.messages import CompareAnswer, CompareRequest, Held
from sync_protocol.reconcile import Selection, digest_buckets, list_digests, list_lines

# The first difference and three repairs that did not help.
ALARM_AFTER: Final = 4
# The record tells so many rows of a difference; their number is told of all.
MOST_TOLD: Final = 200
CHUNK: Final = 500
# More than this many removals, and more than one row in ten: no repair, but a loss at the branch.
MOST_REMOVED: Final = 100
REMOVED_SHARE: Final = 10
LEAST_REASON: Final = 3
MOST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose rows are compared: `stand_ins` are the lines of refused records, which count as the branch sent them."""

    branch_number: int
    branch_code: str
    binding: Binding
    stand_ins: Mapping[str, bytes]

    def selection(self, without: Iterable[str]) -> Selection:
        """Return HQ's rows of this branch without some records."""
        mine = self.binding.table.c.branch_number == self.branch_number
        return Selection(self.binding, (mine,), without=frozenset(without), stand_ins=self.stand_ins)

    @property
    def subject(self) -> Subject:
        """What an alarm about these rows is about."""
        return "proof", f"{self.branch_code}/{self.binding.record.name}"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a chain, the inbox entry of the barrier, when that was sealed (by the branch's clock) and received."""

    lineage: int
    batch_no: int
    entry: int
    sealed_at: datetime
    at: datetime


def compare_barrier(session: Session, holder: Holder, barrier: Held, spot: Spot) -> list[str]:
    """Compare what HQ holds at this place with what the branch held; return the buckets that differ.

    Must run in the transaction that applies the barrier's batch: then both sides mean the same rows.
    """
    ours = digest_buckets(session, holder.selection(barrier.open))
    held = ours.named()
    differs = sorted(
        bucket
        for bucket in held.keys() | barrier.buckets.keys()
        if held.get(bucket) != barrier.buckets.get(bucket)
    )
    proof = _get(session, holder.branch_number, holder.binding.record.name)
    proof.lineage, proof.batch_no, proof.sealed_at = spot.lineage, spot.batch_no, spot.sealed_at
    proof.compared_at, proof.equal, proof.rows = spot.at, not differs, ours.total().rows
    proof.asked_at = proof.asked_by = None
    if differs:
        _note_difference(session, holder, proof, differs, spot)
    else:
        _note_equal(session, holder, proof, spot)
    return differs


def compare_rows(session: Session, holder: Holder, asked: CompareRequest, *, at: datetime) -> CompareAnswer:
    """Compare single rows with those the branch names; return which it shall send, and which it has no more.

    What HQ held is kept with the difference before it is replaced. When a great part of the rows would be
    removed, none is: that is a loss at the branch, and HQ's copies may be the last.
    """
    told = {record_id: digest for rows in asked.buckets.values() for record_id, digest in rows}
    named = list_digests(session, holder.selection(asked.open), asked.buckets)
    held = {record_id: digest for rows in named.values() for record_id, digest in rows.items()}
    send = sorted(one for one, digest in told.items() if held.get(one) != digest)
    remove = sorted(held.keys() - told.keys())
    kinds = {one: "changed" if one in held else "missing" for one in send}
    kinds |= dict.fromkeys(remove, "extra")
    _tell_rows(session, holder, kinds)
    if len(remove) > max(MOST_REMOVED, len(held) // REMOVED_SHARE):
        _alarm(session, holder, at=at)
        remove = []
    return CompareAnswer(record=holder.binding.record.name, send=send, remove=remove)


def ask(session: Session, branch_number: int, branch_code: str, *, by: Stamp) -> None:
    """Have a branch prove every record type at its next contact."""
    for record_type in CATALOG:
        proof = _get(session, branch_number, record_type)
        proof.asked_at, proof.asked_by = by.at, by.actor
    record(session, "proof.asked", subject=("branch", branch_code), by=by)


def ask_to_resend(
    session: Session, branch_number: int, branch_code: str, *, record_type: str | None, reason: str, by: Stamp
) -> list[ResendAsk]:
    """Have a branch send a record type once more, or all of them, beginning with its next contact.

    Told again until a barrier shows that all has come. Raises ResendReasonError.
    """
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= MOST_REASON:
        raise ResendReasonError(field="reason", least=LEAST_REASON, most=MOST_REASON)
    waiting = {one.record_type for one in queries.list_resend_asks(session, branch_number)}
    wanted = [name for name in CATALOG if record_type in {None, name} and name not in waiting]
    made = [
        ResendAsk(
            branch_number=branch_number, record_type=name, reason=said, asked_at=by.at, asked_by=by.actor
        )
        for name in wanted
    ]
    session.add_all(made)
    told = {"records": wanted, "reason": said}
    record(session, "resend.asked", subject=("branch", branch_code), by=by, details=told)
    session.flush()
    return made


def note_answers(
    session: Session, branch_number: int, answers: Collection[str], *, equal: bool, at: datetime
) -> None:
    """Keep that a branch has sent what was asked of it, and whether all was equal then."""
    for one in queries.list_resend_asks(session, branch_number):
        if one.id in answers:
            one.ended_at, one.equal = at, equal


def _note_equal(session: Session, holder: Holder, proof: Proof, spot: Spot) -> None:
    proof.equal_through, proof.equal_entry, proof.equal_at = spot.batch_no, spot.entry, spot.at
    if not proof.unequal:
        # No difference is open then, and no alarm.
        return
    proof.unequal = 0
    found = queries.find_open_difference(session, proof.branch_number, proof.record_type)
    if found is not None:
        found.repaired_at, found.repaired_by = spot.at, spot.batch_no
    clear_alarm(session, DIVERGENCE, holder.subject, at=spot.at)


def _note_difference(session: Session, holder: Holder, proof: Proof, differs: list[str], spot: Spot) -> None:
    proof.unequal += 1
    found = queries.find_open_difference(session, proof.branch_number, proof.record_type)
    if found is None:
        session.add(
            Difference(
                branch_number=proof.branch_number,
                record_type=proof.record_type,
                lineage=spot.lineage,
                batch_no=spot.batch_no,
                found_at=spot.at,
                buckets=differs,
                rows=[],
                row_count=0,
            )
        )
    session.flush()
    if proof.unequal >= ALARM_AFTER:
        _alarm(session, holder, at=spot.at)


def _tell_rows(session: Session, holder: Holder, kinds: Mapping[str, str]) -> None:
    """Write the rows of the open difference down, those told first staying as they were found."""
    found = queries.find_open_difference(session, holder.branch_number, holder.binding.record.name)
    if found is None or not kinds:
        return
    known = {row["id"] for row in found.rows}
    new = [one for one in kinds if one not in known]
    shown = new[: max(0, MOST_TOLD - len(known))]
    lines = _lines(session, holder, [one for one in shown if kinds[one] != "missing"])
    told: list[dict[str, Any]] = [{"id": one, "kind": kinds[one], "held": lines.get(one)} for one in shown]
    found.rows = [*found.rows, *told]
    found.row_count += len(new)


def _lines(session: Session, holder: Holder, ids: Collection[str]) -> dict[str, str]:
    # What a refused row calls its id can be anything; PostgreSQL compares only ids with ids.
    table, wanted = holder.binding.table, sorted(one for one in ids if is_id(one))
    lines: dict[str, str] = {}
    for start in range(0, len(wanted), CHUNK):
        chosen = table.c.id.in_(wanted[start : start + CHUNK])
        mine = table.c.branch_number == holder.branch_number
        lines.update(list_lines(session, holder.binding, mine, chosen))
    return lines


def _alarm(session: Session, holder: Holder, *, at: datetime) -> None:
    name = holder.binding.record.name
    found = queries.find_open_difference(session, holder.branch_number, name)
    told = {"branch": holder.branch_code, "record": name, "rows": found.row_count if found else 0}
    raise_alarm(session, DIVERGENCE, holder.subject, at=at, details=told)


def _get(session: Session, branch_number: int, record_type: str) -> Proof:
    proof = queries.find_proof(session, branch_number, record_type)
    if proof is None:
        proof = Proof(branch_number=branch_number, record_type=record_type, equal=False, rows=0, unequal=0)
        session.add(proof)
    return proof
