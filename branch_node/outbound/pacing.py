"""Keeping the pace of one receiver: how long batches take, and how large the next may be."""

from collections.abc import Iterator
from contextlib import contextmanager

import zstandard
from sqlalchemy.orm import Session

from branch_node.outbound.models import SendingPace
from branch_node.outbound.pace import FIRST, Pace, Taken, next_pace
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import BranchRuntime
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import Lane, has_full_batch

ONLY = 1


class Pacer:
    """The pace of one cycle: takes up what the last one learnt, and learns from each batch."""

    def __init__(self, runtime: BranchRuntime) -> None:
        """Go on at the pace the database holds, or begin; it is asked when there is something to send."""
        self._runtime = runtime
        self._pace: Pace | None = None
        self._taken: Taken | None = None

    @property
    def pace(self) -> Pace:
        """How large the next batch may be."""
        if self._pace is None:
            with self._runtime.database.reads() as session:
                known = session.get(SendingPace, ONLY)
            self._pace = Pace(known.changes, known.size) if known else FIRST
        return self._pace

    @property
    def last_ms(self) -> int | None:
        """How long the last batch took to deliver."""
        return round(self._taken.seconds * 1000) if self._taken is not None else None

    def fills_another(self, session: Session, binding: Binding, lane: Lane) -> bool:
        """Whether what is unsealed fills a whole batch, so that nothing is gained by waiting for more."""
        return has_full_batch(session, binding, lane=lane, changes=self.pace.changes)

    @contextmanager
    def timed(self, batch: OutboxBatch) -> Iterator[None]:
        """Learn from how long the block takes to deliver `batch`; `keep` writes it down with the receipt."""
        began = self._runtime.monotonic()
        try:
            yield
        except NoAnswerError:
            self._learn(batch, self._runtime.monotonic() - began, answered=False)
            with self._runtime.database.sessions.begin() as session:
                self.keep(session)
            raise
        self._learn(batch, self._runtime.monotonic() - began, answered=True)

    def keep(self, session: Session) -> None:
        """Write down what was learnt, for the next cycle and for people."""
        taken = self._taken
        if taken is None:
            return
        known = session.get(SendingPace, ONLY)
        if known is None:
            known = SendingPace(id=ONLY)
            session.add(known)
        known.changes, known.size = self.pace.changes, self.pace.size
        known.measured_at = self._runtime.clock.now()
        if taken.answered:
            known.last_changes, known.last_ms = taken.changes, round(taken.seconds * 1000)

    def _learn(self, batch: OutboxBatch, seconds: float, *, answered: bool) -> None:
        self._taken = Taken(batch.changes, _size(batch), seconds, answered)
        self._pace = next_pace(self.pace, self._taken)


def _size(batch: OutboxBatch) -> int:
    """Return the bytes of a batch before compression, which its frame tells."""
    return zstandard.get_frame_parameters(batch.payload or b"").content_size if batch.payload else 0
