"""In which version of its record's schema each record type goes to a receiver, and is compared with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.alarms import NODE_OLD, RECORDS_WAIT, VERSION_REFUSED
from branch_node.outbound.models import Membership
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.vocabulary import AlarmKind
from sync_protocol.catalog import Binding
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.messages import StateAnswer

FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Versions:
    """What a receiver reads: `reads` tells the first and the last version by record type.

    None is a receiver that tells nothing of versions: it knows the first of each and refuses all others.
    """

    reads: Mapping[str, tuple[int, int]] | None

    @classmethod
    def told(cls, state: StateAnswer) -> "Versions":
        """Return what the receiver told with its state."""
        return cls(state.reads)

    def narrowed(self, runtime: BranchRuntime) -> BranchRuntime:
        """Return this node as it is towards the receiver: with the record types that it knows.

        Rows of another would be refused, and hold up whatever goes in the same channel; they wait here, unsealed.
        """
        unknown = self.unknown(runtime.bindings)
        if not unknown:
            return runtime
        known = {name: binding for name, binding in runtime.bindings.items() if name not in unknown}
        return replace(runtime, bindings=known, every_binding=runtime.all_bindings)

    def unknown(self, bindings: Mapping[str, Binding]) -> list[str]:
        """Return the record types the receiver does not know; one that tells nothing is taken to know them all."""
        return [] if self.reads is None else [name for name in bindings if name not in self.reads]

    def to_send(self, binding: Binding) -> Binding:
        """Return a record type in the version its rows go in: our own, whose columns a receiver carries."""
        return binding.at_version(FIRST) if self.reads is None else binding

    def to_compare(self, binding: Binding) -> Binding:
        """Return a record type in the last version both sides know: only those columns can be compared."""
        if self.reads is None:
            return binding.at_version(FIRST)
        known = self.reads.get(binding.record.name, (FIRST, binding.record.version))[1]
        return binding.at_version(max(FIRST, min(known, binding.record.version)))

    def compared(self, bindings: Mapping[str, Binding]) -> dict[str, int]:
        """Return by record type the version that is compared."""
        return {name: self.to_compare(binding).record.version for name, binding in bindings.items()}

    def too_old(self, bindings: Mapping[str, Binding]) -> dict[str, int]:
        """Return by record type our versions that the receiver reads as its oldest, while it knows newer ones."""
        return {
            name: bindings[name].record.version
            for name, (oldest, newest) in (self.reads or {}).items()
            if name in bindings and bindings[name].record.version <= oldest < newest
        }


def follow(runtime: BranchRuntime, member: Membership, state: StateAnswer, *, known: bool) -> Versions:
    """Return what the receiver reads, and tell people when its next release will not read this node.

    `known` says that they have been told. They are told as well of record types that the receiver does not know, which
    the membership keeps: what waits of these is not to be counted as missing there.
    """
    told = Versions.told(state)
    old, unknown = told.too_old(runtime.bindings), told.unknown(runtime.bindings)
    kept = unknown == (member.unknown_there or [])
    if bool(old) == known and kept:
        return told
    with runtime.database.sessions.begin() as session:
        now = runtime.clock.now()
        if bool(old) != known:
            _tell(session, NODE_OLD, sorted(old), at=now)
        if not kept:
            queries.get_membership(session).unknown_there = unknown or None
            _tell(session, RECORDS_WAIT, unknown, at=now)
    return told


def _tell(session: Session, kind: AlarmKind, records: Sequence[str], *, at: datetime) -> None:
    subject = queries.alarm_subject(session)
    if records:
        raise_alarm(session, kind, subject, at=at, details={"records": ", ".join(records)})
    else:
        clear_alarm(session, kind, subject, at=at)


def tell_refusal(
    session: Session, problem: str | None, detail: str | None, *, told: bool, at: datetime
) -> None:
    """Raise an alarm when a cycle ended because HQ does not read our version; clear it when one did not.

    `told` says whether such an alarm is open.
    """
    if problem == Problem.SCHEMA.value.code:
        about = queries.alarm_subject(session)
        raise_alarm(session, VERSION_REFUSED, about, at=at, details={"detail": detail or ""})
    elif problem is None and told:
        clear_alarm(session, VERSION_REFUSED, queries.alarm_subject(session), at=at)
