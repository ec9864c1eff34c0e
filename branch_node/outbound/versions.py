"""In which version of its record's schema each record type goes to a receiver, and is compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.alarms import NODE_OLD, VERSION_REFUSED
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
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


def follow(runtime: BranchRuntime, state: StateAnswer, *, known: bool) -> Versions:
    """Return what the receiver reads, and tell people when its next release will not read this node.

    `known` says that they have been told.
    """
    told = Versions.told(state)
    old = told.too_old(runtime.bindings)
    if bool(old) == known:
        return told
    with runtime.database.sessions.begin() as session:
        subject, now = queries.alarm_subject(session), runtime.clock.now()
        if old:
            raise_alarm(session, NODE_OLD, subject, at=now, details={"records": ", ".join(sorted(old))})
        else:
            clear_alarm(session, NODE_OLD, subject, at=now)
    return told


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
