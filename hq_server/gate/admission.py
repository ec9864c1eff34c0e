"""The door of the intake: a branch that signed is let in, or told when to come again, before its body is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flask import request

from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.requests import header_count
from hq_server.intake import Lane, Wait
from hq_server.runtime import HqRuntime
from shared.web.context import runtime
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.signing import PENDING_HEADER

# The channel of earlier days.
BACKLOG: Final = "backlog"
# One batch or two: what a branch has after an ordinary hour.
LITTLE: Final = 2_000


def ask_for_turn(branch_number: int) -> None:
    """Refuse a branch that has something to deliver, and whose turn it is not, before it seals or sends any of it."""
    if header_count(PENDING_HEADER):
        _refuse(runtime(HqRuntime).intake.ask(branch_number, _lane()))


@contextmanager
def let_in(branch_number: int) -> Iterator[None]:
    """Let one delivery in for the block; raises SyncRefusedError when others go first."""
    intake = runtime(HqRuntime).intake
    _refuse(intake.begin(branch_number, _lane()))
    last = False
    try:
        yield
        # Signed, and exact towards the end: with nothing left its turn is over.
        last = header_count(PENDING_HEADER) == 0
    finally:
        intake.end(branch_number, last=last)


def _refuse(wait: Wait | None) -> None:
    if wait is not None:
        detail = f"{wait.place} branches go first; come again in {wait.seconds} s"
        raise SyncRefusedError(Problem.BUSY, detail, place=wait.place, wait_s=wait.seconds)


def _lane() -> Lane:
    # node/lineage/channel/number
    parts = request.headers.get("Idempotency-Key", "").split("/")
    if BACKLOG in parts:
        return Lane.BACKLOG
    return Lane.LITTLE if header_count(PENDING_HEADER) <= LITTLE else Lane.TODAY
