"""What a cycle has to do at all, asked once in a few statements: with nothing to send it asks no more than this.

Asked after everything that may add to it in the same cycle, and before anything is sealed. What people write meanwhile
goes into the next cycle, as it does when it comes behind a record type's turn.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from branch_node.lanes import queries as marks
from branch_node.lanes.queries import Lanes
from branch_node.outbound.lanes import note_day
from branch_node.outbound.proof import Prover
from branch_node.outbound.queries import count_under_way
from branch_node.outbound.refusals import count_refused
from branch_node.resend.queries import find_current
from branch_node.runtime import BranchRuntime
from sync_protocol.catalog import Binding, Bindings, RecordType
from sync_protocol.changelog.sealing import count_unsealed


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be sealed, sent and proven: changes by record type, those under way by channel, types by name.

    `resend` says that something is to be sent once more, `refused` that records HQ has refused are shown here.
    """

    unsealed: Mapping[str, int] = field(default_factory=dict)
    under_way: Mapping[str, int] = field(default_factory=dict)
    proofs: Collection[str] = ()
    lanes: Lanes = field(default_factory=lambda: Lanes({}))
    resend: bool = False
    refused: bool = False

    def of(self, bindings: Bindings) -> list[Binding]:
        """Return the record types of which anything is to be sent, in their order; proofs come after that."""
        return [binding for binding in bindings.values() if self._has(binding.record)]

    def _has(self, record: RecordType) -> bool:
        named = (self.unsealed, self.lanes.backlog)
        return record.channel in self.under_way or any(record.name in names for names in named)


def look(runtime: BranchRuntime, prover: Prover) -> Due:
    """Note how far the change log is today, and return what there is to do."""
    through = note_day(runtime)
    with runtime.database.reads() as session:
        # A receiver may take fewer record types than it did.
        found = count_unsealed(session)
        unsealed = {name: found[name] for name in runtime.bindings if name in found}
        under_way = count_under_way(session)
        above = runtime.settings.backlog_above
        return Due(
            unsealed=unsealed,
            under_way=under_way,
            proofs=prover.list_due(session),
            lanes=marks.plan(session, unsealed, under_way, through=through, above=above),
            resend=find_current(session, runtime.bindings) is not None,
            refused=count_refused(session) > 0,
        )
