"""Asking head office where it knows that our operation log ended, for a check of the log beside the cycles."""

from typing import Final

from branch_node.outbound import queries
from branch_node.outbound.client import HqRefusedError, make_client
from branch_node.outbound.contacts import ContactBook
from branch_node.outbound.errors import NotJoinedError
from branch_node.outbound.log_head import find_end, told_heads
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import BranchRuntime
from shared.audit.verification import Head, KnownHeads
from shared.errors import N_
from sync_protocol.contract.messages import LogPlace, LogReport

HQ_SAYS: Final = N_("head office, asked now")


def ask_heads(runtime: BranchRuntime) -> KnownHeads:
    """Return what head office says it keeps of the end of our log, beside what we know ourselves."""
    known = told_heads(runtime)
    try:
        kept = _ask(runtime)
    except (HqRefusedError, NoAnswerError, NotJoinedError) as error:
        return KnownHeads(known, missed=str(error))
    return KnownHeads([*known, *([] if kept is None else [Head(kept.seq, kept.digest, HQ_SAYS)])])


def _ask(runtime: BranchRuntime) -> LogPlace | None:
    with runtime.database.reads() as session:
        member, head = queries.get_membership(session), find_end(session)
    client = make_client(runtime, member)
    # The last contact goes on: a new one would take the place of a cycle's that is under way.
    client.contact = ContactBook(runtime.settings.home, runtime.receiver).last()
    return client.tell_log(LogReport(head=head)).kept if head is not None else None
