"""Sync by file, for a branch without a line: what waits goes into a package, receipts come back as one.

The batches are those the line would carry, byte for byte. Whatever was carried both ways, or twice, changes nothing.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound import lanes, operations, queries
from branch_node.outbound.models import Lineage, Membership
from branch_node.runtime import BranchRuntime
from shared.audit.operations import record
from shared.config import PRIVATE
from shared.db.base import instant_text
from shared.errors import N_, BranchlineError, Kind
from shared.jobs.job import Outcome, Progress
from shared.stamp import Stamp
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import BATCH_CHANGES, Lane, Sender, seal_next
from sync_protocol.contract.keys import RECEIPT, WrongSignatureError, check_message
from sync_protocol.contract.messages import Receipt
from sync_protocol.contract.package import (
    BATCHES,
    PACKAGE,
    RECEIPTS,
    BrokenPackageError,
    open_package,
    write_package,
)

FIRST: Final = 1


class NeedsLineError(BranchlineError):
    """A new history must be announced over the line before its batches can be taken."""

    code = "needs-line"
    kind = Kind.CONFLICT
    message = N_(
        "Head office has not heard of this node's new history yet; one push over the line must come first."
    )


class BadPackageError(BranchlineError):
    """The file is no package for this node."""

    code = "bad-package"
    message = N_("%(file)s: %(problem)s")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What receipts brought: batches newly acknowledged, known before, and not of this node."""

    new: int
    known: int
    foreign: int


def pack(runtime: BranchRuntime, target: Path, stamp: Stamp, progress: Progress) -> Outcome:
    """Seal what waits and write every batch without a receipt into `target`; replaces it as a whole.

    Raises NotJoinedError, NeedsLineError and OSError. Must hold the lease of the push.
    """
    with runtime.database.reads() as session:
        member = queries.get_membership(session)
        opened = session.get(Lineage, member.lineage)
    if member.lineage > FIRST and (opened is None or opened.announced_at is None):
        raise NeedsLineError
    _seal_all(runtime, member, progress)
    with runtime.database.reads() as session:
        waiting = _waiting(session, member)
    contents = [(_key(member, batch), batch.payload) for batch in waiting if batch.payload is not None]
    new = target.with_name(target.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        write_package(
            file,
            contents,
            kind=BATCHES,
            branch=member.branch_code,
            node=member.node_id,
            made_at=instant_text(stamp.at),
            private_key=runtime.private_key,
            receiver=member.hq_public_key,
        )
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)
    batches, rows = len(contents), sum(batch.rows for batch in waiting)
    with runtime.database.sessions.begin() as session:
        about, told = ("branch", member.branch_code), {"file": target.name, "batches": batches, "rows": rows}
        record(session, "sync.packed", subject=about, by=stamp, details=told)
    return Outcome.done(batches=batches, rows=rows)


def take_receipts(runtime: BranchRuntime, source: Path, *, by: Stamp) -> Acknowledged:
    """Keep the receipts in a file from HQ; raises BadPackageError, OSError."""
    with runtime.database.reads() as session:
        member = queries.get_membership(session)
    try:
        with open_package(source, runtime.private_key) as package:
            check_message(member.hq_public_key, PACKAGE, package.document, package.signature)
            if package.manifest.kind != RECEIPTS:
                raise BadPackageError(file=source.name, problem=N_("it holds batches, not receipts"))
            receipts = [content for _name, content in package.contents()]
    except (BrokenPackageError, WrongSignatureError) as error:
        problem = N_("it is damaged, or was not made by head office for this node")
        raise BadPackageError(file=source.name, problem=problem) from error
    with runtime.database.sessions.begin() as session:
        outcomes = [_acknowledge(session, member, one, by=by) for one in receipts]
        found = Acknowledged(*(outcomes.count(kind) for kind in ("new", "known", "foreign")))
        about, told = ("branch", member.branch_code), {"file": source.name, "new": found.new}
        record(session, "sync.receipts-taken", subject=about, by=by, details=told)
    return found


def _seal_all(runtime: BranchRuntime, member: Membership, progress: Progress) -> None:
    sender = Sender(member.branch_code, member.node_id, member.lineage, member.lineage_id)
    unknown = member.unknown_there or ()
    known = {name: binding for name, binding in runtime.bindings.items() if name not in unknown}
    for binding, lane in lanes.part(runtime).in_order(known):
        while _seal_one(runtime, binding, lane, sender, progress):
            progress.check_stop()


def _seal_one(
    runtime: BranchRuntime, binding: Binding, lane: Lane, sender: Sender, progress: Progress
) -> bool:
    with runtime.database.snapshot() as session, session.begin():
        now = runtime.clock.now()
        sealed = seal_next(session, binding, sender, at=now, limit=BATCH_CHANGES, lane=lane)
        progress.check_lease(session)
    return sealed is not None


def _waiting(session: Session, member: Membership) -> Sequence[OutboxBatch]:
    return session.scalars(
        select(OutboxBatch)
        .where(
            OutboxBatch.lineage == member.lineage,
            OutboxBatch.acknowledged_at.is_(None),
            OutboxBatch.voided_at.is_(None),
        )
        .order_by(OutboxBatch.id)
    ).all()


def _key(member: Membership, batch: OutboxBatch) -> str:
    return f"{member.node_id}/{batch.lineage}/{batch.channel}/{batch.batch_no}"


def _acknowledge(session: Session, member: Membership, content: bytes, *, by: Stamp) -> str:
    try:
        document: dict[str, Any] = msgspec.json.decode(content, type=dict)
        check_message(member.hq_public_key, RECEIPT, document["receipt"], document["signature"])
        receipt = msgspec.convert(document["receipt"], Receipt)
    except (msgspec.ValidationError, msgspec.DecodeError, WrongSignatureError, KeyError, TypeError):
        return "foreign"
    batch = session.scalar(
        select(OutboxBatch).where(
            OutboxBatch.lineage == receipt.lineage,
            OutboxBatch.channel == receipt.channel,
            OutboxBatch.batch_no == receipt.batch_no,
            OutboxBatch.digest == receipt.digest,
        )
    )
    if batch is None:
        return "foreign"
    if batch.acknowledged_at is not None:
        return "known"
    operations.acknowledge(session, batch.id, document, at=by.at)
    return "new"
