"""Telling head office where our operation log and our retained archive end, so that a cut or rewritten one shows there.

Once an hour the counts of stale and contradictory fields go with it.

HQ compares the entry it kept last with what stands there now. Told when either has moved since, at the end of a
cycle; the file of what was told is only a memory of what need not be told again.
"""

import logging
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.archive.telling import archive_place, archive_report
from branch_node.outbound import upkeep
from branch_node.outbound.client import HqClient, HqRefusedError
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import BranchRuntime
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditEntry, AuditHead
from shared.audit.verification import Head
from shared.errors import N_
from sync_protocol.contract.messages import LogPlace, LogReport, UpkeepReport

log = logging.getLogger(__name__)
TOLD: Final = "log-told"
ARCHIVE_TOLD: Final = "archive-told"
# A first telling, one with the entries head office asks for, and one when it had only just learnt of either.
MOST_TELLINGS: Final = 3
HQ_WHEN_TOLD: Final = N_("head office, when it was told last")


def tell(runtime: BranchRuntime, client: HqClient) -> None:
    """Tell HQ the end of the log if it moved; what cannot be told now is told in the next cycle."""
    with runtime.database.reads() as session:
        # A node without a log key signs no head of its own either.
        head = find_end(session) if LogKeys.of(session) is not None else None
        archive = archive_report(session)
        counted = _count(runtime, session) if head is not None else None
    if head is None:
        return
    lines = {
        TOLD: f"{head.seq} {head.digest}",
        ARCHIVE_TOLD: " ".join(str(each) for each in msgspec.structs.astuple(archive)),
    }
    home = runtime.settings.home
    if counted is not None:
        lines[upkeep.TOLD] = counted.at
    if all(home.read_lines(name) == [line] for name, line in lines.items()):
        return
    try:
        kept = _tell(runtime, client, LogReport(head=head, archive=archive, upkeep=counted))
    except (HqRefusedError, NoAnswerError):
        # An HQ of an earlier version does not know the question; the line may be down.
        log.info("the end of the operation log was not told", exc_info=True)
        return
    if kept:
        for name, line in lines.items():
            home.write_lines(name, [line])


def _count(runtime: BranchRuntime, session: Session) -> UpkeepReport | None:
    now, settings = runtime.clock.now(), runtime.settings
    return (
        upkeep.upkeep_report(session, now, settings.timezone) if upkeep.is_due(settings.home, now) else None
    )


def _tell(runtime: BranchRuntime, client: HqClient, report: LogReport) -> bool:
    """Tell with what HQ asks to compare, until it has kept both ends."""
    for _time in range(MOST_TELLINGS):
        answer = client.tell_log(report)
        if answer.ask is None and answer.ask_archive is None:
            return True
        with runtime.database.reads() as session:
            if answer.ask is not None:
                report = msgspec.structs.replace(report, known=_place(session, answer.ask))
            if answer.ask_archive is not None:
                place = archive_place(session, answer.ask_archive)
                report = msgspec.structs.replace(report, archive_known=place)
    return False


def told_heads(runtime: BranchRuntime) -> list[Head]:
    """Return the end of our log that head office has acknowledged last, by what is written down here."""
    found = [line.split(" ") for line in runtime.settings.home.read_lines(TOLD)]
    return [Head(int(seq), digest, HQ_WHEN_TOLD) for seq, digest in found]


def find_end(session: Session) -> LogPlace | None:
    """Return where our log ends."""
    found = session.execute(select(AuditHead.seq, AuditHead.digest)).one_or_none()
    return LogPlace(seq=found.seq, digest=found.digest) if found else None


def _place(session: Session, seq: int) -> LogPlace:
    digest = session.scalar(select(AuditEntry.digest).where(AuditEntry.seq == seq))
    return LogPlace(seq=seq, digest=digest or "")
