"""Reading the whole retained archive and saying whether it is as it was written; names the first entry that is not."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from branch_node.archive.models import ArchiveEntry, ArchiveHead, ArchiveUnlock
from branch_node.archive.operations import head_mac
from branch_node.archive.unlocking import REMOVAL, UNLOCK
from shared.audit.keyring import LogKeys
from shared.domain.archive.chain import GENESIS, content_digest
from shared.domain.archive.vocabulary import EntryKind
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import digest_of
from shared.twoperson.vocabulary import ActState

AT_ONCE: Final = 100


class Why(StrEnum):
    """What is wrong with the first bad entry."""

    MISSING = "missing"
    CHANGED = "changed"
    CONTENT = "content"
    TAKEN = "taken"
    UNLOCK = "unlock"
    CUT = "cut"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad entry, by its number."""

    seq: int
    why: Why


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the archive stands: how many entries hold, where the chain ends, and what is wrong first."""

    entries: int
    digest: str
    bad: Finding | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.bad is None


def verify(session: Session) -> Verdict:
    """Read every entry, and compare with the end of the chain and with the acts that unlocked."""
    removed = set(
        session.scalars(select(ArchiveEntry.of_id).where(ArchiveEntry.kind == EntryKind.REMOVAL)).all()
    )
    unlocks = _approved(session)
    seq, digest = 0, GENESIS
    wanted = select(ArchiveEntry).options(undefer(ArchiveEntry.content)).order_by(ArchiveEntry.seq)
    with closing(session.scalars(wanted.execution_options(yield_per=AT_ONCE))) as entries:
        for entry in entries:
            why = _look(entry, seq + 1, digest, removed, unlocks)
            if why is not None:
                return Verdict(seq, digest, Finding(seq + 1, why))
            seq, digest = entry.seq, entry.digest
    return _against_head(session, seq, digest)


def _look(
    entry: ArchiveEntry,
    seq: int,
    before: str,
    removed: set[str | None],
    unlocks: Mapping[str, ArchiveUnlock],
) -> Why | None:
    if entry.seq != seq:
        return Why.MISSING
    if entry.digest != entry.linked(before):
        return Why.CHANGED
    if entry.content is None and entry.kind is not EntryKind.REMOVAL:
        return None if entry.id in removed else Why.TAKEN
    if entry.content_digest != content_digest(entry.content or ""):
        return Why.CONTENT
    if entry.kind is not EntryKind.FILE:
        unlock = unlocks.get(entry.unlock_id or "")
        if (
            unlock is None
            or unlock.entry_id != entry.of_id
            or not unlock.opened_at <= entry.made_at < unlock.until
        ):
            return Why.UNLOCK
    return None


def _approved(session: Session) -> dict[str, ArchiveUnlock]:
    """Return the unlockings behind which an act stands that one person proposed and another approved."""
    found = session.execute(
        select(ArchiveUnlock, ProposedAct)
        .join(ProposedAct, ProposedAct.id == ArchiveUnlock.act_id)
        .where(ProposedAct.state == ActState.APPROVED, ProposedAct.kind.in_((UNLOCK, REMOVAL)))
    )
    return {unlock.id: unlock for unlock, act in found if _fits(unlock, act)}


def _fits(unlock: ArchiveUnlock, act: ProposedAct) -> bool:
    return (
        act.proposed_by != act.decided_by
        and act.payload.get("entry") == unlock.entry_id
        and act.digest == digest_of(act.kind, act.subject, act.payload)
    )


def _against_head(session: Session, seq: int, digest: str) -> Verdict:
    head = session.execute(select(ArchiveHead.seq, ArchiveHead.digest, ArchiveHead.mac)).one_or_none()
    if head is None:
        return Verdict(seq, digest, Finding(seq, Why.HEAD) if seq else None)
    if head.seq > seq:
        return Verdict(seq, digest, Finding(seq + 1, Why.CUT))
    keys = LogKeys.of(session)
    vouched = keys is None or head.mac == head_mac(keys, head.seq, head.digest)
    if head.seq != seq or head.digest != digest or not vouched:
        return Verdict(seq, digest, Finding(min(seq, head.seq + 1), Why.HEAD))
    return Verdict(seq, digest)
