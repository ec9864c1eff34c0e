"""What HQ tells of itself with its state, written down where it is news: most cycles find all of it as it was."""

from collections.abc import Mapping

from branch_node.outbound import operations, queries
from branch_node.outbound.alarms import COPY_REFUSED
from branch_node.outbound.models import Membership
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import clear_alarm
from shared.alarms.queries import list_open_codes
from sync_protocol.catalog import CHANNELS
from sync_protocol.contract.messages import StateAnswer


def heed(runtime: BranchRuntime, member: Membership, state: StateAnswer) -> set[str]:
    """Keep HQ's interval and its backups, and end the alarm of a copy; return which alarms about HQ were open."""
    points = _backed_up(state)
    with runtime.database.reads() as session:
        alarms = list_open_codes(session, queries.subject_of(session, member))
        moved = points.items() - queries.read_backed_up(session).items()
    paced = state.push_interval_s if state.push_interval_s > 0 else member.push_interval_s
    if not moved and paced == member.push_interval_s and COPY_REFUSED.code not in alarms:
        return alarms
    with runtime.database.sessions.begin() as session:
        now = runtime.clock.now()
        queries.get_membership(session).push_interval_s = paced
        operations.note_backed_up(session, dict(moved), at=now, lower=True)
        clear_alarm(session, COPY_REFUSED, queries.subject_of(session, member), at=now)
    return alarms


def _backed_up(state: StateAnswer) -> Mapping[str, tuple[int, int]]:
    """Return by channel how far HQ's backups hold it; one HQ does not name any more is one it has lost."""
    return dict.fromkeys(CHANNELS, (0, 0)) | {
        name: head.backed_up_through or (0, 0) for name, head in state.channels.items()
    }
